package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// kerasFile is a Keras weights file to be written for a test. Real files of
// Keras are too large to be kept with the tests; the reader of their layout is
// tested with such ones in packages hdf5 and keras.
type kerasFile struct {
	layers  []string // layer_names; layers of tensors that are not in it are added
	tensors []keras.Tensor
	config  string // model_config; makes it a whole model
}

// fileOf is the file of a network with tensors filled by name. The numbers that
// Keras gives to layers of the head are shifted, as after building other networks.
func fileOf(t *testing.T, cfg spec.Network) *kerasFile {
	t.Helper()
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f := &kerasFile{}
	theirs := map[string]string{"soft_attention": "soft_attention_1", "normalization": "normalization_2", "dense": "dense_9", "dense_1": "dense_10", "dense_2": "dense_11"}
	for _, layer := range net.Graph.Layers() {
		name := layer.Name
		if other, ok := theirs[name]; ok {
			name = other
		}
		f.layers = append(f.layers, name)
		f.add(name, layer.Op.Variables(net.Graph.InputShapes(layer)...), layer.Name)
	}
	return f
}

// applicationsOf is the ImageNet file of a backbone, with or without top.
func applicationsOf(t *testing.T, name string, top bool) *kerasFile {
	t.Helper()
	b, err := backbone.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := b.Graph(0)
	if err != nil {
		t.Fatal(err)
	}
	f := &kerasFile{}
	for _, layer := range g.Layers() {
		if layer.Name == "predictions" && !top {
			break
		}
		f.layers = append(f.layers, layer.Name)
		f.add(layer.Name, layer.Op.Variables(g.InputShapes(layer)...), layer.Name)
	}
	return f
}

func (f *kerasFile) add(layer string, variables []layers.Variable, fill string) {
	for _, v := range variables {
		f.tensors = append(f.tensors, keras.Tensor{
			Layer: layer, Name: layer + "/" + v.Name + ":0", Shape: v.Shape, Data: keras.FillByName(fill+"/"+v.Name, v.Shape)})
	}
}

// tensor is the one of that name.
func (f *kerasFile) tensor(name string) *keras.Tensor {
	for i := range f.tensors {
		if f.tensors[i].Name == name {
			return &f.tensors[i]
		}
	}
	panic("no tensor " + name)
}

// without leaves out the tensors of which drop is true, and layers that have
// none left.
func (f *kerasFile) without(drop func(keras.Tensor) bool) *kerasFile {
	had := map[string]bool{}
	for _, tensor := range f.tensors {
		had[tensor.Layer] = true
	}
	f.tensors = slices.DeleteFunc(f.tensors, drop)
	for _, tensor := range f.tensors {
		delete(had, tensor.Layer)
	}
	f.layers = slices.DeleteFunc(f.layers, func(layer string) bool { return had[layer] })
	return f
}

// save writes the file into a new folder and returns its path.
func (f *kerasFile) save(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, f.bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// bytes is the file in HDF5's layout: superblock 0, version-1 object headers,
// groups of link messages, contiguous datasets.
func (f *kerasFile) bytes() []byte {
	weights := &node{}
	names := slices.Clone(f.layers)
	of := map[string][]string{}
	for _, t := range f.tensors {
		of[t.Layer] = append(of[t.Layer], t.Name)
		if !slices.Contains(names, t.Layer) {
			names = append(names, t.Layer)
		}
	}
	weights.attribute("layer_names", names...)
	weights.attribute("keras_version", "2.15.0")
	for _, layer := range names {
		weights.child(layer).attribute("weight_names", of[layer]...)
	}
	for i := range f.tensors {
		weights.child(f.tensors[i].Layer + "/" + f.tensors[i].Name).tensor = &f.tensors[i]
	}
	root := weights
	if f.config != "" {
		root = &node{names: []string{"model_weights"}, children: []*node{weights}}
		root.attribute("model_config", f.config)
	}
	w := &h5writer{}
	w.Write(make([]byte, 96)) // superblock, filled in last
	address := w.node(root)
	file := w.Bytes()
	copy(file, "\x89HDF\r\n\x1a\n")
	copy(file[8:], []byte{0, 0, 0, 0, 0, 8, 8, 0, 4, 0, 16, 0})
	for i, v := range []uint64{0, undefinedAddress, uint64(len(file)), undefinedAddress, 0, address} {
		binary.LittleEndian.PutUint64(file[24+8*i:], v)
	}
	return file
}

const undefinedAddress = 1<<64 - 1

// node is a group, or a dataset if it has a tensor.
type node struct {
	attributes [][]byte
	names      []string
	children   []*node
	tensor     *keras.Tensor
}

// child is the node at a path, made if need be.
func (n *node) child(path string) *node {
	for part := range strings.SplitSeq(path, "/") {
		i := slices.Index(n.names, part)
		if i < 0 {
			i = len(n.names)
			n.names, n.children = append(n.names, part), append(n.children, &node{})
		}
		n = n.children[i]
	}
	return n
}

// attribute adds a list of texts, or one text, of fixed length.
func (n *node) attribute(name string, texts ...string) {
	width := 1
	for _, text := range texts {
		width = max(width, len(text))
	}
	values := &bytes.Buffer{}
	for _, text := range texts {
		fmt.Fprintf(values, "%s%s", text, make([]byte, width-len(text)))
	}
	kind := le([]byte{0x13, 0, 0, 0}, uint32(width))
	space := dataspace([]int{len(texts)})
	n.attributes = append(n.attributes, le([]byte{3, 0}, uint16(len(name)+1), uint16(len(kind)), uint16(len(space)), []byte{0},
		[]byte(name+"\x00"), kind, space, values.Bytes()))
}

func dataspace(shape []int) []byte {
	b := []byte{2, byte(len(shape)), 0, 1}
	if len(shape) == 0 {
		b[3] = 0
	}
	for _, dim := range shape {
		b = le(b, uint64(dim))
	}
	return b
}

// le appends values in little-endian order.
func le(b []byte, values ...any) []byte {
	for _, v := range values {
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b
}

type h5writer struct{ bytes.Buffer }

// node writes a node after what it contains, and returns its address.
func (w *h5writer) node(n *node) uint64 {
	var messages []byte
	message := func(kind uint16, body []byte) {
		messages = le(messages, kind, uint16(len(body)), []byte{0, 0, 0, 0}, body)
	}
	if t := n.tensor; t != nil {
		at := uint64(w.Len())
		w.Write(le(nil, t.Data))
		message(0x01, dataspace(t.Shape))
		message(0x03, le([]byte{0x11, 0x20, 31, 0}, uint32(4), uint16(0), uint16(32), []byte{23, 8, 0, 23}, uint32(127)))
		message(0x08, le([]byte{3, 1}, at, uint64(4*len(t.Data))))
	} else {
		message(0x02, le([]byte{0, 0}, uint64(undefinedAddress), uint64(undefinedAddress)))
	}
	for i, child := range n.children {
		address := w.node(child)
		message(0x06, le([]byte{1, 1}, uint16(len(n.names[i])), []byte(n.names[i]), address))
	}
	for _, attribute := range n.attributes {
		message(0x0c, attribute)
	}
	address := uint64(w.Len())
	w.Write(le([]byte{1, 0}, uint16(0), uint32(1), uint32(len(messages)), uint32(0), messages))
	return address
}
