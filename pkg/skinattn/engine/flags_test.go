package engine

import (
	"os"
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
	if wheels := cpuWheels["linux/amd64"]; xlaFlags[wheels[0].String()] == "" {
		t.Errorf("no flags for the default plug-in")
	}
}

func TestAddXLAFlags(t *testing.T) {
	for _, tc := range []struct{ own, flag, want string }{
		{"", "--a=1", "--a=1"},
		{"--b=2", "--a=1", "--a=1 --b=2"},
		{"--a=2", "--a=1", "--a=1 --a=2"}, // the last counts: the user's
		{"--b=2 --a=1", "--a=1", "--b=2 --a=1"},
		{"--b=2", "", "--b=2"},
	} {
		t.Setenv("XLA_FLAGS", tc.own)
		if err := addXLAFlags(tc.flag); err != nil {
			t.Fatal(err)
		}
		if got := os.Getenv("XLA_FLAGS"); got != tc.want {
			t.Errorf("%q and %q give %q, want %q", tc.own, tc.flag, got, tc.want)
		}
	}
}
