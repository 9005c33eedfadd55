package jpeg

import (
	"bytes"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// benchPhotos returns JPEGs of 448x336 pixels: photos of $SKINATTN_DATA, or one
// with about the detail of a dermatoscopic photo.
func benchPhotos(b *testing.B) [][]byte {
	b.Helper()
	if dir := os.Getenv("SKINATTN_DATA"); dir != "" {
		files, err := filepath.Glob(filepath.Join(dir, "images", "*.jpg"))
		if err != nil {
			b.Fatal(err)
		}
		var photos [][]byte
		for _, file := range files[:min(20, len(files))] {
			data, err := os.ReadFile(file)
			if err != nil {
				b.Fatal(err)
			}
			photos = append(photos, data)
		}
		if photos != nil {
			return photos
		}
	}
	img := image.NewRGBA(image.Rect(0, 0, 448, 336))
	for y := range 336 {
		for x := range 448 {
			noise := float64((x*7919+y*104729+x*y*31)%37) - 18
			v := 160 + 40*math.Sin(float64(x)/31)*math.Cos(float64(y)/17) + noise/2
			img.Set(x, y, color.RGBA{uint8(v + 50), uint8(v), uint8(v - 20), 255})
		}
	}
	var out bytes.Buffer
	if err := stdjpeg.Encode(&out, img, &stdjpeg.Options{Quality: 76}); err != nil {
		b.Fatal(err)
	}
	return [][]byte{out.Bytes()}
}

// BenchmarkDecode also reports the ratio of the standard library's time
// for the same photos, in turns with Decode. Of each photo the fastest round
// counts, so that other programs disturb little.
func BenchmarkDecode(b *testing.B) {
	photos := benchPhotos(b)
	ours, standard := make([]time.Duration, len(photos)), make([]time.Duration, len(photos))
	fastest := func(best *time.Duration, start time.Time) {
		if d := time.Since(start); *best == 0 || d < *best {
			*best = d
		}
	}
	rounds := 0
	for b.Loop() {
		i := rounds % len(photos)
		rounds++
		start := time.Now()
		if _, err := Decode(photos[i], nil); err != nil {
			b.Fatal(err)
		}
		fastest(&ours[i], start)
		start = time.Now()
		if _, err := stdjpeg.Decode(bytes.NewReader(photos[i])); err != nil {
			b.Fatal(err)
		}
		fastest(&standard[i], start)
	}
	var sum, standardSum time.Duration
	for i := range photos {
		sum += ours[i]
		standardSum += standard[i]
	}
	b.ReportMetric(float64(sum.Nanoseconds())/float64(min(rounds, len(photos))), "ns/photo")
	b.ReportMetric(float64(standardSum)/float64(sum), "image/jpeg-ratio")
}
