// Package testweights gives networks the weights that golden files of Keras were
// made with.
package testweights

import (
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Filled returns a store with all variables of a network, filled by their names
// (keras.FillByName).
func Filled(t testing.TB, g *layers.Graph) *model.Store {
	t.Helper()
	store := model.NewStore()
	for _, v := range g.Variables() {
		if err := layers.SetVariable(store, v, keras.FillByName(v.Layer+"/"+v.Name, v.Shape)); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// Change applies a function to all values of a variable, named layer/weight. It
// does nothing for a variable that the network does not have: golden files also
// list layers of the backbones' tops.
func Change(t testing.TB, store *model.Store, name string, change func(float32) float32) {
	t.Helper()
	variable := store.GetVariable("/" + name)
	if variable == nil {
		return
	}
	values := tensors.MustCopyFlatData[float32](variable.MustValue())
	for i, v := range values {
		values[i] = change(v)
	}
	if err := variable.SetValue(tensors.FromFlatDataAndDimensions(values, len(values))); err != nil {
		t.Fatal(err)
	}
}
