package main

import (
	"errors"
	"fmt"
	"math/rand"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// An audit is what somebody knows who checks a log: its key, and the checkpoints that they kept.
type audit struct {
	key  note.Verifier
	kept []tlog.Tree
}

// counts are what an audit verified.
type counts struct {
	Size        int64  `json:"size"`
	Root        string `json:"root"`
	Entries     int    `json:"entries"`
	Kinds       [5]int `json:"kinds"` // how many entries begin with which byte
	Inclusion   int    `json:"inclusion"`
	Consistency int    `json:"consistency"`
}

// check verifies all of a log: the signature, every entry and every tile, so many proofs of inclusion, and that it continues
// every checkpoint that was kept.
func (a audit) check(log source, proofs int, random *rand.Rand) (counts, error) {
	signed, err := log.read("checkpoint")
	if err != nil {
		return counts{}, err
	}
	tree, err := openCheckpoint(signed, a.key)
	if err != nil {
		return counts{}, err
	}
	verified := counts{Size: tree.N, Root: tree.Hash.String()}
	reader := tlog.TileHashReader(tree, tiles{log})
	leaves, err := checkEntries(log, tree, reader, &verified)
	if err != nil {
		return verified, err
	}
	for _, kept := range a.kept {
		if err := checkContinues(tree, kept, reader); err != nil {
			return verified, err
		}
		verified.Consistency++
	}
	for range proofs {
		if tree.N == 0 {
			return verified, errors.New("an empty log proves nothing")
		}
		index := random.Int63n(tree.N)
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return verified, err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaves[index]); err != nil {
			return verified, err
		}
		verified.Inclusion++
	}
	return verified, nil
}

// checkEntries compares every entry with the hashes of the tiles, which the reader compares with the root.
func checkEntries(log source, tree tlog.Tree, reader tlog.HashReader, verified *counts) ([]tlog.Hash, error) {
	var leaves []tlog.Hash
	for _, bundle := range bundles(tree.N) {
		entries, err := readEntries(log, bundle)
		if err != nil {
			return nil, err
		}
		indexes := make([]int64, len(entries))
		for i := range entries {
			indexes[i] = tlog.StoredHashIndex(0, bundle.N*tileWidth+int64(i))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return nil, err
		}
		for i, entry := range entries {
			if tlog.RecordHash(entry) != hashes[i] {
				return nil, fmt.Errorf("entry %d is not the one that was logged", bundle.N*tileWidth+int64(i))
			}
			verified.Entries++
			if len(entry) > 0 && int(entry[0]) < len(verified.Kinds) {
				verified.Kinds[entry[0]]++
			}
		}
		leaves = append(leaves, hashes...)
	}
	return leaves, nil
}

func checkContinues(tree, kept tlog.Tree, reader tlog.HashReader) error {
	if kept.N > tree.N {
		return fmt.Errorf("rolled back from %d to %d entries", kept.N, tree.N)
	}
	if kept.N == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, kept.N, reader)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, kept.N, kept.Hash)
}
