package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// folder is a tlog.TileReader of tiles of entries and hashes.
type folder string

func (folder folder) Height() int                     { return height }
func (folder folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (folder folder) read(tile tlog.Tile) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(folder), path(tile)))
}

func (folder folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		bytes, err := folder.read(tile)
		if err != nil {
			return nil, err
		}
		all[i] = bytes
	}
	return all, nil
}

// path is that of c2sp.org/tlog-tiles, which leaves out the height and calls records entries.
func path(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	if rest, ok := strings.CutPrefix(path, "data/"); ok {
		return "entries/" + rest
	}
	return path
}

// tree looks whether the folder has the tiles of a tree of this size and no others, whether each hash that Go's library
// takes from them is that of the log, and whether the entries are.
func (log *log) tree(claim tree) error {
	folder := folder(claim.Tiles)
	tiles := tlog.NewTiles(height, 0, claim.Size)
	for _, tile := range tiles {
		if tile.L == 0 {
			tile.L = -1
			tiles = append(tiles, tile)
		}
	}
	if err := folder.hasOnly(tiles); err != nil {
		return err
	}
	indexes := make([]int64, tlog.StoredHashCount(claim.Size))
	for i := range indexes {
		indexes[i] = int64(i)
	}
	hashes, err := tlog.TileHashReader(tlog.Tree{N: claim.Size, Hash: claim.Root}, folder).ReadHashes(indexes)
	if err != nil {
		return err
	}
	if !slices.Equal(hashes, log.hashes[:len(hashes)]) {
		return fmt.Errorf("the tiles have other hashes than the log")
	}
	for _, tile := range tiles {
		if tile.L >= 0 {
			continue
		}
		rest, err := folder.read(tile)
		if err != nil {
			return err
		}
		first := tile.N << height
		for _, entry := range log.entries[first : first+int64(tile.W)] {
			if len(rest) < 2+len(entry) || int(binary.BigEndian.Uint16(rest)) != len(entry) || !bytes.Equal(rest[2:2+len(entry)], entry) {
				return fmt.Errorf("%s has another entry than the log", path(tile))
			}
			rest = rest[2+len(entry):]
		}
		if len(rest) > 0 {
			return fmt.Errorf("%s has more than its entries", path(tile))
		}
	}
	return nil
}

func (folder folder) hasOnly(tiles []tlog.Tile) error {
	var wanted, found []string
	for _, tile := range tiles {
		wanted = append(wanted, path(tile))
	}
	err := filepath.WalkDir(string(folder), func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			file, err = filepath.Rel(string(folder), file)
			found = append(found, file)
		}
		return err
	})
	slices.Sort(wanted)
	slices.Sort(found)
	if err == nil && !slices.Equal(wanted, found) {
		err = fmt.Errorf("the folder has %d files; a tree of %d", len(found), len(wanted))
	}
	return err
}
