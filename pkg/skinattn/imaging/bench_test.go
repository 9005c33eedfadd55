package imaging

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/skinattn/skinattn/internal/simd"
)

// benchPhoto is a JPEG of 448x336 pixels with about the detail, hence the file
// length (30 KB), of a dermatoscopic photo.
func benchPhoto(b *testing.B) []byte {
	b.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 448, 336))
	for y := range 336 {
		for x := range 448 {
			noise := float64((x*7919+y*104729+x*y*31)%37) - 18
			v := 160 + 40*math.Sin(float64(x)/31)*math.Cos(float64(y)/17) + noise/2
			img.Set(x, y, color.RGBA{uint8(v + 50), uint8(v), uint8(v - 20), 255})
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 76}); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkDecode(b *testing.B) {
	data := benchPhoto(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmartResize(b *testing.B) {
	img, err := Decode(benchPhoto(b))
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{224, 299, 331} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			dst := make([]float32, 3*size*size)
			for b.Loop() {
				smartResize(dst, img, size, size)
			}
		})
	}
}

// BenchmarkAntialiasResize reduces a photo of the published size to the released network's.
func BenchmarkAntialiasResize(b *testing.B) {
	img, dst := pattern(600, 450), make([]float32, 3*336*336)
	for _, level := range simd.Levels() {
		b.Run(level.String(), func(b *testing.B) {
			defer func(before simd.Level) { vectors = before }(vectors)
			vectors = level
			for b.Loop() {
				antialiasResize(dst, img, 336, 336)
			}
		})
	}
}

// BenchmarkViews makes the eight views of a photo row by row, with the caches full of other things
// before each, as a network leaves them. It reports the first quartile.
func BenchmarkViews(b *testing.B) {
	bytes, floats := make([]uint8, 3*336*336), make([]float32, 3*336*336)
	for i := range bytes {
		bytes[i] = uint8(i * i)
	}
	RGBOrder.Floats(floats, bytes)
	var views []*Rotation
	for k := range 8 {
		views = append(views, NewRotation(336, 224, float64(k)*45, k%2 == 1))
	}
	row, others := make([]float32, 3*224), make([]int64, 12<<20/8)
	for name, turn := range map[string]func(r *Rotation, y int){
		"bytes":  func(r *Rotation, y int) { r.RowOfBytes(row, bytes, y) },
		"floats": func(r *Rotation, y int) { r.Row(row, floats, y) },
	} {
		b.Run(name, func(b *testing.B) {
			var all []time.Duration
			for b.Loop() {
				var photo time.Duration
				for _, view := range views {
					for i := range others {
						others[i]++
					}
					start := time.Now()
					for y := range 224 {
						turn(view, y)
					}
					photo += time.Since(start)
				}
				all = append(all, photo)
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)/4].Nanoseconds()), "ns/photo")
		})
	}
}

// BenchmarkPreprocess is the work for each cached image of a training batch.
func BenchmarkPreprocess(b *testing.B) {
	pixels := make([]uint8, 224*224*3)
	dst := make([]float32, len(pixels))
	for b.Loop() {
		BGROrder.Floats(dst, pixels)
		if err := PreprocessTF.Apply(dst, dst); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBuildCache is the whole way from files to a cache of 224x224 images,
// on as many cores as -cpu allows.
func BenchmarkBuildCache(b *testing.B) {
	const photos = 200
	data := benchPhoto(b)
	dir := b.TempDir()
	items := make([]Item, photos)
	for i := range items {
		items[i] = Item{ID: fmt.Sprint(i), Path: filepath.Join(dir, fmt.Sprintf("%d.jpg", i))}
		if err := os.WriteFile(items[i].Path, data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		b.StopTimer()
		cacheDir, err := os.MkdirTemp(dir, "cache")
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		c, err := OpenCache(context.Background(), cacheDir, items, 224, CacheOptions{})
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
		b.StopTimer()
		os.RemoveAll(cacheDir)
		b.StartTimer()
	}
	b.ReportMetric(float64(photos*b.N)/b.Elapsed().Seconds(), "photos/s")
}
