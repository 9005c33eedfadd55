package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

// Values as people mistype them, in every kind of vocabulary.
func TestMistypedValuesAreSuggested(t *testing.T) {
	run := filepath.Join("..", "..", "results", "mobilenet_v2-paper-128px-seed1")
	out := filepath.Join(t.TempDir(), "out")
	for _, c := range []struct{ line, meant, command string }{
		{"train --run RUN --backbone mobilenetv2", "mobilenet_v2", "train"},
		{"train --run RUN --backbone=MobileNet-V2", "mobilenet_v2", "train"},
		{"train --run RUN --backbone mobilenet_v2 --regime modren", "modern", "train"},
		{"train --run RUN --backbone mobilenet_v2 --regime md/as_run", "md/as-run", "train"},
		{"train --run RUN --backbone mobilenet_v2 --loss focl", "focal", "train"},
		{"split --protocol gruoped --out OUT", "grouped", "split"},
		{"explain --run RESULT --class mell --out OUT a.jpg", "mel", "explain"},
		{"explain --run RESULT --method soft-attention,gradcam --out OUT a.jpg", "grad-cam", "explain"},
		{"figures RESULT --metric acuracy --out OUT", "accuracy", "figures"},
		{"figures RESULT --style papr --out OUT", "paper", "figures"},
		{"weights fetch mobilnet_v2", "mobilenet_v2", "weights fetch"},
		{"backbones --draw resnet51", "resnet50", "backbones"},
		{"predict --run RESULT a.jpg --sex femal", "female", "predict"},
		{"predict --run RESULT a.jpg --localization lower-extremty", "lower extremity", "predict"},
		{"doctor --engine cpuu", "cpu", "doctor"},
		{"splt", "split", ""},
		{"split --protcol paper", "--protocol", "split"},
	} {
		args := strings.Fields(strings.NewReplacer("RUN", out, "RESULT", run, "OUT", out).Replace(c.line))
		code, _, stderr := call(t, args...)
		if code != exitUsage || !strings.Contains(stderr, `did you mean "`+c.meant+`"?`) {
			t.Errorf("%s: code %d, %s", c.line, code, stderr)
		}
		if help := strings.TrimSpace("skinattn " + c.command); !strings.Contains(stderr, "see '"+help+" --help'") {
			t.Errorf("%s: the message does not name '%s --help': %s", c.line, help, stderr)
		}
	}
	for _, line := range []string{"train --run RUN --backbone alexnet", "split --protocol random --out OUT", "split", "doctor --engine abacus",
		"train --run RUN --backbone mobilenet_v2 --epochs 1 --devices 0", "train --run RUN --backbone mobilenet_v2 --epochs 1 --devices x"} {
		args := strings.Fields(strings.NewReplacer("RUN", out, "OUT", out).Replace(line))
		if _, _, stderr := call(t, args...); strings.Contains(stderr, "did you mean") {
			t.Errorf("%s: nothing is near, yet %s", line, stderr)
		}
	}
}

// The distances are counted by hand.
func TestChanges(t *testing.T) {
	for _, c := range []struct {
		a, b string
		d    int
	}{{"", "", 0}, {"", "ab", 2}, {"grouped", "gruoped", 1}, {"modern", "modren", 1}, {"abc", "xbz", 2}, {"melé", "mele", 1}, {"ab", "ba", 1}} {
		if d := changes(c.a, c.b); d != c.d {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, d, c.d)
		}
	}
}
