// Command skinattn reproduces "Diagnostic support of skin lesion classification
// using CNN and Soft Attention": data, splits, training, evaluation, figures.
// Run it with --help.
package main

import (
	"os"

	"github.com/skinattn/skinattn/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
