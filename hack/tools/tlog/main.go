// tlog judges a log by the libraries of Go's checksum database, golang.org/x/mod/sumdb/tlog and note: a JSON document of
// claims on standard input, one of verdicts on standard output, an empty text for each claim that holds. Bytes are in
// base64.
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type claims struct {
	Entries       string        `json:"entries"`     // a file with those of the log, one after the other
	EntryBytes    int           `json:"entry_bytes"` // of each
	Roots         []root        `json:"roots"`       // of trees over the first entries
	Inclusions    []inclusion   `json:"inclusions"`  // of entries in such trees
	Consistencies []consistency `json:"consistencies"`
	Trees         []tree        `json:"trees"`
	Proofs        []proof       `json:"proofs"`
	Notes         []signed      `json:"notes"`
	ToSign        []toSign      `json:"to_sign"` // by a new key of this name
}

type root struct {
	Size int64     `json:"size"`
	Root tlog.Hash `json:"root"`
}

type inclusion struct {
	root
	Index int64       `json:"index"`
	Proof []tlog.Hash `json:"proof"`
}

type consistency struct {
	root
	OldSize int64       `json:"old_size"`
	OldRoot tlog.Hash   `json:"old_root"`
	Proof   []tlog.Hash `json:"proof"`
}

type tree struct {
	root
	Tiles string `json:"tiles"` // a folder of all its tiles as c2sp.org/tlog-tiles has them, by their paths below tile/
}

type proof struct {
	Key   string `json:"key"`
	Index int64  `json:"index"` // of the entry that it is said to be of
	Proof string `json:"proof"` // as c2sp.org/tlog-proof has it, with index and checkpoint
}

type signed struct {
	Key  string `json:"key"`
	Note string `json:"note"`
}

type toSign struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

type verdicts struct {
	Roots         []string     `json:"roots"`
	Inclusions    []string     `json:"inclusions"`
	Consistencies []string     `json:"consistencies"`
	Trees         []string     `json:"trees"`
	Proofs        []string     `json:"proofs"`
	Notes         []string     `json:"notes"`
	Signed        []signedByGo `json:"signed"`
}

type signedByGo struct {
	signed
	PrivateKey string `json:"private_key"`
}

func main() {
	var claims claims
	err := json.NewDecoder(os.Stdin).Decode(&claims)
	if err == nil {
		err = judge(claims)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tlog:", err)
		os.Exit(1)
	}
}

func judge(claims claims) error {
	log, err := read(claims.Entries, claims.EntryBytes)
	if err != nil {
		return err
	}
	var verdicts verdicts
	for _, claim := range claims.Roots {
		verdicts.Roots = append(verdicts.Roots, said(log.root(claim)))
	}
	for _, claim := range claims.Inclusions {
		verdicts.Inclusions = append(verdicts.Inclusions, said(log.inclusion(claim)))
	}
	for _, claim := range claims.Consistencies {
		verdicts.Consistencies = append(verdicts.Consistencies, said(log.consistency(claim)))
	}
	for _, claim := range claims.Trees {
		verdicts.Trees = append(verdicts.Trees, said(log.tree(claim)))
	}
	for _, claim := range claims.Proofs {
		verdicts.Proofs = append(verdicts.Proofs, said(log.proof(claim)))
	}
	for _, claim := range claims.Notes {
		verdicts.Notes = append(verdicts.Notes, said(open(claim)))
	}
	for _, wish := range claims.ToSign {
		made, err := sign(wish)
		if err != nil {
			return err
		}
		verdicts.Signed = append(verdicts.Signed, made)
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}

func said(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// log has a log's hashes, as Go's library stores them.
type log struct {
	entries [][]byte
	hashes  []tlog.Hash
}

func read(file string, entryBytes int) (*log, error) {
	log := &log{}
	if file == "" {
		return log, nil
	}
	bytes, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	log.entries = slices.Collect(slices.Chunk(bytes, entryBytes))
	for index, entry := range log.entries {
		hashes, err := tlog.StoredHashes(int64(index), entry, log)
		if err != nil {
			return nil, err
		}
		log.hashes = append(log.hashes, hashes...)
	}
	return log, nil
}

// ReadHashes makes it a tlog.HashReader.
func (log *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = log.hashes[index]
	}
	return hashes, nil
}

func (log *log) root(claim root) error {
	root, err := tlog.TreeHash(claim.Size, log)
	if err == nil && root != claim.Root {
		err = fmt.Errorf("the root of %d leaves is %v", claim.Size, root)
	}
	return err
}

func (log *log) inclusion(claim inclusion) error {
	leaf := tlog.RecordHash(log.entries[claim.Index])
	if err := tlog.CheckRecord(claim.Proof, claim.Size, claim.Root, claim.Index, leaf); err != nil {
		return err
	}
	proof, err := tlog.ProveRecord(claim.Size, claim.Index, log)
	if err == nil && !slices.Equal(proof, claim.Proof) {
		err = fmt.Errorf("the proof of leaf %d of %d is %v", claim.Index, claim.Size, proof)
	}
	return err
}

func (log *log) consistency(claim consistency) error {
	if err := tlog.CheckTree(claim.Proof, claim.Size, claim.Root, claim.OldSize, claim.OldRoot); err != nil {
		return err
	}
	proof, err := tlog.ProveTree(claim.Size, claim.OldSize, log)
	if err == nil && !slices.Equal(proof, claim.Proof) {
		err = fmt.Errorf("the proof of %d leaves in %d is %v", claim.OldSize, claim.Size, proof)
	}
	return err
}

func open(claim signed) error {
	verifier, err := note.NewVerifier(claim.Key)
	if err == nil {
		_, err = note.Open([]byte(claim.Note), note.VerifierList(verifier))
	}
	return err
}

func sign(wish toSign) (made signedByGo, err error) {
	made.PrivateKey, made.Key, err = note.GenerateKey(rand.Reader, wish.Name)
	if err != nil {
		return made, err
	}
	signer, err := note.NewSigner(made.PrivateKey)
	if err != nil {
		return made, err
	}
	text, err := note.Sign(&note.Note{Text: wish.Text}, signer)
	made.Note = string(text)
	return made, err
}
