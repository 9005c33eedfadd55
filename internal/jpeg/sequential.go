package jpeg

var errLongBlock = invalid("damaged data: block of more than 64 coefficients")

// sequential decodes a block of a baseline or extended sequential scan (T.81
// F.2.2) and makes its samples.
func (d *decoder) sequential(s *scan, c *scanComponent, x, y int) error {
	if err := s.dcDifference(c); err != nil {
		return err
	}
	d.block[0] = int16(c.lastDC)
	hasAC, err := s.acCoefficients(&d.block, c.ac)
	if err != nil {
		return err
	}
	out := c.pix[8*(y*c.stride()+x):]
	if hasAC {
		inverseDCT(out, c.stride(), &d.block, c.quant)
		d.block = block{}
	} else {
		fillDC(out, c.stride(), d.block[0], c.quant)
	}
	return nil
}

// dcDifference decodes the difference between the DC coefficient of a block and
// that of the block before (T.81 F.2.2.1).
func (s *scan) dcDifference(c *scanComponent) error {
	size, err := s.symbol(c.dc)
	if err != nil {
		return err
	}
	if size > 0 {
		c.lastDC += extend(s.bits, int(size))
		s.skip(int(size))
	}
	return nil
}

// acCoefficients decodes the AC coefficients of a block to b, where they are zero
// before (T.81 F.2.2.2).
func (s *scan) acCoefficients(b *block, t *huffmanTable) (hasAC bool, err error) {
	bits, n := s.bits, s.n // in registers: this loop takes most of the time
	k := 1
	for k < 64 {
		if n < enough {
			s.bits, s.n = bits, n
			s.fill()
			bits, n = s.bits, s.n
		}
		var run, used int
		var value int32
		if entry := t.coefficients[bits>>(64-lookupBits)]; entry != 0 {
			used, run, value = int(entry&0xff), int(entry>>8&0xff), entry>>16
		} else {
			symbol, length := t.decode(bits)
			if length == 0 {
				err = errBadCode
				break
			}
			run = int(symbol >> 4)
			size := int(symbol & 15)
			used = length + size
			if size > 0 {
				value = extend(bits<<(uint(length)&63), size)
			} else if run == 0 {
				run = endOfBlock
			} else if run < 15 {
				err = invalid("damaged data: Huffman symbol %#02x in a sequential scan", symbol)
				break
			}
		}
		bits <<= uint(used) & 63
		n -= used
		if run == endOfBlock {
			break
		}
		if k += run; k > 63 {
			err = errLongBlock
			break
		}
		b[zigzag[k]&63] = int16(value)
		k++
	}
	s.bits, s.n = bits, n
	return k > 1, err
}
