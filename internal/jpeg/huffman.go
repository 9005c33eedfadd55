package jpeg

// lookupBits is the length of the longest code that one look at a table decodes. The
// tables of two AC and two DC destinations fit the first-level cache.
const lookupBits = 9

// numberBits is the length of the longest code together with the number behind it that one
// look decodes: most coefficients of photos have shorter ones.
const numberBits = 10

// huffmanTable decodes the codes of one table (T.81 annex C, F.2.2.3).
type huffmanTable struct {
	lookup [1 << lookupBits]uint16 // by the next bits: symbol<<8 | length of its code; 0: a longer code

	limit   [17]int32 // by length, in 16 bits from the left: the first value above the codes up to this length
	offset  [17]int32 // by length: the place of a code's symbol minus the code
	symbols [256]uint8

	// numbers has the coefficients of AC tables by the next bits: value<<16 | zeros before
	// it<<8 | length of code and number; 0: a longer one, or no coefficient.
	numbers [1 << numberBits]int32
}

// parseHuffmanTables reads a DHT segment (T.81 B.2.4.2).
func (d *decoder) parseHuffmanTables(p []byte) error {
	for len(p) > 0 {
		if len(p) < 17 {
			return invalid("short Huffman table")
		}
		class, destination := p[0]>>4, p[0]&15
		if class > 1 || destination > 3 {
			return invalid("Huffman table of class %d for destination %d", class, destination)
		}
		counts := p[1:17]
		total := 0
		for _, n := range counts {
			total += int(n)
		}
		if p = p[17:]; total > 256 || total > len(p) {
			return invalid("Huffman table of %d codes in %d bytes", total, len(p))
		}
		table, err := newHuffmanTable(counts, p[:total])
		if err != nil {
			return err
		}
		p = p[total:]
		if class == 1 {
			table.joinNumbers()
			d.ac[destination] = table
			continue
		}
		for _, size := range table.symbols[:total] {
			if size > 15 {
				return invalid("Huffman table for DC coefficients of %d bits", size)
			}
		}
		d.dc[destination] = table
	}
	return nil
}

// newHuffmanTable gives codes to symbols, in order of their lengths (T.81 C.2);
// counts holds the number of codes of each length from 1 to 16.
func newHuffmanTable(counts, symbols []uint8) (*huffmanTable, error) {
	t := new(huffmanTable)
	copy(t.symbols[:], symbols)
	code, next := 0, 0
	for i, n := range counts {
		length := i + 1
		code <<= 1
		t.offset[length] = int32(next - code)
		for range n {
			if code >= 1<<length {
				return nil, invalid("Huffman table with too many codes")
			}
			if length <= lookupBits {
				first := code << (lookupBits - length)
				for j := range 1 << (lookupBits - length) {
					t.lookup[first+j] = uint16(symbols[next])<<8 | uint16(length)
				}
			}
			code++
			next++
		}
		t.limit[length] = int32(code) << (16 - length)
	}
	return t, nil
}

// joinNumbers fills t.numbers.
func (t *huffmanTable) joinNumbers() {
	for i := range t.numbers {
		bits := uint64(i) << (64 - numberBits)
		entry := t.lookup[bits>>(64-lookupBits)]
		r := bitReader{bits: bits << (entry & 0xff)}
		if size := int(entry >> 8 & 15); size > 0 && int(entry&0xff)+size <= numberBits {
			t.numbers[i] = r.number(size)<<16 | int32(entry>>12)<<8 | int32(entry&0xff) + int32(size)
		}
	}
}

// decode returns the symbol of the code at the beginning of bits and the code's length,
// 0 if there is no such code.
func (t *huffmanTable) decode(bits uint64) (symbol uint8, length int) {
	if entry := t.lookup[bits>>(64-lookupBits)]; entry != 0 {
		return uint8(entry >> 8), int(entry & 0xff)
	}
	next := int32(bits >> 48)
	for length = lookupBits + 1; length <= 16; length++ {
		if next < t.limit[length] {
			return t.symbols[uint8(t.offset[length]+next>>(16-length))], length
		}
	}
	return 0, 0
}
