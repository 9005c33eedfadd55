package training

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/regime"
)

var testEngine = func() *engine.Engine {
	eng, err := engine.Open(context.Background(), "", engine.Options{Log: func(line string) { fmt.Fprintln(os.Stderr, line) }})
	if err != nil {
		panic(err)
	}
	return eng
}()

// readGolden reads what Keras 2.15 did (tools/golden/make_training.py).
func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// number is a float64 that JSON has as null where it is no number.
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = number(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}

func TestAdamEqualsKeras(t *testing.T) {
	var golden struct {
		Cases []struct {
			Name    string
			Beta1   float64 `json:"beta_1"`
			Beta2   float64 `json:"beta_2"`
			Epsilon float64
			Start   []float32
			Steps   []struct {
				LearningRate float64 `json:"learning_rate"`
				Gradient     []float32
				Parameter    []float32
			}
		}
	}
	readGolden(t, "golden_keras_adam.json", &golden)
	for _, c := range golden.Cases {
		t.Run(c.Name, func(t *testing.T) {
			n := len(c.Start)
			variables := []layers.Variable{{Layer: "w", Name: "kernel", Shape: layers.Shape{n}, Trainable: true}}
			store := model.NewStore()
			if err := layers.SetVariable(store, variables[0], c.Start); err != nil {
				t.Fatal(err)
			}
			adam := Adam{Beta1: c.Beta1, Beta2: c.Beta2, Epsilon: c.Epsilon}
			if err := adam.prepare(store, variables); err != nil {
				t.Fatal(err)
			}
			exec := model.MustNewExec(testEngine.Backend, store, func(_ *model.Scope, gradient, rate *graph.Node) *graph.Node {
				g := gradient.Graph()
				loss := graph.ReduceAllSum(graph.Mul(gradient, store.GetVariable("/w/kernel").NodeValue(g)))
				adam.update(store, g, loss, variables, rate)
				return loss
			})
			for i, step := range c.Steps {
				if _, err := exec.Call1(step.Gradient, float32(adam.rate(step.LearningRate, i+1))); err != nil {
					t.Fatal(err)
				}
				got := tensors.MustCopyFlatData[float32](store.GetVariable("/w/kernel").MustValue())
				for j, want := range step.Parameter {
					if math.Abs(float64(got[j]-want)) > 2e-7 {
						t.Errorf("step %d, parameter %d: %.9g, Keras has %.9g", i+1, j, got[j], want)
					}
				}
			}
		})
	}
}

func TestPlateauEqualsKeras(t *testing.T) {
	var golden struct {
		Cases []struct {
			Name         string
			Start        float64
			Factor       float64
			Patience     int
			MinDelta     float64 `json:"min_delta"`
			Cooldown     int
			MinRate      float64 `json:"min_learning_rate"`
			Values       []number
			LearningRate []float64 `json:"learning_rate_after"`
		}
	}
	readGolden(t, "golden_keras_plateau.json", &golden)
	tested := 0
	for _, c := range golden.Cases {
		if c.Cooldown != 0 { // the authors use none
			continue
		}
		tested++
		rule := regime.Plateau{Factor: c.Factor, Patience: c.Patience, MinDelta: c.MinDelta, LearningRate: c.MinRate}
		var state plateauState
		rate := c.Start
		for i, loss := range c.Values {
			rate = state.next(rule, float64(loss), rate)
			if math.Abs(rate/c.LearningRate[i]-1) > 1e-6 { // Keras keeps it in float32
				t.Errorf("%s: epoch %d: rate %g, Keras has %g", c.Name, i+1, rate, c.LearningRate[i])
				break
			}
		}
	}
	if tested == 0 {
		t.Error("no case was tested")
	}
}

func TestEarlyStopEqualsKeras(t *testing.T) {
	var golden struct {
		Cases []struct {
			Name       string
			Mode       string
			Patience   int
			MinDelta   float64 `json:"min_delta"`
			Values     []number
			StopsAfter *int `json:"stops_after"`
		}
	}
	readGolden(t, "golden_keras_early_stopping.json", &golden)
	tested := 0
	for _, c := range golden.Cases {
		if c.Patience == 0 {
			continue
		}
		rule := regime.EarlyStop{Patience: c.Patience, MinDelta: c.MinDelta}
		if c.Mode == "max" {
			rule.Monitor = regime.MonitorAccuracy
		}
		tested++
		var state stopState
		stopped := 0
		for i, loss := range c.Values {
			if state.stop(rule, float64(loss), float64(loss)) {
				stopped = i + 1
				break
			}
		}
		want := 0
		if c.StopsAfter != nil {
			want = *c.StopsAfter + 1 // Keras counts from 0
		}
		if stopped != want {
			t.Errorf("%s: stops after epoch %d, Keras after %d", c.Name, stopped, want)
		}
	}
	if tested == 0 {
		t.Error("no case was tested")
	}
}
