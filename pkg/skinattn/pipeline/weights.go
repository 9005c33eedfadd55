package pipeline

import (
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// EnvWeights names a folder with Keras applications weights files under their
// own names, in place of the one that 'weights fetch' fills.
const EnvWeights = "SKINATTN_WEIGHTS"

// WeightsDir is the folder of the ImageNet weights.
func WeightsDir() string {
	if dir := os.Getenv(EnvWeights); dir != "" {
		return dir
	}
	return filepath.Join(imaging.DefaultCacheDir(), "weights")
}

// WeightsPath is where the ImageNet weights of a backbone lie, whether or not
// the file is there.
func WeightsPath(name string) (string, error) {
	b, err := backbone.Find(name)
	if err != nil {
		return "", err
	}
	if b.Weights.URL == "" {
		return "", fmt.Errorf("%s has no ImageNet weights; use --weights random", b.Title)
	}
	return filepath.Join(WeightsDir(), path.Base(b.Weights.URL)), nil
}
