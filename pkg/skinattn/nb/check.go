package nb

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// exit ends the cell's program. Tests replace it.
var exit = os.Exit

// fail shows line and ends the cell, which the notebook counts as failed.
func fail(line string) {
	fmt.Fprintln(os.Stderr, line)
	exit(1)
}

// Check ends the cell with the text of err in one line, if err is not nil.
func Check(err error) {
	if err != nil {
		fail("error: " + strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

// Must returns value, or ends the cell as [Check] does.
func Must[T any](value T, err error) T {
	Check(err)
	return value
}

// Assert prints a claim, and ends the cell unless it holds. The claim is a statement
// with fmt verbs, such as "no lesion is in %d parts".
func Assert(holds bool, claim string, args ...any) {
	claim = fmt.Sprintf(claim, args...)
	if !holds {
		fail("does not hold: " + claim)
		return // reached only if a test has replaced exit
	}
	fmt.Println("holds: " + claim)
}

// Context is cancelled when the reader interrupts the cell: training then saves
// its state before it stops.
func Context() context.Context {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // the process ends with the cell
	return ctx
}

// Log prints a line, for options that take a function for messages.
func Log(line string) { fmt.Println(line) }
