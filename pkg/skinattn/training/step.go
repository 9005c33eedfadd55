package training

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Batch is the input of one step.
type Batch struct {
	// Pixels holds photos, uint8 RGB [N PhotoSize PhotoSize 3], or, for a network after the
	// cut, features, float32 [N FeatureShape]. N may be larger than the batch: Pixels may be
	// the whole training part, kept on the engine.
	Pixels *tensors.Tensor
	// Rows are the rows of Pixels that make the batch.
	Rows     []int32
	Metadata []skinattn.Metadata // completed
	Labels   []int32             // class indices
	// Transforms has one transform for each photo. A regime without augmentation ignores
	// it, unless the network's photos are larger than its input.
	Transforms []Transform
	// Blend says how pairs of photos are mixed. A regime without mixing ignores it.
	Blend *Blend
}

// Position says where in a run a step is.
type Position struct {
	Epoch  int // 1-based
	Step   int // 1-based index of the batch in the run
	Update int // 1-based index of the optimizer update that this batch contributes to
	// Rate is the learning rate of the update.
	Rate float64
	// Images is used by regimes that accumulate gradients: the number of images in all
	// batches of the update if this batch completes it, and 0 if it only adds its
	// gradients.
	Images int
}

// Stepper runs optimizer steps on a network whose weights are in a store, which the steps
// change. The first step compiles its graph, and so does the first step after the frozen
// layers change: seconds, with large networks minutes. A Stepper is not for use by several
// goroutines at once.
type Stepper struct {
	backend   compute.Backend
	store     *model.Store
	net       *skinattn.Network
	reg       spec.Regime
	optimizer Adam
	weights   []float32 // of the classes in the loss
	seed      uint64
	selection selection
	inputs    []input                // of the graph, in order
	execs     map[string]*model.Exec // compiled graphs, by the set of frozen layers and the number of devices
	devices   int                    // that share a batch
	mesh      *distributed.DeviceMesh
}

// NewStepper prepares training steps of net by regime reg: with its ClassWeights, whatever
// its ClassWeighting. Close the stepper after use.
func NewStepper(eng *engine.Engine, store *model.Store, net *skinattn.Network, reg *spec.Regime, seed uint64) (*Stepper, error) {
	s := &Stepper{backend: eng.Backend, store: store, net: net, reg: *reg, seed: seed, devices: max(1, eng.Devices),
		optimizer: Adam{reg.LearningRate, reg.Beta1, reg.Beta2, reg.Epsilon},
		weights:   make([]float32, ham10000.NumClasses), execs: map[string]*model.Exec{}}
	for i := range s.weights {
		s.weights[i] = 1
		if reg.ClassWeights != nil {
			s.weights[i] = float32(reg.ClassWeights[i])
		}
	}
	var err error
	if s.mesh, err = distributed.NewDeviceMesh([]int{s.devices}, []string{"batch"}); err != nil {
		return nil, err
	}
	if s.selection, err = newSelection(net, reg); err != nil {
		return nil, err
	}
	variables, state := net.Graph.Variables(), []string{firstMoment, secondMoment}
	if reg.Accumulate > 1 {
		state = append(state, gradientSum)
	}
	if err := zeros(store, variables, state...); err != nil {
		return nil, err
	}
	if reg.EMA > 0 { // the averages begin with the present weights
		missing := slices.DeleteFunc(slices.Clone(variables), func(v layers.Variable) bool { return store.GetVariable(averaged+v.Path()) != nil })
		if err := copyVariables(store, averaged, store, "", missing); err != nil {
			return nil, fmt.Errorf("preparing the moving average: %w", err)
		}
	}
	s.inputs = inputsOf(reg, net.PhotoShape().Size() != net.InputShape().Size())
	return s, nil
}

// input is an input of the step's graph. B images are a device's part of the batch.
type input int

const (
	inPixels   input = iota // uint8 [N P P 3]
	inRows                  // int32 [B]
	inMetadata              // float32 [B MetadataWidth]
	inLabels                // int32 [B]
	inWeights               // float32 [B]
	inRate                  // float32: Adam's step size, bias corrections included
	inRNG                   // uint64 [3]
	inAffine                // float32 [B 6]
	inColours               // float32 [B 3]: brightness, contrast, saturation
	inCutout                // float32 [B 4]: a box
	inPartner               // int32 [B]: the place in the whole batch of the photo that each photo is mixed with
	inBlend                 // float32 [B 6]: see Blend
	inImages                // float32 [2]: images of the batch, Position.Images
	inDecay                 // float32: of the moving average
	inDevice                // int32: which device computes, if several share the batch
)

// inputsOf lists the inputs of a regime's steps. larger says that photos are larger than the
// network's input.
func inputsOf(reg *spec.Regime, larger bool) []input {
	list := []input{inPixels, inRows, inMetadata, inLabels, inWeights, inRate, inRNG}
	add := func(wanted bool, inputs ...input) {
		if wanted {
			list = append(list, inputs...)
		}
	}
	a := reg.Augment
	add(larger || a != spec.Augment{}, inAffine)
	add(a.Brightness != 0 || a.Contrast != 0 || a.Saturation != 0, inColours)
	add(a.Cutout != 0, inCutout)
	add(reg.Mix != spec.Mix{}, inPartner, inBlend)
	add(reg.Accumulate > 1, inImages)
	add(reg.EMA > 0, inDecay)
	return list
}

// named returns the parameters of a graph by input.
func named(inputs []input, nodes []*graph.Node) map[input]*graph.Node {
	in := map[input]*graph.Node{}
	for i, name := range inputs {
		in[name] = nodes[i]
	}
	return in
}

// build adds one step to the graph: forward pass, loss, gradients, update.
func (s *Stepper) build(frozen map[string]bool, in map[input]*graph.Node) []*graph.Node {
	builder := &layers.Builder{Store: s.store, Training: true, RNG: in[inRNG], Device: in[inDevice], Frozen: frozen, BFloat16: s.reg.Precision == spec.BFloat16}
	pixels, metadata := augmented(in, s.net.Size), in[inMetadata]
	partners := func(x *graph.Node) *graph.Node { return partnersOf(layers.WholeBatch(x, in[inDevice]), in[inPartner]) }
	if in[inBlend] != nil {
		pixels, metadata = blended(pixels, metadata, in[inBlend], partners)
	}
	outputs := s.net.Forward(builder, graph.StopGradient(pixels), metadata)
	logits := outputs[layers.LogitsOf(s.net.Output)]

	perImage := s.lossOf(logits, in[inLabels], in[inWeights])
	if in[inBlend] != nil {
		theirs := s.lossOf(logits, partners(in[inLabels]), partners(in[inWeights]))
		perImage = mixed(perImage, theirs, labelShare(in[inBlend]))
	}
	loss := graph.ReduceAllMean(perImage)
	if devices := layers.Devices(loss.Graph()); devices > 1 {
		loss = graph.DivScalar(loss, float64(devices)) // a device's share of the mean
	}
	s.update(frozen, loss, in)
	predicted := graph.ArgMax(logits, -1, dtypes.Int32)
	correct := graph.ReduceAllSum(graph.ConvertDType(graph.Equal(predicted, in[inLabels]), dtypes.Float32))
	return layers.SumOverDevices(loss, correct)
}

// update adds the gradients of loss and the new values of all trained variables to the
// graph. loss is a device's share of the batch's.
func (s *Stepper) update(frozen map[string]bool, loss *graph.Node, in map[input]*graph.Node) {
	g := loss.Graph()
	var targets []*model.Variable
	var values []*graph.Node
	var factors []float64
	for _, v := range s.net.Graph.Variables() {
		if v.Trainable && !frozen[v.Layer] {
			target := s.store.GetVariable(v.Path())
			targets = append(targets, target)
			values = append(values, target.NodeValue(g))
			factors = append(factors, s.selection.rate(v.Layer))
		}
	}
	gradients := layers.SumOverDevices(graph.Gradient(loss, values...)...)
	var when *graph.Node
	if in[inImages] != nil {
		gradients, when = accumulate(s.store, targets, gradients, in[inImages])
	}
	for i, target := range targets {
		rate := in[inRate]
		if factors[i] != 1 {
			rate = graph.MulScalar(rate, factors[i])
		}
		s.optimizer.update(s.store, target, gradients[i], rate, when)
	}
	if in[inDecay] != nil {
		average(s.store, g, s.net.Graph.Variables(), in[inDecay])
	}
}

// Step makes the step at a position. It returns the batch's loss and the number of images
// that the network classified correctly in this step, with dropout and before the update.
func (s *Stepper) Step(b Batch, at Position) (loss float64, correct int, err error) {
	devices := s.sharing(len(b.Rows))
	exec, err := s.exec(at.Epoch, devices)
	if err != nil {
		return 0, 0, err
	}
	var feed []any
	for device := range devices {
		part, err := b.part(device, devices)
		if err != nil {
			return 0, 0, fmt.Errorf("training step %d: dividing the batch: %w", at.Step, err)
		}
		for _, name := range s.inputsFor(devices) {
			switch name {
			case inDevice:
				feed = append(feed, tensors.FromScalar(int32(device)))
			case inImages:
				feed = append(feed, vector(float32(len(b.Rows)), float32(at.Images)))
			default:
				feed = append(feed, s.feed(name, part, at))
			}
		}
	}
	results, err := exec.Call(feed...) // the devices' results are equal
	if err != nil {
		return 0, 0, fmt.Errorf("training step %d: %w", at.Step, oneline.Error(err))
	}
	loss = float64(tensors.ToScalar[float32](results[0]))
	correct = int(tensors.ToScalar[float32](results[1]))
	return loss, correct, nil
}

// inputsFor lists the inputs of the graph for a number of devices.
func (s *Stepper) inputsFor(devices int) []input {
	if devices == 1 {
		return s.inputs
	}
	return append(slices.Clone(s.inputs), inDevice)
}

// feed returns the value of an input for a device's part of a batch.
func (s *Stepper) feed(name input, b Batch, at Position) *tensors.Tensor {
	n := len(b.Rows)
	perPhoto := func(width int, values func(Transform) []float32) *tensors.Tensor {
		flat := make([]float32, 0, n*width)
		for _, t := range b.Transforms {
			flat = append(flat, values(t)...)
		}
		return tensors.FromFlatDataAndDimensions(flat, n, width)
	}
	switch name {
	case inPixels:
		return b.Pixels
	case inRows:
		return vector(b.Rows...)
	case inMetadata:
		return tensors.FromFlatDataAndDimensions(skinattn.EncodeMetadata(b.Metadata), n, skinattn.MetadataWidth)
	case inLabels:
		return vector(b.Labels...)
	case inWeights:
		weights := make([]float32, n)
		for i, label := range b.Labels {
			weights[i] = s.weights[label]
		}
		return vector(weights...)
	case inRate:
		return tensors.FromScalar(float32(s.optimizer.rate(at.Rate, at.Update)))
	case inRNG:
		source := rand.NewPCG(s.seed, uint64(at.Step)) // the dropout of a step draws from it
		return vector(source.Uint64(), source.Uint64(), source.Uint64())
	case inAffine:
		return perPhoto(6, func(t Transform) []float32 { matrix := t.Affine(s.net.PhotoSize(), s.net.Size); return matrix[:] })
	case inColours:
		return perPhoto(3, func(t Transform) []float32 {
			return []float32{float32(t.Brightness), float32(t.Contrast), float32(t.Saturation)}
		})
	case inCutout:
		return perPhoto(4, func(t Transform) []float32 { return t.Cutout[:] })
	case inPartner:
		return vector(b.Blend.Partner...)
	case inBlend:
		return b.Blend.tensor(s.net.Size)
	case inDecay:
		return tensors.FromScalar(float32(s.decay(at)))
	}
	panic(fmt.Errorf("input %d of the training step is unknown", name))
}

// exec returns the compiled graph for the layers that are frozen in an epoch and the number
// of devices that share the batch.
func (s *Stepper) exec(epoch, devices int) (*model.Exec, error) {
	frozen, key := s.selection.frozen(epoch)
	key += fmt.Sprintf("on %d", devices)
	if s.execs[key] != nil {
		return s.execs[key], nil
	}
	inputs := s.inputsFor(devices)
	var exec *model.Exec
	exec, err := model.NewExec(s.backend, s.store, func(_ *model.Scope, nodes []*graph.Node) []*graph.Node {
		prepare, finish := s.toEngine, func() error { return layers.OverwriteVariables(s.store, nodes[0].Graph()) }
		if devices > 1 {
			prepare = func() error { return unsharded(s.backend, s.store) }
			finish = func() error { return sharded(exec, s.mesh) }
		}
		if err := prepare(); err != nil {
			panic(err)
		}
		outputs := s.build(frozen, named(inputs, nodes))
		if err := finish(); err != nil {
			panic(err)
		}
		return outputs
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the training step: %w", err)
	}
	exec.SetMaxCache(-1)
	if devices > 1 {
		exec.SPMD(s.mesh)
	}
	s.execs[key] = exec
	return exec, nil
}

// toEngine moves the values of all variables to the engine, where the next step needs them,
// and frees their memory here before the step is compiled.
func (s *Stepper) toEngine() error {
	for v := range s.store.IterVariables() {
		if !v.HasValue() {
			continue
		}
		value, err := v.Value()
		if err == nil {
			err = value.MaterializeOnDevice(s.backend, false, 0)
		}
		if err != nil {
			return fmt.Errorf("moving %s to the engine: %w", v.Path(), err)
		}
		value.FinalizeLocal()
	}
	debug.FreeOSMemory()
	return nil
}

// Close frees the compiled graphs.
func (s *Stepper) Close() {
	for _, exec := range s.execs {
		exec.Finalize()
	}
}

func vector[T float32 | int32 | uint64](values ...T) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(values, len(values))
}
