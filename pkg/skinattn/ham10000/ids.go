package ham10000

import (
	"path/filepath"
	"slices"
	"strings"
)

// photoEndings are the endings of photos that package imaging reads, whatever the case of
// their letters.
var photoEndings = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".png"}

// otherEndings are those of photos that it does not read. [ConvertiblePhoto] tells which of
// them can become PNG.
var otherEndings = []string{".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif", ".jp2", ".jxl"}

// PhotoEndings are the endings of photos that are read, in small letters.
func PhotoEndings() []string { return slices.Clone(photoEndings) }

// PhotoByName reports whether a file is a photo by the ending of its name, and whether one
// that package imaging reads.
func PhotoByName(name string) (photo, read bool) {
	ending := strings.ToLower(filepath.Ext(name))
	read = slices.Contains(photoEndings, ending)
	return read || slices.Contains(otherEndings, ending), read
}

// IsMask reports whether a file is the mask of a lesion by its name.
func IsMask(name string) bool {
	kind, _ := fileOf(name)
	return kind == maskFile
}

// packedEndings are those of archives in which data sets are handed on.
var packedEndings = []string{".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".rar"}

// IsPacked reports whether a file is an archive, which must be unpacked, by its name.
func IsPacked(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(packedEndings, func(ending string) bool { return strings.HasSuffix(name, ending) })
}

// ConvertiblePhoto reports whether a photo with this ending (".webp") is not read as it is,
// and can be converted to PNG by decoders that exist in Go.
func ConvertiblePhoto(ending string) bool {
	i := slices.Index(otherEndings, strings.ToLower(ending))
	return i >= 0 && i < slices.Index(otherEndings, ".avif")
}

// CanonicalID returns an image or lesion id as the published table writes it: without white
// space around it, without the ending and the folders of a photo's file, and with ISIC_ and HAM_ in capital
// letters before a number. Other ids are left as they are.
func CanonicalID(id string) string {
	id = strings.TrimSpace(id)
	if isPhotoEnding(filepath.Ext(id)) { // a file's path
		id = id[strings.LastIndexAny(id, `/\`)+1:]
	}
	for ending := filepath.Ext(id); isPhotoEnding(ending); ending = filepath.Ext(id) {
		id = strings.TrimSuffix(id, ending)
	}
	if prefix, number, found := strings.Cut(id, "_"); found && number != "" && strings.Trim(number, "0123456789") == "" {
		if upper := strings.ToUpper(prefix) + "_"; upper == idPrefix || upper == "HAM_" {
			return upper + number
		}
	}
	return id
}

func isPhotoEnding(ending string) bool {
	ending = strings.ToLower(ending)
	return slices.Contains(photoEndings, ending) || slices.Contains(otherEndings, ending)
}

// fileKind is what a file of a data folder holds, by its name.
type fileKind int

const (
	otherFile fileKind = iota
	photoFile
	unreadPhotoFile // in a format that package imaging does not read
	maskFile
)

// fileOf tells the kind of a file of a data folder, and the image that it belongs to.
func fileOf(path string) (fileKind, string) {
	name := filepath.Base(path)
	if len(name) < len(idPrefix) || !strings.EqualFold(name[:len(idPrefix)], idPrefix) {
		return otherFile, ""
	}
	if n := len(name) - len(maskSuffix); n > 0 && strings.EqualFold(name[n:], maskSuffix) {
		return maskFile, CanonicalID(name[:n])
	}
	switch ending := strings.ToLower(filepath.Ext(name)); {
	case slices.Contains(photoEndings, ending):
		return photoFile, CanonicalID(name)
	case slices.Contains(otherEndings, ending):
		return unreadPhotoFile, CanonicalID(name)
	}
	return otherFile, ""
}
