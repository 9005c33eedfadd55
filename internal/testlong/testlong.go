// Package testlong decides whether tests that take minutes run. $SKINATTN_LONG
// asks for them in all packages (SKINATTN_LONG=1 go test ./...), and -long in a
// package that has some; .ci/long runs them one by one and records the results.
package testlong

import (
	"flag"
	"os"
	"testing"
)

// Env is the variable that asks for long tests, if it is not empty. The value
// Names makes every test that calls Skip skip, and so tells its name to .ci/long.
const (
	Env   = "SKINATTN_LONG"
	Names = "names"
)

var long = flag.Bool("long", false, "also the tests that take minutes; $"+Env+" does the same in all packages")

// On reports whether long tests were asked for.
func On() bool { return *long || os.Getenv(Env) != "" }

// Skip skips a test that is long, unless long tests were asked for. Every test
// that has a longer form calls it, also in its short form.
func Skip(t testing.TB, isLong bool) {
	t.Helper()
	switch {
	case os.Getenv(Env) == Names:
		if isLong {
			t.Skip("long")
		}
		t.Skip("short")
	case isLong && !On():
		t.Skipf("takes minutes: runs with -long or %s=1", Env)
	}
}
