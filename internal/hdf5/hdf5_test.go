package hdf5

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contents has the values that h5py reads from a file of testdata
// (tools/golden/keras/make_hdf5.py).
type contents struct {
	Datasets   map[string]array
	Attributes map[string]map[string]array
}

type array struct {
	Shape   []int
	Floats  []any // numbers, or "inf" and "-inf"
	Ints    []json.Number
	Strings []string
}

func readContents(t *testing.T) map[string]contents {
	t.Helper()
	data, err := os.ReadFile("testdata/contents.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]contents
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func open(t testing.TB, name string) *File {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReadsWhatH5pyReads(t *testing.T) {
	all := readContents(t)
	if len(all) != 11 {
		t.Errorf("%d files in contents.json, want 11", len(all))
	}
	for name, want := range all {
		t.Run(name, func(t *testing.T) {
			f := open(t, name)
			seen := 0
			err := f.Root().Walk(func(d *Dataset) error {
				seen++
				w, ok := want.Datasets[d.Path()]
				if !ok {
					t.Errorf("%s: h5py has no such dataset", d.Path())
					return nil
				}
				if !cmp.Equal(d.Shape(), w.Shape) && len(w.Shape)+len(d.Shape()) > 0 {
					t.Errorf("%s: shape %v, want %v", d.Path(), d.Shape(), w.Shape)
				}
				compareDataset(t, d, w)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if seen != len(want.Datasets) {
				t.Errorf("%d datasets, h5py has %d", seen, len(want.Datasets))
			}
			for path, attrs := range want.Attributes {
				compareAttrs(t, f, path, attrs)
			}
		})
	}
}

func compareDataset(t *testing.T, d *Dataset, want array) {
	t.Helper()
	switch {
	case want.Strings != nil:
		got, err := d.Strings()
		if diff := cmp.Diff(want.Strings, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", d.Path(), err, diff)
		}
	case want.Ints != nil:
		got, err := d.Int64s()
		if err != nil || len(got) != len(want.Ints) {
			t.Errorf("%s: %v, %v, want %v", d.Path(), got, err, want.Ints)
			return
		}
		for i, w := range want.Ints {
			if n, err := w.Int64(); err != nil || n != got[i] {
				t.Errorf("%s: %v, want %v", d.Path(), got, want.Ints)
			}
		}
	default:
		got, err := d.Float32s()
		if err != nil || len(got) != len(want.Floats) {
			t.Errorf("%s: %v, %v, want %v", d.Path(), got, err, want.Floats)
			return
		}
		for i, w := range want.Floats {
			if !sameFloat(got[i], w) {
				t.Errorf("%s: value %d is %v, want %v", d.Path(), i, got[i], w)
			}
		}
	}
}

// sameFloat compares with a number of 9 digits: they determine a float32.
func sameFloat(got float32, want any) bool {
	switch w := want.(type) {
	case json.Number:
		f, err := w.Float64()
		return err == nil && float32(f) == got
	case string:
		return w == "inf" && got > 1e38 || w == "-inf" && got < -1e38
	}
	return false
}

func compareAttrs(t *testing.T, f *File, path string, attrs map[string]array) {
	t.Helper()
	var owner interface {
		Attr(string) (*Attr, error)
	}
	owner, err := f.Root().Group(path)
	if err != nil {
		if owner, err = f.Root().Dataset(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range attrs {
		a, err := owner.Attr(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if want.Ints != nil {
			got, err := a.Int64s()
			if err != nil || len(got) != len(want.Ints) {
				t.Errorf("%s %s: %v, %v", path, name, got, err)
				continue
			}
			for i, w := range want.Ints {
				if n, _ := w.Int64(); n != got[i] {
					t.Errorf("%s %s: %v, want %v", path, name, got, want.Ints)
				}
			}
			continue
		}
		got, err := a.Strings()
		if err != nil || len(got)+len(want.Strings) > 0 && !cmp.Equal(got, want.Strings) {
			t.Errorf("%s %s: %q, %v, want %q", path, name, got, err, want.Strings)
		}
	}
}

func TestGroups(t *testing.T) {
	for _, name := range []string{"groups_earliest.h5", "groups_latest.h5"} {
		t.Run(name, func(t *testing.T) {
			f := open(t, name)
			names, err := f.Root().Children()
			if want := []string{"block_1", "deep", "empty", "long", "loop", "many", "unicode"}; err != nil || !cmp.Equal(names, want) {
				t.Errorf("children %q, %v, want %q", names, err, want)
			}
			many, err := f.Root().Group("many")
			if err != nil {
				t.Fatal(err)
			}
			if names, err = many.Children(); err != nil || len(names) != 150 || names[137] != "layer_137" {
				t.Errorf("%d links, %v, want 150 in the order of their names", len(names), err)
			}
			d, err := many.Dataset("layer_149")
			if err != nil {
				t.Fatal(err)
			}
			if v, err := d.Int64s(); err != nil || !cmp.Equal(v, []int64{150}) {
				t.Errorf("layer_149 is %v, %v, want 150", v, err)
			}
			if _, err := f.Root().Dataset("deep/a/b/c/d/e/f"); err != nil {
				t.Error(err)
			}
			empty, err := f.Root().Group("empty")
			if err != nil {
				t.Fatal(err)
			}
			if names, err := empty.Children(); err != nil || len(names) != 0 {
				t.Errorf("children of an empty group: %q, %v", names, err)
			}
		})
	}
}

// A group that holds itself neither traps Walk (see TestReadsWhatH5pyReads)
// nor lets a name of a weight be a walk without end.
func TestGroupInItself(t *testing.T) {
	for _, name := range []string{"groups_earliest.h5", "groups_latest.h5"} {
		root := open(t, name).Root()
		if _, err := root.Group("loop" + strings.Repeat("/again", 63)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := root.Group("loop" + strings.Repeat("/again", 64)); err == nil || !strings.Contains(err.Error(), "a path of 65 parts") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestErrorsNameTheObject(t *testing.T) {
	for _, version := range []string{"earliest", "latest"} {
		for _, c := range []struct {
			content, path string
			want          error
			text          string
		}{
			{"unsupported", "soft", ErrUnsupported, "/soft: a soft link: not supported"},
			{"unsupported", "external", ErrUnsupported, "/external: a"},
			{"unsupported", "compound", ErrUnsupported, "/compound: type compound: not supported"},
			{"unsupported", "fletcher32", ErrUnsupported, "/fletcher32: filter 3"},
			{"unsupported", "of_committed_type", ErrUnsupported, "/of_committed_type: a shared datatype"},
			{"unsupported", "never_written", nil, "/never_written: the dataset was declared but never written"},
			{"unsupported", "committed", nil, "/committed: not a dataset"},
			{"unsupported", "absent", ErrNotFound, `/: "absent": not found`},
			{"types", "numbers/absent/f4", ErrNotFound, `/numbers: "absent": not found`},
			{"types", "scalar/f4", nil, "/scalar: not a group"},
			{"types", "numbers", nil, "/numbers: not a dataset"},
			{"types", "text/fixed", nil, "/text/fixed: type string of 10 bytes where numbers are wanted"},
			{"types", "text/scalar", nil, "/text/scalar: type string of variable length where numbers are wanted"},
			{"types", "extremes", nil, "/extremes: element 1 is an integer that float32 cannot hold"},
		} {
			t.Run(c.content+"_"+version+"/"+c.path, func(t *testing.T) {
				d, err := open(t, c.content+"_"+version+".h5").Root().Dataset(c.path)
				if err == nil {
					_, err = d.Float32s()
				}
				if err == nil || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "at byte") {
					t.Errorf("error %v, want %q and the byte", err, c.text)
				}
				if c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("error %v does not wrap %q", err, c.want)
				}
			})
		}
	}
}

func TestAttributeErrors(t *testing.T) {
	for _, version := range []string{"earliest", "latest"} {
		g, err := open(t, "attributes_"+version+".h5").Root().Group("layer")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Attr("absent"); !errors.Is(err, ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
		compound, err := g.Attr("compound")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := compound.Strings(); !errors.Is(err, ErrUnsupported) {
			t.Errorf("error %v, want ErrUnsupported", err)
		}
		number, err := g.Attr("int")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := number.Strings(); err == nil || !strings.Contains(err.Error(), "/layer attribute int: type int64 where strings are wanted") {
			t.Errorf("error %v", err)
		}
		if !cmp.Equal(number.shape, []int{3}) || number.name != "int" {
			t.Errorf("%s has shape %v", number.name, number.shape)
		}
	}
}

func TestNotHDF5(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "text": strings.Repeat("akiec,bcc\n", 200), "almost": "\x89HDF\r\n\x1a",
		"another signature": "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 4096),
	} {
		if _, err := New(strings.NewReader(content), int64(len(content))); !errors.Is(err, ErrNotHDF5) {
			t.Errorf("%s: error %v, want ErrNotHDF5", name, err)
		}
	}
}

// Every file that lacks bytes at its end is refused, wherever it was cut.
func TestTruncated(t *testing.T) {
	for _, name := range []string{"types_earliest.h5", "attributes_latest.h5", "user_block.h5"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		start := bytes.Index(data, signature)
		for n := start + len(signature); n < len(data); n += 1 + n/50 {
			if _, err := New(bytes.NewReader(data[:n]), int64(n)); !errors.Is(err, ErrTruncated) {
				t.Fatalf("%s cut to %d of %d bytes: error %v, want ErrTruncated", name, n, len(data), err)
			}
		}
	}
}

// A checksum finds any changed byte of a version-2 structure.
func TestChecksums(t *testing.T) {
	data, err := os.ReadFile("testdata/groups_latest.h5")
	if err != nil {
		t.Fatal(err)
	}
	for _, sign := range []string{"OHDR", "BTHD", "BTLF", "FRHP", "FHIB"} {
		at := bytes.Index(data, []byte(sign))
		if at < 0 {
			t.Errorf("no %s in the file", sign)
			continue
		}
		damaged := bytes.Clone(data)
		damaged[at+9] ^= 0x10
		f, err := New(bytes.NewReader(damaged), int64(len(damaged)))
		if err == nil {
			err = f.Root().Walk(func(*Dataset) error { return nil })
		}
		if err == nil {
			t.Errorf("a changed byte of %s was not noticed", sign)
		}
	}
}

// Vectors of the self-test "driver5" in Jenkins's lookup3.c.
func TestLookup3(t *testing.T) {
	if got := lookup3(nil); got != 0xdeadbeef {
		t.Errorf("of nothing: %#x, want 0xdeadbeef", got)
	}
	if got := lookup3([]byte("Four score and seven years ago")); got != 0x17770551 {
		t.Errorf("%#x, want 0x17770551", got)
	}
}
