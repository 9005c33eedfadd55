package engine

import (
	"os"
	"slices"
	"testing"
)

// A flag for a wheel that is not pinned any more would silently do nothing.
func TestFlagsBelongToPinnedWheels(t *testing.T) {
	pinned := map[string]bool{}
	for _, wheels := range cpuWheels {
		for _, w := range wheels {
			pinned[w.String()] = true
		}
	}
	for name := range xlaFlags {
		if !pinned[name] {
			t.Errorf("there are flags for %s, which is not pinned", name)
		}
	}
	narrow := xlaFlags[cpuWheels["linux/amd64"][0].String()].list(false)
	wide := xlaFlags[cpuWheels["linux/amd64"][0].String()].list(true)
	if len(narrow) == 0 || len(wide) <= len(narrow) || !slices.Equal(wide[:len(narrow)], narrow) {
		t.Errorf("the default plug-in has the flags %q, with wide vectors %q", narrow, wide)
	}
}

func TestAddFlags(t *testing.T) {
	for _, tc := range []struct {
		own   string
		flags []string
		want  string
	}{
		{"", nil, ""},
		{"", []string{"--a=1"}, "--a=1"},
		{"", []string{"--a=1", "--c=3"}, "--a=1 --c=3"},
		{"--b=2", []string{"--a=1", "--c=3"}, "--a=1 --c=3 --b=2"},
		{"--a=2", []string{"--a=1", "--c=3"}, "--a=1 --c=3 --a=2"}, // the last counts: the user's
		{"--b=2 --a=1", []string{"--a=1", "--c=3"}, "--c=3 --b=2 --a=1"},
		{"--c=3 --b=2", []string{"--a=1", "--c=3"}, "--a=1 --c=3 --b=2"},
		{"--a=12", []string{"--a=1"}, "--a=1 --a=12"}, // not the same flag
		{`--b="x  y"`, []string{"--a=1"}, `--a=1 --b="x  y"`},
		{"--b=2", nil, "--b=2"},
		{"flags.txt", []string{"--a=1"}, "flags.txt"}, // a file's name must stand alone
	} {
		if got := addFlags(tc.own, tc.flags); got != tc.want {
			t.Errorf("%q and %q give %q, want %q", tc.own, tc.flags, got, tc.want)
		}
	}
}

func TestSetFlags(t *testing.T) {
	t.Setenv("XLA_FLAGS", "--b=2")
	for range 2 { // a second engine changes nothing
		if err := setFlags([]string{"--a=1"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := os.Getenv("XLA_FLAGS"); got != "--a=1 --b=2" {
		t.Errorf("XLA_FLAGS is %q", got)
	}
}
