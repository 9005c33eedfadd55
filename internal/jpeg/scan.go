package jpeg

// scan is a scan header (T.81 B.2.3) and the state of decoding its data.
type scan struct {
	bitReader
	components []scanComponent
	first, end int   // coefficients in zigzag order: from first to before end
	high, low  int   // successive approximation: bits decoded before (0: none), lowest bit in this scan
	eobRun     int   // progressive: next blocks without coefficients in this scan
	block      block // sequential: zero between blocks
}

type scanComponent struct {
	*component
	dc, ac        *huffmanTable
	lastDC        int32
	columns, rows int // blocks in an MCU
}

// parseScan reads a scan header and checks that the scan fits the frame and the
// scans before it.
func (d *decoder) parseScan(p []byte) (*scan, error) {
	if d.frame == nil {
		return nil, errNoFrame
	}
	if len(p) < 1 || p[0] < 1 || p[0] > 4 || len(p) != 4+2*int(p[0]) {
		return nil, invalid("scan header of %d bytes", len(p))
	}
	s := &scan{components: make([]scanComponent, p[0]), end: 64}
	if d.frame.progressive {
		last := p[len(p)-3:]
		s.first, s.end, s.high, s.low = int(last[0]), int(last[1])+1, int(last[2]>>4), int(last[2]&15)
		// T.81 G.1.1.1.1, G.1.1.1.2, table B.3.
		if s.first >= s.end || s.end > 64 || s.first == 0 && s.end != 1 || s.first > 0 && len(s.components) != 1 {
			return nil, invalid("progressive scan of coefficients %d to %d of %d components", s.first, s.end-1, len(s.components))
		}
		if s.low > 13 || s.high != 0 && s.low != s.high-1 {
			return nil, invalid("progressive scan of bit %d after bit %d", s.low, s.high)
		}
	}
	blocks := 0
	for i := range s.components {
		c := &s.components[i]
		id, tables := p[1+2*i], p[2+2*i]
		for j := range d.frame.components {
			if f := &d.frame.components[j]; f.id == id {
				c.component = f
			}
		}
		if c.component == nil {
			return nil, invalid("scan of component %d, which the frame does not have", id)
		}
		if err := d.setTables(s, c, tables); err != nil {
			return nil, err
		}
		if err := s.advance(c.component); err != nil {
			return nil, err
		}
		c.columns, c.rows = c.h, c.v
		blocks += c.h * c.v
	}
	if len(s.components) == 1 {
		s.components[0].columns, s.components[0].rows = 1, 1
	} else if blocks > 10 {
		return nil, invalid("scan with %d blocks in an MCU", blocks)
	}
	return s, nil
}

// setTables gives the component the tables that it needs in this scan.
func (d *decoder) setTables(s *scan, c *scanComponent, tables uint8) error {
	dc, ac := tables>>4, tables&15
	if dc > 3 || ac > 3 {
		return invalid("Huffman table destinations %d and %d", dc, ac)
	}
	c.dc, c.ac = d.dc[dc], d.ac[ac]
	if s.first == 0 && s.high == 0 && c.dc == nil || s.end > 1 && c.ac == nil {
		return invalid("no Huffman table for component %d", c.id)
	}
	if c.quant == nil {
		c.quant = d.quant[c.quantDestination]
	}
	if c.quant == nil {
		return invalid("no quantisation table for component %d", c.id)
	}
	return nil
}

// advance records the bits of the component that the scan decodes. They must be the
// next ones (T.81 G.1.1.1.2).
func (s *scan) advance(c *component) error {
	before := uint8(0)
	if s.high > 0 {
		before = uint8(s.high) + 1
	}
	for k := s.first; k < s.end; k++ {
		if c.known[k] != before {
			return invalid("scans of component %d are repeated or missing", c.id)
		}
		c.known[k] = uint8(s.low) + 1
	}
	return nil
}

// decodeScan decodes the scan with the header p and the data behind it.
func (d *decoder) decodeScan(p []byte) error {
	s, err := d.parseScan(p)
	if err != nil {
		return err
	}
	s.bitReader = bitReader{data: d.data, pos: d.pos}
	// T.81 A.2.2, A.2.3: a scan of one component has the blocks of the picture only.
	mcusX, mcusY := d.frame.mcusX(), d.frame.mcusY()
	if len(s.components) == 1 {
		mcusX, mcusY = ceilDiv(s.components[0].width, 8), ceilDiv(s.components[0].height, 8)
	}
	decode := s.process(d.frame.progressive)
	for mcu := range mcusX * mcusY {
		if n := d.restartInterval; n > 0 && mcu > 0 && mcu%n == 0 {
			if err := d.restart(s, uint8(mcu/n-1)&7); err != nil {
				return err
			}
		}
		err := s.decodeMCU(decode, mcu%mcusX, mcu/mcusX)
		if s.n < 0 {
			return s.short()
		}
		if err != nil {
			return err
		}
	}
	return d.endInterval(s)
}

// blockDecoder decodes the block in column x and row y of a component.
type blockDecoder func(s *scan, c *scanComponent, x, y int) error

// process returns the decoder of the scan's blocks.
func (s *scan) process(progressive bool) blockDecoder {
	switch {
	case !progressive:
		return (*scan).sequential
	case s.first == 0 && s.high == 0:
		return (*scan).dcFirst
	case s.first == 0:
		return (*scan).dcRefine
	case s.high == 0:
		return (*scan).acFirst
	}
	return (*scan).acRefine
}

// decodeMCU decodes the blocks of an MCU in their order (T.81 A.2.3).
func (s *scan) decodeMCU(decode blockDecoder, x, y int) error {
	for i := range s.components {
		c := &s.components[i]
		for row := range c.rows {
			for column := range c.columns {
				if err := decode(s, c, x*c.columns+column, y*c.rows+row); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// endInterval goes to the end of what was read of the scan or restart interval. Bytes
// between the last block and the next marker are skipped with it, as libjpeg does.
func (d *decoder) endInterval(s *scan) error {
	if s.eobRun > 0 {
		return invalid("damaged data: more than the blocks of a scan or restart interval")
	}
	d.pos = s.pos
	return nil
}

// restart goes over the marker behind an interval and starts anew (T.81 F.2.1.3.1,
// G.2).
func (d *decoder) restart(s *scan, number uint8) error {
	if err := d.endInterval(s); err != nil {
		return err
	}
	marker, err := d.marker()
	if err != nil {
		return err
	}
	if marker != markerRST0+number {
		return invalid("damaged data: marker %#02x in place of restart marker %d", marker, number)
	}
	s.bitReader = bitReader{data: d.data, pos: d.pos}
	for i := range s.components {
		s.components[i].lastDC = 0
	}
	return nil
}
