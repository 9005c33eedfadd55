package sweep

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed examples
var examples embed.FS

// Examples are the names of the examples of sweeps.
func Examples() (names []string) {
	entries, err := examples.ReadDir("examples")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	return names
}

// Example is the text of an example; its name must be one of Examples.
func Example(name string) []byte {
	text, err := examples.ReadFile("examples/" + name + ".yaml")
	if err != nil {
		panic(fmt.Sprintf("no example of a sweep is called %s", name))
	}
	return text
}
