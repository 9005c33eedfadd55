package saliency

// Curves are the mean deletion and insertion curves of several methods over the
// same images.
type Curves struct {
	Methods []string
	Steps   int // equal steps from 0 to all pixels
	Images  int
	// Deletion and Insertion have, for each method and each of Steps+1 points, the
	// sum over images of the probability; see Mean.
	Deletion, Insertion [][]float64
}

// NewCurves returns curves of no image.
func NewCurves(methods []string, steps int) *Curves {
	c := &Curves{Methods: methods, Steps: steps}
	for range methods {
		c.Deletion = append(c.Deletion, make([]float64, steps+1))
		c.Insertion = append(c.Insertion, make([]float64, steps+1))
	}
	return c
}

// Add adds the curves of one image, [method][point].
func (c *Curves) Add(deletion, insertion [][]float64) {
	c.Images++
	for k := range c.Methods {
		for i := range c.Steps + 1 {
			c.Deletion[k][i] += deletion[k][i]
			c.Insertion[k][i] += insertion[k][i]
		}
	}
}

// Mean is a method's mean probability at point i of the curve of metric, Deletion
// or Insertion.
func (c *Curves) Mean(metric Metric, method, i int) float64 {
	if metric == Deletion {
		return c.Deletion[method][i] / float64(c.Images)
	}
	return c.Insertion[method][i] / float64(c.Images)
}

// Share is the share of pixels deleted or inserted at point i.
func (c *Curves) Share(i int) float64 { return float64(i) / float64(c.Steps) }
