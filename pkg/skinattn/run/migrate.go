package run

import (
	"context"
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Migrated is the outcome of Migrate.
type Migrated struct {
	Run        string `json:"run"`
	Changed    bool   `json:"changed"`     // config.json was written anew
	SourceSize string `json:"source_size"` // empty if it is not known
}

// Migrate writes a config.json of an older format anew in the present one. With data,
// it also fills in the size of the photos on disk, which older runs did not record;
// data must then hold exactly the photos that the run was trained on, by their
// SHA-256. The file is replaced whole, and stays as it is on any error.
func Migrate(ctx context.Context, dir string, data *ham10000.Dataset) (Migrated, error) {
	done := Migrated{Run: dir}
	folder, err := Open(dir)
	if err != nil {
		return done, err
	}
	if folder.Has(lockFile) { // a process may be training
		if folder, err = Create(dir, true); err != nil {
			return done, err
		}
		defer folder.Close()
	}
	cfg, format, err := folder.config()
	if err != nil {
		return done, err
	}
	done.Changed = format != Format
	if data != nil && cfg.Data.SourceSize == "" && cfg.Data.ImagesSHA256 != "" {
		if cfg.Data.SourceSize, err = folder.sourceSize(ctx, cfg, data); err != nil {
			return done, fmt.Errorf("migrating %s: %w", dir, err)
		}
		done.Changed = true
	}
	done.SourceSize = cfg.Data.SourceSize
	if !done.Changed {
		return done, nil
	}
	if known, err := folder.CheckFingerprint(); err != nil {
		return done, err
	} else if known {
		cfg = cfg.Sealed()
	}
	return done, folder.WriteConfig(cfg)
}

// sourceSize is the size of the photos of data, which must be the run's.
func (f *Folder) sourceSize(ctx context.Context, cfg Config, data *ham10000.Dataset) (string, error) {
	if cfg.FastDevRun { // it was trained on the photos of its split alone
		parts, err := f.Split()
		if err != nil {
			return "", err
		}
		data = parts.Photos(data)
	}
	if err := data.RequireImages(data.Records); err != nil {
		return "", err
	}
	sum, err := data.ContentHash(ctx)
	if err != nil {
		return "", err
	}
	if sum != cfg.Data.ImagesSHA256 {
		return "", fmt.Errorf("the photos in %s have SHA-256 %s, the run was trained on photos with %s", data.Dir, sum, cfg.Data.ImagesSHA256)
	}
	return data.SourceSize(ctx)
}
