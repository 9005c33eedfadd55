package hdf5

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/written.h5 anew; tools/golden/keras/make_hdf5.py then has h5py read it")

// written is a tree with every kind of value, name and group that Write knows.
func written(t *testing.T) *Tree {
	t.Helper()
	root := &Tree{}
	dataset := func(path string, shape []int, data any) {
		if err := root.Dataset(path, Array{shape, data}); err != nil {
			t.Fatal(err)
		}
	}
	attr := func(path, name string, value Array) {
		group, err := root.Group(path)
		if err == nil {
			err = group.SetAttr(name, value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	dataset("float32", []int{2, 3}, []float32{0, 1, -1.5, 3.4e38, 1e-45, 16777217})
	dataset("float64", []int{2}, []float64{.1, -2})
	dataset("int64", []int{3}, []int64{-1 << 63, 1<<63 - 1, 0})
	dataset("scalar/float32", nil, []float32{1.5})
	dataset("scalar/int64", nil, []int64{9958})
	dataset("empty", []int{0, 3}, []float32{})
	dataset("texts/fixed", []int{2}, FixedStrings{"akiec", "bcc"})
	dataset("texts/variable", []int{2, 2}, VariableStrings{"alpha", "", "später", "nv"})
	dataset("expanded_conv/depthwise/kernel:0", []int{1, 1, 2, 1}, []float32{7, 8})
	attr("expanded_conv", "weight_names", Array{[]int{0}, []float64{}})
	attr("expanded_conv", "fixed", Texts("dense/kernel:0", "dense/bias:0"))
	attr("expanded_conv", "variable", Array{[]int{3}, VariableStrings{"dense/kernel:0", "", "läsion"}})
	attr("expanded_conv", "läsion", Text("2.15.0"))
	attr("expanded_conv", "int", Array{[]int{3}, []int64{1, -2, 3}})
	attr("nothing/in/here", "long", Text(strings.Repeat("model_config ", 320)))
	attr("nothing/in/here", "empty", Text(""))
	return root
}

// h5py has read the committed file, with the values in contents.json.
func TestWritesWhatH5pyReads(t *testing.T) {
	var got bytes.Buffer
	if err := Write(&got, written(t)); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/written.h5"
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the bytes differ from those of %s, which h5py has read; see -update", path)
	}
	if _, ok := readContents(t)["written.h5"]; !ok {
		t.Error("contents.json has no entry for written.h5: run tools/golden/keras/make_hdf5.py")
	}
}

// Every level of a B-tree: up to 8 links in one node, up to 256 under one
// B-tree node, 8192 under two levels.
func TestWritesManyLinks(t *testing.T) {
	for _, n := range []int{0, 1, 8, 9, 256, 257, 1041, 8193} {
		root := &Tree{}
		var want []string
		for i := range n {
			name := fmt.Sprintf("layer_%d", i)
			want = append(want, name)
			if err := root.Dataset(name, Array{nil, []int64{int64(i)}}); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(want)
		f := reread(t, root)
		names, err := f.Root().Children()
		if err != nil || !slices.Equal(names, want) {
			t.Errorf("%d links: %d names, %v", n, len(names), err)
			continue
		}
		for _, i := range []int{0, n / 2, n - 1} {
			if n == 0 {
				break
			}
			d, err := f.Root().Dataset(fmt.Sprintf("layer_%d", i))
			if err != nil {
				t.Fatal(err)
			}
			if v, err := d.Int64s(); err != nil || v[0] != int64(i) {
				t.Errorf("%d links: layer_%d is %v, %v", n, i, v, err)
			}
		}
	}
}

// Texts fill the collections of the global heap up to every number of bytes that
// can be left, and are longer than one.
func TestWritesManyTexts(t *testing.T) {
	for _, width := range []int{1, 9, 17, 40, 500, 4048, 4056, 4064, 4065, 9000} {
		for first := range 6 {
			texts := VariableStrings{strings.Repeat("f", 8*first)}
			for i := range 3 + 6000/width {
				texts = append(texts, fmt.Sprintf("%0*d", width, i%10))
			}
			root := &Tree{}
			if err := root.Dataset("texts", Array{[]int{len(texts)}, texts}); err != nil {
				t.Fatal(err)
			}
			compareTree(t, reread(t, root).Root(), root)
		}
	}
}

// The HDF5 library needs more of a B-tree than our reader: keys bound the names under
// them, and siblings point to each other.
func TestWrittenBTree(t *testing.T) {
	root := &Tree{}
	const n = 9000
	for i := range n {
		if _, err := root.Group(fmt.Sprintf("g%d", i*7919%n)); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if err := Write(&file, root); err != nil {
		t.Fatal(err)
	}
	data := file.Bytes()
	u64 := func(at uint64) uint64 { return binary.LittleEndian.Uint64(data[at:]) }
	tree, heap := u64(80), u64(88)
	segment := u64(heap + 24)
	name := func(offset uint64) string {
		text, _, _ := strings.Cut(string(data[segment+offset:segment+offset+16]), "\x00")
		return text
	}
	seen := 0
	lastOf := map[uint8]uint64{} // by level, the node to the left
	var visit func(at uint64, low, high string)
	visit = func(at uint64, low, high string) {
		level, count := data[at+5], uint64(binary.LittleEndian.Uint16(data[at+6:]))
		if left, ok := lastOf[level]; ok != (u64(at+8) != undefined) || ok && (u64(at+8) != left || u64(left+16) != at) {
			t.Fatalf("level %d: siblings", level)
		}
		lastOf[level] = at
		for i := range count {
			key, child, next := name(u64(at+24+16*i)), u64(at+32+16*i), name(u64(at+40+16*i))
			if key < low || next > high || key >= next {
				t.Fatalf("keys %q, %q under %q, %q", key, next, low, high)
			}
			if level > 0 {
				visit(child, key, next)
				continue
			}
			for j := range uint64(binary.LittleEndian.Uint16(data[child+6:])) {
				link := name(u64(child + 8 + 40*j))
				if link <= key || link > next {
					t.Fatalf("link %q under keys %q, %q", link, key, next)
				}
				seen++
			}
		}
	}
	visit(tree, "", "z")
	if seen != n || data[tree+5] != 2 {
		t.Errorf("%d links under %d levels", seen, data[tree+5]+1)
	}
}

func TestWriteErrors(t *testing.T) {
	floats := Array{[]int{2}, []float32{1, 2}}
	root := &Tree{}
	if err := root.Dataset("a/b", floats); err != nil {
		t.Fatal(err)
	}
	if err := root.SetAttr("x", floats); err != nil {
		t.Fatal(err)
	}
	wide := &Tree{}
	if err := wide.SetAttr("layer_names", Texts(slices.Repeat([]string{strings.Repeat("x", 64)}, 1024)...)); err != nil {
		t.Fatal(err)
	}
	deep := &Tree{}
	if _, err := deep.Group(strings.Repeat("g/", 65) + "g"); err != nil {
		t.Fatal(err)
	}
	group := func(path string) error { _, err := root.Group(path); return err }
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"twice":             {root.Dataset("a/b", floats), `dataset "a/b": there is something of that name`},
		"over a group":      {root.Dataset("a", floats), `dataset "a": there is something of that name`},
		"through a dataset": {root.Dataset("a/b/c", floats), `dataset "a/b/c": group "a/b": "b" is a dataset`},
		"group at dataset":  {group("a/b"), `"b" is a dataset`},
		"no name":           {root.Dataset("", floats), `"" is no name of a link`},
		"empty part":        {group("a//c"), `"" is no name of a link`},
		"dot":               {group("./c"), `"." is no name`},
		"zero byte":         {root.Dataset("a\x00", floats), `is no name of a link`},
		"long name":         {root.Dataset(strings.Repeat("n", 4097), floats), `is no name of a link`},
		"too few values":    {root.Dataset("c", Array{[]int{3}, []float32{1}}), `dataset "c": 1 values for shape [3]`},
		"negative shape":    {root.Dataset("c", Array{[]int{-1}, []float32{}}), "shape [-1]"},
		"overflow":          {root.Dataset("c", Array{[]int{1 << 20, 1 << 20}, []float32{}}), "shape [1048576 1048576]"},
		"rank":              {root.Dataset("c", Array{slices.Repeat([]int{1}, 33), []float32{1}}), "rank 33"},
		"type":              {root.Dataset("c", Array{nil, 1}), "values of type int can't be written"},
		"zero in text":      {root.SetAttr("y", Texts("a\x00b")), `attribute "y": a text holds a zero byte`},
		"attribute twice":   {root.SetAttr("x", floats), `attribute "x": it is set already`},
		"attribute unnamed": {root.SetAttr("", floats), `its name is empty`},
		"wide attribute":    {Write(&bytes.Buffer{}, wide), `/: attribute "layer_names": it takes 65581 bytes; HDF5 stores at most 65528`},
		"deep":              {Write(&bytes.Buffer{}, deep), "groups nest deeper than 64"},
		"full disk":         {Write(full{}, root), "no space"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, c.err, c.want)
		}
	}
}

type full struct{}

func (full) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return 0, fmt.Errorf("no space")
}

// Random trees come back as they were written, and equal trees have equal bytes.
func TestWriteThenRead(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 7))
		roundTrip(t, func() uint32 { return rng.Uint32() })
	}
}

func FuzzWrite(f *testing.F) {
	f.Add([]byte("superblock, symbol node, local heap, B-tree"))
	f.Fuzz(func(t *testing.T, data []byte) {
		roundTrip(t, func() uint32 {
			if len(data) == 0 {
				return 0
			}
			v := uint32(data[0]) * 0x01010101
			data = data[1:]
			return v
		})
	})
}

// roundTrip writes a tree drawn from a stream of numbers and reads it back.
func roundTrip(t *testing.T, next func() uint32) {
	t.Helper()
	root := &Tree{}
	fillTree(root, next, 0)
	var first, second bytes.Buffer
	if err := Write(&first, root); err != nil {
		t.Fatal(err)
	}
	if err := Write(&second, root); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Fatalf("the second time %d bytes instead of %d, %v", second.Len(), first.Len(), err)
	}
	f, err := New(bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	compareTree(t, f.Root(), root)
}

func fillTree(tree *Tree, next func() uint32, depth int) {
	for range next() % 4 {
		_ = tree.SetAttr(drawName(next), drawArray(next)) // a name drawn twice
	}
	for range []uint32{0, 1, 3, 12}[next()%4] {
		name := drawName(next)
		if depth < 3 && next()%3 == 0 {
			if group, err := tree.Group(name); err == nil {
				fillTree(group, next, depth+1)
			}
			continue
		}
		_ = tree.Dataset(name, drawArray(next))
	}
}

func drawName(next func() uint32) string {
	alphabet := []string{"a", "b", "_", "ä", ":0", ".", " ", "layer"}
	var name strings.Builder
	name.WriteString("n")
	for range next() % 6 {
		name.WriteString(alphabet[next()%uint32(len(alphabet))])
	}
	return name.String()
}

func drawArray(next func() uint32) Array {
	var shape []int
	n := 1
	for range next() % 4 {
		dim := int(next() % 5)
		shape = append(shape, dim)
		n *= dim
	}
	words := []string{"", "x", "kernel:0", "später", strings.Repeat("long ", 40), strings.Repeat("heap", 1200)}
	draw := func(most uint32) []string {
		texts := make([]string, n)
		for i := range texts {
			texts[i] = words[next()%most]
		}
		return texts
	}
	switch next() % 5 {
	case 0:
		return Array{shape, fillSlice(n, func() float32 { return float32(int32(next())) / 7 })}
	case 1:
		return Array{shape, fillSlice(n, func() float64 { return float64(int32(next())) / 8 })}
	case 2:
		return Array{shape, fillSlice(n, func() int64 { return int64(next())<<31 - int64(next()) })}
	case 3:
		return Array{shape, FixedStrings(draw(5))} // short enough for an attribute
	default:
		return Array{shape, VariableStrings(draw(6))}
	}
}

func fillSlice[T any](n int, draw func() T) []T {
	values := make([]T, n)
	for i := range values {
		values[i] = draw()
	}
	return values
}

func compareTree(t *testing.T, got *Group, want *Tree) {
	t.Helper()
	attrs, err := got.Attrs()
	if err != nil || len(attrs) != len(want.attrs) {
		t.Fatalf("%s: %d attributes, want %d, %v", got.Path(), len(attrs), len(want.attrs), err)
	}
	for i, a := range attrs {
		if a.name != want.attrs[i].name {
			t.Errorf("%s: attribute %q, want %q", got.Path(), a.name, want.attrs[i].name)
		}
		if a.err != nil {
			t.Fatal(a.err)
		}
		compareArray(t, got.Path()+" "+a.name, a.shape, &a.values, want.attrs[i].Array)
	}
	names, err := got.Children()
	if err != nil || len(names) != len(want.children) {
		t.Fatalf("%s: %d links, want %d, %v", got.Path(), len(names), len(want.children), err)
	}
	for name, child := range want.children {
		if child.group != nil {
			group, err := got.Group(name)
			if err != nil {
				t.Fatal(err)
			}
			compareTree(t, group, child.group)
			continue
		}
		d, err := got.Dataset(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := d.values()
		if err != nil {
			t.Fatal(err)
		}
		compareArray(t, d.Path(), d.Shape(), v, *child.data)
	}
}

func compareArray(t *testing.T, what string, shape []int, got *values, want Array) {
	t.Helper()
	if !slices.Equal(shape, want.Shape) {
		t.Errorf("%s: shape %v, want %v", what, shape, want.Shape)
	}
	same := func(have any, err error, wanted any) {
		t.Helper()
		if diff := cmp.Diff(wanted, have); diff != "" || err != nil {
			t.Errorf("%s: %v %s", what, err, diff)
		}
	}
	if count(want.Shape) == 0 {
		if got.n != 0 {
			t.Errorf("%s: %d elements, want none", what, got.n)
		}
		return
	}
	switch data := want.Data.(type) {
	case []float32:
		have, err := got.float32s()
		same(have, err, data)
	case []float64: // eighths of whole numbers, which float64 holds
		have := make([]float64, got.n)
		for i := range have {
			have[i] = math.Float64frombits(binary.LittleEndian.Uint64(got.element(i)))
		}
		if got.kind.String() != "float64" {
			t.Errorf("%s: type %s", what, got.kind)
		}
		same(have, nil, data)
	case []int64:
		have, err := got.int64s()
		same(have, err, data)
	case FixedStrings:
		have, err := got.strings()
		same(have, err, []string(data))
	case VariableStrings:
		have, err := got.strings()
		same(have, err, []string(data))
	}
}

// reread writes a tree and opens the file.
func reread(t *testing.T, root *Tree) *File {
	t.Helper()
	var file bytes.Buffer
	if err := Write(&file, root); err != nil {
		t.Fatal(err)
	}
	f, err := New(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}
