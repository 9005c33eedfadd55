package cli

import (
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

func TestVerdict(t *testing.T) {
	all := []finding{{What: "engine", OK: true}, {What: "data", OK: true}, {What: "weights mobilenet_v2", OK: true}, {What: "weights vgg16"}, {What: "disk", OK: true}}
	without := func(what string) *diagnosis {
		d := &diagnosis{}
		for _, f := range all {
			f.OK = f.OK && f.What != what
			d.Findings = append(d.Findings, f)
		}
		return d
	}
	for what, want := range map[string]string{
		"":                     "ready to train: data, and ImageNet weights of 1 network",
		"data":                 "ready for 'skinattn demo'",
		"weights mobilenet_v2": "'skinattn weights fetch mobilenet_v2' comes before",
		"disk":                 "little room",
		"engine":               "pure Go engine",
	} {
		if got := without(what).verdict(engine.CPU); !strings.Contains(got, want) {
			t.Errorf("without %q: %s, want %s", what, got, want)
		}
	}
	if got := without("").verdict(engine.CUDA); !strings.HasSuffix(got, "on the GPU") {
		t.Errorf("with a GPU: %s", got)
	}
}
