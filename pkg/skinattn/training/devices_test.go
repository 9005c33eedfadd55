package training

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/safetensors"
	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// contents are the values of all variables of a store, by path.
func contents(store *model.Store) map[string][]float32 {
	all := map[string][]float32{}
	for v := range store.IterVariables() {
		all[v.Path()] = tensors.MustCopyFlatData[float32](v.MustValue())
	}
	return all
}

// distance is the root of the sum of squares of a-b over that of b-origin, all variables
// together whose paths begin with prefix. origin may be nil, for zeros.
func distance(a, b, origin map[string][]float32, prefix string) float64 {
	var apart, size float64
	for path, values := range b {
		if !strings.HasPrefix(path, prefix) {
			continue
		}
		for i, v := range values {
			from := float32(0)
			if origin != nil {
				from = origin[path][i]
			}
			apart += math.Pow(float64(a[path][i]-v), 2)
			size += math.Pow(float64(v-from), 2)
		}
	}
	return math.Sqrt(apart / size)
}

// A run on two devices is one on one device up to rounding, with every option that joins
// the images of a batch or draws for them: batch statistics, dropout, mixed photos,
// accumulated gradients, the average of the weights, and layers that are frozen at first.
// 29 photos in batches of 4 leave one photo over, which one device takes. The same run
// again, and one that is stopped and goes on, end with the same bytes; one that goes on on
// another number of devices ends up to rounding where it would have.
func TestRunOnDevices(t *testing.T) {
	for _, more := range []bool{false, true} {
		t.Run(map[bool]string{false: "two", true: "four"}[more], func(t *testing.T) {
			testlong.Skip(t, more)
			if more {
				runOnDevices(t, 4, []int{4, 2}, []int{2, 4})
			} else {
				runOnDevices(t, 2, []int{2, 1}, []int{1, 2})
			}
		})
	}
}

// runOnDevices does the work of TestRunOnDevices; others are numbers of devices that a run
// begins and ends on.
func runOnDevices(t *testing.T, n int, others ...[]int) {
	testengine.Devices(t, n) // or skip
	change := func(devices int) func(*Run) {
		return func(r *Run) {
			r.Engine, r.Train = testengine.Devices(t, devices), blobs(29, 1)
			r.Config.Network.Cut = "Conv1_relu"
			reg := r.Config.Regime
			reg.Batch, reg.Accumulate, reg.Sampling, reg.EMA = 4, 2, "", .9
			reg.Epsilon = .1 // an update is then a smooth function of the gradient
			reg.Augment = spec.Augment{Rotation: 180, HorizontalFlip: true, Brightness: .1, Cutout: .3}
			reg.Mix = spec.Mix{Mixup: .2, CutMix: 1}
			reg.Freeze = []spec.Freeze{{Layers: spec.Backbone, Epochs: 1}}
		}
	}
	// trained trains on a number of devices, or on one until the first step of the second
	// epoch and on another to the end.
	trained := func(devices ...int) map[string][]float32 {
		dir := filepath.Join(t.TempDir(), "run")
		for i, n := range devices {
			ctx, stop := context.WithCancel(t.Context())
			r := smallRun(t, dir, i > 0)
			change(n)(&r)
			if i == 0 && len(devices) > 1 {
				r.Watch = &interrupter{t, 9, stop}
			}
			err := Train(ctx, r)
			stop()
			r.Folder.Close()
			if last := i == len(devices)-1; last && err != nil || !last && !errors.Is(err, ErrInterrupted) {
				t.Fatal(err)
			}
		}
		return savedWeights(t, dir)
	}
	one := trained(1)
	first := trained(n)
	for path, values := range one {
		if worst := distance(first, one, nil, path); worst > 1e-5 {
			t.Errorf("%s [%d] is on %d devices %.1e away from its values on one", path, len(values), n, worst)
		}
	}
	for name, again := range map[string]map[string][]float32{"again": trained(n), "stopped in between": trained(n, n)} {
		if !maps.EqualFunc(first, again, slices.Equal) {
			t.Errorf("%s, the run on several devices ended with other weights", name)
		}
	}
	for _, devices := range others {
		if far := distance(trained(devices...), one, nil, ""); far > 1e-5 {
			t.Errorf("begun and ended on %v devices, the run ends %.1e away from that on one", devices, far)
		}
	}
}

// savedWeights are the values of the newest checkpoint, by path.
func savedWeights(t *testing.T, dir string) map[string][]float32 {
	t.Helper()
	file, err := safetensors.Parse([]byte(finalWeights(t, dir)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]float32{}
	for _, tensor := range file {
		all[tensor.Name] = tensor.Data
	}
	return all
}

// Whole networks, with the kernels that a network of one convolution lacks: 1x1
// convolutions that are never computed, recomputed maps, shared moments. Rounding makes an
// update differ also on one device, if the photos of the batch are in another order, and by
// much: batch statistics over a few positions amplify it, and it flips ReLUs. On several
// devices it must not differ much more.
func TestNetworksOnDevices(t *testing.T) {
	for _, c := range []struct {
		name    string
		size    int
		devices []int
	}{{"mobilenet_v2", 64, []int{2, 4}}, {"resnet50", 64, []int{2, 4}}, {"densenet201", 64, []int{2}}, {"nasnet_mobile", 96, []int{2}}} {
		t.Run(c.name, func(t *testing.T) {
			testlong.Skip(t, true)
			batch := classBatch(c.size, 8)
			before, one, loss := updated(t, testengine.Devices(t, 1), c.name, batch)
			// One other order may happen to round alike: the larger of two differences counts.
			var reordered []map[string][]float32
			for _, other := range []Batch{reversed(batch), rotated(batch, 3)} {
				_, after, _ := updated(t, testengine.Devices(t, 1), c.name, other)
				reordered = append(reordered, after)
			}
			for _, n := range c.devices {
				_, several, itsLoss := updated(t, testengine.Devices(t, n), c.name, batch)
				if math.Abs(itsLoss/loss-1) > 1e-4 {
					t.Errorf("the loss on %d devices is %.8g, on one %.8g", n, itsLoss, loss)
				}
				for _, what := range []struct {
					name, prefix string
					origin       map[string][]float32
				}{{"gradients", firstMoment, nil}, {"updates", "", before}} {
					far, usual := distance(several, one, what.origin, what.prefix), 0.
					for _, r := range reordered {
						usual = max(usual, distance(r, one, what.origin, what.prefix))
					}
					t.Logf("%s on %d devices: %.1e away from one; another order of photos: %.1e", what.name, n, far, usual)
					if far > 2*usual {
						t.Errorf("%s on %d devices are %.1e away from those on one; another order of the photos makes %.1e", what.name, n, far, usual)
					}
				}
			}
		})
	}
}

// updated are all variables before and after a step of the authors' network on a batch.
func updated(t *testing.T, eng *engine.Engine, name string, batch Batch) (before, after map[string][]float32, loss float64) {
	t.Helper()
	stepper, _, store := newStepper(t, eng, name, batch.Pixels.Shape().Dimensions[1])
	stepper.optimizer.Epsilon = .1 // an update is then a smooth function of the gradient
	before = contents(store)
	loss, _, err := stepper.Step(batch, Position{Epoch: 1, Step: 1, Update: 1, Rate: 1e-3})
	if err != nil {
		t.Fatal(err)
	}
	return before, contents(store), loss
}

// reversed has the photos of a batch in the opposite order.
func reversed(b Batch) Batch {
	b.Rows, b.Labels, b.Metadata = slices.Clone(b.Rows), slices.Clone(b.Labels), slices.Clone(b.Metadata)
	slices.Reverse(b.Rows)
	slices.Reverse(b.Labels)
	slices.Reverse(b.Metadata)
	return b
}

// rotated has the first n photos of a batch last.
func rotated(b Batch, n int) Batch {
	b.Rows = slices.Concat(b.Rows[n:], b.Rows[:n])
	b.Labels = slices.Concat(b.Labels[n:], b.Labels[:n])
	b.Metadata = slices.Concat(b.Metadata[n:], b.Metadata[:n])
	return b
}

// Photos that lie anywhere in a larger array reach their device.
func TestPartOfBatch(t *testing.T) {
	b := Batch{Pixels: tensors.FromFlatDataAndDimensions([]uint8{0, 1, 2, 3, 4, 5}, 6, 1, 1, 1), Rows: []int32{5, 0, 2, 3}, Labels: []int32{1, 2, 3, 4}, Metadata: make([]skinattn.Metadata, 4),
		Blend: &Blend{Partner: []int32{3, 2, 1, 0}, Share: []float32{1, 2, 3, 4}, Boxes: make([]Box, 4)}}
	for device, want := range []string{"[5 0] [0 1] [1 2] [3 2] [1 2]", "[2 3] [0 1] [3 4] [1 0] [3 4]"} {
		p, err := b.part(device, 2)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(tensors.MustCopyFlatData[uint8](p.Pixels), p.Rows, p.Labels, p.Blend.Partner, p.Blend.Share)
		if got != want {
			t.Errorf("device %d gets %s, want %s", device, got, want)
		}
	}
}

func TestCheckDevices(t *testing.T) {
	for _, c := range []struct {
		batch, devices int
		ok             bool
	}{{32, 0, true}, {32, 1, true}, {32, 4, true}, {30, 4, false}, {2, 4, false}} {
		err := CheckDevices(&spec.Regime{Batch: c.batch}, c.devices)
		uneven, is := errors.AsType[*BatchError](err)
		if is == c.ok || is && (uneven.Batch != c.batch || uneven.Devices != c.devices) {
			t.Errorf("batches of %d on %d devices: %v", c.batch, c.devices, err)
		}
	}
	r := smallRun(t, filepath.Join(t.TempDir(), "run"), false)
	few := *r.Engine
	few.Devices = 3
	r.Engine = &few
	var uneven *BatchError
	if err := Train(t.Context(), r); !errors.As(err, &uneven) {
		t.Errorf("batches of 8 on 3 devices: %v", err)
	}
}

// What two virtual devices of a CPU lose against one that has all cores: steps of either in turn,
// so that a busy machine slows both. A pair's ratio is the time on one device over that on two;
// the median is reported, and the quartiles.
//
//	go test ./pkg/skinattn/training -run - -bench Devices -benchtime 20x
func BenchmarkDevices(b *testing.B) {
	for _, c := range []struct {
		name        string
		size, batch int
	}{{"mobilenet_v2", 128, 32}, {"mobilenet_v2", 224, 32}, {"resnet50", 128, 16}, {"resnet50", 224, 16}} {
		b.Run(fmt.Sprint(c.name, "/", c.size, "px"), func(b *testing.B) {
			batch := classBatch(c.size, c.batch)
			var steps []func() float64
			for _, n := range []int{1, 2} {
				stepper, _, _ := newStepper(b, testengine.Devices(b, n), c.name, c.size)
				number := 0
				step := func() float64 {
					number++
					fed := batch // in training, too, every batch comes from the host
					var err error
					if fed.Pixels, err = batch.Pixels.LocalClone(); err != nil {
						b.Fatal(err)
					}
					start := time.Now()
					if _, _, err := stepper.Step(fed, Position{Epoch: 1, Step: number, Update: number, Rate: 1e-4}); err != nil {
						b.Fatal(err)
					}
					return time.Since(start).Seconds()
				}
				step() // compiles
				step()
				steps = append(steps, step)
			}
			var ratios, one []float64
			for b.Loop() {
				single := steps[0]()
				ratios, one = append(ratios, single/steps[1]()), append(one, single)
			}
			slices.Sort(ratios)
			slices.Sort(one)
			n := len(ratios)
			b.ReportMetric(ratios[n/2], "speed")
			b.ReportMetric(ratios[n/4], "speed-lower-quartile")
			b.ReportMetric(ratios[n*3/4], "speed-upper-quartile")
			b.ReportMetric(one[n/2], "s/step-on-one")
		})
	}
}
