package dataverse

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/fetch"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

func (j *job) unpackDir() string { return filepath.Join(j.work, "unpack") }

// stamp returns the note on a file that is in its place: its MD5, then the names of
// an archive's pictures, a line each.
func (j *job) stamp(f file) string { return filepath.Join(j.work, f.name+".done") }

// readStamp returns the note's lines, none if there is no note.
func (j *job) readStamp(f file) []string {
	text, err := os.ReadFile(j.stamp(f))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

func (j *job) writeStamp(f file, lines ...string) error {
	return atomicfile.WriteBytes(j.stamp(f), []byte(strings.Join(lines, "\n")+"\n"))
}

// table fetches a table into folder.
func (j *job) table(ctx context.Context, f file, folder string) error {
	target := filepath.Join(folder, f.name)
	if have, err := fetch.Digest(target, md5.New()); err == nil {
		known := have == f.md5 || slices.Contains(j.readStamp(f), have)
		if !known {
			now, err := j.published(ctx, f)
			known = err == nil && now == have
		}
		if !known {
			return fmt.Errorf("%s is there and is not the published file; move it away or name another folder", target)
		}
		j.logf("%s: there and verified", f.name)
		return nil
	}
	sum, err := j.get(ctx, f)
	if err != nil {
		return err
	}
	fresh := filepath.Join(j.work, f.name)
	text, err := os.ReadFile(fresh)
	if err != nil {
		return err
	}
	if rows := bytes.Count(bytes.TrimRight(text, "\r\n"), []byte("\n")); rows != f.count {
		os.Remove(fresh)
		return fmt.Errorf("verifying %s: %d rows, not %d; Dataverse has changed it", f.name, rows, f.count)
	}
	return errors.Join(j.writeStamp(f, sum), os.Rename(fresh, target))
}

// unpacked reports whether every picture of the archive is in folder.
func (j *job) unpacked(f file, folder string) bool {
	lines := j.readStamp(f)
	return len(lines) > 1 && !slices.ContainsFunc(lines[1:], func(picture string) bool { return !filled(filepath.Join(folder, picture)) })
}

func filled(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Size() > 0
}

// pictures fetches an archive and puts its pictures ISIC_nnnnnnnSUFFIX into folder.
func (j *job) pictures(ctx context.Context, f file, folder, suffix string) error {
	if j.unpacked(f, folder) {
		j.logf("%s: there and unpacked", f.name)
		return nil
	}
	archive := filepath.Join(j.work, f.name)
	if err := j.needSpace(f, archive); err != nil {
		return err
	}
	sum, err := j.get(ctx, f)
	if err != nil {
		return err
	}
	j.logf("unpacking %s", f.name)
	names, err := j.unpack(ctx, archive, suffix)
	if err == nil && len(names) != f.count {
		err = fmt.Errorf("%d pictures, not %d", len(names), f.count)
	}
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", f.name, err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(j.unpackDir(), name), filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	if err := j.writeStamp(f, append([]string{sum}, names...)...); err != nil || j.KeepArchives {
		return err
	}
	return os.Remove(archive)
}

// needSpace returns an error if the disk does not hold the archive and its pictures,
// which are about as large.
func (j *job) needSpace(f file, archive string) error {
	if j.Free == nil || f.bytes == 0 {
		return nil
	}
	free, err := j.Free(j.work)
	if err != nil {
		return err
	}
	need := 2 * f.bytes
	for _, have := range []string{archive, archive + ".part"} {
		if info, err := os.Stat(have); err == nil {
			need -= min(uint64(info.Size()), f.bytes)
			break
		}
	}
	if free < need {
		return fmt.Errorf("fetching %s: %s has %d MiB free, which does not hold the archive and its pictures; free some space or name another folder", f.name, j.work, free>>20)
	}
	return nil
}

// unpack unpacks an archive's pictures, without their folders, into the folder unpack
// and returns their names in order. The archives also hold folders and, being made on
// macOS, stubs such as __MACOSX/._ISIC_0025504_segmentation.png, which it leaves out.
func (j *job) unpack(ctx context.Context, archive, suffix string) ([]string, error) {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return nil, errors.New("it is no zip archive")
	}
	defer reader.Close()
	if err := errors.Join(os.RemoveAll(j.unpackDir()), os.MkdirAll(j.unpackDir(), 0o755)); err != nil {
		return nil, err
	}
	picture := regexp.MustCompile(`^ISIC_[0-9]{7}` + regexp.QuoteMeta(suffix) + `$`)
	names := map[string]bool{}
	for _, entry := range reader.File {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if strings.Contains(entry.Name, `\`) || path.IsAbs(entry.Name) || slices.Contains(strings.Split(entry.Name, "/"), "..") {
			return nil, errors.New("it has an entry that would leave the folder; refused")
		}
		name := path.Base(entry.Name)
		if strings.HasPrefix(entry.Name, "__MACOSX/") || strings.HasPrefix(name, "._") || !strings.Contains(name, "ISIC_") || !strings.HasSuffix(name, suffix) {
			continue
		}
		if !entry.Mode().IsRegular() || !picture.MatchString(name) {
			return nil, errors.New("it has an entry that is no picture of the data set; refused")
		}
		if err := extract(entry, filepath.Join(j.unpackDir(), name)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if entry.UncompressedSize64 > 0 {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

func extract(entry *zip.File, target string) error {
	from, err := entry.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(target)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// complete returns an error unless folder has every image of the table.
func (j *job) complete(table, folder string) error {
	records, err := ham10000.ReadMetadata(table)
	if err != nil {
		return err
	}
	var missing []string
	for _, r := range records {
		if r.ImageID != ham10000.NeverReleased && !filled(filepath.Join(folder, r.ImageID+".jpg")) {
			missing = append(missing, r.ImageID)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s lists %d images that %s lacks, such as %s; remove %s and fetch again", table, len(missing), folder, missing[0], j.work)
	}
	return nil
}
