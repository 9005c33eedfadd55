package training

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/regime"
)

// Batch is what one step is trained on.
type Batch struct {
	// Pixels holds photos, uint8 RGB [N Size Size 3]: the batch itself, or the
	// whole set kept on the engine.
	Pixels *tensors.Tensor
	// Rows picks the photos of the batch out of Pixels.
	Rows     []int32
	Metadata []skinattn.Metadata // completed
	Labels   []int32             // class indices
	// Transforms change the photos; nil: they are taken as they are.
	Transforms []Transform
}

// Stepper runs optimizer steps on a network whose weights are in a store.
type Stepper struct {
	store     *model.Store
	exec      *model.Exec
	optimizer Adam
	weights   []float32 // of the classes in the loss
	smoothing float64   // of the labels
	size      int       // of the photos, in pixels
	seed      uint64
}

// NewStepper prepares training steps of net as reg has them.
func NewStepper(backend compute.Backend, store *model.Store, net *skinattn.Network, reg *regime.Regime, seed uint64) (*Stepper, error) {
	opt := Adam{reg.LearningRate, reg.Beta1, reg.Beta2, reg.Epsilon}
	s := &Stepper{store: store, optimizer: opt, seed: seed, size: net.Size,
		smoothing: reg.LabelSmoothing, weights: make([]float32, ham10000.NumClasses)}
	for i := range s.weights {
		s.weights[i] = 1
		if reg.ClassWeights != nil {
			s.weights[i] = float32(reg.ClassWeights[i])
		}
	}
	if err := opt.prepare(store, net.Graph.Variables()); err != nil {
		return nil, err
	}
	var err error
	s.exec, err = model.NewExec(backend, store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		return s.build(net, in)
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the training step: %w", err)
	}
	s.exec.SetMaxCache(-1)
	return s, nil
}

// Inputs of the step's graph, in order.
const (
	inPixels   = iota // uint8 [N S S 3]
	inRows            // int32 [B]
	inMetadata        // float32 [B MetadataWidth]
	inLabels          // int32 [B]
	inWeights         // float32 [B]
	inRate            // float32: Adam's step size, bias corrections included
	inRNG             // uint64 [3]
	inAffine          // float32 [B 6], with transforms only
	inColours         // float32 [B 3]: brightness, contrast, saturation, likewise
)

// build is the graph of one step: forward, loss, gradients, update.
func (s *Stepper) build(net *skinattn.Network, in []*graph.Node) []*graph.Node {
	g := in[inPixels].Graph()
	builder := &layers.Builder{Store: s.store, Training: true, RNG: in[inRNG]}
	var pixels *graph.Node
	if len(in) > inAffine {
		pixels = colourJitter(warp(in[inPixels], in[inRows], in[inAffine]), in[inColours])
	} else {
		pixels = graph.Gather(in[inPixels], graph.ExpandAxes(in[inRows], -1))
	}
	outputs := net.Forward(builder, graph.StopGradient(pixels), in[inMetadata])
	logits := outputs[layers.LogitsOf(net.Output)]

	loss := crossEntropy(logits, in[inLabels], in[inWeights], s.smoothing)
	s.optimizer.update(s.store, g, loss, net.Graph.Variables(), in[inRate])
	predicted := graph.ArgMax(logits, -1, dtypes.Int32)
	correct := graph.ReduceAllSum(graph.ConvertDType(graph.Equal(predicted, in[inLabels]), dtypes.Float32))
	return []*graph.Node{loss, correct}
}

// crossEntropy is Keras's categorical cross-entropy with class weights: the
// mean over the batch's size, not over its weights. smoothing moves that share
// of the true class's 1 evenly to all classes.
func crossEntropy(logits, labels, weights *graph.Node, smoothing float64) *graph.Node {
	classes := logits.Shape().Dimensions[1]
	truth := graph.OneHot(labels, classes, logits.DType())
	if smoothing != 0 {
		truth = graph.AddScalar(graph.MulScalar(truth, 1-smoothing), smoothing/float64(classes))
	}
	perImage := graph.Neg(graph.ReduceSum(graph.Mul(truth, graph.LogSoftmax(logits, -1)), -1))
	return graph.ReduceAllMean(graph.Mul(perImage, weights))
}

// Step makes update number step (from 1) at the given learning rate. It
// returns the batch's loss and how many of its images the network, as it was
// in this step with dropout, got right.
func (s *Stepper) Step(b Batch, step int, learningRate float64) (loss float64, correct int, err error) {
	n := len(b.Rows)
	weights := make([]float32, n)
	for i, label := range b.Labels {
		weights[i] = s.weights[label]
	}
	inputs := []any{
		b.Pixels,
		tensors.FromFlatDataAndDimensions(b.Rows, n),
		tensors.FromFlatDataAndDimensions(skinattn.EncodeMetadata(b.Metadata), n, skinattn.MetadataWidth),
		tensors.FromFlatDataAndDimensions(b.Labels, n),
		tensors.FromFlatDataAndDimensions(weights, n),
		tensors.FromScalar(float32(s.optimizer.rate(learningRate, step))),
		rngState(s.seed, step),
	}
	if b.Transforms != nil {
		affine, colours := make([]float32, 0, 6*n), make([]float32, 0, 3*n)
		for _, t := range b.Transforms {
			matrix := t.Affine(s.size)
			affine = append(affine, matrix[:]...)
			colours = append(colours, float32(t.Brightness), float32(t.Contrast), float32(t.Saturation))
		}
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(affine, n, 6), tensors.FromFlatDataAndDimensions(colours, n, 3))
	}
	results, err := s.exec.Call(inputs...)
	if err != nil {
		return 0, 0, fmt.Errorf("training step %d: %w", step, oneLine(err))
	}
	loss = float64(tensors.ToScalar[float32](results[0]))
	correct = int(tensors.ToScalar[float32](results[1]))
	return loss, correct, nil
}

// Close frees the compiled graphs.
func (s *Stepper) Close() { s.exec.Finalize() }

// rngState is the random state that dropout of a step draws from.
func rngState(seed uint64, step int) *tensors.Tensor {
	source := rand.NewPCG(seed, uint64(step))
	return tensors.FromFlatDataAndDimensions([]uint64{source.Uint64(), source.Uint64(), source.Uint64()}, 3)
}

// oneLine drops the stack traces of GoMLX's errors.
func oneLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%s", line)
}

// Adam is the optimizer in the form that Keras gives it, where epsilon is added
// to the root of the uncorrected second moment:
//
//	w -= LearningRate * sqrt(1-Beta2^t)/(1-Beta1^t) * m/(sqrt(v)+Epsilon)
//
// With the authors' Epsilon of 0.1 this is far from the form of Adam's paper.
type Adam struct {
	LearningRate float64 `json:"learning_rate"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	Epsilon      float64 `json:"epsilon"`
}

// rate is the step size of update t (from 1), bias corrections included.
func (a Adam) rate(learningRate float64, t int) float64 {
	return learningRate * math.Sqrt(1-math.Pow(a.Beta2, float64(t))) / (1 - math.Pow(a.Beta1, float64(t)))
}

// Paths of the moments in the store: the variable's own below these.
const (
	firstMoment  = "/adam/m"
	secondMoment = "/adam/v"
)

// prepare gives each trainable variable its two moments, zero at first.
func (a Adam) prepare(store *model.Store, variables []layers.Variable) error {
	for _, v := range variables {
		if !v.Trainable {
			continue
		}
		for _, prefix := range []string{firstMoment, secondMoment} {
			if store.GetVariable(prefix+v.Path()) != nil {
				continue
			}
			moment, err := store.CreateVariable(prefix+v.Path(), tensors.FromShape(shapes.Make(dtypes.Float32, v.Shape...)))
			if err != nil {
				return fmt.Errorf("preparing Adam: %w", err)
			}
			moment.SetTrainable(false)
		}
	}
	return nil
}

// update adds the gradients of loss and the new values of all trainable
// variables to the graph.
func (a Adam) update(store *model.Store, g *graph.Graph, loss *graph.Node, variables []layers.Variable, rate *graph.Node) {
	var targets []*model.Variable
	var values []*graph.Node
	for _, v := range variables {
		if v.Trainable {
			target := store.GetVariable(v.Path())
			targets = append(targets, target)
			values = append(values, target.NodeValue(g))
		}
	}
	for i, gradient := range graph.Gradient(loss, values...) {
		m, v := store.GetVariable(firstMoment+targets[i].Path()), store.GetVariable(secondMoment+targets[i].Path())
		mean := moved(m.NodeValue(g), gradient, a.Beta1)
		square := moved(v.NodeValue(g), graph.Square(gradient), a.Beta2)
		m.SetNodeValue(mean)
		v.SetNodeValue(square)
		change := graph.Div(mean, graph.AddScalar(graph.Sqrt(square), a.Epsilon))
		targets[i].SetNodeValue(graph.Sub(values[i], graph.Mul(rate, change)))
	}
}

// moved is the moving average old*decay + new*(1-decay).
func moved(old, new *graph.Node, decay float64) *graph.Node {
	return graph.Add(graph.MulScalar(old, decay), graph.MulScalar(new, 1-decay))
}
