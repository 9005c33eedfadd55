package layers

import "github.com/gomlx/gomlx/core/graph"

// slider is a window that slides over a map with a stride above one, seen from
// the map: which taps of which windows lie on a position depends only on the
// position's remainder by the stride, its phase.
type slider struct {
	in, out, window [2]int // rows and columns
	stride          int
	pad             Padding
}

// shift is the distance from u to the window whose tap lies on the map's
// position u*stride+phase, on one axis; there is none for some taps.
func (s slider) shift(axis, phase, tap int) (distance int, lies bool) {
	d := phase + s.pad[axis][0] - tap
	return d / s.stride, d%s.stride == 0
}

// back sums, at each position of the map [B H W C], the term of each tap that
// lies on it for the value of that window in y [B H' W' C]. The phases are
// computed apart, each over a dense part of y, and woven together: spreading y
// with zeros between its values first would compute stride² times as many
// terms, most of them zero.
func (s slider) back(y *Node, term func(tap int, at *Node) *Node) *Node {
	dims := y.Shape().Dimensions
	batch, channels := dims[0], dims[3]
	var units, first [2]int // positions of a phase; the lowest distance
	var margin Padding
	for axis := range units {
		units[axis] = (s.in[axis] + s.stride - 1) / s.stride
		last := 0
		for phase := range s.stride {
			for tap := range s.window[axis] {
				if distance, lies := s.shift(axis, phase, tap); lies {
					first[axis], last = min(first[axis], distance), max(last, distance)
				}
			}
		}
		margin[axis] = [2]int{-first[axis], max(0, units[axis]+last-s.out[axis])}
	}
	padded := padMap(y, margin, 1)
	phase := func(a, b int) *Node {
		var sum *Node
		for tap := range s.window[0] * s.window[1] {
			r, here := s.shift(0, a, tap/s.window[1])
			c, too := s.shift(1, b, tap%s.window[1])
			if !here || !too {
				continue
			}
			at := part(padded, [4]int{0, r - first[0], c - first[1], 0}, [4]int{batch, units[0], units[1], channels})
			sum = plus(sum, term(tap, at))
		}
		if sum == nil { // a stride longer than the window
			sum = graph.Zeros(y.Graph(), graphShape(y, batch, units[0], units[1], channels))
		}
		return sum
	}
	var rows []*Node
	for a := range s.stride {
		var columns []*Node
		for b := range s.stride {
			columns = append(columns, graph.ExpandAxes(phase(a, b), 3))
		}
		rows = append(rows, graph.Reshape(graph.Concatenate(columns, 3), batch, units[0], 1, units[1]*s.stride, channels))
	}
	woven := graph.Reshape(graph.Concatenate(rows, 2), batch, units[0]*s.stride, units[1]*s.stride, channels)
	return part(woven, [4]int{}, [4]int{batch, s.in[0], s.in[1], channels})
}
