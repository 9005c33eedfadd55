package backbone

import "fmt"

// autoNames gives layers the names that Keras makes of their class in a fresh
// session: "activation", "activation_1", "activation_2" and so on.
type autoNames map[string]int

func (n autoNames) next(class string) string {
	count := n[class]
	n[class]++
	if count == 0 {
		return class
	}
	return fmt.Sprintf("%s_%d", class, count)
}
