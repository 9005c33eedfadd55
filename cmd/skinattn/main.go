// Command skinattn reproduces "Diagnostic support of skin lesion classification
// using CNN and Soft Attention": data, splits, training, evaluation, figures.
// Run it with --help.
package main

import (
	"os"

	"github.com/skinattn/skinattn/internal/allocator"
	"github.com/skinattn/skinattn/internal/cli"
	_ "github.com/skinattn/skinattn/internal/homedir"
)

func main() {
	allocator.Use() // XLA asks for its working memory anew at each step
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
