package eval

import (
	"fmt"
	"slices"
	"strings"
)

// enum describes an integer type by the names of its values 0, 1, ...
type enum struct {
	what  string // in errors
	names []string
}

func (e enum) valid(v int) bool { return v >= 0 && v < len(e.names) }

// name returns the name of v, or a text with the number of a value without a name.
func (e enum) name(v int) string {
	if !e.valid(v) {
		return fmt.Sprintf("%s %d", e.what, v)
	}
	return e.names[v]
}

// parseEnum sets v to the value with the given name.
func parseEnum[T ~int](e enum, name []byte, v *T) error {
	i := slices.Index(e.names, string(name))
	if i < 0 {
		last := len(e.names) - 1
		return fmt.Errorf("unknown %s %q: use %s or %s", e.what, name, strings.Join(e.names[:last], ", "), e.names[last])
	}
	*v = T(i)
	return nil
}
