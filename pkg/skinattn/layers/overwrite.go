package layers

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// OverwriteVariables lets the engine write the new values of a graph's variables over the old ones, in place of having
// both in memory. It is called at the end of the function from which a model.Exec with this store builds g, when all new
// values are set. On engines other than XLA's CPU client it does nothing.
func OverwriteVariables(store *model.Store, g *graph.Graph) error {
	// model.Exec returns the new values first, in the order of the store.
	results := map[graph.ParameterHandle]int{}
	for v := range store.IterVariables() {
		if v.ChangedInGraph(g) {
			results[g.GetParameterByName(v.Path()).GetParameterHandle()] = len(results)
		}
	}
	return kernels.Overwrite(g, results)
}
