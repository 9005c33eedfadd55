package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// adviceOn turns the types and causes of errors into advice in terms of commands and
// flags, which the packages that report them know nothing about.
func adviceOn(err error) string {
	var (
		unavailable *engine.UnavailableError
		notFolder   *run.NotFolderError
		inUse       *run.InUseError
		notEmpty    *run.NotEmptyError
		mismatch    *run.ConfigMismatchError
		first       *pipeline.WeightsError
		diverged    *training.DivergedError
		weighed     *weights.MismatchError
		occupied    *weights.OccupiedError
	)
	switch {
	case errors.As(err, &notFolder):
		return "'skinattn train' or 'skinattn weights import' makes one"
	case errors.As(err, &inUse):
		return "wait for it or choose another --run"
	case errors.As(err, &notEmpty):
		return "add --resume to go on with it or choose another --run"
	case errors.As(err, &mismatch):
		return "leave them out or start a new run"
	case errors.As(err, &first) && first.SHA256 != "":
		return "name that file with --weights"
	case errors.As(err, &first):
		return fmt.Sprintf("'skinattn weights fetch %s' gets them, --weights FILE names them, --weights random does without", first.Backbone)
	case errors.As(err, &occupied) && occupied.What == weights.RunFolder:
		return "choose another --run"
	case errors.As(err, &occupied) && occupied.File == "":
		return "remove it or choose another --out"
	case errors.As(err, &occupied):
		return "choose another --out"
	case errors.Is(err, weights.ErrNoImageNet):
		return "use --weights random"
	case errors.As(err, &weighed) && weighed.More > 0:
		return "'skinattn weights check' lists them"
	case errors.Is(err, training.ErrFeaturesAugmented):
		return "leave --feature-cache or the augmentation out"
	case errors.Is(err, training.ErrFeaturesMixed):
		return "leave --feature-cache or --cutmix out"
	case errors.Is(err, training.ErrFeaturesTrained):
		return "add --freeze backbone to --feature-cache"
	case errors.Is(err, pipeline.ErrOtherDemo):
		return "choose another --out"
	case errors.As(err, &diverged):
		return "start a new run with a lower --learning-rate"
	case errors.Is(err, checkpoint.ErrNone):
		return "a run has its first after an epoch, 'skinattn train --resume' goes on with it"
	case errors.As(err, &unavailable) && unavailable.Engine == engine.CUDA &&
		(errors.Is(err, engine.ErrNoGPU) || errors.Is(err, engine.ErrPlatform)):
		return "use --engine cpu"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room on that disk, or choose another; a run goes on with --resume"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return "choose a folder that can be written, or change its permissions"
	}
	return ""
}
