package dataverse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/skinattn/skinattn/internal/fetch"
)

// Options of [Fetch]. The zero value fetches table, photos and masks.
type Options struct {
	OnlyMetadata bool // the metadata table only, whatever else is set
	WithTest     bool // also the official test, into TestDir
	KeepArchives bool // leave the zip files in the folder's subfolder .download
	// Log, if not nil, gets lines for people.
	Log func(line string)
	// Progress, if not nil, is called before the download of a file; its results
	// follow the download in bytes, and end it. follow may be nil.
	Progress func(name string) (follow func(done, total int64), end func())
	// Free, if not nil, returns the bytes free on a folder's disk.
	Free func(dir string) (uint64, error)
}

func (o Options) logf(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}

// ErrBusy reports that another process fetches into the same folder.
var ErrBusy = errors.New("another download into the folder is running; wait for it")

// file is one file of the data set.
type file struct {
	id    int    // Dataverse's number
	bytes uint64 // 0: not pinned
	md5   string // as Dataverse publishes it; "": not pinned, Dataverse is asked
	count int    // pictures or table rows
	name  string
}

// source is a server with the files of the data set.
type source struct {
	address                       string
	metadata, part1, part2, masks file
	testImages, testTable         file
	transfer                      fetch.Options // for all files
}

// doi names the data set.
const doi = "doi:10.7910/DVN/DBW86T"

// harvard has sizes and MD5 of version 4.0 of the data set. The MD5 of the two
// tables belongs to the original file, which ?format=original gives.
var harvard = source{
	address:    "https://dataverse.harvard.edu",
	metadata:   file{4338392, 690218, "8f85fb1aa29d80a2797247e434deb79d", 10015, "HAM10000_metadata.csv"},
	part1:      file{3172585, 1366522108, "4639bfa73ab251610530a97c898e6e46", 5000, "HAM10000_images_part_1.zip"},
	part2:      file{3172584, 1403566547, "da43d6cc50f6613013be07e8986b384b", 5015, "HAM10000_images_part_2.zip"},
	masks:      file{3838943, 10808743, "6e8d252e09cfdb0189199f15985a5b84", 10015, "HAM10000_segmentations_lesion_tschandl.zip"},
	testImages: file{3855824, 0, "0488b6f65849e310857d9207daa55a21", 1511, "ISIC2018_Task3_Test_Images.zip"},
	testTable:  file{6924466, 0, "", 1512, "ISIC2018_Task3_Test_GroundTruth.csv"},
}

// TestDir returns the folder for the official ISIC 2018 Task 3 test beside dir.
func TestDir(dir string) string { return filepath.Join(filepath.Dir(dir), "isic2018_test") }

// Fetch fetches HAM10000 into the folder dir, which it makes if need be. Files that
// are there and verified are not fetched again, and an interrupted download goes on
// where it stopped. Unfinished files and notes lie in dir's subfolder .download.
//
// The error may be or wrap ErrBusy, an error of the file system, ctx's error, or an
// error that names the file which can't be fetched or is not the published one.
func Fetch(ctx context.Context, dir string, opts Options) error { return harvard.run(ctx, dir, opts) }

// job is one call of Fetch.
type job struct {
	source
	Options
	work string // dir's subfolder .download
}

func (s source) run(ctx context.Context, dir string, opts Options) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	j := &job{source: s, Options: opts, work: filepath.Join(dir, ".download")}
	if err := os.MkdirAll(j.work, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder %s: %w; name another one", j.work, err)
	}
	lock := flock.New(filepath.Join(j.work, ".lock"))
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return fmt.Errorf("locking %s: %w", dir, err)
	case !locked:
		return fmt.Errorf("%s: %w", dir, ErrBusy)
	}
	defer lock.Unlock()
	defer os.RemoveAll(j.unpackDir())

	if err := j.set(ctx, dir, s.metadata, s.part1, s.part2, s.masks); err != nil || opts.OnlyMetadata || !opts.WithTest {
		return err
	}
	return j.set(ctx, TestDir(dir), s.testTable, s.testImages)
}

// set fetches a table and the archives of its pictures into the folder dir.
func (j *job) set(ctx context.Context, dir string, table file, archives ...file) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder %s: %w", dir, err)
	}
	if err := j.table(ctx, table, dir); err != nil || j.OnlyMetadata {
		return err
	}
	for _, archive := range archives {
		folder, suffix := "images", ".jpg"
		if archive == j.masks {
			folder, suffix = "masks", "_segmentation.png"
		}
		if err := j.pictures(ctx, archive, filepath.Join(dir, folder), suffix); err != nil {
			return err
		}
	}
	return j.complete(filepath.Join(dir, table.name), filepath.Join(dir, "images"))
}

// get leaves the verified file in the work folder and returns its MD5.
func (j *job) get(ctx context.Context, f file) (md5 string, err error) {
	md5 = f.md5
	if md5 == "" {
		if md5, err = j.published(ctx, f); err != nil {
			return "", fmt.Errorf("verifying %s: %s does not tell its MD5 (%w); try again later", f.name, j.address, err)
		}
	}
	transfer := j.transfer
	transfer.MD5, transfer.Direct, transfer.Log = md5, true, j.Log
	transfer.Mismatch = func(wrong *fetch.ChecksumError) error {
		if now, err := j.published(ctx, f); err != nil || now != wrong.Got {
			return wrong
		}
		j.logf("%s: not the pinned file, but the one that Dataverse publishes now (MD5 %s)", f.name, wrong.Got)
		md5 = wrong.Got
		return nil
	}
	if j.Progress != nil {
		follow, end := j.Progress(f.name)
		defer end()
		transfer.Progress = follow
	}
	for round := 1; ; round++ {
		_, err := fetch.File(ctx, j.url(f), filepath.Join(j.work, f.name), transfer)
		if err == nil {
			return md5, nil
		}
		var wrong *fetch.ChecksumError
		if !errors.As(err, &wrong) && !errors.Is(err, fetch.ErrWebPage) {
			return "", err
		}
		if round == 2 {
			return "", fmt.Errorf("verifying %s: wrong bytes twice: %w; check the network, the proxy and $%s", f.name, err, fetch.EnvMirror)
		}
		j.logf("%v; fetching it anew", err)
	}
}

// url returns the address of a file: at Dataverse or, by its name, in the folder that
// $SKINATTN_MIRROR names.
func (j *job) url(f file) string {
	if mirror := os.Getenv(fetch.EnvMirror); mirror != "" {
		return strings.TrimSuffix(mirror, "/") + "/" + f.name
	}
	address := fmt.Sprintf("%s/api/access/datafile/%d", j.address, f.id)
	if filepath.Ext(f.name) == ".csv" {
		address += "?format=original"
	}
	return address
}

// published asks Dataverse for the MD5 of a file.
func (j *job) published(ctx context.Context, f file) (string, error) {
	address := j.address + "/api/datasets/:persistentId/?persistentId=" + url.QueryEscape(doi)
	list := filepath.Join(j.work, "files.json")
	os.Remove(list) // of a killed process
	defer os.Remove(list)
	transfer := j.transfer
	transfer.Direct, transfer.Attempts = true, 2
	if _, err := fetch.File(ctx, address, list, transfer); err != nil {
		return "", err
	}
	text, err := os.ReadFile(list)
	if err != nil {
		return "", err
	}
	var answer struct {
		Data struct {
			LatestVersion struct {
				Files []struct {
					DataFile struct {
						ID  int    `json:"id"`
						MD5 string `json:"md5"`
					} `json:"dataFile"`
				} `json:"files"`
			} `json:"latestVersion"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Errorf("reading %s: %w", address, err)
	}
	for _, entry := range answer.Data.LatestVersion.Files {
		if entry.DataFile.ID == f.id && entry.DataFile.MD5 != "" {
			return strings.ToLower(entry.DataFile.MD5), nil
		}
	}
	return "", fmt.Errorf("%s lists no MD5 of file %d", address, f.id)
}
