package jpeg

import (
	"bytes"
	"encoding/binary"
)

// Markers (T.81 table B.1); the byte after 0xFF.
const (
	markerTEM   = 0x01
	markerSOF0  = 0xC0 // baseline; up to SOF15 but for DHT, JPG and DAC
	markerSOF1  = 0xC1 // extended sequential
	markerSOF2  = 0xC2 // progressive
	markerDHT   = 0xC4
	markerJPG   = 0xC8
	markerDAC   = 0xCC
	markerSOF15 = 0xCF
	markerRST0  = 0xD0
	markerRST7  = 0xD7
	markerSOI   = 0xD8
	markerEOI   = 0xD9
	markerSOS   = 0xDA
	markerDQT   = 0xDB
	markerDRI   = 0xDD
	markerDHP   = 0xDE
	markerAPP0  = 0xE0
	markerAPP14 = 0xEE
)

// begin reads the marker that every image begins with.
func (d *decoder) begin() error {
	if !bytes.HasPrefix(d.data, []byte{0xFF, markerSOI}) {
		return invalid("no start of image")
	}
	d.pos = 2
	return nil
}

// segment returns the next marker segment (T.81 B.1.1.4). Payload is empty for
// markers that stand alone. A restart marker behind the last interval of a scan,
// which some encoders write, is no error, as in libjpeg.
func (d *decoder) segment() (marker uint8, payload []byte, err error) {
	marker, err = d.marker()
	if err != nil {
		return 0, nil, err
	}
	switch {
	case marker == markerSOI:
		return 0, nil, invalid("a second image begins inside the first")
	case marker == markerDHP:
		return 0, nil, unsupported("hierarchical mode")
	case marker == markerDAC:
		return 0, nil, unsupported("arithmetic coding")
	case marker == markerEOI, marker == markerTEM, marker >= markerRST0 && marker <= markerRST7:
		return marker, nil, nil
	}
	rest := d.data[d.pos:]
	if len(rest) < 2 {
		return 0, nil, truncated("a marker segment")
	}
	length := int(binary.BigEndian.Uint16(rest)) // its own two bytes included
	if length < 2 {
		return 0, nil, invalid("marker segment %#02x has length %d", marker, length)
	}
	if length > len(rest) {
		return 0, nil, truncated("a marker segment")
	}
	d.pos += length
	return marker, rest[2:length], nil
}

// marker reads a marker, before which any number of bytes 0xFF may stand (T.81
// B.1.1.2). Other bytes in its place, which some programs leave between segments and
// before the end of the image, are skipped, as libjpeg does with a warning; so are bytes
// 0xFF of coded data.
func (d *decoder) marker() (uint8, error) {
	for {
		for d.pos < len(d.data) && d.data[d.pos] != 0xFF {
			d.pos++
		}
		for d.pos < len(d.data) && d.data[d.pos] == 0xFF {
			d.pos++
		}
		if d.pos == len(d.data) {
			return 0, truncated("place of a marker")
		}
		d.pos++
		if marker := d.data[d.pos-1]; marker != 0 {
			return marker, nil
		}
	}
}

// parseQuantTables reads a DQT segment (T.81 B.2.4.1).
func (d *decoder) parseQuantTables(p []byte) error {
	for len(p) > 0 {
		wide, destination := int(p[0]>>4), p[0]&15 // wide: 16 bits a value
		if wide > 1 || destination > 3 {
			return invalid("quantisation table of precision %d for destination %d", wide, destination)
		}
		size := 64 << wide
		if p = p[1:]; len(p) < size {
			return invalid("short quantisation table")
		}
		table := new([64]uint16)
		for k := range table {
			if wide == 1 {
				table[zigzag[k]] = binary.BigEndian.Uint16(p[2*k:])
			} else {
				table[zigzag[k]] = uint16(p[k])
			}
		}
		d.quant[destination] = table
		p = p[size:]
	}
	return nil
}

// parseRestartInterval reads a DRI segment (T.81 B.2.4.4).
func (d *decoder) parseRestartInterval(p []byte) error {
	if len(p) != 2 {
		return invalid("restart interval of %d bytes", len(p))
	}
	d.restartInterval = int(binary.BigEndian.Uint16(p))
	return nil
}

// parseJFIF notes JFIF's marker, which libjpeg knows by its length too.
func (d *decoder) parseJFIF(p []byte) {
	if len(p) >= 14 && bytes.HasPrefix(p, []byte("JFIF\x00")) {
		d.jfif = true
	}
}

// parseAdobe notes the colour transform of Adobe's marker (Adobe Technical Note
// 5116, section 18).
func (d *decoder) parseAdobe(p []byte) {
	if len(p) >= 12 && bytes.HasPrefix(p, []byte("Adobe")) {
		d.adobe, d.adobeTransform = true, p[11]
	}
}
