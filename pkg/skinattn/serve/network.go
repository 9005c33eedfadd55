package serve

import (
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// network is what computes. Tests have others than [compiled].
type network interface {
	// info describes the network.
	info() *skinattn.Network
	// meanAge stands in for an unknown age.
	meanAge() float64
	// prepare makes the network's input of a decoded photo. It is called by several
	// goroutines, the methods below by one.
	prepare(photo *imaging.RGB) *input
	// upright is the photo itself, [Size Size 3]. Several goroutines call it.
	upright(in *input) []float32
	// capacity is the greatest number of photos that predict may ever take.
	capacity() int
	// warm makes the next of the preparations without which predict(one photo) works, and
	// reports whether there are more.
	warm() (more bool, err error)
	// together is the greatest number of photos that predict takes now.
	together() int
	// predict returns the prediction of each photo.
	predict(inputs []*input) ([]skinattn.Prediction, error)
	// sweep returns the probabilities of one photo for other patients.
	sweep(in *input, patients []skinattn.Metadata) ([][]float32, error)
	// explain returns maps for a class.
	explain(in *input, class int) ([]explain.Map, error)
	// release takes back the memory of an input that is not used any more. Several
	// goroutines call it.
	release(in *input)
	// close frees the network.
	close()
}

// input is a photo as the network takes it.
type input struct {
	size     Size // of the photo as it was sent
	view     image.Rectangle
	pixels   []float32 // [PhotoSize PhotoSize 3]; nil: bytes
	bytes    []uint8   // the same, of a photo that needed no resizing: a quarter of the memory
	metadata skinattn.Metadata
}

// floats are the pixels as floats.
func (in *input) floats() []float32 {
	if in.bytes == nil {
		return in.pixels
	}
	floats := make([]float32, len(in.bytes))
	imaging.RGBOrder.Floats(floats, in.bytes)
	return floats
}

// compiled is a network on an engine.
type compiled struct {
	model     *skinattn.Model
	whole     *skinattn.Views // the upright photo: views of a network without turned ones
	sweeper   *skinattn.Sweeper
	explainer *explain.Explainer
	most      int
	alone     []skinattn.Prediction // of the probe
	steps     []func() error        // that warm has not made
	buffers   chan []float32        // for input.pixels
	ofBytes   chan []uint8          // for input.bytes
}

// newCompiled compiles, or loads, what the prediction of one photo needs. The other programs
// come with warm: the first answers need not wait for them. It closes nothing of model's.
func newCompiled(ctx context.Context, model *skinattn.Model, companion Companion) (c *compiled, err error) {
	net := *model.Network
	net.Views = 0
	c = &compiled{model: model, whole: net.NewViews(), most: 1}
	c.buffers, c.ofBytes = make(chan []float32, preparedBatches*c.capacity()), make(chan []uint8, preparedBatches*c.capacity())
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if model.Metadata {
		if c.sweeper, err = model.NewSweeper(); err != nil {
			return nil, err
		}
	}
	options := explain.DefaultOptions()
	if !model.SoftAttention {
		options.Methods = []explain.Method{explain.GradCAM}
	}
	if c.explainer, err = explain.New(model, options); err != nil {
		return nil, err
	}
	probe := c.prepare(probePhoto())
	if probe.metadata, err = (skinattn.Metadata{Age: 50}).Complete(0); err != nil {
		return nil, err
	}
	if c.alone, err = c.predict([]*input{probe}); err != nil {
		return nil, err
	}
	for n := 2; n <= c.capacity(); n *= 2 {
		c.steps = append(c.steps, func() error { return c.tryTogether(probe, n) })
	}
	if c.sweeper != nil {
		c.steps = append(c.steps, func() error {
			_, err := c.sweep(probe, sweepPatients(probe.metadata))
			return err
		})
	}
	c.steps = append(c.steps, func() error {
		_, err := c.explain(probe, 0)
		return err
	})
	if companion != nil && (companion.HasSimilar() || companion.Rule() != nil) {
		c.steps = append(c.steps, func() error {
			_, _, err := companion.Compare(context.WithoutCancel(ctx), c.upright(probe), similarPhotos)
			return err
		})
	}
	return c, nil
}

func (c *compiled) warm() (more bool, err error) {
	if len(c.steps) == 0 {
		return false, nil
	}
	step := c.steps[0]
	c.steps = c.steps[1:]
	return len(c.steps) > 0, step()
}

// maxTogether is the greatest number of photos in a batch, however small their views.
const maxTogether = 32

// capacity is as many photos as the model's batch has room for, a power of two.
func (c *compiled) capacity() int {
	n := 1
	for 2*n <= maxTogether && 2*n*max(1, c.model.Views) <= c.model.Batch() {
		n *= 2
	}
	return n
}

// tryTogether lets n photos be predicted together, a power of two, if half as many may and
// a photo's prediction then has the same bits as by itself. Programs for other numbers of
// rows may round differently.
func (c *compiled) tryTogether(probe *input, n int) error {
	if c.most < n/2 {
		return nil
	}
	together, err := c.predict(slices.Repeat([]*input{probe}, n))
	if err != nil {
		return err
	}
	for _, p := range together {
		if !slices.Equal(p.Probabilities, c.alone[0].Probabilities) {
			return nil
		}
	}
	c.most = n
	return nil
}

// probePhoto has smooth colours and edges, so that every rounding shows.
func probePhoto() *imaging.RGB {
	const size = 256
	photo := &imaging.RGB{Width: size, Height: size, Pix: make([]uint8, 3*size*size)}
	for y := range size {
		for x := range size {
			at := photo.Pix[3*(y*size+x):]
			at[0], at[1], at[2] = uint8(200-x/4), uint8(150-y/3), uint8((x*y)>>8)
			if (x-120)*(x-120)+(y-130)*(y-130) < 60*60 {
				at[0], at[1] = at[0]/2, at[1]/3
			}
		}
	}
	return photo
}

func (c *compiled) info() *skinattn.Network { return c.model.Network }
func (c *compiled) meanAge() float64        { return c.model.MeanAge() }
func (c *compiled) together() int           { return c.most }

func (c *compiled) prepare(photo *imaging.RGB) *input {
	in := &input{size: Size{photo.Width, photo.Height}, view: c.model.Resize.View(photo.Width, photo.Height)}
	size := c.model.PhotoSize()
	// Only views are made of bytes: an engine would take another program for them.
	if c.model.Views > 0 && c.model.Resize.Keeps(photo, size) {
		in.bytes = taken(c.ofBytes, size*size*3)
		c.model.Resize.Crop(in.bytes, photo, size)
	} else {
		in.pixels = taken(c.buffers, size*size*3)
		c.model.Resize.ResizeTo(in.pixels, photo, size)
	}
	return in
}

// taken is memory of n values, used ones if there are any.
func taken[T any](used chan []T, n int) []T {
	select {
	case values := <-used:
		return values
	default:
		return make([]T, n)
	}
}

// keep gives memory back for the next one.
func keep[T any](used chan []T, values []T) {
	select {
	case used <- values:
	default:
	}
}

func (c *compiled) upright(in *input) []float32 {
	pixels := make([]float32, c.model.Size*c.model.Size*3)
	c.whole.Fill(pixels, in.floats(), 0)
	return pixels
}

func (c *compiled) predict(inputs []*input) ([]skinattn.Prediction, error) {
	metadata := make([]skinattn.Metadata, len(inputs))
	for i, in := range inputs {
		metadata[i] = in.metadata
	}
	images := skinattn.Bytes(len(inputs), func(i int) []uint8 { return inputs[i].bytes })
	if slices.ContainsFunc(inputs, func(in *input) bool { return in.bytes == nil }) {
		floats := make([][]float32, len(inputs))
		for i, in := range inputs {
			floats[i] = in.floats()
		}
		images = skinattn.Held(len(inputs), func(i int) []float32 { return floats[i] })
	}
	return c.model.PredictViews(context.Background(), skinattn.Request{Images: images, Metadata: metadata})
}

func (c *compiled) sweep(in *input, patients []skinattn.Metadata) ([][]float32, error) {
	return c.sweeper.Sweep(context.Background(), in.floats(), patients)
}

func (c *compiled) explain(in *input, class int) ([]explain.Map, error) {
	explained, err := c.explainer.ExplainAll(context.Background(), explain.Request{
		Images:   skinattn.Floats(1, func(_ int, dst []float32) { c.whole.Fill(dst, in.floats(), 0) }),
		Metadata: []skinattn.Metadata{in.metadata},
		Classes:  []int{class},
	})
	if err != nil {
		return nil, err
	}
	if len(explained) != 1 {
		return nil, fmt.Errorf("explaining: %d explanations of one photo", len(explained))
	}
	return explained[0].Maps, nil
}

// release gives the memory of an input back for the next one.
func (c *compiled) release(in *input) {
	if in.bytes != nil {
		keep(c.ofBytes, in.bytes)
	} else {
		keep(c.buffers, in.pixels)
	}
	in.bytes, in.pixels = nil, nil
}

func (c *compiled) close() {
	if c.sweeper != nil {
		c.sweeper.Close()
	}
	if c.explainer != nil {
		c.explainer.Close()
	}
}
