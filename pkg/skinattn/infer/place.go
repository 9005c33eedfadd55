package infer

import (
	"math"
	"slices"
)

// block is memory that the arena has for an image while a map, or maps that are parts of it, are needed.
type block struct {
	size        int // floats
	first, last int // steps: written, and read for the last time
	offset      int // in the arena of one image, floats
}

// place says where a node's map lies in its block: position (r, c) at base + (r*pitch() + left + c)*stride.
type place struct {
	block       *block
	base        int
	stride      int // between positions
	left, right int // columns of zeros beside each row
}

func (n *node) pitch() int { return n.place.left + n.cols + n.place.right }

// offset is where position i of n's map begins, from [frame.at] on.
func (n *node) offset(i int) int {
	return (i/n.cols*n.pitch() + n.place.left + i%n.cols) * n.place.stride
}

// dense says that n's positions follow each other at one stride.
func (n *node) dense() bool { return n.place.left+n.place.right == 0 }

// align is what blocks begin at, in floats: a cache line.
const align = 16

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// stride is the distance of positions in a map of its own. Positions that lie a multiple of 2 KiB apart share few sets
// of the first cache, and convolutions read a dozen at once.
func stride(positions, channels int) int {
	if positions > 1 && channels%512 == 0 {
		return channels + align
	}
	return channels
}

// placeAll gives every node a place. A concatenation has its parts written where they belong, from the last
// concatenation to the first: the widest is the one that all others are parts of.
func placeAll(nodes []*node) {
	users := map[*node][]*node{}
	for _, n := range nodes {
		for _, in := range n.inputs() {
			users[in] = append(users[in], n)
		}
	}
	own := func(n *node) {
		s := stride(n.positions(), n.channels)
		for _, user := range users[n] {
			if user.kind == reshapeNode {
				s = n.channels
			}
		}
		left, right := 0, 0
		if n.kind == inputNode {
			left, right = inputPads(n, users[n])
		}
		n.place = place{block: &block{size: roundUp(n.rows*(left+n.cols+right)*s, align), first: math.MaxInt, last: -1}, stride: s, left: left, right: right}
	}
	for _, n := range slices.Backward(nodes) {
		if n.kind == reshapeNode {
			continue
		}
		if n.place.block == nil {
			own(n)
		}
		if n.kind != concatNode {
			continue
		}
		base := n.place.base
		for _, in := range n.in {
			if in.place.block == nil && in.kind != inputNode && in.kind != reshapeNode && in.kind != carryNode {
				in.place = place{block: n.place.block, base: base, stride: n.place.stride}
			}
			base += in.channels
		}
	}
	for _, n := range nodes {
		if n.kind != reshapeNode {
			continue
		}
		if in := n.in[0]; in.place.stride == in.channels && in.dense() {
			n.place = place{block: in.place.block, base: in.place.base, stride: n.channels}
		} else {
			own(n)
		}
	}
}

// inputPads are the columns of zeros beside an image that the convolutions behind it see, if all of them take few channels:
// a row of such a window is then one run of numbers.
func inputPads(n *node, users []*node) (left, right int) {
	for _, user := range users {
		if user.kind != convNode || user.channels == 0 || n.channels >= fewChannels || user.first != 0 {
			return 0, 0
		}
		pads := user.window.pad[1]
		if min(pads[0], pads[1]) < 0 {
			return 0, 0
		}
		left, right = max(left, pads[0]), max(right, pads[1])
	}
	return left, right
}

// fewChannels is where a convolution takes the rows of its window, not the positions, as taps.
const fewChannels = 8

// arrange gives the blocks offsets such that blocks that are needed at the same time do not overlap, and returns the size
// of the arena: the largest blocks choose first.
func arrange(blocks []*block) (size int) {
	blocks = slices.Clone(blocks)
	slices.SortStableFunc(blocks, func(a, b *block) int { return b.size - a.size })
	var placed []*block // by offset
	for _, b := range blocks {
		b.offset = 0
		for _, other := range placed {
			if other.first > b.last || b.first > other.last {
				continue
			}
			if b.offset+b.size <= other.offset {
				break
			}
			b.offset = max(b.offset, other.offset+other.size)
		}
		at, _ := slices.BinarySearchFunc(placed, b, func(x, y *block) int { return x.offset - y.offset })
		placed = slices.Insert(placed, at, b)
		size = max(size, b.offset+b.size)
	}
	return size
}
