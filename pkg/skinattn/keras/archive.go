package keras

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/hdf5"
)

// Members of a .keras archive.
const (
	metadataMember = "metadata.json"
	configMember   = "config.json"
	weightsMember  = "model.weights.h5"
)

const (
	// maxText bounds the bytes of a JSON member: 16 times the largest network's config.json.
	maxText = 32 << 20
	// Keras stores the members of an archive as they are. Compressed ones are read, too;
	// weights hardly shrink, so a member that grows more than this is not real.
	maxGrowth     = 64
	maxGrownBytes = 64 << 20 // whatever the growth
)

// readArchive reads a .keras file.
func readArchive(in io.ReaderAt, size int64) (*File, error) {
	archive, err := zip.NewReader(in, size)
	if err != nil {
		return nil, fmt.Errorf("it begins like a zip archive: %w", err)
	}
	members := map[string]*zip.File{}
	for _, member := range archive.File {
		if members[member.Name] != nil {
			return nil, fmt.Errorf("two members are called %q", member.Name)
		}
		members[member.Name] = member
	}
	if members[configMember] == nil || members[weightsMember] == nil {
		if what := foreignArchive(members); what != "" {
			return nil, &ForeignError{What: what, Converted: strings.Contains(what, pyTorch)}
		}
		return nil, fmt.Errorf("a zip archive with %s, not a .keras file with %s and %s", someNames(archive.File), configMember, weightsMember)
	}
	config, err := memberText(members[configMember])
	if err != nil {
		return nil, err
	}
	metadata, err := memberText(members[metadataMember])
	if err != nil {
		return nil, err
	}
	weights, weightsSize, err := openMember(in, members[weightsMember])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", weightsMember, err)
	}
	return readModel(config, metadata, weights, weightsSize)
}

// someNames lists the first names of members.
func someNames(members []*zip.File) string {
	const most = 3
	var names []string
	for _, member := range members[:min(most, len(members))] {
		names = append(names, fmt.Sprintf("%.100q", member.Name))
	}
	switch {
	case len(members) > most:
		names = append(names, fmt.Sprintf("%d more", len(members)-most))
	case len(members) == 0:
		return "no members"
	}
	return strings.Join(names, ", ")
}

// memberText reads a member of text, empty if there is no such member.
func memberText(member *zip.File) (string, error) {
	if member == nil {
		return "", nil
	}
	if member.UncompressedSize64 > maxText {
		return "", fmt.Errorf("%s has %d bytes; more than %d are not read", member.Name, member.UncompressedSize64, maxText)
	}
	r, err := member.Open()
	if err != nil {
		return "", fmt.Errorf("%s: %w", member.Name, err)
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", member.Name, err)
	}
	return string(text), nil
}

// openMember checks a member's checksum and gives access to its bytes: where they lie if
// they are stored as they are, and else in memory.
func openMember(in io.ReaderAt, member *zip.File) (io.ReaderAt, int64, error) {
	stored := member.Method == zip.Store
	limit := max(maxGrownBytes, maxGrowth*member.CompressedSize64)
	if !stored && member.UncompressedSize64 > limit {
		return nil, 0, fmt.Errorf("its %d bytes would grow to %d; more than %d are not read", member.CompressedSize64, member.UncompressedSize64, limit)
	}
	r, err := member.Open()
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	if !stored {
		var content bytes.Buffer
		if _, err := io.Copy(&content, io.LimitReader(r, int64(limit)+1)); err != nil {
			return nil, 0, err
		}
		return bytes.NewReader(content.Bytes()), int64(content.Len()), nil
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, 0, err
	}
	offset, err := member.DataOffset()
	if err != nil {
		return nil, 0, err
	}
	size := int64(member.UncompressedSize64)
	return io.NewSectionReader(in, offset, size), size, nil
}

// readModel joins the parts of an archive.
func readModel(config, metadata string, weights io.ReaderAt, size int64) (*File, error) {
	layers, err := archivedLayers(config)
	if err != nil {
		return nil, err
	}
	h5, err := hdf5.New(weights, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", weightsMember, err)
	}
	f, err := readVariables(h5, layers)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", weightsMember, err)
	}
	f.Layout, f.Model, f.ModelConfig = LayoutArchive, true, config
	var version struct {
		Keras string `json:"keras_version"`
	}
	if metadata != "" {
		if err := json.Unmarshal([]byte(metadata), &version); err != nil {
			return nil, fmt.Errorf("reading %s: %w", metadataMember, err)
		}
	}
	f.KerasVersion = version.Keras
	f.Network, err = text(networkAttribute, h5.Root())
	return f, err
}

// hasMembers reports whether a folder is an unzipped archive.
func hasMembers(root *os.Root) bool {
	_, configErr := root.Lstat(configMember)
	_, weightsErr := root.Lstat(weightsMember)
	return configErr == nil && weightsErr == nil
}

// readUnzipped reads the members of an archive from a folder, which Keras writes with
// zipped=False.
func readUnzipped(root *os.Root) (*File, error) {
	config, err := folderText(root, configMember)
	if err != nil {
		return nil, err
	}
	metadata, err := folderText(root, metadataMember)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	weights, size, err := openRegular(root, weightsMember)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", weightsMember, err)
	}
	defer weights.Close()
	return readModel(config, metadata, weights, size)
}

// folderText reads a text of a folder.
func folderText(root *os.Root, name string) (string, error) {
	file, size, err := openRegular(root, name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	defer file.Close()
	if size > maxText {
		return "", fmt.Errorf("%s has %d bytes; more than %d are not read", name, size, maxText)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxText))
	return string(text), err
}

const pyTorch = "PyTorch"

// foreignArchive says what else the zip archive with these members may be; empty if it is
// unknown.
func foreignArchive(members map[string]*zip.File) string {
	for name := range members {
		switch {
		case path.Base(name) == "data.pkl":
			return "a model or weights of " + pyTorch
		case name == "model.weights.json":
			return "a .keras file with its weights in several files"
		case strings.HasSuffix(name, ".npy"), strings.HasSuffix(name, ".npz"):
			return "weights in NumPy's form (.npz)"
		}
	}
	return ""
}

// otherFolders are signs of folders that are not read, by a name in them.
var otherFolders = []struct{ name, what string }{
	{"saved_model.pb", "a SavedModel of TensorFlow"},
	{"model.weights.npz", "an unzipped .keras file with weights in NumPy's form"},
	{"model.weights.json", "a model with its weights in several files"},
	{"checkpoint", "a checkpoint of TensorFlow"},
}

// ForeignError says that a file or folder is a form of model that Keras, TensorFlow or
// another library writes and that is not read.
type ForeignError struct {
	What string // such as "a SavedModel of TensorFlow"
	// Converted says that Keras does not load it either: its tensors must be copied.
	Converted bool
}

func (e *ForeignError) Error() string { return "it is " + e.What }

// foreign recognises a folder that is not read, nil if it is unknown.
func foreign(root *os.Root) error {
	at := slices.IndexFunc(otherFolders, func(other struct{ name, what string }) bool {
		_, err := root.Lstat(other.name)
		return err == nil
	})
	if at < 0 {
		return nil
	}
	return &ForeignError{What: otherFolders[at].what}
}
