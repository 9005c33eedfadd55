package infer

import (
	"slices"

	"github.com/skinattn/skinattn/internal/simd"
)

// fusion joins nodes where one loop does the work of several layers. Every rule keeps the values of the nodes that are wanted.
type fusion struct {
	nodes   []*node // inputs before their users; nil where a node went
	outputs []*node
	users   map[*node][]*node
}

// fuse returns the nodes that compute the outputs, inputs before their users. It replaces outputs that have become others.
func fuse(nodes, outputs []*node) []*node {
	f := &fusion{nodes: nodes, outputs: outputs}
	for _, rule := range []func(i int, n *node){f.share, f.hardSigmoid, f.hardSwish, f.pad, f.subsample, f.poolFirst, f.follow, f.precede, f.gates} {
		f.clean()
		for i, n := range f.nodes {
			if n != nil {
				rule(i, n)
			}
		}
	}
	f.clean()
	return f.nodes
}

// clean drops the nodes that nothing wanted needs, and counts users.
func (f *fusion) clean() {
	needed := map[*node]bool{}
	f.users = map[*node][]*node{}
	for _, n := range slices.Backward(f.nodes) {
		if n == nil || !n.wanted && !needed[n] {
			continue
		}
		needed[n] = true
		for _, in := range n.inputs() {
			needed[in] = true
			f.users[in] = append(f.users[in], n)
		}
	}
	f.nodes = slices.DeleteFunc(f.nodes, func(n *node) bool { return !needed[n] })
}

// only says that one node alone reads p, and reads it once.
func (f *fusion) only(p *node) bool { return !p.wanted && len(f.users[p]) == 1 }

// absorb has p, which n alone reads, stand for n from now on, at n's place i: where all is there that n reads.
func (f *fusion) absorb(p *node, i int, n *node) {
	f.nodes[slices.Index(f.nodes, p)] = nil
	f.nodes[i] = p
	f.stand(p, n)
}

// stand has the users of n read p.
func (f *fusion) stand(p, n *node) {
	for _, user := range f.users[n] {
		user.replace(n, p)
	}
	f.users[p] = f.users[n]
	for i, output := range f.outputs {
		if output == n {
			f.outputs[i] = p
		}
	}
	p.wanted = p.wanted || n.wanted
	p.layer = n.layer
}

// share makes one of all activations of the same value: NASNet has a ReLU for each of its branches.
func (f *fusion) share(i int, n *node) {
	if n.kind != affineNode || n.scale != nil || n.wanted {
		return
	}
	for _, other := range f.users[n.in[0]] {
		if other == n || other.kind != affineNode || other.scale != nil || other.act != n.act {
			continue
		}
		if at := slices.Index(f.nodes, other); at >= 0 && at < i {
			f.nodes[i] = nil
			for _, user := range f.users[n] {
				user.replace(n, other)
			}
			f.users[other] = append(f.users[other], f.users[n]...)
			f.users[n.in[0]] = slices.DeleteFunc(f.users[n.in[0]], func(u *node) bool { return u == n })
			return
		}
	}
}

// uniform says that an affine is x*scale + shift for all channels, without activation.
func (n *node) uniform(scale, shift float64) bool {
	return n.kind == affineNode && n.scale != nil && n.act == simd.Activation{} &&
		!slices.ContainsFunc(n.scale, func(v float64) bool { return v != scale }) && !slices.ContainsFunc(n.shift, func(v float64) bool { return v != shift })
}

// hardSigmoid finds ReLU6(x+3)/6.
func (f *fusion) hardSigmoid(_ int, n *node) {
	if !n.uniform(1./6, 0) {
		return
	}
	clip := n.in[0]
	if clip.kind != affineNode || clip.scale != nil || clip.act != (simd.Activation{ReLU: true, Max: 6}) || !f.only(clip) {
		return
	}
	if plus := clip.in[0]; plus.uniform(1, 3) && f.only(plus) {
		n.in = plus.in
		n.affine = affine{act: simd.Activation{HardSigmoid: true}}
	}
}

// hardSwish finds x times its hard sigmoid.
func (f *fusion) hardSwish(_ int, n *node) {
	if n.kind != multiplyNode {
		return
	}
	for k, gate := range n.in {
		x := n.in[1-k]
		if gate.kind == affineNode && gate.scale == nil && gate.act.HardSigmoid && gate.in[0] == x && f.only(gate) {
			n.kind, n.in, n.affine = affineNode, []*node{x}, affine{act: simd.Activation{HardSwish: true}}
			return
		}
	}
}

// pad moves pads and crops into the windows behind them.
func (f *fusion) pad(_ int, n *node) {
	p := (*node)(nil)
	if len(n.in) > 0 {
		p = n.in[0]
	}
	if p == nil || p.kind != padNode {
		return
	}
	switch n.kind {
	case maxPoolNode, averagePoolNode:
		if n.window.pad != [2][2]int{} {
			return
		}
		n.window.zeros = true
	case depthwiseNode:
		for _, pads := range p.window.pad {
			if min(pads[0], pads[1]) < 0 {
				return
			}
		}
	case convNode, padNode:
	default:
		return
	}
	for axis, pads := range p.window.pad {
		for side, pad := range pads {
			if pad < 0 && n.window.pad[axis][side] > 0 { // cut off, then filled with zeros
				return
			}
		}
	}
	for axis, pads := range p.window.pad {
		for side, pad := range pads {
			n.window.pad[axis][side] += pad
		}
	}
	n.in[0] = p.in[0]
}

// subsample moves the stride of an average of single positions into the 1x1 convolution behind it.
func (f *fusion) subsample(_ int, n *node) {
	if n.kind != convNode || !n.window.pointwise() {
		return
	}
	if p := n.in[0]; p.kind == averagePoolNode && p.window.size == [2]int{1, 1} && f.only(p) {
		n.window, n.in[0] = p.window, p.in[0]
		n.window.zeros = false
	}
}

// poolFirst exchanges a 1x1 convolution and the mean over windows behind it: both are linear, and the mean of fewer positions
// is left to be convolved, a quarter in DenseNet's transitions.
func (f *fusion) poolFirst(i int, n *node) {
	if n.kind != averagePoolNode || n.window.stride < 2 || n.window.zeros {
		return
	}
	p := n.in[0]
	if p.kind != convNode || !p.window.pointwise() || !p.linear() || !f.only(p) {
		return
	}
	f.nodes[slices.Index(f.nodes, p)], f.nodes[i] = n, p
	users := f.users[p.in[0]]
	users[slices.Index(users, p)] = n
	f.stand(p, n)
	p.shape = shape{n.rows, n.cols, p.channels}
	n.in[0], p.in[0] = p.in[0], n
	n.channels = n.in[0].channels
	f.users[n] = []*node{p}
	n.wanted = false
}

// follow joins batch norms, activations and additions with what comes before them.
func (f *fusion) follow(i int, n *node) {
	switch n.kind {
	case affineNode:
		f.followAffine(i, n)
	case addNode:
		// The last convolution of a residual block adds the block's input.
		for k := 1; k >= 0; k-- {
			p, residual := n.in[k], n.in[1-k]
			if p.kind != convNode || !p.linear() || !f.only(p) || p == residual || k == 0 && n.factor != 1 {
				continue
			}
			if n.factor != 1 {
				p.scaleBy(filled(p.channels, n.factor), make([]float64, p.channels))
			}
			f.absorb(p, i, n)
			p.residual, p.act = residual, n.act
			for u, user := range f.users[residual] {
				if user == n {
					f.users[residual][u] = p
				}
			}
			return
		}
	}
}

func (f *fusion) followAffine(i int, n *node) {
	p := n.in[0]
	if !f.only(p) {
		return
	}
	switch {
	case p.linear(), p.kind == affineNode && p.act == simd.Activation{} && p.scale != nil:
		if n.scale != nil {
			p.scaleBy(n.scale, n.shift)
		}
		p.act = n.act
	case n.scale == nil && p.act == simd.Activation{} && p.after == nil && (p.kind == convNode || p.kind == addNode || p.kind == multiplyNode):
		p.act = n.act
	case n.scale != nil && p.kind == convNode && p.after == nil:
		after := n.affine
		p.after = &after
	case n.scale == nil && p.kind == convNode && p.after != nil && p.after.act == simd.Activation{}:
		p.after.act = n.act
	default:
		return
	}
	f.absorb(p, i, n)
}

// scaleBy makes n's value times scale plus shift of n's value.
func (n *node) scaleBy(scale, shift []float64) {
	if n.scale == nil {
		n.scale = filled(n.channels, 1)
	}
	if n.shift == nil {
		n.shift = make([]float64, n.channels)
	}
	s, t := make([]float64, n.channels), make([]float64, n.channels)
	for c := range s {
		s[c], t[c] = n.scale[c]*scale[c], n.shift[c]*scale[c]+shift[c]
	}
	n.scale, n.shift = s, t
}

// precede moves a batch norm and activation into the 1x1 convolution that alone reads it, and into every depthwise
// convolution, which copies its input anyway.
func (f *fusion) precede(_ int, n *node) {
	if n.before != nil || len(n.in) == 0 {
		return
	}
	p := n.in[0]
	if p.kind != affineNode || p.positions() == 1 {
		return
	}
	if n.kind == depthwiseNode || n.kind == convNode && n.window.pointwise() && n.first == 0 && f.only(p) {
		before := p.affine
		n.before, n.in[0] = &before, p.in[0]
	}
}

// gates moves the product of squeeze-and-excite into the 1x1 convolution behind it.
func (f *fusion) gates(_ int, n *node) {
	if n.kind != convNode || !n.window.pointwise() || n.before != nil || n.first != 0 {
		return
	}
	p := n.in[0]
	if p.kind == multiplyNode && p.act == (simd.Activation{}) && f.only(p) && p.positions() > 1 && p.in[1].positions() == 1 {
		n.gate, n.in[0] = p.in[1], p.in[0]
	}
}
