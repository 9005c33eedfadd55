//go:build cgo

// Command hlo writes the StableHLO text of one training step and of one
// prediction of the named networks, as XLA's CPU engine gets them: equal texts
// are equal programs, so that a change of the code that must not change the
// computation can be checked without running anything. Nothing is compiled.
// scripts/hlo.sh compares two commits with it.
//
//	go run ./scripts/hlo -out FOLDER [-batch 32] [-size 0] [-cuda] [NETWORK...]
//
// Without names it writes the programs of all networks. With -cuda the layers are
// told that the engine is a GPU; no GPU is needed.
//
// The steps are the steps of package bench: the default regime, through
// training.Stepper, and skinattn.Model. Batch and size decide which kernels the
// layers choose: at batch 32 and a network's own size (-size 0), predictions are
// computed in micro-batches, and so are the gradients of the wide maps of
// MobileNetV2.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/stablehlo"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
)

func main() {
	out := flag.String("out", "", "folder for NETWORK-MODE.mlir")
	batch := flag.Int("batch", 32, "images of a step")
	size := flag.Int("size", 0, "width and height of the images in pixels; 0: the network's own")
	cuda := flag.Bool("cuda", false, "the programs for a GPU")
	flag.Parse()
	if err := dump(*out, *batch, *size, *cuda, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "hlo:", err)
		os.Exit(1)
	}
}

func dump(out string, batch, size int, cuda bool, networks []string) error {
	if out == "" {
		return errors.New("-out FOLDER is needed")
	}
	if len(networks) == 0 {
		for _, b := range backbone.Table {
			networks = append(networks, b.Name)
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	ctx := context.Background()
	eng, err := engine.Open(ctx, engine.CPU, engine.Options{Log: func(line string) { fmt.Fprintln(os.Stderr, line) }})
	if err != nil {
		return err
	}
	for _, network := range networks {
		for _, mode := range bench.Modes {
			recorder := &recorder{Backend: eng.Backend.(*xla.Backend), cuda: cuda}
			recording := *eng
			recording.Backend = recorder
			_, err := bench.Measure(ctx, &recording, bench.Config{Backbone: network, Mode: mode, Size: size, Batch: batch, Steps: 1, Seed: 1})
			if recorder.program == nil {
				return fmt.Errorf("%s of %s: no program was built: %w", mode, network, err)
			}
			path := filepath.Join(out, network+"-"+mode+".mlir")
			if err := os.WriteFile(path, recorder.program, 0o644); err != nil {
				return err
			}
			fmt.Println(path, len(recorder.program), "bytes")
		}
	}
	return nil
}

// recorder is an XLA backend whose builders keep the text of their program in
// place of compiling it.
type recorder struct {
	*xla.Backend
	cuda    bool
	program []byte
}

// IsCUDA tells the layers whether to build for a GPU.
func (r *recorder) IsCUDA() bool { return r.cuda }

// Builder implements compute.Backend.
func (r *recorder) Builder(name string) compute.Builder {
	return &recordingBuilder{Builder: r.Backend.Builder(name).(*xla.Builder), recorder: r}
}

type recordingBuilder struct {
	*xla.Builder
	recorder *recorder
}

var errRecorded = errors.New("the program was recorded, not compiled")

// Compile implements compute.Builder. It always returns an error, which ends the
// step before it is executed.
func (b *recordingBuilder) Compile() (compute.Executable, error) {
	// go-xla v0.4.3 has no way to get at the program of a builder but its log.
	field := reflect.ValueOf(b.Builder).Elem().FieldByName("builder")
	text, err := (*(**stablehlo.Builder)(unsafe.Pointer(field.UnsafeAddr()))).Build()
	if err != nil {
		return nil, err
	}
	if b.recorder.program != nil {
		return nil, errors.New("a second program was built")
	}
	b.recorder.program = text
	return nil, errRecorded
}
