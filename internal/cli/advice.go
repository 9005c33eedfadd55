package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/skinattn/skinattn/internal/csvtable"
	"github.com/skinattn/skinattn/internal/filecache"
	"github.com/skinattn/skinattn/internal/userdir"
	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/crate"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000/convert"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/release"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// adviceTable says what to do about causes of errors: the packages that meet them know
// neither commands nor flags. The first function with an answer counts.
var adviceTable = []func(error) string{
	when(func(e *fs.PathError) string {
		if !errors.Is(e, fs.ErrPermission) || !readDenied(e.Path) {
			return ""
		}
		return "you may not read it: its owner can change that with chmod, or give you a copy"
	}),
	is("set --data or $SKINATTN_DATA; scripts/download.sh fetches HAM10000, `skinattn demo` works without it", ham10000.ErrNoFolder),
	as[*convert.ExistsError]("choose another --out, or remove it"),
	as[*ham10000.UnconvertedError]("'skinattn data convert' makes a folder of them that has one"),
	as[*ham10000.NoLesionsError]("it is part of the challenge's training data; or 'skinattn data fetch DIR --only-metadata' gets HAM10000_metadata.csv, which has everything"),
	as[*ham10000.ManyTablesError]("rename the one that counts"),
	when(func(e *ham10000.NoTableError) string {
		switch _, other := errors.AsType[*csvtable.FormatError](e); {
		case e.Folder != "":
			return "name that one with --data or $SKINATTN_DATA"
		case e.Parts != nil:
			return "'skinattn data convert' makes one folder of them, to be split anew: photos of one lesion may be in several"
		case other:
			return "put the table there as HAM10000_metadata.csv"
		case e.File != nil || e.Sorted:
			return "'skinattn data fetch DIR --only-metadata' gets HAM10000_metadata.csv, which goes into that folder"
		}
		return ""
	}),
	as[*ham10000.NotFolderError]("set --data or $SKINATTN_DATA to the folder that holds HAM10000_metadata.csv, or fetch it with scripts/download.sh"),
	as[*ham10000.MissingImagesError]("put ISIC_*.jpg in any of its subfolders or run scripts/download.sh, `skinattn data check` lists them all"),
	when(func(e *csvtable.FormatError) string {
		if e.Parquet {
			return "'skinattn data convert' reads Parquet copies of the data set"
		}
		return ""
	}),
	is("name a run folder with --run", models.ErrNone),
	as[*ham10000.AmbiguousTruthError]("name one with --truth"),
	when(func(e *run.NotFolderError) string {
		if e.Near != "" {
			return "name that one"
		}
		return "'skinattn train' or 'skinattn weights import' makes one"
	}),
	as[*run.InUseError]("wait for it or choose another --run"),
	as[*run.NotEmptyError]("add --resume to go on with it or choose another --run"),
	when(func(e *run.ConfigMismatchError) string {
		for _, f := range e.Fields {
			if f.Path == "data.images_sha256" || f.Path == "data.metadata_sha256" { // no flag changes the photos
				return "name the unchanged data with --data or start a new run"
			}
		}
		return "leave them out or start a new run"
	}),
	as[*run.EditedError]("restore the file or start a new run"),
	as[*pipeline.EpochsError]("start a new run with that many"),
	when(func(e *pipeline.WeightsError) string {
		if e.SHA256 != "" {
			return "name that file with --weights"
		}
		return fmt.Sprintf("'skinattn weights fetch %s' gets them, --weights FILE names them, --weights random does without", e.Backbone)
	}),
	when(func(e *weights.OccupiedError) string {
		switch {
		case e.What == weights.RunFolder:
			return "choose another --run"
		case e.File == "":
			return "remove it or choose another --out"
		}
		return "choose another --out"
	}),
	as[*sweep.OtherRunError]("choose another --out"),
	when(func(e *sweep.FailedError) string {
		if e.Elsewhere {
			return ""
		}
		advice := "'skinattn sweep status' shows why"
		if e.Again > 0 {
			advice += ", --retry tries them again"
		}
		return advice
	}),
	as[*release.OccupiedError]("remove it or choose another --out"),
	is("choose another --out", crate.ErrOccupied),
	is("use --weights random", weights.ErrNoImageNet),
	when(func(e *weights.OtherWeightsError) string {
		return "remove it first, or train with --weights " + e.Keras
	}),
	when(func(e *weights.ChangedError) string {
		return fmt.Sprintf("'skinattn weights fetch %s' gets them anew", e.Backbone)
	}),
	is("'skinattn weights export --format npy' makes one", keras.ErrNoIndex),
	is("name it so", weights.ErrNotKeras),
	as[*weights.NestedError]("build the model on the backbone's own tensors, keras.Model(base.input, head(base.layers[-28].output)), give its layers the weights with get_weights and set_weights, and save that"),
	as[*keras.QuantizedError]("save the model before quantize() is called"),
	when(func(e *keras.ForeignError) string {
		const save = `save it whole in one file, with model.save("model.keras") in Keras 3 and model.save("model.h5") in Keras 2`
		if e.Converted {
			return "copy its tensors into the network in Keras and " + save
		}
		return "load it in Keras and " + save
	}),
	when(func(e *weights.MismatchError) string {
		if e.More > 0 {
			return "'skinattn weights check' lists them"
		}
		return ""
	}),
	as[*explain.UnknownLayerError]("'skinattn backbones' names the cut, Keras's summary the others"),
	is("leave --feature-cache or the augmentation out", training.ErrFeaturesAugmented),
	is("leave --feature-cache or --cutmix out", training.ErrFeaturesMixed),
	is("add --freeze backbone to --feature-cache", training.ErrFeaturesTrained),
	is("choose another --out", pipeline.ErrOtherDemo),
	as[*filecache.LostError]("run the command again, which makes the file anew; a training goes on with --resume"),
	as[*training.DivergedError]("start a new run with a lower --learning-rate"),
	is("a run has its first after an epoch, 'skinattn train --resume' goes on with it", checkpoint.ErrNone),
	when(func(e *engine.UnavailableError) string {
		if e.Engine != engine.CUDA {
			return ""
		}
		return is("use --engine cpu", engine.ErrNoGPU, engine.ErrPlatform)(e)
	}),
	is("choose another --port; 0 takes a free one", syscall.EADDRINUSE),
	is("make room on that disk, or choose another; a run goes on with --resume", syscall.ENOSPC, syscall.EDQUOT),
	cacheDenied,
	as[*training.PrecisionError]("train without --precision, or choose another --engine"),
	as[*engine.DevicesError]("give --devices no more than that, or choose another --engine"),
	is("choose a folder that can be written, or change its permissions", syscall.EROFS, fs.ErrPermission),
}

// cacheDenied answers if the cache folder can't be made or written, which no flag names.
func cacheDenied(err error) string {
	denied, ok := errors.AsType[*fs.PathError](err)
	if !ok || !errors.Is(denied, syscall.EROFS) && !errors.Is(denied, fs.ErrPermission) {
		return ""
	}
	cache, path := userdir.Cache()+"/", filepath.Clean(denied.Path)+"/"
	if !strings.HasPrefix(cache, path) && !strings.HasPrefix(path, cache) {
		return ""
	}
	return "set $XDG_CACHE_HOME to a folder that can be written"
}

// readDenied reports whether the file or folder at path is there and may not be read, or
// may not even be looked for. Where it can be read, writing was denied.
func readDenied(path string) bool {
	f, err := os.Open(path)
	if err == nil {
		f.Close()
	}
	return errors.Is(err, fs.ErrPermission)
}

// adviceOn returns the advice on an error, empty if there is none.
func adviceOn(err error) string {
	for _, row := range adviceTable {
		if text := row(err); text != "" {
			return text
		}
	}
	return ""
}

// withAdvice returns the text of an error with the advice on it.
func withAdvice(err error) string {
	if advice := adviceOn(err); advice != "" {
		return err.Error() + "; " + advice
	}
	return err.Error()
}

// is returns the row of the table that answers text to each of the causes.
func is(text string, causes ...error) func(error) string {
	return func(err error) string {
		for _, cause := range causes {
			if errors.Is(err, cause) {
				return text
			}
		}
		return ""
	}
}

// as returns the row that answers text to an error of type E.
func as[E error](text string) func(error) string {
	return when(func(E) string { return text })
}

// when returns the row that answers to an error of type E with advise's text.
func when[E error](advise func(E) string) func(error) string {
	return func(err error) string {
		if e, ok := errors.AsType[E](err); ok {
			return advise(e)
		}
		return ""
	}
}
