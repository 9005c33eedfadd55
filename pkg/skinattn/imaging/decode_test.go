package imaging

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func encodeJPEG(t testing.TB, width, height int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{uint8(3 * x), uint8(5 * y), uint8(x + y), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodePNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hugePNG is a valid PNG header that promises width x height pixels.
func hugePNG(width, height uint32) []byte {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, width)
	chunk = binary.BigEndian.AppendUint32(chunk, height)
	chunk = append(chunk, 8, 2, 0, 0, 0) // 8-bit RGB
	data := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d")
	data = append(data, chunk...)
	return binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(chunk))
}

func TestDecodeRefuses(t *testing.T) {
	photo := encodeJPEG(t, 64, 48)
	progressive, err := os.ReadFile("testdata/jpeg-progressive.jpg")
	if err != nil {
		t.Fatal(err)
	}
	picture := encodePNG(t, image.NewGray16(image.Rect(0, 0, 20, 20)))
	damagedPNG := bytes.Clone(picture)
	damagedPNG[len(damagedPNG)/2] ^= 0x55
	// Without Adobe's marker the meaning of the four inks is unknown.
	cmyk, err := os.ReadFile("testdata/jpeg-cmyk.jpg")
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(cmyk, []byte("\xff\xee"))
	if at < 0 {
		t.Fatal("jpeg-cmyk.jpg has no Adobe marker")
	}
	bareCMYK := append(bytes.Clone(cmyk[:at]), cmyk[at+2+int(binary.BigEndian.Uint16(cmyk[at+2:])):]...)

	tests := []struct {
		name string
		data []byte
		want string // part of the message
	}{
		{"zero bytes", nil, "empty"},
		{"text", []byte("not an image at all, renamed to .jpg\n"), "neither a JPEG nor a PNG"},
		{"gif", []byte("GIF89a\x01\x00\x01\x00"), "neither a JPEG nor a PNG"},
		{"only the JPEG mark", []byte("\xff\xd8"), "cut short"},
		{"JPEG cut in the header", photo[:100], "cut short"},
		{"JPEG cut in the middle", photo[:len(photo)/2], "cut short"},
		{"JPEG without its last ten bytes", photo[:len(photo)-10], "cut short"},
		{"progressive JPEG cut in the middle", progressive[:len(progressive)/2], "cut short"},
		{"CMYK of unknown meaning", bareCMYK, "unknown colour model"},
		{"only the PNG mark", picture[:8], "cut short"},
		{"PNG cut in the middle", picture[:len(picture)/2], "cut short"},
		{"PNG with a flipped bit", damagedPNG, ""},
		{"PNG of no width", hugePNG(0, 10), "dimension"},
		{"PNG of 2e5 x 2e5 pixels", hugePNG(200_000, 200_000), "200000 x 200000 pixels is more than the limit"},
		{"PNG of 2e9 x 2e9 pixels", hugePNG(2_000_000_000, 2_000_000_000), ""},
	}
	dir := t.TempDir()
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if img, err := Decode(tc.data); err == nil {
				t.Fatalf("decoded as %d x %d", img.Width, img.Height)
			} else if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q, want it to contain %q", err, tc.want)
			}
			path := filepath.Join(dir, "ISIC_1234567.jpg")
			if err := os.WriteFile(path, tc.data, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := DecodeFile(path); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want it to name %s", err, path)
			}
		})
	}
}

func TestDecodeFileNamesWhatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.jpg")
	if err := os.WriteFile(large, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, MaxFileBytes+1); err != nil { // sparse: no disk used
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "missing.jpg"), dir, large} {
		if _, err := DecodeFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want it to name %s", err, path)
		}
	}
}

func TestDecodePixelLimit(t *testing.T) {
	data := encodeJPEG(t, 64, 48)
	if _, err := decode(data, 64*48); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := decode(data, 64*48-1); err == nil {
		t.Error("one pixel over the limit was decoded")
	}
}

// TestDecodeUsesFileContentNotName: datasets have PNG files named .jpg.
func TestDecodeUsesFileContentNotName(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	img.Set(0, 0, color.NRGBA{10, 20, 30, 255})
	img.Set(1, 0, color.NRGBA{0, 0, 0, 0}) // transparent: the white page shows
	path := filepath.Join(t.TempDir(), "a.jpg")
	if err := os.WriteFile(path, encodePNG(t, img), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := DecodeFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint8{10, 20, 30, 255, 255, 255}; !bytes.Equal(got.Pix, want) {
		t.Errorf("got %v, want %v", got.Pix, want)
	}
}

// TestUnreadableEXIFCountsAsNone cuts the EXIF block of a turned photo short.
func TestUnreadableEXIFCountsAsNone(t *testing.T) {
	data, err := os.ReadFile("testdata/exif-6.jpg")
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("Exif\x00\x00"))
	copy(data[at+6:], "XXXXXXXX")
	img, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if img.Width != 24 || img.Height != 16 { // as stored; orientation 6 would make it 16 x 24
		t.Errorf("got %d x %d", img.Width, img.Height)
	}
}

// TestOrientationsAreTheirOwnGroup: turning by 6 and then by 8 is no turn, and
// the other six are their own inverse.
func TestOrientationsAreTheirOwnGroup(t *testing.T) {
	img := pattern(7, 4)
	inverse := map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
	for o := 1; o <= 8; o++ {
		turned := orient(img, o)
		if o > 1 && bytes.Equal(turned.Pix, img.Pix) {
			t.Errorf("orientation %d changes nothing", o)
		}
		back := orient(turned, inverse[o])
		if back.Width != 7 || back.Height != 4 || !bytes.Equal(back.Pix, img.Pix) {
			t.Errorf("orientation %d is not undone by %d", o, inverse[o])
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/*.jpg", "testdata/*.png"} {
		files, err := filepath.Glob(pattern)
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
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := decode(data, 1<<16) // a small limit keeps the fuzzer quick
		if err != nil {
			return
		}
		if img.Width <= 0 || img.Height <= 0 || len(img.Pix) != 3*img.Width*img.Height {
			t.Fatalf("%d x %d pixels in %d bytes", img.Width, img.Height, len(img.Pix))
		}
		for _, v := range SmartResize(img, 8, 8) {
			if !(v >= 0 && v <= 255) {
				t.Fatalf("resized to %v", v)
			}
		}
	})
}
