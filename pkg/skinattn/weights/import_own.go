package weights

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// identifyExport takes the network that Export wrote beside the weights, so that
// nothing need be guessed. Options that are given go before it.
func (found *examined) identifyExport(opts ImportOptions, b *backbone.Backbone) error {
	var cfg spec.Network
	decoder := json.NewDecoder(strings.NewReader(found.file.Network))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&cfg); err != nil {
		return fmt.Errorf("reading its description of the network: %w", err)
	}
	if cfg.Backbone != b.Name {
		return fmt.Errorf("it holds a network on %s, not on %s", cfg.Backbone, b.Name)
	}
	cfg.Cut = cmp.Or(opts.Cut, cfg.Cut)
	cfg.Size = cmp.Or(opts.Size, cfg.Size)
	cfg.ChannelOrder = cmp.Or(opts.ChannelOrder, cfg.ChannelOrder)
	cfg.Preprocess = cmp.Or(opts.Preprocess, cfg.Preprocess)
	const mostPools = 16 // a network can't have more, and each is built
	if cfg.PoolsBefore > mostPools {
		return fmt.Errorf("its description of the network has %d poolings before the attention", cfg.PoolsBefore)
	}
	var err error
	if found.net, err = skinattn.NewNetwork(cfg); err != nil {
		return fmt.Errorf("its description of the network: %w", err)
	}
	found.Cut = found.net.Cut
	return nil
}

// isFolder says whether path is a folder.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// fileOrFolderSHA256 is the SHA-256 of a file; of an npy folder, that of a line for
// each of its files, with its SHA-256 and name, as sha256sum writes it.
func fileOrFolderSHA256(path string) (string, error) {
	if !isFolder(path) {
		return SHA256(path)
	}
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		sum, err := SHA256(filepath.Join(path, entry.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s  %s\n", sum, entry.Name())
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
