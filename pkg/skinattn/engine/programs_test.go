//go:build cgo && linux

package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/skinattn/skinattn/internal/allocator"
	"github.com/skinattn/skinattn/internal/programs"
	"github.com/skinattn/skinattn/internal/testdisk"
)

// kinds are small programs, of the kinds of code that XLA makes for the CPU: own loops,
// library calls (matrix products, convolutions, Fourier transforms, sorting), control
// flow, random numbers, constants. x has the shape [8, 16, 16, 8].
var kinds = map[string]func(x *Node) *Node{
	"elementwise": func(x *Node) *Node { return Tanh(Mul(Exp(x), Add(x, x))) },
	"reduction":   func(x *Node) *Node { return ReduceSum(x, 0, 2) },
	"window":      func(x *Node) *Node { return MaxPool(x).Window(3).Strides(2).PadSame().Done() },
	"window grad": func(x *Node) *Node { return Gradient(ReduceAllSum(Square(MaxPool(x).Window(2).Done())), x)[0] },
	"transpose":   func(x *Node) *Node { return Add(TransposeAllAxes(x, 3, 2, 1, 0), Const(x.Graph(), float32(1))) },
	"product": func(x *Node) *Node {
		m := Reshape(x, 128, 128)
		return Dot(m, Transpose(m, 0, 1)).Product()
	},
	"many products": func(x *Node) *Node {
		m := Reshape(x, 8, 64, 32)
		return DotGeneral(m, []int{2}, []int{0}, m, []int{2}, []int{0})
	},
	"convolution": func(x *Node) *Node { return Convolve(x, kernelOf(x)).PadSame().Done() },
	"convolution grad": func(x *Node) *Node {
		return Gradient(ReduceAllSum(Square(Convolve(x, kernelOf(x)).PadSame().Strides(2).Done())), x)[0]
	},
	"fourier":       func(x *Node) *Node { return Abs(RealFFT(Reshape(x, 64, 256))) },
	"sorting":       func(x *Node) *Node { return Sort(Reshape(x, 32, 512), 1, false) },
	"greatest":      func(x *Node) *Node { values, _ := TopK(Reshape(x, 32, 512), 5, 1); return values },
	"argmax":        func(x *Node) *Node { return ArgMax(x, 3) },
	"random":        randomNumbers,
	"loop":          loop,
	"branch":        branch,
	"gather":        func(x *Node) *Node { return Gather(x, Const(x.Graph(), [][]int32{{7}, {0}, {3}})) },
	"scatter":       scatter,
	"concatenation": func(x *Node) *Node { return Concatenate([]*Node{x, Neg(x), Reverse(x, 1)}, 3) },
	"constant":      func(x *Node) *Node { return Add(x, Const(x.Graph(), input(8, 16, 16, 8))) },
	"half": func(x *Node) *Node {
		h := ConvertDType(Reshape(x, 128, 128), dtypes.BFloat16)
		return ConvertDType(Dot(h, h).Product(), dtypes.Float32)
	},
	"double":  func(x *Node) *Node { return Erf(ConvertDType(x, dtypes.Float64)) },
	"softmax": func(x *Node) *Node { return Gradient(ReduceAllSum(Square(Softmax(x, 3))), x)[0] },
}

// input returns numbers from -1 to 1.
func input(dims ...int) *tensors.Tensor {
	flat := make([]float32, shapes.Make(dtypes.Float32, dims...).Size())
	for i := range flat {
		flat[i] = float32(math.Sin(float64(i) * .37))
	}
	return tensors.FromFlatDataAndDimensions(flat, dims...)
}

func kernelOf(x *Node) *Node { return Const(x.Graph(), input(3, 3, 8, 16)) }

func randomNumbers(x *Node) *Node {
	_, numbers := RandomNormal(RNGStateFromSeedForGraph(x.Graph(), 7), x.Shape())
	return Add(x, numbers)
}

func loop(x *Node) *Node {
	parameters := func(g *Graph) (count, value *Node) {
		return Parameter(g, "count", shapes.Scalar[int32]()), Parameter(g, "value", x.Shape())
	}
	condition := NewClosure(x.Graph(), func(g *Graph) []*Node {
		count, _ := parameters(g)
		return []*Node{LessThan(count, Const(g, int32(5)))}
	})
	body := NewClosure(x.Graph(), func(g *Graph) []*Node {
		count, value := parameters(g)
		return []*Node{AddScalar(count, 1), Sin(Add(value, value))}
	})
	return While(condition, body, Const(x.Graph(), int32(0)), x)[1]
}

func branch(x *Node) *Node {
	constant := func(value float32) *Function {
		return NewClosure(x.Graph(), func(g *Graph) []*Node { return []*Node{Const(g, value)} })
	}
	return Mul(x, If(GreaterThan(ReduceAllSum(x), Const(x.Graph(), float32(0))), constant(3), constant(-7))[0])
}

func scatter(x *Node) *Node {
	return ScatterSum(x, Const(x.Graph(), [][]int32{{1}, {1}, {6}}), Slice(x, AxisRange(0, 3)), false, false)
}

// answers of a process that computes all kinds.
type answers struct {
	Asked int `json:"-"`
	programs.Counts
	Sums map[string]string // SHA-256 of the bytes of each result
	Log  []string
}

// answersEnv makes a copy of this test program compute kinds, and print its answers.
const answersEnv = "SKINATTN_TEST_ANSWERS"

func TestMain(m *testing.M) {
	names := os.Getenv(answersEnv)
	if names == "" {
		os.Exit(m.Run())
	}
	allocator.Use()
	a := answers{Sums: map[string]string{}}
	eng, err := Open(context.Background(), CPU, Options{Offline: true, Log: func(line string) { a.Log = append(a.Log, line) }})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, name := range strings.Split(names, ",") {
		out := MustExecOnce(eng.Backend, kinds[name], input(8, 16, 16, 8))
		if err := out.ConstBytes(func(content []byte) { a.Sums[name] = fmt.Sprintf("%x", sha256.Sum256(content)) }); err != nil {
			panic(err)
		}
	}
	a.Counts = programs.Counted()
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// some are a few kinds.
var some = []string{"convolution", "product", "window"}

// process computes kinds in another process, with variables of the environment.
func process(t *testing.T, names []string, variables ...string) answers {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), append(variables, answersEnv+"="+strings.Join(names, ","))...)
	var fault bytes.Buffer
	child.Stderr = &fault
	out, err := child.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, fault.Bytes())
	}
	a := answers{Asked: len(names)}
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return a
}

// needCPU skips a test where there is no plug-in.
func needCPU(t *testing.T) {
	t.Helper()
	if _, _, err := cpuPlugin(t.Context(), Options{Offline: true}); err != nil {
		t.Skipf("no XLA: %v", err)
	}
}

// check compares a process's answers with those of a process that has no cache, or
// another one.
func check(t *testing.T, what string, got, want answers, loaded int) {
	t.Helper()
	for name, sum := range got.Sums {
		if want.Sums[name] != sum {
			t.Errorf("%s: %q has another result", what, name)
		}
	}
	if compiled := got.Asked - loaded; got.Loaded != loaded || got.Compiled != compiled {
		t.Errorf("%s: %d programs were loaded and %d compiled, want %d and %d", what, got.Loaded, got.Compiled, loaded, compiled)
	}
}

// Kept programs give the bytes that fresh ones give, in another process; whatever is
// wrong with the files, the program is compiled.
func TestProgramsAreKept(t *testing.T) {
	needCPU(t)
	names := slices.Sorted(maps.Keys(kinds))
	if len(names) < 20 {
		t.Fatalf("only %d programs", len(names))
	}
	dir := filepath.Join(t.TempDir(), "programs")
	folder := programs.EnvFolder + "=" + dir
	off := process(t, names, programs.EnvFolder+"="+programs.Off)
	if off.Counts != (programs.Counts{}) || len(off.Log) != 0 || len(off.Sums) != len(names) {
		t.Fatalf("switched off: %+v", off)
	}

	// Two processes at once on an empty folder.
	var group sync.WaitGroup
	var both [2]answers
	for i := range both {
		group.Go(func() { both[i] = process(t, names, folder) })
	}
	group.Wait()
	for _, a := range both { // one may have what the other has just saved
		check(t, "two at once", a, off, a.Loaded)
	}
	cache := programs.New(dir, programs.DefaultLimit)
	if used, err := cache.Usage(); err != nil || used.Programs != len(names) {
		t.Fatalf("%+v, %v", used, err)
	}
	check(t, "another process", process(t, names, folder), off, len(names))

	// Damage of each kind; the last is one that only the plug-in can see.
	files, err := filepath.Glob(filepath.Join(dir, "*.program"))
	if err != nil || len(files) != len(names) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for i, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := (i + 1) * len(content) / (len(files) + 1)
		switch i % 5 {
		case 0:
			content[at] ^= 1
		case 1:
			content = content[:at]
		case 2:
			copy(content[at:], random(100))
		case 3:
			if content, err = os.ReadFile(files[i+1]); err != nil {
				t.Fatal(err)
			}
		case 4:
			key := keyOf(content)
			program := cache.Load(key)
			if program == nil {
				t.Fatalf("%s cannot be loaded", path)
			}
			if err := cache.Save(key, program[:len(program)/2]); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check(t, "damaged files", process(t, names, folder), off, 0)
	check(t, "mended files", process(t, names, folder), off, len(names))
}

// random returns bytes that are not in a file by chance.
func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b)
	return b
}

// keyOf returns the key in the file of a program.
func keyOf(content []byte) programs.Key {
	_, rest, _ := bytes.Cut(content, []byte("\n"))
	return programs.Key(rest[4 : 4+binary.LittleEndian.Uint32(rest)])
}

// Other flags are other programs, and a dump needs the compiler.
func TestProgramsDependOnFlags(t *testing.T) {
	needCPU(t)
	dir := filepath.Join(t.TempDir(), "programs")
	folder, flags := programs.EnvFolder+"="+dir, "XLA_FLAGS=--xla_cpu_prefer_vector_width=128"
	plain := process(t, some, folder)
	check(t, "plain", plain, plain, 0)
	flagged := process(t, some, folder, flags)
	check(t, "other flags", flagged, flagged, 0)
	check(t, "other flags again", process(t, some, folder, flags), flagged, len(some))
	check(t, "plain again", process(t, some, folder), plain, len(some))

	dump := t.TempDir()
	dumping := process(t, some, folder, "XLA_FLAGS=--xla_dump_to="+dump)
	if dumped, err := os.ReadDir(dump); err != nil || len(dumped) == 0 || dumping.Counts != (programs.Counts{}) {
		t.Errorf("dump: %d files, %v; %+v", len(dumped), err, dumping.Counts)
	}
}

// Where programs cannot be kept they are compiled, and one line says so: on a disk that
// is full or read-only, and in a folder into which others may have put programs.
func TestProgramsThatCannotBeKept(t *testing.T) {
	needCPU(t)
	disk := testdisk.New(t, 24<<10)
	dir := filepath.Join(disk.Dir, "programs")
	folder := programs.EnvFolder + "=" + dir
	full := process(t, some, folder)
	check(t, "full disk", full, full, 0)
	if len(full.Log) != 1 || !strings.HasPrefix(full.Log[0], "note: compiled programs are not kept: writing "+dir) || !strings.HasSuffix(full.Log[0], "no space left on device") {
		t.Errorf("full disk: %q", full.Log)
	}
	used, err := programs.New(dir, 1).Usage()
	if err != nil || used.Programs == 0 {
		t.Fatalf("%+v, %v", used, err)
	}
	disk.ReadOnly()
	readOnly := process(t, some, folder)
	check(t, "read-only disk", readOnly, full, used.Programs)
	if len(readOnly.Log) != 1 || !strings.HasSuffix(readOnly.Log[0], "read-only file system") {
		t.Errorf("read-only disk: %q", readOnly.Log)
	}

	other := t.TempDir()
	refused := func(why string) {
		t.Helper()
		a := process(t, some[:1], programs.EnvFolder+"="+other)
		if a.Counts != (programs.Counts{}) || len(a.Log) != 1 || a.Log[0] != "note: compiled programs are not kept: "+why {
			t.Errorf("%+v", a)
		}
	}
	if err := os.Chmod(other, 0o777); err != nil {
		t.Fatal(err)
	}
	refused("anyone may write to " + other)
	if err := errors.Join(os.Chmod(other, 0o755), os.Chown(other, 12345, 12345)); err != nil { // testdisk needs root, too
		t.Fatal(err)
	}
	refused(other + " belongs to another user")
}
