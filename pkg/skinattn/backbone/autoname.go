package backbone

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// AutoName is the name that Keras gives to the next layer of a class in a fresh
// session: the class for the first, then class_1, class_2 and so on.
func AutoName(g *layers.Graph, class string) string {
	next := 0
	for _, layer := range g.Layers() {
		if n := AutoNumber(layer.Name, class); n >= next {
			next = n + 1
		}
	}
	if next == 0 {
		return class
	}
	return fmt.Sprintf("%s_%d", class, next)
}

// AutoNumber is the number in an automatic name of the class, 0 for the class
// itself and -1 for any other name.
func AutoNumber(name, class string) int {
	if name == class {
		return 0
	}
	digits, ok := strings.CutPrefix(name, class+"_")
	n, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil {
		return -1
	}
	return int(n)
}
