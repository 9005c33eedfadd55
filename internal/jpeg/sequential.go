package jpeg

var errLongBlock = invalid("damaged data: block of more than 64 coefficients")

// sequential decodes a block of a baseline or extended sequential scan (T.81
// F.2.2) and makes its samples.
func (s *scan) sequential(c *scanComponent, x, y int) error {
	if err := s.dcDifference(c); err != nil {
		return err
	}
	s.block[0] = int16(c.lastDC)
	hasAC, err := s.acCoefficients(&s.block, c.ac)
	if err != nil {
		return err
	}
	out := c.pix[8*(y*c.stride()+x):]
	if hasAC {
		inverseDCT(out, c.stride(), &s.block, c.quant)
		s.block = block{}
	} else {
		fillDC(out, c.stride(), s.block[0], c.quant)
	}
	return nil
}

// dcDifference decodes the difference between the DC coefficients of a block and the
// block before (T.81 F.2.2.1).
func (s *scan) dcDifference(c *scanComponent) error {
	size, err := s.symbol(c.dc)
	if err != nil {
		return err
	}
	if size > 0 {
		c.lastDC += s.number(int(size))
	}
	return nil
}

// acCoefficients decodes the AC coefficients of a block to b, where they are zero
// before (T.81 F.2.2.2).
func (s *scan) acCoefficients(b *block, t *huffmanTable) (hasAC bool, err error) {
	bits, n := s.bits, s.n // in registers
	for k := 1; k < 64; k++ {
		if n < enough {
			s.bits, s.n = bits, n
			s.fill()
			bits, n = s.bits, s.n
		}
		if entry := t.numbers[bits>>(64-numberBits)]; entry != 0 {
			if at := k + int(entry>>8&15); at < 64 {
				b[zigzag[at]&63] = int16(entry >> 16)
				bits <<= uint(entry) & 63
				n -= int(entry & 63)
				k = at
				continue
			}
		}
		s.bits, s.n = bits, n
		symbol, err := s.symbol(t)
		if err != nil {
			return false, err
		}
		run, size := int(symbol>>4), int(symbol&15)
		if size == 0 && run == 0 { // end of block
			return k > 1, nil
		}
		if k += run; k > 63 {
			return false, errLongBlock
		}
		if size > 0 {
			b[zigzag[k]&63] = int16(s.number(size))
		} else if run < 15 {
			return false, invalid("damaged data: Huffman symbol %#02x in a sequential scan", symbol)
		}
		bits, n = s.bits, s.n
	}
	s.bits, s.n = bits, n
	return true, nil
}
