package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// An attacker has a log's files, entries and key, and another tenant's log whose key it may have as well.
type attacker struct {
	random        *rand.Rand
	key           note.Signer
	honest, other files
	entries       [][]byte
	foreign       [][]byte
	signed        []byte
	kept          int64 // the size of the largest checkpoint that others keep
}

// mutations are the ways to forge a log, by the names that the report counts them under.
var mutations = map[string]func(*attacker) (files, error){
	"edit":           (*attacker).edit,
	"delete":         (*attacker).delete,
	"reorder":        (*attacker).reorder,
	"insert":         (*attacker).insert,
	"swapped tenant": (*attacker).swapTenant,
	"rolled back":    (*attacker).rollBack,
	"truncated tile": (*attacker).truncate,
}

func (a *attacker) edit() (files, error) {
	changed := slices.Clone(a.entries)
	at := a.random.Int63n(a.kept)
	changed[at] = flipped(a.random, changed[at])
	return a.published(changed)
}

func (a *attacker) delete() (files, error) {
	at := a.random.Int63n(a.kept)
	changed := slices.Delete(slices.Clone(a.entries), int(at), int(at)+1)
	if a.random.Intn(2) == 0 { // The size stays what it was.
		changed = append(changed, a.foreign[0])
	}
	return a.published(changed)
}

func (a *attacker) reorder() (files, error) {
	changed := slices.Clone(a.entries)
	one, two := a.random.Int63n(a.kept), a.random.Int63n(a.kept)
	changed[one], changed[two] = changed[two], changed[one]
	return a.published(changed)
}

func (a *attacker) insert() (files, error) {
	at := int(a.random.Int63n(a.kept))
	return a.published(slices.Insert(slices.Clone(a.entries), at, a.foreign[a.random.Intn(len(a.foreign))]))
}

// published hides a change of entries as deeply as somebody may: in the bundles alone, in the tiles too, in the text of the
// checkpoint, and with a signature.
func (a *attacker) published(entries [][]byte) (files, error) {
	forged, tree, err := publish(entries)
	if err != nil {
		return nil, err
	}
	switch a.random.Intn(4) {
	case 0:
		for path, data := range a.honest {
			if !strings.HasPrefix(path, "tile/entries/") {
				forged[path] = data
			}
		}
	case 1:
		forged["checkpoint"] = a.signed
	case 2:
		_, signature, _ := bytes.Cut(a.signed, []byte("\n\n"))
		forged["checkpoint"] = slices.Concat([]byte(checkpointText(a.key.Name(), tree)+"\n"), signature)
	default:
		forged["checkpoint"], err = sign(a.key, tree)
	}
	return forged, err
}

func (a *attacker) swapTenant() (files, error) {
	switch a.random.Intn(4) {
	case 0: // The other log, all of it.
		return a.other, nil
	case 1: // One file of it.
		forged, path := maps.Clone(a.honest), choose(a.random, a.other)
		if _, exists := a.honest[path]; exists {
			forged[path] = a.other[path]
		}
		return forged, nil
	case 2: // Its entries, signed with this log's key.
		return resigned(a.foreign, a.key)
	default: // One of its entries.
		changed := slices.Clone(a.entries)
		changed[a.random.Int63n(a.kept)] = a.foreign[a.random.Intn(len(a.foreign))]
		return a.published(changed)
	}
}

// rollBack signs what was true before, or a history that forks from there.
func (a *attacker) rollBack() (files, error) {
	entries := slices.Clone(a.entries[:a.random.Int63n(a.kept)])
	if a.random.Intn(2) == 0 {
		for i := int64(0); int64(len(entries)) < a.kept+int64(a.random.Intn(3)); i++ {
			entries = append(entries, a.foreign[i%int64(len(a.foreign))])
		}
	}
	return resigned(entries, a.key)
}

func (a *attacker) truncate() (files, error) {
	forged := maps.Clone(a.honest)
	path := choose(a.random, a.honest)
	if path == "checkpoint" {
		return forged, nil
	}
	data := forged[path]
	switch a.random.Intn(4) {
	case 0:
		delete(forged, path)
	case 1:
		forged[path] = data[:a.random.Intn(len(data))]
	case 2:
		forged[path] = data[:a.random.Intn(len(data)/tlog.HashSize+1)*tlog.HashSize]
	default:
		forged[path] = slices.Concat(data, data[:min(len(data), tlog.HashSize)])
	}
	return forged, nil
}

func flipped(random *rand.Rand, data []byte) []byte {
	changed := slices.Clone(data)
	changed[random.Intn(len(changed))] ^= 1 << random.Intn(8)
	return changed
}

func choose(random *rand.Rand, among files) string {
	paths := slices.Sorted(maps.Keys(among))
	return paths[random.Intn(len(paths))]
}

// A tally counts what was tried of one kind, and what an audit refused.
type tally struct {
	Tried   int `json:"tried"`
	Refused int `json:"refused"`
}

// attack tries so many mutations, and returns how many were refused, and what was accepted.
func (a *attacker) attack(judge audit, times int) (map[string]tally, []string, error) {
	kinds := slices.Sorted(maps.Keys(mutations))
	tallies, accepted := map[string]tally{}, []string{}
	for n := 0; n < times; {
		kind := kinds[n%len(kinds)]
		forged, err := mutations[kind](a)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", kind, err)
		}
		if maps.EqualFunc(forged, a.honest, bytes.Equal) {
			continue // Two equal entries changed places, or the like.
		}
		n++
		count := tallies[kind]
		count.Tried++
		if _, err := judge.check(forged, 1, a.random); err != nil {
			count.Refused++
		} else {
			accepted = append(accepted, fmt.Sprintf("%d: %s", n, kind))
		}
		tallies[kind] = count
	}
	return tallies, accepted, nil
}
