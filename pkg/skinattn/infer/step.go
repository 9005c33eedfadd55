package infer

import (
	"context"

	"github.com/skinattn/skinattn/internal/parallel"
	"github.com/skinattn/skinattn/internal/simd"
)

// step computes one node, or several that were joined, in one or more phases. The threads of a team divide each phase among them,
// and wait for each other after it.
type step interface {
	phases(threads int) int
	run(f *frame, phase, part, parts int)
}

// memory is a step that takes memory of the threads beside the maps.
type memory interface {
	// floats are for each thread, and for all threads of a team together.
	floats(threads int) (own, shared int)
}

// packer is a step with kernels, which are packed once before it is used. Several steps are packed at the same time.
type packer interface{ pack() }

// builder makes the steps of some nodes.
type builder struct {
	level   simd.Level
	threads int
	nodes   []*node
	users   map[*node][]*node
	steps   []step
	blocks  []*block
}

func (b *builder) build(q *program) error {
	b.users = map[*node][]*node{}
	for _, n := range b.nodes {
		for _, in := range n.inputs() {
			b.users[in] = append(b.users[in], n)
		}
	}
	joined := map[*node]bool{} // computed within another node's step
	for _, n := range b.nodes {
		if n.kind != depthwiseNode {
			continue
		}
		if widen := b.widening(n); widen != nil {
			joined[widen] = true
		}
		if b.projection(n) != nil {
			joined[n] = true
		}
	}
	for _, n := range b.nodes {
		if joined[n] {
			continue
		}
		s, read, err := b.step(n)
		if err != nil {
			return err
		}
		if s == nil {
			continue
		}
		at := len(b.steps)
		b.steps = append(b.steps, s)
		b.live(n, at)
		for _, in := range read {
			b.live(in, at)
		}
	}
	for _, n := range b.nodes {
		if n.wanted {
			b.live(n, len(b.steps))
		}
	}
	// The kernels of the largest networks take a tenth of a second and more.
	err := parallel.ForWorkers(context.Background(), len(b.steps), b.threads, func() func(int) error {
		return func(i int) error {
			if s, ok := b.steps[i].(packer); ok {
				s.pack()
			}
			return nil
		}
	})
	if err != nil {
		return err
	}
	q.steps, q.arena = b.steps, arrange(b.blocks)
	for _, s := range b.steps {
		if m, ok := s.(memory); ok {
			for threads := range b.threads {
				own, shared := m.floats(threads + 1)
				q.own, q.shared = max(q.own, own), max(q.shared, shared)
			}
		}
	}
	return nil
}

// live notes that a node's map is there at a step.
func (b *builder) live(n *node, at int) {
	p := n.place.block
	if p.last < 0 {
		b.blocks = append(b.blocks, p)
	}
	p.first, p.last = min(p.first, at), max(p.last, at)
}

// widening is the convolution whose output a depthwise convolution alone reads, and which can be computed a few rows at a time.
func (b *builder) widening(n *node) *node {
	p := n.in[0]
	if p.kind != convNode {
		return nil
	}
	if d := p.in[0]; d.kind == depthwiseNode && b.projection(d) == p {
		return nil // computed with the depthwise convolution before
	}
	if !p.wanted && len(b.users[p]) == 1 && n.before == nil &&
		p.before == nil && p.after == nil && p.gate == nil && p.residual == nil && p.first == 0 {
		return p
	}
	return nil
}

// projection is the 1x1 convolution that alone reads the output of a depthwise convolution.
func (b *builder) projection(n *node) *node {
	if n.wanted || len(b.users[n]) != 1 {
		return nil
	}
	p := b.users[n][0]
	if p.kind == convNode && p.in[0] == n && p.residual != n && p.window.pointwise() && p.before == nil && p.gate == nil && p.first == 0 {
		return p
	}
	return nil
}

// step is the step that computes n and the nodes whose maps it reads; nil if n's values are there already.
func (b *builder) step(n *node) (s step, read []*node, err error) {
	read = n.inputs()
	switch n.kind {
	case inputNode:
		return newInputStep(b.level, n), read, nil
	case carryNode:
		// Filled by the program for each image; see carryStep.
		b.live(n, 0)
		return nil, nil, nil
	case convNode:
		if d := n.in[0]; d.kind == depthwiseNode && b.projection(d) == n {
			s, read, err = b.bottleneck(d)
			if n.residual != nil {
				read = append(read[:len(read):len(read)], n.residual)
			}
			return s, read, err
		}
		if winogradPays(n) {
			return newWinogradStep(b.level, n), read, nil
		}
		return newConvStep(b.level, n), read, nil
	case depthwiseNode:
		return b.bottleneck(n)
	case affineNode, addNode, multiplyNode:
		return newLoopStep(b.level, n), read, nil
	case maxPoolNode, averagePoolNode:
		return &poolStep{b.level, n}, read, nil
	case meanNode:
		return &meanStep{b.level, n}, read, nil
	case concatNode:
		if step := newCopyStep(b.level, n); step != nil {
			return step, read, nil
		}
		// The parts are where they belong.
		b.live(n, len(b.steps))
		return nil, nil, nil
	case padNode:
		return &padStep{n}, read, nil
	case reshapeNode:
		if n.place.block == n.in[0].place.block {
			b.live(n, len(b.steps))
			return nil, nil, nil
		}
		return &reshapeStep{n}, read, nil
	case softmaxNode:
		return &softmaxStep{n}, read, nil
	case mapsNode:
		return &mapsStep{n}, read, nil
	case weighNode:
		return &weighStep{b.level, n}, read, nil
	}
	return nil, nil, &ErrUnsupported{Layer: n.layer, Why: "no step"}
}

// divided is the share of a thread of total, in whole units but for the end.
func divided(total, unit, part, parts int) (from, to int) {
	units := (total + unit - 1) / unit
	return min(units*part/parts*unit, total), min(units*(part+1)/parts*unit, total)
}

// onePhase is embedded in steps of one phase.
type onePhase struct{}

func (onePhase) phases(int) int { return 1 }

// float32s rounds; nil stays nil.
func float32s(values []float64) []float32 {
	if values == nil {
		return nil
	}
	s := make([]float32, len(values))
	for i, v := range values {
		s[i] = float32(v)
	}
	return s
}
