package jpeg

// dcFirst decodes the upper bits of a DC coefficient (T.81 G.1.2.1).
func (s *scan) dcFirst(c *scanComponent, x, y int) error {
	err := s.dcDifference(c)
	c.block(x, y)[0] = int16(c.lastDC << s.low)
	return err
}

// dcRefine decodes another bit of a DC coefficient (T.81 G.1.2.1).
func (s *scan) dcRefine(c *scanComponent, x, y int) error {
	if s.bit() {
		c.block(x, y)[0] |= 1 << s.low
	}
	return nil
}

// acFirst decodes the upper bits of AC coefficients (T.81 G.1.2.2).
func (s *scan) acFirst(c *scanComponent, x, y int) error {
	if s.eobRun > 0 {
		s.eobRun--
		return nil
	}
	b := c.block(x, y)
	for k := s.first; k < s.end; k++ {
		symbol, err := s.symbol(c.ac)
		if err != nil {
			return err
		}
		run, size := int(symbol>>4), int(symbol&15)
		if size == 0 && run < 15 {
			s.eobRun = s.blocksToSkip(run) - 1
			return nil
		}
		if k += run; k >= s.end {
			return errLongBlock
		}
		if size > 0 {
			b[zigzag[k]] = int16(s.number(size) << s.low)
		}
	}
	return nil
}

// blocksToSkip decodes the number of blocks, this one included, that an EOBn
// symbol ends (T.81 table G.1).
func (s *scan) blocksToSkip(n int) int {
	blocks := 1<<n | int(s.bits>>(64-uint(n)))
	s.skip(n)
	return blocks
}

// acRefine decodes another bit of AC coefficients: a correction of each nonzero
// coefficient, and the places where a zero becomes 1 or -1 (T.81 G.1.2.3).
func (s *scan) acRefine(c *scanComponent, x, y int) error {
	b := c.block(x, y)
	k := s.first
	for k < s.end && s.eobRun == 0 {
		symbol, err := s.symbol(c.ac)
		if err != nil {
			return err
		}
		run, size := int(symbol>>4), symbol&15
		var value int16
		switch {
		case size > 1:
			return invalid("damaged data: Huffman symbol %#02x in a refinement scan", symbol)
		case size == 1:
			value = -1 << s.low
			if s.bit() {
				value = 1 << s.low
			}
		case run < 15:
			s.eobRun = s.blocksToSkip(run)
			continue
		}
		if k = s.correct(b, k, run); k == s.end {
			return errLongBlock
		}
		b[zigzag[k]] |= value // was zero
		k++
	}
	if s.eobRun > 0 {
		s.eobRun--
		s.correct(b, k, 64)
	}
	return nil
}

// correct decodes the corrections from coefficient k up to the zero coefficient that
// follows run other zeros, or the end. It returns the place where it stops.
func (s *scan) correct(b *block, k, run int) int {
	for ; k < s.end; k++ {
		v := &b[zigzag[k]]
		switch {
		case *v == 0:
			if run == 0 {
				return k
			}
			run--
		case !s.bit():
		case *v > 0:
			*v += 1 << s.low
		default:
			*v -= 1 << s.low
		}
	}
	return k
}
