package layers_test

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// small is a network of 7 layers for images of 32 pixels.
func small() *layers.Graph {
	net := &layers.Graph{}
	x := net.Add("image", layers.Input{Dims: layers.Shape{32, 32, 3}})
	x = net.Add("conv", layers.Conv2D{Filters: 8, Kernel: [2]int{3, 3}, Stride: 2, Padding: layers.Same, Bias: true}, x)
	x = net.Add("bn", layers.BatchNormalization{Epsilon: 1e-3, Momentum: .99}, x)
	x = net.Add("relu", layers.ReLU{}, x)
	x = net.Add("attention", layers.SoftAttention{Heads: 16}, x)
	x = net.Add("pool", layers.GlobalAveragePooling2D{}, x)
	net.Add("scores", layers.Dense{Units: 7, Activation: "softmax"}, x)
	return net
}

// A network is data: shapes and parameters are known without an engine.
func ExampleGraph() {
	net := small()
	for _, layer := range net.Layers() {
		fmt.Printf("%-10s %v\n", layer.Name, layer.Out)
	}
	total, trainable := net.Parameters()
	fmt.Println(total, "parameters,", trainable, "trainable")
	// Output:
	// image      [32 32 3]
	// conv       [16 16 8]
	// bn         [16 16 8]
	// relu       [16 16 8]
	// attention  [16 16 8]
	// pool       [8]
	// scores     [7]
	// 1487 parameters, 1471 trainable
}

// Variables have the names and shapes that they have in Keras's weight files.
func ExampleGraph_Variables() {
	for _, v := range small().Variables() {
		fmt.Println(v.Path(), v.Shape)
	}
	// Output:
	// /conv/kernel [3 3 3 8]
	// /conv/bias [8]
	// /bn/gamma [8]
	// /bn/beta [8]
	// /bn/moving_mean [8]
	// /bn/moving_variance [8]
	// /attention/kernel_conv3d [8 3 3 1 16]
	// /attention/bias_conv3d [16]
	// /scores/kernel [8 7]
	// /scores/bias [7]
}

// Shapes that do not fit are errors of the code that builds the network; Try turns
// the panic into an error.
func ExampleTry() {
	err := layers.Try(func() {
		net := &layers.Graph{}
		x := net.Add("image", layers.Input{Dims: layers.Shape{2, 2, 3}})
		net.Add("conv", layers.Conv2D{Filters: 8, Kernel: [2]int{3, 3}, Stride: 1, Padding: layers.Valid}, x)
	})
	fmt.Println(err)
	// Output: layer "conv": a window of 3x3 does not fit into a map of 2x2: the image is too small for this network
}

// A cut network keeps the layers that its last layer depends on.
func ExampleGraph_Cut() {
	part, err := small().Cut("relu")
	if err != nil {
		panic(err)
	}
	fmt.Println(len(part.Layers()), "layers, the last one gives", part.Last().Out)
	// Output: 4 layers, the last one gives [16 16 8]
}

// Builder adds a network to a GoMLX graph. The weights are in a store, here the
// initial ones.
func ExampleBuilder() {
	net := small()
	store := model.NewStore()
	if err := layers.Initialize(store, net.Variables(), 1); err != nil {
		panic(err)
	}
	eng, err := engine.Open(context.Background(), engine.Go, engine.Options{})
	if err != nil {
		panic(err)
	}
	exec := model.MustNewExec(eng.Backend, store, func(_ *model.Scope, images *graph.Node) []*graph.Node {
		b := layers.Builder{Store: store}
		outputs := b.Build(net, map[string]*graph.Node{"image": images})
		return []*graph.Node{outputs["scores"], outputs[layers.MapsOf("attention")]}
	})
	defer exec.Finalize()
	results := exec.MustCall(tensors.FromFlatDataAndDimensions(make([]float32, 2*32*32*3), 2, 32, 32, 3))
	fmt.Println(results[0].Shape(), results[1].Shape())
	// Output: (Float32)[2, 7] (Float32)[2, 16, 16, 16]
}
