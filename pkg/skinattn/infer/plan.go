package infer

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"unsafe"

	"github.com/skinattn/skinattn/internal/parallel"
	"github.com/skinattn/skinattn/internal/simd"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Options of Compile.
type Options struct {
	Level simd.Level // the vector instructions
	// Pixels says of which input layers the values are pixels, and how they are scaled; the others get their values as they are.
	Pixels map[string]*Pixels
	// Threads is the number of cores that a Run takes; 0: as many as Go may use.
	Threads int
}

// Plan computes outputs of a network. It is safe for use by several goroutines.
type Plan struct {
	level   simd.Level
	threads int
	inputs  map[string]*node
	outputs []*node
	carried []*node // what the second program takes of the first
	each    program // what is computed of each image by itself
	all     program // what is computed of vectors of all images together, such as dense layers, whose kernels are large

	mu     sync.Mutex
	frames []*frame // not in use
	poison bool     // tests: frames begin with NaN
}

// program is a list of steps and the memory that they take.
type program struct {
	steps  []step
	arena  int // floats for an image
	shared int // floats that the threads of a team share in a step
	own    int // floats that a thread has for itself in a step
}

// Compile makes the plan that computes the named outputs of a graph: layers, LogitsOf a layer, or MapsOf a layer. The weights
// are read once; a plan does not follow them. A layer that has no kernels is an [*ErrUnsupported].
func Compile(graph *layers.Graph, weights Weights, outputs []string, o Options) (*Plan, error) {
	l := &lowering{graph: graph, weights: weights, pixels: o.Pixels}
	if err := l.lower(); err != nil {
		return nil, err
	}
	p := &Plan{level: o.Level, threads: o.Threads, inputs: map[string]*node{}}
	if p.threads <= 0 {
		p.threads = parallel.Cores()
	}
	for _, name := range outputs {
		n := l.values[name]
		if n == nil {
			return nil, fmt.Errorf("the network has no output %q", name)
		}
		n.wanted = true
		p.outputs = append(p.outputs, n)
	}
	nodes := fuse(l.nodes, p.outputs)
	for _, n := range nodes {
		if n.kind == inputNode {
			p.inputs[n.layer] = n
		}
	}
	each, all := divide(nodes)
	for _, n := range all {
		if n.kind == carryNode {
			p.carried = append(p.carried, n)
			n.in[0].wanted = true // to the end of its program
		}
	}
	for _, part := range []struct {
		nodes   []*node
		program *program
	}{{each, &p.each}, {all, &p.all}} {
		placeAll(part.nodes)
		b := &builder{level: p.level, threads: p.threads, nodes: part.nodes}
		if err := b.build(part.program); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// divide separates what is computed of vectors, up to the end, from what comes before it. A depthwise convolution stays with
// its image: its kernel is small, and threads share rows of one image.
func divide(nodes []*node) (each, all []*node) {
	users := map[*node][]*node{}
	for _, n := range slices.Backward(nodes) {
		n.tail = n.positions() == 1 && n.kind != meanNode && n.kind != depthwiseNode && !slices.ContainsFunc(n.inputs(), func(in *node) bool { return in.positions() > 1 }) &&
			!slices.ContainsFunc(users[n], func(user *node) bool { return !user.tail })
		for _, in := range n.inputs() {
			users[in] = append(users[in], n)
		}
	}
	carried := map[*node]*node{}
	for _, n := range nodes {
		if !n.tail {
			each = append(each, n)
			continue
		}
		for _, in := range n.inputs() {
			if in.tail {
				continue
			}
			if carried[in] == nil {
				carried[in] = &node{kind: carryNode, layer: in.layer, in: []*node{in}, shape: in.shape, tail: true}
				all = append(all, carried[in])
			}
			n.replace(in, carried[in])
		}
		all = append(all, n)
	}
	return each, all
}

// OutputSizes are how many values an image has in each output.
func (p *Plan) OutputSizes() []int {
	sizes := make([]int, len(p.outputs))
	for i, output := range p.outputs {
		sizes[i] = output.size()
	}
	return sizes
}

// Input is what a plan computes of: the values of an input layer of all images, one image after the other, as bytes or as floats, or a function that makes them.
type Input struct {
	Bytes  []uint8 // pixels
	Floats []float32
	// Row writes a row of the pixels of an image, where they are needed. Several threads call it at the same time.
	Row func(image, row int, dst []float32)
}

// Run computes the outputs of n images. inputs has the values of each input layer. results has, for each output of Compile that is wanted, the
// values of all images, one after the other, in row-major order; a nil slice is not filled, and missing ones at the end are not wanted.
func (p *Plan) Run(ctx context.Context, n int, inputs map[string]Input, results [][]float32) error {
	if n == 0 {
		return nil
	}
	for name, input := range p.inputs {
		in, ok := inputs[name]
		if size := n * input.size(); !ok || len(in.Floats) != size && (input.pixels == nil || len(in.Bytes) != size && in.Row == nil) {
			return fmt.Errorf("input %q: %d images take %d values; there are %d", name, n, size, max(len(in.Floats), len(in.Bytes)))
		}
	}
	for i, result := range results {
		if size := n * p.outputs[i].size(); result != nil && len(result) != size {
			return fmt.Errorf("output %d of %d images takes %d values; there is room for %d", i, n, size, len(result))
		}
	}
	e := &execution{plan: p, images: n, inputs: inputs, results: results}
	e.vectors = p.frame(&p.all, n, p.threads)
	defer p.release(e.vectors)
	e.vectors.execution = e
	// As many teams as there are images, up to one for each core.
	teams := min(p.threads, n)
	if err := e.computeEach(ctx, teams, p.threads/teams); err != nil {
		return err
	}
	if len(p.all.steps) > 0 || len(p.all.copies(p)) > 0 {
		return e.vectors.run(&p.all)
	}
	return nil
}

// copies are the outputs that a program has; see frame.run.
func (q *program) copies(p *Plan) (indices []int) {
	for i, output := range p.outputs {
		if output.tail == (q == &p.all) {
			indices = append(indices, i)
		}
	}
	return indices
}

// execution is one Run.
type execution struct {
	plan    *Plan
	images  int
	inputs  map[string]Input
	results [][]float32
	vectors *frame // of the program for all images
}

// computeEach computes each image by itself. The teams take one image after the other.
func (e *execution) computeEach(ctx context.Context, teams, threads int) error {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		next  int
		first error
	)
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = ctx.Err()
		}
		if first != nil || next == e.images {
			return -1
		}
		next++
		return next - 1
	}
	work := func() {
		f := e.plan.frame(&e.plan.each, 1, threads)
		defer e.plan.release(f)
		f.execution = e
		for image := take(); image >= 0; image = take() {
			f.image = image
			if err := f.run(&e.plan.each); err != nil {
				mu.Lock()
				first = err
				mu.Unlock()
			}
		}
	}
	for range teams - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	return first
}

// frame is the memory of a team of threads while it runs a program.
type frame struct {
	arena     []float32
	shared    []float32
	own       [][]float32 // by thread
	program   *program
	execution *execution
	images    int // that are computed together
	image     int // the first of them in the execution
}

// frame returns a frame that is not in use.
func (p *Plan) frame(q *program, images, threads int) *frame {
	p.mu.Lock()
	var f *frame
	if i := slices.IndexFunc(p.frames, func(f *frame) bool {
		return f.program == q && len(f.own) == threads && len(f.arena) >= q.arena*images
	}); i >= 0 {
		f = p.frames[i]
		p.frames = slices.Delete(p.frames, i, i+1)
	}
	p.mu.Unlock()
	if f == nil {
		f = &frame{program: q, arena: floats(q.arena * images), shared: floats(q.shared), own: make([][]float32, threads)}
		for i := range f.own {
			f.own[i] = floats(q.own)
		}
	}
	f.images, f.image = images, 0
	if p.poison {
		for _, memory := range append([][]float32{f.arena, f.shared}, f.own...) {
			for i := range memory {
				memory[i] = float32(math.NaN())
			}
		}
	}
	return f
}

// mostFrames are kept for the next Run.
const mostFrames = 8

func (p *Plan) release(f *frame) {
	f.execution = nil
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.frames) < max(mostFrames, p.threads+1) {
		p.frames = append(p.frames, f)
	}
}

// at is the memory of a map of image k of the frame, from its first position on.
func (f *frame) at(n *node, k int) []float32 {
	b := n.place.block
	return f.arena[b.offset*f.images+k*b.size+n.place.base : b.offset*f.images+(k+1)*b.size]
}

// run takes all steps and then copies the outputs.
func (f *frame) run(q *program) (err error) {
	if err := parallel.Team(len(f.own), func(part int, wait func()) { f.steps(q, part, wait) }); err != nil {
		return fmt.Errorf("computing a prediction: %w", err)
	}
	if q == &f.execution.plan.each {
		f.carry()
	}
	for _, i := range q.copies(f.execution.plan) {
		if i >= len(f.execution.results) || f.execution.results[i] == nil {
			continue
		}
		n := f.execution.plan.outputs[i]
		for k := range f.images {
			f.copyOut(n, k, f.execution.results[i][(f.image+k)*n.size():][:n.size()])
		}
	}
	return nil
}

// carry hands vectors of an image over to what is computed of all images together.
func (f *frame) carry() {
	vectors := f.execution.vectors
	for _, n := range f.execution.plan.carried {
		for k := range f.images {
			copy(vectors.at(n, f.image+k)[:n.channels], f.at(n.in[0], k))
		}
	}
}

func (f *frame) steps(q *program, part int, wait func()) {
	threads := len(f.own)
	for _, s := range q.steps {
		for phase := range s.phases(threads) {
			s.run(f, phase, part, threads)
			wait()
		}
	}
}

// copyOut writes a map in row-major order; attention maps [positions heads] as [heads positions].
func (f *frame) copyOut(n *node, k int, dst []float32) {
	src := f.at(n, k)
	if n.kind == mapsNode {
		for head := range n.heads {
			for i := range n.positions() {
				dst[head*n.positions()+i] = src[i*n.place.stride+head]
			}
		}
		return
	}
	for i := range n.positions() {
		copy(dst[i*n.channels:(i+1)*n.channels], src[n.offset(i):])
	}
}

// floats are n floats that begin at a cache line.
func floats(n int) []float32 {
	s := make([]float32, n+align)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(s)))/4) & (align - 1)
	return s[skip : skip+n : skip+n]
}
