//go:build unix

package serve

import (
	"bytes"
	"io"
	"math/bits"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// benchPhotos are files of $SKINATTN_DATA.
func benchPhotos(b *testing.B) (photos [][]byte) {
	b.Helper()
	files, _ := filepath.Glob(filepath.Join(os.Getenv("SKINATTN_DATA"), "images", "*.jpg"))
	for _, f := range files[:min(20, len(files))] {
		photo, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		photos = append(photos, photo)
	}
	if photos == nil {
		b.Skip("set $SKINATTN_DATA")
	}
	return photos
}

// BenchmarkPhoto is what an answer takes beside the network: decoding, resizing and turning,
// for the released model.
func BenchmarkPhoto(b *testing.B) {
	photos := benchPhotos(b)
	n := &skinattn.Network{Network: spec.Network{Size: 224, Oversample: 1.5, Views: 8, Resize: imaging.Antialias}}
	c := &compiled{model: &skinattn.Model{Network: n}, buffers: make(chan []float32, 1), ofBytes: make(chan []uint8, 1)}
	batch, views := make([]float32, 224*224*3), n.NewViews()
	i := 0
	for b.Loop() {
		photo, err := imaging.Decode(photos[i%len(photos)])
		if err != nil {
			b.Fatal(err)
		}
		in := c.prepare(photo)
		for k := range views.Len() {
			if in.bytes != nil {
				views.FillBytes(batch, in.bytes, k)
			} else {
				views.Fill(batch, in.pixels, k)
			}
		}
		c.release(in)
		i++
	}
}

// BenchmarkServe is a server under the load of 64 clients, with the released model. It reports
// processor time; the clients' share is in it.
func BenchmarkServe(b *testing.B) {
	photos := benchPhotos(b)
	m, _ := released(b)
	net, err := newCompiled(b.Context(), m, nil)
	if err != nil {
		b.Fatal(err)
	}
	net.steps = net.steps[:bits.Len(uint(net.capacity()))-1] // sweeps and explanations take seconds to prepare
	s := newServer(net, Options{})
	defer s.Close()
	<-s.batcher.warm
	address := listening(b, s)
	bodies, kinds := make([][]byte, len(photos)), make([]string, len(photos))
	for i, photo := range photos {
		bodies[i], kinds[i] = form(b, photo)
	}
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	ask := func(i int) {
		answer, err := http.Post("http://"+address+"/v1/predict", kinds[i%len(photos)], bytes.NewReader(bodies[i%len(photos)]))
		if err != nil {
			b.Error(err)
			return
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != 200 {
			b.Error(err, answer.Status)
		}
	}
	ask(0)
	before, start := processorTime(b), time.Now()
	var next atomic.Int64
	var clients sync.WaitGroup
	for range 64 {
		clients.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				ask(int(i))
			}
		})
	}
	clients.Wait()
	b.ReportMetric(float64(processorTime(b)-before)/1e6/float64(b.N), "cpu-ms/photo")
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "photos/s")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
