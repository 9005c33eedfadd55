package training

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// smallSize returns the first of 64, 96, 128 pixels at which the map at the cut
// has four positions: with one, the attention has nothing to choose.
func smallSize(t *testing.T, b *backbone.Backbone) int {
	t.Helper()
	for size := 64; size <= 128; size += 32 {
		g, err := b.Graph(size)
		if err != nil {
			continue // too small for its windows
		}
		if cut := g.Layer(b.Cuts[0].Layer).Out; cut[0]*cut[1] >= 4 {
			return size
		}
	}
	t.Fatalf("%s has no map of four positions at 128 px", b.Name)
	return 0
}

// newStepper is a stepper of the authors' network on a backbone, with random
// weights and without dropout, at size pixels.
func newStepper(t testing.TB, eng *engine.Engine, name string, size int) (*Stepper, *skinattn.Network, *model.Store) {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork(name, spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Size, cfg.Dropout = size, 0
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := layers.Initialize(store, net.Graph.Variables(), 1); err != nil {
		t.Fatal(err)
	}
	stepper, err := NewStepper(eng, store, net, &spec.Regime{LearningRate: 1e-3, Beta1: .9, Beta2: .999, Epsilon: 1e-7}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stepper.Close)
	return stepper, net, store
}

// One step, at batch 2, reaches every trainable variable of every network and
// moves every moving average; loss and variables stay finite. On the pure Go
// engine, which has nothing to compile: XLA would need minutes for the graphs.
func TestStepReachesEveryVariable(t *testing.T) {
	eng := testengine.Named(t, engine.Go)
	for _, b := range backbone.Table {
		t.Run(b.Name, func(t *testing.T) { stepReachesEveryVariable(t, eng, b.Name, smallSize(t, b)) })
	}
}

// The same at each network's own size, on XLA. It takes up to 8 GB and, on two
// cores, some minutes; -run OwnSize/NAME$ takes one network.
func TestStepAtOwnSize(t *testing.T) {
	for _, b := range backbone.Table {
		t.Run(b.Name, func(t *testing.T) {
			testlong.Skip(t, true)
			start := time.Now()
			stepReachesEveryVariable(t, testengine.Open(t), b.Name, b.Input)
			t.Logf("%d px, compiled and stepped in %.0f s", b.Input, time.Since(start).Seconds())
		})
	}
}

// stepReachesEveryVariable takes one step on two images.
func stepReachesEveryVariable(t *testing.T, eng *engine.Engine, name string, size int) {
	t.Helper()
	stepper, net, store := newStepper(t, eng, name, size)
	values := func(v layers.Variable) []float32 {
		return tensors.MustCopyFlatData[float32](store.GetVariable(v.Path()).MustValue())
	}
	before := map[string][]float32{}
	for _, v := range net.Graph.Variables() {
		before[v.Path()] = values(v)
	}
	loss, _, err := stepper.Step(classBatch(net.Size, 2), Position{Epoch: 1, Step: 1, Update: 1, Rate: 1e-3})
	if err != nil {
		t.Fatal(err)
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		t.Errorf("the loss is %g", loss)
	}
	for _, v := range net.Graph.Variables() {
		if v.Layer == skinattn.NormalizationLayer { // set before training
			continue
		}
		after := values(v)
		if slices.Equal(after, before[v.Path()]) {
			t.Errorf("%s has not moved", v.Path())
		}
		if slices.ContainsFunc(after, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) }) {
			t.Errorf("%s is not finite", v.Path())
		}
	}
}

// Every network learns 14 images by heart.
func TestNetworksOverfit(t *testing.T) {
	for _, b := range backbone.Table {
		t.Run(b.Name, func(t *testing.T) {
			testlong.Skip(t, true)
			stepper, net, _ := newStepper(t, testengine.Open(t), b.Name, smallSize(t, b))
			batch := classBatch(net.Size, 2*ham10000.NumClasses)
			const steps, rate = 80, 1e-3
			var first float64
			for step := 1; step <= steps; step++ {
				loss, correct, err := stepper.Step(batch, Position{Epoch: 1, Step: step, Update: step, Rate: rate})
				if err != nil {
					t.Fatal(err)
				}
				if step == 1 {
					first = loss
				}
				if correct == len(batch.Labels) && loss < first/2 {
					t.Logf("all right in step %d, loss from %.3f to %.3f", step, first, loss)
					return
				}
			}
			t.Errorf("after %d steps not all of the images are classified rightly at half the first loss", steps)
		})
	}
}

// classBatch are n noise images; their brightness depends on the class.
func classBatch(size, n int) Batch {
	rng := rand.New(rand.NewPCG(5, 0))
	b := Batch{Metadata: make([]skinattn.Metadata, n)}
	var pixels []uint8
	for i := range n {
		class := i % ham10000.NumClasses
		for range size * size * 3 {
			pixels = append(pixels, uint8(30*class+rng.IntN(40)))
		}
		b.Rows, b.Labels = append(b.Rows, int32(i)), append(b.Labels, int32(class))
		b.Metadata[i] = skinattn.Metadata{Age: float64(30 + 10*class), Sex: ham10000.Sexes[i%2], Localization: "back"}
	}
	b.Pixels = tensors.FromFlatDataAndDimensions(pixels, n, size, size, 3)
	return b
}
