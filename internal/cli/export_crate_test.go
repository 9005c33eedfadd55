package cli

import (
	"path/filepath"
	"testing"
)

// The numbers are of people whom ORCID documents as examples, and variants of them.
func TestORCID(t *testing.T) {
	for number, valid := range map[string]bool{
		"0000-0002-1825-0097": true, "0000-0001-5109-3700": true, "0000-0002-1694-233X": true, // from ORCID's page on the structure of the identifier
		"0000-0002-1825-0098": false, "0000-0002-1694-2339": false, "0000-0002-18250097": false, "000X-0002-1825-0097": false, "": false, "0000000218250097": false,
	} {
		if validORCID(number) != valid {
			t.Errorf("%q: %t", number, !valid)
		}
	}
}

func TestExportRefusesWrongFlags(t *testing.T) {
	run := filepath.Join("..", "..", "results", "mobilenet_v2-paper-128px-seed1")
	for _, wrong := range [][]string{
		{"--published", "31.1.2026"}, {"--license", "MIT"}, {"--orcid", "0000-0002-1825-0097"}, {"--author", "A", "--orcid", "1"},
	} {
		out := filepath.Join(t.TempDir(), "crate")
		args := append([]string{"export", "--ro-crate", run, "--out", out}, wrong...)
		if code, _, stderr := call(t, args...); code != exitUsage {
			t.Errorf("%v: code %d, %s", wrong, code, stderr)
		}
	}
}
