package keras

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/npy"
)

// IndexFile lists the tensors of an npy folder.
const IndexFile = "index.json"

// ErrNoIndex says that a folder is no npy folder of this project.
var ErrNoIndex = errors.New("a folder without " + IndexFile)

// index is the content of IndexFile.
type index struct {
	Format  string          `json:"format"` // indexFormat
	Version int             `json:"version"`
	Network json.RawMessage `json:"network,omitempty"`
	Layers  []string        `json:"layers"`
	Tensors []indexEntry    `json:"tensors"`
}

type indexEntry struct {
	Layer string `json:"layer"`
	Name  string `json:"name"` // as Tensor.Name
	Shape []int  `json:"shape"`
	File  string `json:"file"`
}

const (
	indexFormat  = "skinattn npy weights"
	indexVersion = 1
	// maxIndex bounds the index's bytes: 20 times the index of the largest network.
	maxIndex = 16 << 20
)

// WriteFolder writes every tensor as an .npy file of float32 into an existing,
// empty folder, and an index of the files. Equal content gives equal bytes.
func (f *File) WriteFolder(dir string) error {
	if err := f.checkLayers(); err != nil {
		return err
	}
	list := index{Format: indexFormat, Version: indexVersion, Network: json.RawMessage(f.Network), Layers: f.Layers, Tensors: []indexEntry{}}
	taken := map[string]bool{}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		entry := indexEntry{Layer: t.Layer, Name: t.Name, Shape: append([]int{}, t.Shape...)}
		// The names of layers can hold slashes, as in MobileNetV3.
		entry.File = strings.ReplaceAll(t.Layer+"/"+t.Weight(), "/", ".") + ".npy"
		if taken[strings.ToLower(entry.File)] {
			return fmt.Errorf("layer %q: tensor %q: another one is called %s already", t.Layer, t.Name, entry.File)
		}
		taken[strings.ToLower(entry.File)] = true
		if err := t.finite(); err != nil {
			return fmt.Errorf("layer %q: tensor %q: %w", t.Layer, t.Name, err)
		}
		if err := atomicfile.WriteFile(filepath.Join(dir, entry.File), func(w io.Writer) error {
			return npy.Write(w, t.Shape, t.Data)
		}); err != nil {
			return err
		}
		list.Tensors = append(list.Tensors, entry)
	}
	return atomicfile.WriteFile(filepath.Join(dir, IndexFile), func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", " ")
		return encoder.Encode(list)
	})
}

// readFolder reads a folder of WriteFolder, or an unzipped archive. Only files within the folder are opened,
// whatever the index says.
func readFolder(dir string) (*File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	list, err := readIndex(root)
	if errors.Is(err, ErrNoIndex) && hasMembers(root) {
		f, err := readUnzipped(root)
		if err == nil {
			f.Path = dir
		}
		return f, err
	}
	if err != nil {
		return nil, cmp.Or(foreign(root), err)
	}
	f := &File{Path: dir, Layout: LayoutNPY, Layers: list.Layers, Network: string(list.Network), byLayer: map[string][]int{}}
	for _, layer := range list.Layers {
		if f.HasLayer(layer) {
			return nil, fmt.Errorf("%s lists the layer %q twice", IndexFile, layer)
		}
		f.byLayer[layer] = nil
	}
	seen := map[[2]string]bool{}
	files := map[string]bool{}
	values := 0
	for _, entry := range list.Tensors {
		at := fmt.Sprintf("layer %q: tensor %q", entry.Layer, entry.Name)
		switch key := [2]string{entry.Layer, entry.Name}; {
		case !f.HasLayer(entry.Layer):
			return nil, fmt.Errorf("%s: %s does not list the layer", at, IndexFile)
		case seen[key]:
			return nil, fmt.Errorf("%s: %s lists it twice", at, IndexFile)
		case files[entry.File]:
			return nil, fmt.Errorf("%s: another tensor has its file %s", at, entry.File)
		default:
			seen[key], files[entry.File] = true, true
		}
		t := Tensor{Name: entry.Name, Layer: entry.Layer}
		if t.Shape, t.Data, err = readArray(root, entry.File); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", at, entry.File, err)
		}
		if fmt.Sprint(t.Shape) != fmt.Sprint(entry.Shape) {
			return nil, fmt.Errorf("%s: %s has shape %v, %s says %v", at, entry.File, t.Shape, IndexFile, entry.Shape)
		}
		if err := t.finite(); err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		if values += len(t.Data); values > maxValues {
			return nil, fmt.Errorf("more than %d values in the folder", maxValues)
		}
		f.byLayer[entry.Layer] = append(f.byLayer[entry.Layer], len(f.Tensors))
		f.Tensors = append(f.Tensors, t)
	}
	return f, nil
}

func readIndex(root *os.Root) (*index, error) {
	file, err := root.Open(IndexFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoIndex
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxIndex+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxIndex {
		return nil, fmt.Errorf("%s has more than %d bytes", IndexFile, maxIndex)
	}
	var list index
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", IndexFile, err)
	}
	if list.Format != indexFormat || list.Version != indexVersion {
		return nil, fmt.Errorf("%s is of format %q, version %d; %q, version %d is read", IndexFile, list.Format, list.Version, indexFormat, indexVersion)
	}
	return &list, nil
}

// readArray reads a regular file of the folder.
func readArray(root *os.Root, name string) ([]int, []float32, error) {
	file, size, err := openRegular(root, name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	return npy.Read(file, size)
}

// openRegular opens a regular file of the folder.
func openRegular(root *os.Root, name string) (*os.File, int64, error) {
	if !filepath.IsLocal(name) {
		return nil, 0, errors.New("it lies outside the folder")
	}
	info, err := root.Lstat(name)
	if err != nil {
		return nil, 0, withoutPath(err)
	}
	if !info.Mode().IsRegular() { // a pipe would block
		return nil, 0, errors.New("not a regular file")
	}
	file, err := root.Open(name)
	return file, info.Size(), err
}
