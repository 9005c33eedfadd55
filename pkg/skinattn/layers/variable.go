package layers

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Variable describes a tensor of a layer, trained or not.
type Variable struct {
	Layer     string // the layer's name, filled in by Graph.Variables
	Name      string // Keras's name without ":0": "kernel", "moving_mean", ...
	Shape     Shape  // in Keras's layout
	Trainable bool
	Init      Initializer
}

// trained is a trainable variable. A nil init means GlorotUniform, Keras's default.
func trained(name string, init Initializer, dims ...int) Variable {
	if init == nil {
		init = GlorotUniform
	}
	return Variable{Name: name, Shape: dims, Trainable: true, Init: init}
}

// Path is the variable's path in a GoMLX store and, without the leading slash, its name in Keras.
func (v Variable) Path() string { return "/" + v.Layer + "/" + v.Name }

// Initializer is one of Keras's initializers, as a function that fills a tensor of a given shape from a random stream.
type Initializer func(shape Shape, rng *rand.Rand) []float32

// Zeros fills with 0.
func Zeros(shape Shape, _ *rand.Rand) []float32 { return make([]float32, shape.Size()) }

// Ones fills with 1.
func Ones(shape Shape, _ *rand.Rand) []float32 { return fill(shape, func() float64 { return 1 }) }

// GlorotUniform is Keras's default for kernels: uniform in +-sqrt(6/(fanIn+fanOut)).
func GlorotUniform(shape Shape, rng *rand.Rand) []float32 {
	fanIn, fanOut := fans(shape)
	return uniform(shape, math.Sqrt(6/(fanIn+fanOut)), rng)
}

// HeUniform is uniform in +-sqrt(6/fanIn).
func HeUniform(shape Shape, rng *rand.Rand) []float32 {
	fanIn, _ := fans(shape)
	return uniform(shape, math.Sqrt(6/fanIn), rng)
}

// HeNormal is normal with the standard deviation sqrt(2/fanIn). As in Keras, the distribution is cut off at two standard
// deviations and scaled so that its deviation after the cut is right.
func HeNormal(shape Shape, rng *rand.Rand) []float32 {
	const left = .87962566103423978 // standard deviation of a standard normal cut off at 2
	fanIn, _ := fans(shape)
	deviation := math.Sqrt(2/fanIn) / left
	return fill(shape, func() float64 {
		z := rng.NormFloat64()
		for math.Abs(z) > 2 {
			z = rng.NormFloat64()
		}
		return z * deviation
	})
}

// fans follow Keras: the last two axes are input and output channels, the axes before them the receptive field.
func fans(shape Shape) (in, out float64) {
	switch n := len(shape); n {
	case 0:
		return 1, 1
	case 1:
		return float64(shape[0]), float64(shape[0])
	default:
		receptive := float64(shape[:n-2].Size())
		return receptive * float64(shape[n-2]), receptive * float64(shape[n-1])
	}
}

// uniform fills with values in +-limit.
func uniform(shape Shape, limit float64, rng *rand.Rand) []float32 {
	return fill(shape, func() float64 { return (2*rng.Float64() - 1) * limit })
}

func fill(shape Shape, next func() float64) []float32 {
	values := make([]float32, shape.Size())
	for i := range values {
		values[i] = float32(next())
	}
	return values
}

// Initialize gives every variable that store lacks its initial value, from a random stream of the seed and the variable's
// path: the value depends neither on the engine nor on other variables.
func Initialize(store *model.Store, variables []Variable, seed uint64) error {
	for _, v := range variables {
		if store.GetVariable(v.Path()) != nil {
			continue
		}
		hash := fnv.New64a()
		hash.Write([]byte(v.Path()))
		rng := rand.New(rand.NewPCG(seed, hash.Sum64()))
		if err := SetVariable(store, v, v.Init(v.Shape, rng)); err != nil {
			return err
		}
	}
	return nil
}

// SetVariable creates v in store with the given values, or replaces its value.
func SetVariable(store *model.Store, v Variable, values []float32) error {
	tensor := tensors.FromFlatDataAndDimensions(values, v.Shape...)
	if existing := store.GetVariable(v.Path()); existing != nil {
		return existing.SetValue(tensor)
	}
	created, err := store.CreateVariable(v.Path(), tensor)
	if err == nil {
		created.SetTrainable(v.Trainable)
	}
	return err
}
