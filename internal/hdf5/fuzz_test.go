package hdf5

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// touch reads everything that can be read from a file.
func touch(data []byte, skipChecksums bool) {
	f := &File{r: bytes.NewReader(data), heaps: map[uint64]*globalHeap{}, skipChecksums: skipChecksums}
	if err := f.open(int64(len(data))); err != nil {
		return
	}
	// Links may lead to one dataset many times over; a reader of such a file
	// has to bound that itself, as Walk does.
	touchAttrs(f.Root().object)
	_ = f.Root().Walk(func(d *Dataset) error {
		touchAttrs(d.object)
		_, _ = d.StoredBytes()
		_, _ = d.Float32s()
		_, _ = d.Int64s()
		_, _ = d.Strings()
		return nil
	})
}

func touchAttrs(o *object) {
	attrs, err := o.Attrs()
	if err != nil {
		return
	}
	for _, a := range attrs {
		_, _ = a.Strings()
		_, _ = a.Int64s()
	}
}

// seeds are the files that match a pattern.
func seeds(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		if files[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// The seeds have one feature of the format each and are small: changing and reading a file
// of 20 kB takes most of the time that the fuzzer has.
func FuzzRead(f *testing.F) {
	for _, data := range seeds(f, "testdata/fuzz-seeds/*.h5") {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		touch(data, true)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > memoryLimit(len(data)) {
			t.Errorf("%d bytes allocated for a file of %d", grown, len(data))
		}
	})
}

// memoryLimit allows for reading structures several times, and is far below the lengths
// that a crafted file can state.
func memoryLimit(size int) uint64 { return 64<<20 + 4*deflateRatio*uint64(size) }

// Random damage to sound files: neither a panic nor memory without bound. The
// fuzzer digs deeper; this runs with every test.
func TestDamage(t *testing.T) {
	const rounds = 150
	rng := rand.New(rand.NewPCG(1, 2))
	for name, data := range seeds(t, "testdata/*.h5") {
		for range rounds {
			damaged := bytes.Clone(data)
			for range 1 + rng.IntN(8) {
				at := rng.IntN(len(damaged))
				switch rng.IntN(4) {
				case 0:
					damaged[at] ^= 1 << rng.IntN(8)
				case 1:
					damaged[at] = 0xff
				case 2:
					damaged[at] = byte(rng.Uint32())
				case 3: // a plausible address
					copy(damaged[at:], []byte{byte(rng.Uint32()), byte(rng.IntN(len(damaged)/256 + 1)), 0, 0})
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			touch(damaged, true)
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > memoryLimit(len(data)) {
				t.Errorf("%s: %d bytes allocated for a file of %d", name, grown, len(data))
			}
		}
	}
}
