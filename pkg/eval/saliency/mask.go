package saliency

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// NearShare is the tolerance of [PointingNear] as a share of the longer side:
// the 15 pixels of Zhang et al. (2018) on photos of 500.
const NearShare = 0.03

// ErrEmptyMask is the error of [NewMask] for a mask without a pixel.
var ErrEmptyMask = errors.New("the mask is empty")

// Mask is the region that a map should point at.
type Mask struct {
	Width, Height int
	inside, near  []bool
	count         int // pixels inside
}

// NewMask prepares a mask of the given width, in row-major order. A pixel is near if
// its centre is at most tolerance pixels from the centre of a pixel inside. A mask
// without a pixel is [ErrEmptyMask].
func NewMask(inside []bool, width int, tolerance float64) (*Mask, error) {
	if width <= 0 || len(inside)%width != 0 {
		return nil, fmt.Errorf("mask of %d pixels: the width can't be %d", len(inside), width)
	}
	if !(tolerance >= 0) {
		return nil, fmt.Errorf("tolerance of %v pixels: it must not be negative", tolerance)
	}
	m := &Mask{Width: width, Height: len(inside) / width, inside: inside}
	for _, in := range inside {
		if in {
			m.count++
		}
	}
	if m.count == 0 {
		return nil, ErrEmptyMask
	}
	m.near = m.dilate(tolerance)
	return m, nil
}

// Share is the mask's share of the picture.
func (m *Mask) Share() float64 { return float64(m.count) / float64(len(m.inside)) }

// dilate returns the pixels within a distance of a pixel inside.
func (m *Mask) dilate(distance float64) []bool {
	near := slices.Clone(m.inside)
	reach := int(min(distance, float64(m.Width+m.Height)))
	for y := range m.Height {
		for x := range m.Width {
			if !m.inside[y*m.Width+x] || m.interior(x, y) {
				continue
			}
			for dy := -min(reach, y); dy <= min(reach, m.Height-1-y); dy++ {
				span := int(math.Sqrt(distance*distance - float64(dy*dy)))
				for nx := max(x-span, 0); nx <= min(x+span, m.Width-1); nx++ {
					near[(y+dy)*m.Width+nx] = true
				}
			}
		}
	}
	return near
}

// interior reports whether all four neighbours of a pixel are inside: every pixel near
// it is then inside or near another pixel inside.
func (m *Mask) interior(x, y int) bool {
	at := y*m.Width + x
	return x > 0 && x < m.Width-1 && y > 0 && y < m.Height-1 &&
		m.inside[at-1] && m.inside[at+1] && m.inside[at-m.Width] && m.inside[at+m.Width]
}

// Score compares a map on the mask's pixels, in row-major order, with the mask.
// Values that are negative or not finite are an error. The metrics of curves are
// NaN.
func (m *Mask) Score(values []float32) (Scores, error) {
	scores := Scores{Deletion: math.NaN(), Insertion: math.NaN()}
	if len(values) != len(m.inside) {
		return scores, fmt.Errorf("map of %d pixels for a mask of %d", len(values), len(m.inside))
	}
	var total, within float64
	for i, v := range values {
		if !(v >= 0) || math.IsInf(float64(v), 1) {
			return scores, fmt.Errorf("pixel %d of the map is %v: it must be a number of at least 0", i, v)
		}
		total += float64(v)
		if m.inside[i] {
			within += float64(v)
		}
	}
	if scores[MassInside] = within / total; total == 0 {
		scores[MassInside] = m.Share()
	}

	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	outside := len(values) - m.count
	taken, hits := 0, 0 // pixels brighter than the group, and how many of them are inside
	var intersection, wins float64
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && values[order[end]] == values[order[start]] {
			end++
		}
		in, near := 0, 0
		for _, i := range order[start:end] {
			if m.inside[i] {
				in++
			}
			if m.near[i] {
				near++
			}
		}
		size := end - start
		if start == 0 {
			scores[Pointing] = float64(in) / float64(size)
			scores[PointingNear] = float64(near) / float64(size)
		}
		if room := m.count - taken; room > 0 {
			intersection += float64(in) * float64(min(room, size)) / float64(size)
		}
		wins += float64(size-in) * (float64(hits) + float64(in)/2)
		taken += size
		hits += in
		start = end
	}
	scores[IoU] = intersection / (2*float64(m.count) - intersection)
	if scores[AUC] = math.NaN(); outside > 0 {
		scores[AUC] = wins / (float64(m.count) * float64(outside))
	}
	return scores, nil
}

// Coarse is the share of the mask in each cell of a rows x cols grid, in row-major
// order: the best map that such a grid allows. A pixel on a cell's edge counts to the
// cell of its centre.
func (m *Mask) Coarse(rows, cols int) []float32 {
	inside, all := make([]float32, rows*cols), make([]float32, rows*cols)
	for i, in := range m.inside {
		y, x := i/m.Width, i%m.Width
		cell := (2*y+1)*rows/(2*m.Height)*cols + (2*x+1)*cols/(2*m.Width)
		all[cell]++
		if in {
			inside[cell]++
		}
	}
	for cell, n := range all {
		if n > 0 {
			inside[cell] /= n
		}
	}
	return inside
}
