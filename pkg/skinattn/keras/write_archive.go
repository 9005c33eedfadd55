package keras

import (
	"archive/zip"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/skinattn/skinattn/internal/hdf5"
)

// Version3 is the version of Keras 3 whose archives WriteArchive follows.
const Version3 = "3.15.1"

// Archive is the content of a .keras file.
type Archive struct {
	Name     string          // the model's name
	Config   string          // config.json: the model as Keras serialises it
	Metadata string          // metadata.json
	Network  string          // as File.Network
	Layers   []ArchivedLayer // all layers in the order of Model.layers
}

// ArchivedLayer is a layer with its variables in Keras's order.
type ArchivedLayer struct {
	Class     string // in snake case
	Name      string
	Variables []Tensor
}

// Write writes the archive as keras.Model.save does: a zip archive of the two texts and of
// the variables in HDF5, each stored as it is. All values must be finite. Equal content
// gives equal bytes: the archive has no time.
func (a *Archive) Write(w io.Writer) error {
	variables, err := a.variables()
	if err != nil {
		return err
	}
	archive := zip.NewWriter(w)
	for _, member := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{metadataMember, writeText(a.Metadata)},
		{configMember, writeText(a.Config)},
		{weightsMember, func(w io.Writer) error { return hdf5.Write(w, variables) }},
	} {
		if err := addStored(archive, member.name, member.write); err != nil {
			return fmt.Errorf("%s: %w", member.name, err)
		}
	}
	return archive.Close()
}

func writeText(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// addStored adds a member as it is. It calls write twice, since the checksum and the size
// stand before the content.
func addStored(archive *zip.Writer, name string, write func(io.Writer) error) error {
	sum := crc32.NewIEEE()
	var size countingWriter
	if err := write(io.MultiWriter(sum, &size)); err != nil {
		return err
	}
	header := &zip.FileHeader{Name: name, Method: zip.Store, CRC32: sum.Sum32(), CompressedSize64: uint64(size), UncompressedSize64: uint64(size)}
	header.SetMode(0o644)
	w, err := archive.CreateRaw(header)
	if err != nil {
		return err
	}
	return write(w)
}

// countingWriter counts the bytes written to it.
type countingWriter int64

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

// variables is the content of weightsMember.
func (a *Archive) variables() (*hdf5.Tree, error) {
	root := &hdf5.Tree{}
	if a.Network != "" {
		if err := root.SetAttr(networkAttribute, hdf5.Text(a.Network)); err != nil {
			return nil, err
		}
	}
	if err := addVariables(root, variablesGroup, a.Name, nil); err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, l := range a.Layers {
		group := l.Class
		if n := count[l.Class]; n > 0 {
			group = fmt.Sprintf("%s_%d", l.Class, n)
		}
		count[l.Class]++
		if err := addVariables(root, layersGroup+"/"+group+"/"+variablesGroup, l.Name, l.Variables); err != nil {
			return nil, fmt.Errorf("layer %q: %w", l.Name, err)
		}
	}
	return root, nil
}

// addVariables makes a group with the numbered variables of what has the name.
func addVariables(root *hdf5.Tree, path, name string, variables []Tensor) error {
	group, err := root.Group(path)
	if err != nil {
		return err
	}
	if err := group.SetAttr("name", hdf5.Text(name)); err != nil {
		return err
	}
	for i := range variables {
		t := &variables[i]
		if err := t.finite(); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if err := group.Dataset(strconv.Itoa(i), hdf5.Array{Shape: t.Shape, Data: t.elements()}); err != nil {
			return err
		}
	}
	return nil
}
