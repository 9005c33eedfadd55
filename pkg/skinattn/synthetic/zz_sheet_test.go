package synthetic

import (
	"image"
	"image/draw"
	"image/png"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

func TestSheet(t *testing.T) {
	const W, H, N = 320, 240, 7
	sheet := image.NewRGBA(image.Rect(0, 0, W*N, H*7))
	var el time.Duration
	for r, dx := range []string{"akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"} {
		for k := range N {
			rng := rand.New(rand.NewPCG(7, uint64(r*1000+k)))
			l := newLesion(rng, dx)
			p := newPhoto(rng, &l, W, H)
			t0 := time.Now()
			im, _ := render(&l, &p)
			el += time.Since(t0)
			draw.Draw(sheet, image.Rect(k*W, r*H, k*W+W, r*H+H), im, image.Point{}, draw.Src)
		}
	}
	t.Log(el / (7 * N))
	f, _ := os.Create("/tmp/syn_sheet.png")
	png.Encode(f, sheet)
	f.Close()
}
