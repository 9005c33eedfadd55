package jpeg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	stdjpeg "image/jpeg"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The pictures of package imaging, whose tests hold the decoded pixels against
// Pillow's, to the last bit.
const goldens = "../../pkg/skinattn/imaging/testdata/"

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(goldens + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestGrayMatchesPillow: a grey picture goes through no upsampling or conversion.
func TestGrayMatchesPillow(t *testing.T) {
	img, err := decodeFrame(read(t, "jpeg-grey.jpg"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if img.width != 33 || img.height != 21 || img.model != gray || len(img.components) != 1 {
		t.Fatalf("%d x %d pixels, %v, %d components", img.width, img.height, img.model, len(img.components))
	}
	want := read(t, "jpeg-grey.rgb")
	for y := range img.height {
		for x, v := range img.components[0].row(y) {
			if w := want[3*(y*img.width+x)]; v != w {
				t.Fatalf("x %d y %d: %d, Pillow %d", x, y, v, w)
			}
		}
	}
}

// TestSamplesNearStandardLibrary: image/jpeg has another inverse DCT, but the
// same samples.
func TestSamplesNearStandardLibrary(t *testing.T) {
	files, err := filepath.Glob(goldens + "*.jpg")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		std, err := stdjpeg.Decode(bytes.NewReader(data))
		if err != nil {
			continue // sampling factors that it does not have
		}
		want, ok := std.(*image.YCbCr)
		if !ok {
			continue
		}
		compared++
		got, err := decodeFrame(data, nil)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if got.width != want.Rect.Dx() || got.height != want.Rect.Dy() || got.model != yCbCr || len(got.components) != 3 {
			t.Errorf("%s: %d x %d pixels, %v, %d components", file, got.width, got.height, got.model, len(got.components))
			continue
		}
		for i, pix := range [][]uint8{want.Y, want.Cb, want.Cr} {
			p, stride := &got.components[i], want.CStride
			if i == 0 {
				stride = want.YStride
			}
			for y := range p.height {
				for x, v := range p.row(y) {
					if d := int(v) - int(pix[y*stride+x]); d < -2 || d > 2 {
						t.Fatalf("%s: component %d x %d y %d: %d, image/jpeg %d", file, i, x, y, v, pix[y*stride+x])
					}
				}
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d files compared", compared)
	}
}

// segmentAt returns where the n-th segment with the marker begins, and its end.
func segmentAt(t *testing.T, data []byte, marker uint8, n int) (start, end int) {
	t.Helper()
	for at := 2; at+4 <= len(data); {
		switch next := at + 2 + int(binary.BigEndian.Uint16(data[at+2:])); {
		case data[at+1] != marker:
			at = next
		case n > 0:
			n--
			at = next
		default:
			return at, next
		}
		for at < len(data) && (data[at] != 0xFF || data[at+1] == 0 || data[at+1]&0xF8 == 0xD0) { // coded data
			at++
		}
	}
	t.Fatalf("no marker %#02x", marker)
	return 0, 0
}

func TestRefuses(t *testing.T) {
	baseline, progressive, restart := read(t, "jpeg-420.jpg"), read(t, "jpeg-progressive.jpg"), read(t, "jpeg-noise-50.jpg")
	scans := read(t, "jpeg-scans-420.jpg")
	// Changes to the n-th segment with a marker; offsets from its 0xFF.
	set := func(data []byte, marker uint8, n, offset int, values ...uint8) []byte {
		data = bytes.Clone(data)
		start, _ := segmentAt(t, data, marker, n)
		copy(data[start+offset:], values)
		return data
	}
	remove := func(data []byte, marker uint8, n int) []byte {
		start, end := segmentAt(t, data, marker, n)
		return slices.Delete(bytes.Clone(data), start, end)
	}
	insert := func(data []byte, marker uint8, n int, segment ...uint8) []byte {
		start, _ := segmentAt(t, data, marker, n)
		return slices.Insert(bytes.Clone(data), start, segment...)
	}
	end := len(baseline) - 2
	_, coded := segmentAt(t, baseline, markerSOS, 0)
	secondRestart := bytes.Index(restart, []byte{0xFF, markerRST0 + 1})
	secondScan, _ := segmentAt(t, scans, markerSOS, 1)
	huge := bytes.Repeat([]byte{0xFF}, 4)

	tests := []struct {
		name string
		data []byte
		want string // part of the message
	}{
		{"nothing", nil, "no start of image"},
		{"no frame", []byte{0xFF, markerSOI, 0xFF, markerEOI}, "no frame header"},
		{"extended arithmetic", set(baseline, markerSOF0, 0, 1, 0xC9), "unsupported JPEG: arithmetic"},
		{"progressive arithmetic", set(baseline, markerSOF0, 0, 1, 0xCA), "unsupported JPEG: arithmetic"},
		{"arithmetic conditioning", insert(baseline, markerSOS, 0, 0xFF, markerDAC, 0, 2), "unsupported JPEG: arithmetic"},
		{"lossless", set(baseline, markerSOF0, 0, 1, 0xC3), "unsupported JPEG: lossless"},
		{"differential", set(baseline, markerSOF0, 0, 1, 0xC5), "unsupported JPEG: hierarchical"},
		{"hierarchical", insert(baseline, markerSOF0, 0, 0xFF, markerDHP, 0, 2), "unsupported JPEG: hierarchical"},
		{"12 bits", set(baseline, markerSOF0, 0, 4, 12), "unsupported JPEG: 12 bits"},
		{"height 0", set(baseline, markerSOF0, 0, 5, 0, 0), "unsupported JPEG: height 0"},
		{"width 0", set(baseline, markerSOF0, 0, 7, 0, 0), "width 0"},
		{"two components", set(baseline, markerSOF0, 0, 9, 2), "unsupported JPEG: 2 components"},
		{"components left out", set(baseline, markerSOF0, 0, 9, 4), "for 4 components"},
		{"sampling factor 0", set(baseline, markerSOF0, 0, 11, 0x20), "sampling factors 2 x 0"},
		{"sampling factor 5", set(baseline, markerSOF0, 0, 11, 0x51), "sampling factors 5 x 1"},
		{"sampling factors 2 and 3", set(baseline, markerSOF0, 0, 11, 0x32, 0, 2, 0x21), "sampling factors 2 x 1 beside 3 x 2"},
		{"too many blocks in an MCU", set(baseline, markerSOF0, 0, 11, 0x44), "18 blocks in an MCU"},
		{"component identifier twice", set(baseline, markerSOF0, 0, 13, 1), "two components"},
		{"huge", set(baseline, markerSOF0, 0, 5, huge...), "needs more"},
		{"two frames", insert(baseline, markerSOS, 0, baseline[slices.Index(baseline, 0xC0)-1:][:19]...), "more than one frame"},
		{"image in image", insert(baseline, markerSOS, 0, 0xFF, markerSOI), "second image"},
		{"segment of length 1", insert(baseline, markerSOS, 0, 0xFF, 0xFE, 0, 1), "length 1"},
		{"junk without a marker", slices.Concat(baseline[:end], []byte{7, 0xFF, 0, 8}), "unexpected EOF"},
		{"DRI of 3 bytes", insert(baseline, markerSOS, 0, 0xFF, markerDRI, 0, 5, 0, 0, 0), "restart interval of 3 bytes"},
		{"short quantisation table", insert(baseline, markerSOS, 0, 0xFF, markerDQT, 0, 4, 0, 1), "short quantisation table"},
		{"quantisation destination 4", set(baseline, markerDQT, 0, 4, 4), "destination 4"},
		{"quantisation of component", set(baseline, markerSOF0, 0, 12, 4), "destination 4"},
		{"no quantisation table", remove(baseline, markerDQT, 0), "no quantisation table"},
		{"short Huffman table", insert(baseline, markerSOS, 0, 0xFF, markerDHT, 0, 4, 0, 1), "short Huffman table"},
		{"Huffman class 2", set(baseline, markerDHT, 0, 4, 0x20), "class 2"},
		{"3 codes of one bit", set(baseline, markerDHT, 0, 5, 3), "Huffman table"},
		{"more codes than bytes", set(baseline, markerDHT, 0, 20, 255), "codes in"},
		{"DC of 16 bits", set(baseline, markerDHT, 0, 21, 16), "16 bits"},
		{"no Huffman table", remove(baseline, markerDHT, 0), "no Huffman table"},
		{"scan before frame", remove(baseline, markerSOF0, 0), "no frame header"},
		{"scan of no component", set(baseline, markerSOS, 0, 4, 0), "scan header"},
		{"scan of unknown component", set(baseline, markerSOS, 0, 5, 9), "component 9"},
		{"scan of a component twice", set(baseline, markerSOS, 0, 7, 1), "repeated"},
		{"scan with table 4", set(baseline, markerSOS, 0, 6, 0x40), "destinations 4 and 0"},
		{"same scan again", slices.Concat(scans[:len(scans)-2], scans[secondScan:]), "repeated"},
		{"scan left out", slices.Concat(scans[:secondScan], []byte{0xFF, markerEOI}), "scans of component 2 are missing"},
		{"progressive: last scan left out", slices.Concat(progressive[:bytes.LastIndex(progressive, []byte{0xFF, markerDHT})], []byte{0xFF, markerEOI}), "missing"},
		{"progressive: DC and AC together", set(progressive, markerSOS, 0, 12, 5), "coefficients 0 to 5"},
		{"progressive: bit 15", set(progressive, markerSOS, 0, 13, 15), "bit 15"},
		{"progressive: refinement first", set(progressive, markerSOS, 0, 13, 0x21), "repeated or missing"},
		{"coded data left out", slices.Delete(bytes.Clone(baseline), coded+20, end), "damaged data: less"},
		{"wrong restart marker", func() []byte { d := bytes.Clone(restart); d[secondRestart+1]++; return d }(), "in place of restart marker 1"},
		{"restart interval left out", slices.Delete(bytes.Clone(restart), secondRestart-10, secondRestart+2), "damaged data"},
		{"restart markers unannounced", remove(restart, markerDRI, 0), "damaged data: less"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := decodeFrame(tc.data, nil); err == nil {
				t.Error("decoded")
			} else if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q, want it to contain %q", err, tc.want)
			}
		})
	}
}

// TestAccepts decodes files with features that are rare, but allowed by T.81 or libjpeg.
func TestAccepts(t *testing.T) {
	data := read(t, "jpeg-420.jpg")
	want, err := decodeFrame(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	sos, _ := segmentAt(t, data, markerSOS, 0)
	end := len(data) - 2
	for name, other := range map[string][]byte{
		"fill bytes before a marker":           slices.Insert(bytes.Clone(data), sos, 0xFF, 0xFF),
		"fill bytes behind a scan":             slices.Insert(bytes.Clone(data), end, 0xFF, 0xFF),
		"restart marker behind the last block": slices.Insert(bytes.Clone(data), end, 0xFF, markerRST0),
		// As libjpeg, which warns of "extraneous bytes before marker".
		"stray byte between segments": slices.Insert(bytes.Clone(data), sos, 7),
		"stray bytes behind a scan":   slices.Insert(bytes.Clone(data), end, 1, 0xFF, 0, 2),
		"comment":                     slices.Insert(bytes.Clone(data), sos, 0xFF, 0xFE, 0, 3, 'x'),
		"bytes behind the image":      append(bytes.Clone(data), "behind"...),
		"extended sequential":         bytes.Replace(data, []byte{0xFF, 0xC0}, []byte{0xFF, 0xC1}, 1),
	} {
		got, err := decodeFrame(other, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range want.components {
			if !bytes.Equal(got.components[i].pix, want.components[i].pix) {
				t.Errorf("%s: component %d differs", name, i)
			}
		}
	}
}

// TestCutShort cuts pictures at every byte.
func TestCutShort(t *testing.T) {
	for _, name := range []string{"jpeg-420.jpg", "jpeg-noise-1.jpg", "jpeg-noise-progressive-restart.jpg", "jpeg-scans-progressive.jpg", "jpeg-scans-restart.jpg"} {
		data := read(t, name)
		if width, height, err := Size(data); err != nil || width == 0 || height == 0 {
			t.Errorf("%s: size %d x %d, %v", name, width, height, err)
		}
		for n := 2; n < len(data); n++ {
			if _, err := decodeFrame(data[:n], nil); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, %d of %d bytes: error %v", name, n, len(data), err)
			}
		}
	}
}

// byHand is a grey picture of two blocks beside each other. A DC coefficient of
// value 0 has the code 0, one of two bits the code 10; the AC symbol is the code 0.
func byHand(process uint8, quant uint16, acSymbol uint8, scans ...uint8) []byte {
	data := []byte{0xFF, markerSOI, 0xFF, markerDQT, 0, 2 + 1 + 128, 0x10}
	for range 64 {
		data = binary.BigEndian.AppendUint16(data, quant)
	}
	counts := func(a, b uint8) []uint8 { return append([]uint8{a, b}, make([]uint8, 14)...) }
	return slices.Concat(data,
		[]byte{0xFF, process, 0, 8 + 3, 8, 0, 8, 0, 16, 1, 1, 0x11, 0},
		[]byte{0xFF, markerDHT, 0, 2 + 17 + 2, 0x00}, counts(1, 1), []byte{0, 2},
		[]byte{0xFF, markerDHT, 0, 2 + 17 + 1, 0x10}, counts(1, 0), []byte{acSymbol},
		scans, []byte{0xFF, markerEOI})
}

func TestByHand(t *testing.T) {
	header := func(first, last uint8) []byte { return []byte{0xFF, markerSOS, 0, 8, 1, 1, 0x00, first, last, 0} }
	// DC 0; then, but for the blocks in a row of a band, EOB1 and a bit for 2 or 3.
	dcScan := append(header(0, 0), 0b00_111111)
	tests := []struct {
		name  string
		data  []byte
		left  uint8 // sample of the left block
		right uint8
		want  string // part of the error
	}{
		// Differences 10 11 (3) and 10 00 (-3), each followed by the end of the block: (3*300+4)>>3 = 113.
		{"16-bit quantisation", byHand(markerSOF1, 300, 0x00, append(header(0, 63), 0b10_11_0_10_0, 0b0_0_111111)...), 128 + 113, 128, ""},
		{"run of two empty bands", byHand(markerSOF2, 1, 0x10, slices.Concat(dcScan, header(1, 63), []byte{0b0_0_111111})...), 128, 128, ""},
		{"run of three", byHand(markerSOF2, 1, 0x10, slices.Concat(dcScan, header(1, 63), []byte{0b0_1_111111})...), 0, 0, "damaged data: more"},
		{"end of a band in a sequential scan", byHand(markerSOF1, 1, 0x10, append(header(0, 63), 0, 0)...), 0, 0, "symbol 0x10"},
		{"70 zeros", byHand(markerSOF1, 1, 0xF0, append(header(0, 63), 0, 0)...), 0, 0, "more than 64"},
		{"no such code", byHand(markerSOF1, 1, 0x00, append(header(0, 63), 0b11_000000)...), 0, 0, "no such Huffman code"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			img, err := decodeFrame(tc.data, nil)
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %v, want it to contain %q", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := append(bytes.Repeat([]byte{tc.left}, 8), bytes.Repeat([]byte{tc.right}, 8)...)
			for y := range 8 {
				if row := img.components[0].row(y); !bytes.Equal(row, want) {
					t.Fatalf("row %d is %d, want %d", y, row, want)
				}
			}
		})
	}
}

// TestColorModel follows default_decompress_parms of libjpeg's jdapimin.c.
func TestColorModel(t *testing.T) {
	letters := [3]uint8{'R', 'G', 'B'}
	for _, tc := range []struct {
		ids         [3]uint8
		jfif, adobe bool
		transform   uint8
		want        colorModel
	}{
		{ids: [3]uint8{1, 2, 3}, want: yCbCr},
		{ids: [3]uint8{0, 1, 2}, want: yCbCr},
		{ids: letters, want: rgb},
		{ids: letters, jfif: true, want: yCbCr},
		{ids: letters, adobe: true, transform: 1, want: yCbCr},
		{ids: [3]uint8{1, 2, 3}, adobe: true, want: rgb},
		{ids: [3]uint8{1, 2, 3}, adobe: true, transform: 7, want: yCbCr},
		{ids: [3]uint8{1, 2, 3}, jfif: true, adobe: true, want: yCbCr},
	} {
		d := decoder{jfif: tc.jfif, adobe: tc.adobe, adobeTransform: tc.transform, frame: &frame{components: make([]component, 3)}}
		for i, id := range tc.ids {
			d.frame.components[i].id = id
		}
		if got, err := d.colorModel(); got != tc.want || err != nil {
			t.Errorf("%+v: %v, %v", tc, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob(goldens + "*.jpg")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds: ", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 8000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := decodeFrame(data, nil)
		if err != nil {
			if img != nil {
				t.Error("an image and an error")
			}
			return
		}
		if width, height, err := Size(data); width != img.width || height != img.height || err != nil {
			t.Errorf("size %d x %d, %v; decoded to %d x %d", width, height, err, img.width, img.height)
		}
		components := map[colorModel]int{gray: 1, yCbCr: 3, rgb: 3, cmyk: 4, ycck: 4}[img.model]
		if len(img.components) != components {
			t.Fatalf("%v of %d components", img.model, len(img.components))
		}
		for i := range img.components {
			p := &img.components[i]
			if p.width != ceilDiv(img.width, p.scaleX) || p.height != ceilDiv(img.height, p.scaleY) {
				t.Fatalf("component of %d x %d samples, %d x %d pixels each, for %d x %d pixels", p.width, p.height, p.scaleX, p.scaleY, img.width, img.height)
			}
			if row := p.row(p.height - 1); len(row) != p.width {
				t.Fatalf("row of %d samples", len(row))
			}
		}
		if pix := img.rgb().Pix; len(pix) != 3*img.width*img.height {
			t.Fatalf("%d bytes for %d x %d pixels", len(pix), img.width, img.height)
		}
	})
}
