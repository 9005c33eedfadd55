package skinattn_test

import (
	"fmt"
	"math"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// The authors' MobileNetV2 with metadata, and the layers on both sides of its cut. No
// engine is needed to describe a network.
func ExampleNewNetwork() {
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		fmt.Println(err)
		return
	}
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	total, trainable := net.Graph.Parameters()
	fmt.Println("takes", net.InputShape(), "in", net.ChannelOrder, "order, scaled as", net.Preprocess)
	fmt.Println("cut at", net.Cut, "with features", net.FeatureShape())
	fmt.Println("parameters:", total, "of which trainable:", trainable)
	// Output:
	// takes [224 224 3] in bgr order, scaled as tf
	// cut at block_14_depthwise with features [7 7 960]
	// parameters: 1354714 of which trainable: 1334039
}

// Unknown metadata are completed before they are encoded: the age by the mean of the
// training part, words by "unknown".
func ExampleMetadata_Complete() {
	patient, err := skinattn.Metadata{Age: math.NaN(), Localization: "back"}.Complete(51.5)
	fmt.Printf("%+v %v\n", patient, err)
	_, err = skinattn.Metadata{Age: 40, Sex: "male", Localization: "knee"}.Complete(51.5)
	fmt.Println(err)
	// Output:
	// {Age:51.5 Sex:unknown Localization:back} <nil>
	// localization "knee" is unknown; choose one of abdomen, acral, back, chest, ear, face, foot, genital, hand, lower extremity, neck, scalp, trunk, unknown, upper extremity, anterior torso, head/neck
}

// Images are known by number. Bytes, as an image cache has them, stay bytes until they are
// on the engine; here one is looked at as the floats that the network sees.
func ExampleBytes() {
	photos := [][]uint8{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}} // of one pixel
	images := skinattn.Bytes(len(photos), func(i int) []uint8 { return photos[i] }).Slice(1, 3)
	pixel := make([]float32, 3)
	images.Floats(0, pixel)
	fmt.Println(images.Len(), pixel)
	// Output:
	// 2 [4 5 6]
}
