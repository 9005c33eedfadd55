package jpeg

import "encoding/binary"

// A block holds the quantised coefficients of 8x8 samples, in row-major order.
type block [64]int16

// zigzag gives the place in row-major order for each place in a coded block (T.81
// figure A.6).
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
}

// frame is the frame header (T.81 B.2.2) with the samples decoded so far.
type frame struct {
	progressive   bool
	width, height int // in pixels
	hMax, vMax    int // largest sampling factors
	components    []component
	model         colorModel // set by finish
}

type component struct {
	id               uint8
	h, v             int // sampling factors
	quantDestination uint8
	width, height    int // of the picture, in samples
	scaleX, scaleY   int // pixels of the picture per sample, 1..4
	blocksX, blocksY int // of whole MCUs

	quant        *[64]uint16 // the table at the destination when the first scan began, as in libjpeg
	known        [64]uint8   // for each coefficient, in zigzag order: 1 + its lowest decoded bit; 0: none
	coefficients []block     // progressive: [blocksY][blocksX]
	pix          []uint8     // [8*blocksY][8*blocksX]: may reach over the picture's right and lower edges
}

func (c *component) stride() int { return 8 * c.blocksX }

// row returns the samples of row y of the picture.
func (c *component) row(y int) []uint8 { return c.pix[y*c.stride():][:c.width:c.width] }

func (c *component) block(x, y int) *block { return &c.coefficients[y*c.blocksX+x] }

func isFrameHeader(marker uint8) bool {
	return marker >= markerSOF0 && marker <= markerSOF15 && marker != markerDHT && marker != markerJPG && marker != markerDAC
}

// parseFrame reads a frame header. Processes that are not decoded are errors.
func parseFrame(marker uint8, p []byte) (*frame, error) {
	// SOF5..SOF7 and SOF13..SOF15 are differential, SOF9 and above arithmetic.
	switch process := marker - markerSOF0; {
	case process&3 == 3:
		return nil, unsupported("lossless process")
	case process >= 8:
		return nil, unsupported("arithmetic coding")
	case process >= 4:
		return nil, unsupported("hierarchical mode")
	}
	if len(p) < 6 {
		return nil, invalid("short frame header")
	}
	if p[0] != 8 {
		return nil, unsupported("%d bits a sample", p[0])
	}
	f := &frame{
		progressive: marker == markerSOF2,
		height:      int(binary.BigEndian.Uint16(p[1:])), width: int(binary.BigEndian.Uint16(p[3:])),
		hMax: 1, vMax: 1,
		components: make([]component, p[5]),
	}
	if f.width == 0 {
		return nil, invalid("width 0")
	}
	if f.height == 0 {
		return nil, unsupported("height 0, to be defined by a later segment (DNL)")
	}
	if n := len(f.components); n != 1 && n != 3 && n != 4 {
		return nil, unsupported("%d components", n)
	}
	if len(p) != 6+3*len(f.components) {
		return nil, invalid("frame header of %d bytes for %d components", len(p), len(f.components))
	}
	for i := range f.components {
		c := &f.components[i]
		spec := p[6+3*i:]
		c.id, c.h, c.v, c.quantDestination = spec[0], int(spec[1]>>4), int(spec[1]&15), spec[2]
		for _, other := range f.components[:i] {
			if other.id == c.id {
				return nil, invalid("two components have the identifier %d", c.id)
			}
		}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return nil, invalid("sampling factors %d x %d", c.h, c.v)
		}
		if c.quantDestination > 3 {
			return nil, invalid("quantisation table destination %d", c.quantDestination)
		}
		f.hMax, f.vMax = max(f.hMax, c.h), max(f.vMax, c.v)
	}
	for i := range f.components {
		c := &f.components[i]
		if f.hMax%c.h != 0 || f.vMax%c.v != 0 { // not in libjpeg either
			return nil, unsupported("sampling factors %d x %d beside %d x %d", c.h, c.v, f.hMax, f.vMax)
		}
		c.scaleX, c.scaleY = f.hMax/c.h, f.vMax/c.v
		c.width, c.height = ceilDiv(f.width, c.scaleX), ceilDiv(f.height, c.scaleY) // T.81 A.1.1
		c.blocksX, c.blocksY = f.mcusX()*c.h, f.mcusY()*c.v
	}
	return f, nil
}

// mcusX and mcusY return the number of MCUs of several components (T.81 A.2.3).
func (f *frame) mcusX() int { return ceilDiv(f.width, 8*f.hMax) }
func (f *frame) mcusY() int { return ceilDiv(f.height, 8*f.vMax) }

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// beginFrame reads the frame header and sets memory aside for its components.
func (d *decoder) beginFrame(marker uint8, p []byte) error {
	if d.frame != nil {
		return invalid("more than one frame header")
	}
	f, err := parseFrame(marker, p)
	if err != nil {
		return err
	}
	if d.accept != nil {
		if err := d.accept(f.width, f.height); err != nil {
			return err
		}
	}
	blocks := 0
	for i := range f.components {
		blocks += ceilDiv(f.components[i].width, 8) * ceilDiv(f.components[i].height, 8)
	}
	if blocks > 8*len(d.data) { // a block takes a bit at the very least: the code of its DC coefficient
		return truncated("a picture that needs more")
	}
	for i := range f.components {
		c := &f.components[i]
		n := c.blocksX * c.blocksY
		if f.progressive {
			c.coefficients = make([]block, n)
		}
		c.pix = make([]uint8, 64*n)
	}
	d.frame = f
	return nil
}
