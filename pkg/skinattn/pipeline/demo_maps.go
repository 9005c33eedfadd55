package pipeline

import (
	"context"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// DemoMaps is the folder of the demo's attention maps, laid over test photos.
const DemoMaps = "maps"

// demoMapSide is the side of these pictures in pixels.
const demoMapSide = 192

// drawMaps lays the attention map over a test photo of each diagnosis, in class order.
func (o *DemoOptions) drawMaps(ctx context.Context, data *ham10000.Dataset) ([]demoFigure, error) {
	folder, err := run.Open(filepath.Join(o.Dir, DemoRun))
	if err != nil {
		return nil, err
	}
	parts, err := folder.Split()
	if err != nil {
		return nil, err
	}
	var paths []string
	var figures []demoFigure
	test := parts.Part(split.Test)
	for _, class := range ham10000.Classes {
		for _, row := range test {
			path, found := data.ImagePath(row.ImageID)
			if row.Dx != class || !found {
				continue
			}
			paths = append(paths, path)
			figures = append(figures, demoFigure{Path: DemoMaps + "/" + row.ImageID + ".png", Name: row.ImageID, Caption: class})
			break
		}
	}
	pictures, err := o.Overlays(ctx, folder.Dir, paths, demoMapSide)
	if err != nil {
		return nil, fmt.Errorf("drawing the attention maps: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, DemoMaps), 0o755); err != nil {
		return nil, fmt.Errorf("drawing the attention maps: %w", err)
	}
	for i, picture := range pictures {
		figures[i].Caption += ": " + picture.String()
		err := atomicfile.WriteFile(filepath.Join(o.Dir, filepath.FromSlash(figures[i].Path)), func(w io.Writer) error { return png.Encode(w, picture.Picture) })
		if err != nil {
			return nil, err
		}
	}
	return figures, nil
}
