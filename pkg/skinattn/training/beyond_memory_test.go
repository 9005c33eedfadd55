//go:build linux

package training

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skinattn/skinattn/internal/filecache"
	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// A training set of 100,000 photos of 224 px takes 15 GB. The file of the test has 14,000 of
// them, 2 GB, each of which stands for several. Before every epoch the system forgets the
// file: each photo comes from the disk, as in a training whose photos do not fit in memory.
const (
	manyPhotos     = 100_000
	manyStored     = 14_000
	manySize       = 224
	manyPhotoBytes = manySize * manySize * 3
)

// storedPhotos is a file of noise.
func storedPhotos(t *testing.T) *filecache.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "photos")
	build := func() error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		noise, photos := rand.NewChaCha8([32]byte{1}), make([]byte, 100*manyPhotoBytes)
		for range manyStored / 100 {
			noise.Read(photos)
			if _, err := f.Write(photos); err != nil {
				return err
			}
		}
		return f.Sync() // only what is on the disk can be forgotten
	}
	file, err := filecache.Open(t.Context(), path, func([]byte) bool { return true }, build, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// forget makes the system forget the content of a file that is mapped.
func forget(t *testing.T, file *filecache.File) {
	t.Helper()
	f, err := os.Open(file.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Madvise(file.Content, unix.MADV_DONTNEED); err != nil { // a mapped page is not forgotten
		t.Fatal(err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
}

// manyExamples are photos of the file, in a random order.
func manyExamples(file *filecache.File, n int, ahead bool) *Examples {
	at := func(i int) int { return i * 7919 % manyStored * manyPhotoBytes }
	e := &Examples{Records: make([]ham10000.Record, n)}
	for i := range e.Records {
		e.Records[i] = ham10000.Record{ImageID: fmt.Sprintf("ISIC_%07d", i), Dx: ham10000.Classes[i%ham10000.NumClasses], Age: 50, Sex: "male", Localization: "back"}
	}
	e.Images = skinattn.Bytes(n, func(i int) []uint8 { return file.Content[at(i) : at(i)+manyPhotoBytes] })
	if ahead {
		e.Images = e.Images.WithAhead(func(i int) { file.Ahead(at(i), at(i)+manyPhotoBytes) })
	}
	return e
}

// authors is the authors' MobileNetV2.
func authors(t *testing.T, size int) *skinattn.Network {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Size = size
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// With photos beyond the memory, the input gives at least as many images/s when it asks for
// them as when the system guesses, and the steps of a training do not wait.
func TestInputStaysAheadOfSteps(t *testing.T) {
	testlong.Skip(t, true)
	file := storedPhotos(t)
	t.Run("input alone", func(t *testing.T) {
		speed := map[bool]float64{}
		for range 2 {
			for _, ahead := range []bool{false, true} {
				forget(t, file)
				speed[ahead] = max(speed[ahead], inputSpeed(t, manyExamples(file, manyPhotos, ahead)))
			}
		}
		t.Logf("images/s from the disk: %.0f asked for, %.0f as the system guesses", speed[true], speed[false])
		if speed[true] < speed[false] {
			t.Error("asking makes it slower")
		}
	})
	t.Run("training", func(t *testing.T) {
		forget(t, file)
		epoch := trainedEpoch(t, manyExamples(file, manyPhotos, true))
		t.Logf("%.1f images/s, %.2f %% of the time waiting for images", epoch.TrainImagesPerSecond, 100*epoch.InputWait)
		if epoch.InputWait > .02 {
			t.Errorf("steps wait for images during %.1f %% of the time", 100*epoch.InputWait)
		}
	})
}

// inputSpeed is the number of images/s of batches that nobody uses.
func inputSpeed(t *testing.T, e *Examples) float64 {
	t.Helper()
	const images = 64 * 32
	tr := &trainer{trained: authors(t, manySize)}
	tr.Train, tr.Config = e, run.Config{Network: tr.trained.Network, Regime: &spec.Regime{Batch: 32}, Seed: 1}
	if err := e.complete(50); err != nil {
		t.Fatal(err)
	}
	tr.sampler = newSampler(tr.Config.Regime, 1, e.labels)
	start, done := time.Now(), 0
	for b := range tr.feed(t.Context(), 1, manyPhotos-images) {
		if b.err != nil {
			t.Fatal(b.err)
		}
		done += len(b.indices)
		b.Pixels.FinalizeAll()
	}
	if done != images {
		t.Fatalf("%d images, want %d", done, images)
	}
	return images / time.Since(start).Seconds()
}

// trainedEpoch is the history of an epoch of 20 steps of MobileNetV2 on XLA's CPU client.
func trainedEpoch(t *testing.T, e *Examples) run.Epoch {
	t.Helper()
	reg, err := spec.Find(spec.Default)
	if err != nil {
		t.Fatal(err)
	}
	reg.Batch, reg.Epochs, reg.StepsDivisor = 32, 1, manyPhotos/20
	folder, err := run.Create(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	net := authors(t, manySize)
	val := &Examples{Records: e.Records[:32], Images: e.Images.Slice(0, 32)}
	r := Run{Engine: testengine.Named(t, engine.CPU), Folder: folder, Train: e, Val: val, Network: net,
		Config: run.Config{Network: net.Network, Regime: &reg, Seed: 1}}
	if err := folder.WriteConfig(r.Config); err != nil {
		t.Fatal(err)
	}
	if err := Train(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	history, err := folder.History()
	if err != nil || len(history) != 1 {
		t.Fatalf("%d epochs, %v", len(history), err)
	}
	return history[0]
}
