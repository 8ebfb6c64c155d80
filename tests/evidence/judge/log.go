package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// A source reads the files of a log by their paths, such as "checkpoint" or "tile/0/000".
type source interface {
	read(path string) ([]byte, error)
}

// files is a log in memory.
type files map[string][]byte

func (f files) read(path string) ([]byte, error) {
	if data, ok := f[path]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("%s: missing", path)
}

// folder is a log in a directory.
type folder string

func (f folder) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), filepath.FromSlash(path)))
}

// server is a log behind a URL.
type server struct{ url, bearer string }

func (s server) read(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, s.url+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if s.bearer != "" {
		request.Header.Set("Authorization", "Bearer "+s.bearer)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(response.Body)
}

// remembering reads every file of a log once.
type remembering struct {
	source
	known files
}

func (r remembering) read(path string) ([]byte, error) {
	if data, ok := r.known[path]; ok {
		return data, nil
	}
	data, err := r.source.read(path)
	if err == nil {
		r.known[path] = data
	}
	return data, err
}

func sourceOf(place, bearer string) remembering {
	if strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://") {
		return remembering{server{strings.TrimRight(place, "/"), bearer}, files{}}
	}
	return remembering{folder(place), files{}}
}

// tilePath is the path of a tile in C2SP tlog-tiles, which leaves out the height and calls the records entries.
func tilePath(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	if rest, ok := strings.CutPrefix(path, "data/"); ok {
		return "tile/entries/" + rest
	}
	return "tile/" + path
}

// tiles reads the tiles of a log for tlog.TileHashReader, which checks them against the root.
type tiles struct{ source }

func (tiles) Height() int { return tileHeight }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(wanted))
	for i, tile := range wanted {
		var err error
		if data[i], err = t.read(tilePath(tile)); err != nil {
			return nil, err
		}
		if len(data[i]) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: %d bytes", tilePath(tile), len(data[i]))
		}
	}
	return data, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// bundles are the entry bundles of a log of this size.
func bundles(size int64) []tlog.Tile {
	var all []tlog.Tile
	for n := int64(0); n*tileWidth < size; n++ {
		all = append(all, tlog.Tile{H: tileHeight, L: -1, N: n, W: int(min(tileWidth, size-n*tileWidth))})
	}
	return all
}

// readEntries reads one bundle: exactly as many entries as it is wide.
func readEntries(from source, bundle tlog.Tile) ([][]byte, error) {
	data, err := from.read(tilePath(bundle))
	if err != nil {
		return nil, err
	}
	entries := make([][]byte, 0, bundle.W)
	for len(data) > 0 {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s: truncated", tilePath(bundle))
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries, data = append(entries, data[2:end]), data[end:]
	}
	if len(entries) != bundle.W {
		return nil, fmt.Errorf("%s: %d entries", tilePath(bundle), len(entries))
	}
	return entries, nil
}

// allEntries reads every entry of a log.
func allEntries(from source, size int64) ([][]byte, error) {
	var all [][]byte
	for _, bundle := range bundles(size) {
		entries, err := readEntries(from, bundle)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

// openCheckpoint checks the log's signature and returns the tree that it is about.
func openCheckpoint(signed []byte, key note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(key))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != key.Name() {
		return tlog.Tree{}, errors.New("checkpoint: not of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, errors.New("checkpoint: no size")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("checkpoint: %w", err)
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

// hashes are the stored hashes of a tree in memory.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = h[index]
	}
	return found, nil
}

// publish makes a log of entries: its tiles and bundles, and its tree.
func publish(entries [][]byte) (files, tlog.Tree, error) {
	made := files{}
	var stored hashes
	for i, entry := range entries {
		more, err := tlog.StoredHashes(int64(i), entry, stored)
		if err != nil {
			return nil, tlog.Tree{}, err
		}
		stored = append(stored, more...)
	}
	size := int64(len(entries))
	root, err := tlog.TreeHash(size, stored)
	if err != nil {
		return nil, tlog.Tree{}, err
	}
	for _, tile := range tlog.NewTiles(tileHeight, 0, size) {
		if made[tilePath(tile)], err = tlog.ReadTileData(tile, stored); err != nil {
			return nil, tlog.Tree{}, err
		}
	}
	for _, bundle := range bundles(size) {
		var data []byte
		for _, entry := range entries[bundle.N*tileWidth:][:bundle.W] {
			data = binary.BigEndian.AppendUint16(data, uint16(len(entry)))
			data = append(data, entry...)
		}
		made[tilePath(bundle)] = data
	}
	return made, tlog.Tree{N: size, Hash: root}, nil
}

// checkpointText is what a log signs.
func checkpointText(origin string, tree tlog.Tree) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, tree.N, tree.Hash)
}

// sign makes a checkpoint.
func sign(key note.Signer, tree tlog.Tree) ([]byte, error) {
	return note.Sign(&note.Note{Text: checkpointText(key.Name(), tree)}, key)
}

// resigned makes a log of entries, and signs it.
func resigned(entries [][]byte, key note.Signer) (files, error) {
	made, tree, err := publish(entries)
	if err != nil {
		return nil, err
	}
	made["checkpoint"], err = sign(key, tree)
	return made, err
}

// write puts a log into a folder.
func (f files) write(folder string) error {
	for path, data := range f {
		place := filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(place, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
