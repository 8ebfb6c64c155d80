// Command judge checks transparency logs with Go's own packages for them, golang.org/x/mod/sumdb/note and tlog. It shares no
// code with Casbah. It prints one JSON object; it exits with 1 if anything is refused that should not be, or the reverse.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type options struct {
	log, other, key, signer, bearer, kept, out, proofs, witness, how string
	count                                                            int
	old, seed                                                        int64
}

var commands = map[string]func(options) (any, error){
	"verify":  verify,
	"mutate":  mutate,
	"proofs":  checkProofs,
	"submit":  submitCheckpoint,
	"rewrite": rewrite,
}

func main() {
	var given options
	set := flag.NewFlagSet("judge", flag.ExitOnError)
	set.StringVar(&given.log, "log", "", "URL or folder of the log")
	set.StringVar(&given.other, "other", "", "URL or folder of another tenant's log")
	set.StringVar(&given.key, "key", "", "verifier key of the log")
	set.StringVar(&given.signer, "signer", "", "file with the signing key of the log, as sumdb/note writes it")
	set.StringVar(&given.bearer, "bearer", "", "token for the URLs")
	set.StringVar(&given.kept, "kept", "", "folder of checkpoints that were kept")
	set.StringVar(&given.out, "out", "", "folder for the log that is made")
	set.StringVar(&given.proofs, "proofs", "", "folder of NAME.tlog-proof and NAME.entry")
	set.StringVar(&given.witness, "witness", "", "URL of a witness")
	set.StringVar(&given.how, "how", "", "what becomes of the history: "+strings.Join(slices.Sorted(maps.Keys(rewrites)), ", "))
	set.IntVar(&given.count, "count", 10_000, "how many proofs or mutations")
	set.Int64Var(&given.old, "old", 0, "the size that the witness knows")
	set.Int64Var(&given.seed, "seed", 1, "seed of the random choices")
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "judge: one of", strings.Join(slices.Sorted(maps.Keys(commands)), ", "))
		os.Exit(2)
	}
	_ = set.Parse(os.Args[2:]) // It exits if there is an error.
	result, err := commands[os.Args[1]](given)
	if result != nil {
		_ = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

// auditor is what somebody knows who has this key and kept these checkpoints.
func auditor(given options) (audit, error) {
	key, err := note.NewVerifier(given.key)
	if err != nil {
		return audit{}, fmt.Errorf("--key: %w", err)
	}
	known := audit{key: key}
	if given.kept == "" {
		return known, nil
	}
	paths, err := filepath.Glob(filepath.Join(given.kept, "*"))
	if err != nil {
		return audit{}, err
	}
	for _, path := range paths {
		signed, err := os.ReadFile(path)
		if err != nil {
			return audit{}, err
		}
		tree, err := openCheckpoint(signed, key)
		if err != nil {
			return audit{}, fmt.Errorf("%s: %w", path, err)
		}
		known.kept = append(known.kept, tree)
	}
	return known, nil
}

func verify(given options) (any, error) {
	known, err := auditor(given)
	if err != nil {
		return nil, err
	}
	return known.check(sourceOf(given.log, given.bearer), given.count, rand.New(rand.NewSource(given.seed)))
}

func mutate(given options) (any, error) {
	known, err := auditor(given)
	if err != nil {
		return nil, err
	}
	signer, err := signerOf(given.signer)
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewSource(given.seed))
	honest, entries, err := copied(sourceOf(given.log, given.bearer))
	if err != nil {
		return nil, err
	}
	other, foreign, err := copied(sourceOf(given.other, given.bearer))
	if err != nil {
		return nil, err
	}
	latest, err := openCheckpoint(honest["checkpoint"], known.key)
	if err != nil {
		return nil, err
	}
	known.kept = append(known.kept, latest)
	if _, err := known.check(honest, 1, random); err != nil {
		return nil, fmt.Errorf("the log itself: %w", err)
	}
	continued, err := resigned(append(slices.Clone(entries), []byte("one more")), signer)
	if err != nil {
		return nil, err
	}
	if _, err := known.check(continued, 1, random); err != nil {
		return nil, fmt.Errorf("the log with one more entry: %w", err)
	}
	attack := attacker{random: random, key: signer, honest: honest, other: other, entries: entries, foreign: foreign,
		signed: honest["checkpoint"], kept: latest.N}
	tallies, accepted, err := attack.attack(known, given.count)
	if err == nil && len(accepted) > 0 {
		err = fmt.Errorf("%d mutations were accepted", len(accepted))
	}
	return map[string]any{"mutations": tallies, "accepted": accepted, "continued": true}, err
}

// copied reads all of a log into memory. It trusts the log.
func copied(log source) (files, [][]byte, error) {
	signed, err := log.read("checkpoint")
	if err != nil {
		return nil, nil, err
	}
	var size int64
	if _, err := fmt.Sscanf(strings.SplitN(string(signed), "\n", 3)[1], "%d", &size); err != nil {
		return nil, nil, err
	}
	all := files{"checkpoint": signed}
	for _, tile := range slices.Concat(tlog.NewTiles(tileHeight, 0, size), bundles(size)) {
		if all[tilePath(tile)], err = log.read(tilePath(tile)); err != nil {
			return nil, nil, err
		}
	}
	entries, err := allEntries(all, size)
	return all, entries, err
}

func signerOf(path string) (note.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return note.NewSigner(strings.TrimSpace(string(text)))
}

func checkProofs(given options) (any, error) {
	key, err := note.NewVerifier(given.key)
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(given.proofs, "*.tlog-proof"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		proof, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		entry, err := os.ReadFile(strings.TrimSuffix(path, ".tlog-proof") + ".entry")
		if err != nil {
			return nil, err
		}
		if err := checkProof(proof, entry, key); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return map[string]int{"proofs": len(paths)}, nil
}

func submitCheckpoint(given options) (any, error) {
	key, err := note.NewVerifier(given.key)
	if err != nil {
		return nil, err
	}
	return submit(sourceOf(given.log, given.bearer), key, given.witness, given.old)
}

// rewrites are histories that the owner of a log may sign: the true one, its continuation, and those that a witness must refuse.
var rewrites = map[string]func([][]byte) [][]byte{
	"same":      func(entries [][]byte) [][]byte { return entries },
	"continued": func(entries [][]byte) [][]byte { return append(entries, []byte("one more")) },
	"edited":    edited,
	"edited and continued": func(entries [][]byte) [][]byte {
		return append(edited(entries), []byte("one more"))
	},
	"deleted":   func(entries [][]byte) [][]byte { return append(entries[1:], []byte("one"), []byte("more")) },
	"truncated": func(entries [][]byte) [][]byte { return entries[:len(entries)-1] },
}

func edited(entries [][]byte) [][]byte {
	return append([][]byte{append(slices.Clone(entries[0]), '!')}, entries[1:]...)
}

func rewrite(given options) (any, error) {
	how := rewrites[given.how]
	if how == nil {
		return nil, errors.New("--how: " + given.how)
	}
	signer, err := signerOf(given.signer)
	if err != nil {
		return nil, err
	}
	_, entries, err := copied(sourceOf(given.log, given.bearer))
	if err != nil {
		return nil, err
	}
	forged, err := resigned(how(entries), signer)
	if err != nil {
		return nil, err
	}
	return map[string]string{"written": given.out}, forged.write(given.out)
}
