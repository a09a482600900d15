package main

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The extra data is of the head of an entry, which this program does not know.
var proofHead = regexp.MustCompile(`^c2sp\.org/tlog-proof@v1\n(?:extra [A-Za-z0-9+/]+=*\n)?index (0|[1-9][0-9]*)\n((?:[A-Za-z0-9+/]{43}=\n)*)\n`)

// proof looks at what the text of an inclusion proof says by itself, and for the entry of the log.
func (log *log) proof(claim proof) error {
	found := proofHead.FindStringSubmatch(claim.Proof)
	if found == nil {
		return fmt.Errorf("not of the form c2sp.org/tlog-proof@v1")
	}
	var index int64
	if _, err := fmt.Sscan(found[1], &index); err != nil {
		return err
	}
	var path tlog.RecordProof
	for line := range strings.Lines(found[2]) {
		hash, err := tlog.ParseHash(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return err
		}
		path = append(path, hash)
	}
	verifier, err := note.NewVerifier(claim.Key)
	if err != nil {
		return err
	}
	opened, err := note.Open([]byte(claim.Proof[len(found[0]):]), note.VerifierList(verifier))
	if err != nil {
		return err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return fmt.Errorf("not a checkpoint of %s: %q", verifier.Name(), lines)
	}
	var size int64
	if _, err := fmt.Sscan(lines[1], &size); err != nil {
		return err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, size, root, index, tlog.RecordHash(log.entries[claim.Index]))
}
