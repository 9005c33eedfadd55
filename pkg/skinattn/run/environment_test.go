package run

import (
	"slices"
	"strings"
	"testing"
)

func TestAddResumption(t *testing.T) {
	now := CurrentEnvironment("cpu", "plug-in 1")
	for name, c := range map[string]struct {
		before func(f *Folder)
		engine string
		note   string // of the first resumption
	}{
		"after a first environment": {func(f *Folder) { f.WriteEnvironment(CurrentEnvironment("go", "")) }, "go", ""},
		"environment is missing":    {func(*Folder) {}, "", "what the run began with is not known: "},
		"environment is damaged":    {func(f *Folder) { write(t, f.Path(EnvironmentFile), `{"go": 1`) }, "", "what the run began with is not known: "},
	} {
		f := &Folder{Dir: t.TempDir()}
		c.before(f)
		for _, r := range []Resumption{{Epoch: 1, Step: 20, Environment: now}, {Epoch: 2, Step: 41, Environment: now, Notes: []string{"lost"}}} {
			if err := f.AddResumption(r); err != nil {
				t.Fatal(err)
			}
		}
		e, err := f.Environment()
		if err != nil || e.Engine != c.engine || len(e.Resumptions) != 2 || e.Resumptions[1].Epoch != 2 || e.Resumptions[0].Environment.Plugin != "plug-in 1" {
			t.Fatalf("%s: %+v, %v", name, e, err)
		}
		caveats := e.Caveats()
		if !slices.Contains(caveats, "resumed after epoch 2, step 41: lost") {
			t.Errorf("%s: %q", name, caveats)
		}
		if first := "resumed after epoch 1, step 20: " + c.note; (c.note != "") != strings.HasPrefix(caveats[0], first) || len(caveats) > 2 {
			t.Errorf("%s: %q", name, caveats)
		}
	}
}
