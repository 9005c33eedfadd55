package convert

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// parquetFiles lists, sorted, the Parquet files of a source: itself, or those below the
// folder unless it has a metadata table.
func parquetFiles(from string) ([]string, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if strings.EqualFold(filepath.Ext(from), ".parquet") {
			return []string{from}, nil
		}
		if ham10000.IsPacked(from) {
			return nil, fmt.Errorf("%s is an archive: unpack it, and name the folder", from)
		}
		return nil, fmt.Errorf("%s is neither a folder nor a Parquet file", from)
	}
	if _, err := tablesOf(from); err == nil {
		return nil, nil
	} else if _, unconverted := errors.AsType[*ham10000.UnconvertedError](err); !unconverted {
		return nil, err
	}
	var files []string
	err = filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil && path == from {
			return err
		}
		if err == nil && !entry.IsDir() && strings.EqualFold(filepath.Ext(path), ".parquet") {
			files = append(files, path)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

// ParquetError says where a Parquet file can't be used.
type ParquetError struct {
	File string
	Row  int64 // from 1; 0 if it is in no one row
	Err  error
}

func (e *ParquetError) Error() string {
	if e.Row > 0 {
		return fmt.Sprintf("%s: row %d: %v", e.File, e.Row, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.File, e.Err)
}

// Unwrap returns the cause.
func (e *ParquetError) Unwrap() error { return e.Err }

// names are columns by what they are called in copies at Hugging Face.
var names = map[string]string{
	"image_id": "image_id", "isic_id": "image_id", "file_name": "path", "image_path": "path", "lesion_id": "lesion_id", "dx": "dx", "label": "dx", "diagnosis": "dx",
	"dx_type": "dx_type", "age": "age", "sex": "sex", "localization": "localization", "dataset": "dataset",
	"image.bytes": "photo", "image.path": "path", "img.bytes": "photo", "img.path": "path", "image": "photo",
}

// parquet writes the photos of Parquet files and returns their records, in the order of the
// files. The same photo may be in several rows. from is the folder with the files, or the one file.
func (j *job) parquet(from string, files []string) ([]ham10000.Record, error) {
	c := &collection{job: j, at: make(map[string]int), dir: filepath.Dir(files[0])}
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		c.dir = from
	}
	total := int64(0)
	for _, file := range files {
		n, err := rowsOf(file)
		if err != nil {
			return nil, err
		}
		total += n
	}
	c.total = int(total)
	if err := os.MkdirAll(filepath.Join(j.to, imagesDir), 0o755); err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := eachRow(file, c.add); err != nil {
			return nil, err
		}
	}
	lesions := make(map[string]ham10000.Record)
	for _, r := range c.records {
		if first, ok := lesions[r.LesionID]; ok && first.Dx != r.Dx {
			return nil, fmt.Errorf("lesion %s is %s (%s) and %s (%s)", r.LesionID, first.Dx, first.ImageID, r.Dx, r.ImageID)
		}
		lesions[r.LesionID] = r
	}
	return c.records, nil
}

// collection gathers the records of rows.
type collection struct {
	*job
	records     []ham10000.Record
	sums        [][sha256.Size]byte // of the photos
	at          map[string]int      // by image
	dir         string              // with the Parquet files
	files       map[string]string   // photos below dir by id; nil: not looked for yet
	done, total int
}

// add takes a row: texts by column of the published table, "path", and the photo's bytes.
func (c *collection) add(fields map[string]string, photo []byte) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if fields["image_id"] == "" {
		fields["image_id"] = filepath.Base(fields["path"])
	}
	id := ham10000.CanonicalID(fields["image_id"])
	if id == "" || id == "." {
		return errors.New("the row has no image id (a column image_id or isic_id, or the path of the photo); without ids, photos of one lesion can't be told, and this copy is of no use here")
	}
	if p, ok := c.published[id]; ok && fields["lesion_id"] == "" {
		fields["lesion_id"] = p.LesionID
	}
	if fields["lesion_id"] == "" {
		return fmt.Errorf("photo %s has no lesion id; the published table has it", id)
	}
	r, err := ham10000.ParseRecord(func(column string) string { return fields[column] })
	if err != nil {
		return err
	}
	if r, err = c.fill(r); err != nil {
		return err
	}
	sum := sha256.Sum256(photo)
	c.done++
	if c.Progress != nil {
		c.Progress(c.done, c.total)
	}
	if i, ok := c.at[r.ImageID]; ok {
		first := c.records[i]
		if same := first.LesionID == r.LesionID && first.Dx == r.Dx; !same {
			return fmt.Errorf("photo %s is %s of lesion %s here, and %s of %s in a row before", r.ImageID, r.Dx, r.LesionID, first.Dx, first.LesionID)
		}
		c.result.Repeated++
		if sum != c.sums[i] {
			c.result.Changed++
		}
		return nil
	}
	c.at[r.ImageID] = len(c.records)
	c.records, c.sums = append(c.records, r), append(c.sums, sum)
	if len(photo) == 0 && fields["path"] != "" { // the photos lie beside the file
		if photo, err = c.beside(id); err != nil {
			return err
		}
	}
	if len(photo) == 0 {
		c.result.Missing = append(c.result.Missing, r.ImageID)
		return nil
	}
	end := ending(photo)
	if end == "" {
		if photo, err = recode(photo); err != nil {
			return fmt.Errorf("photo %s: %w", r.ImageID, err)
		}
		end = ".png"
		c.result.Recoded++
	}
	return atomicfile.WriteBytes(filepath.Join(c.to, imagesDir, r.ImageID+end), photo)
}

// beside is the photo of an id that lies as a file beside the Parquet files, or below; nil if there is none. Whatever folders the
// path in the file names, no other place is read.
func (c *collection) beside(id string) ([]byte, error) {
	if c.files == nil {
		c.files = make(map[string]string)
		err := filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && isPhoto(path) && !strings.HasPrefix(entry.Name(), ".") {
				c.files[ham10000.CanonicalID(entry.Name())] = path
			}
			return nil // folders that can't be read have none
		})
		if err != nil {
			return nil, err
		}
	}
	path, ok := c.files[id]
	if !ok {
		return nil, nil
	}
	return os.ReadFile(path)
}

// open opens a Parquet file of size bytes.
func open(f io.ReaderAt, size int64) (*parquet.File, error) {
	if err := checkFooter(f, size); err != nil {
		return nil, err
	}
	p, err := parquet.OpenFile(f, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, err
	}
	return p, checkPages(f, size, p)
}

// withFile calls use with the Parquet file at path.
func withFile(path string, use func(*parquet.File) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return withContent(path, f, info.Size(), use)
}

// withContent calls use with a Parquet file of size bytes, which errors call path.
func withContent(path string, f io.ReaderAt, size int64, use func(*parquet.File) error) (err error) {
	defer guard(path, &err)
	p, err := open(f, size)
	if err != nil {
		return &ParquetError{File: path, Err: err}
	}
	return use(p)
}

// guard makes an error of a panic of the reader, which damaged files can cause.
func guard(path string, err *error) {
	if cause := recover(); cause != nil {
		*err = &ParquetError{File: path, Err: fmt.Errorf("the file is damaged: %v", cause)}
	}
}

func rowsOf(path string) (n int64, err error) {
	err = withFile(path, func(p *parquet.File) error {
		n = p.NumRows()
		return nil
	})
	return n, err
}

// eachRow calls use for each row of a file.
func eachRow(path string, use func(fields map[string]string, photo []byte) error) error {
	return withFile(path, func(p *parquet.File) error { return rowsIn(p, path, use) })
}

// rowsIn is eachRow for a file that is open.
func rowsIn(p *parquet.File, path string, use func(fields map[string]string, photo []byte) error) error {
	columns := map[int]string{}
	for i, leaf := range p.Schema().Columns() {
		if what, ok := names[strings.Join(leaf, ".")]; ok {
			columns[i] = what
		}
	}
	labels := classLabels(p)
	row := int64(0)
	buffer := make([]parquet.Row, 1) // a photo is large
	for _, group := range p.RowGroups() {
		rows := group.Rows()
		defer rows.Close()
		for {
			n, err := rows.ReadRows(buffer)
			if n > 0 {
				row++
				fields, photo := map[string]string{}, []byte(nil)
				for _, v := range buffer[0] {
					switch what := columns[v.Column()]; {
					case what == "" || v.IsNull():
					case what == "photo" && isPath(v.ByteArray()):
						fields["path"] = string(v.ByteArray())
					case what == "photo":
						photo = v.ByteArray()
					case fields[what] != "":
					case what == "dx":
						fields[what] = text(v, labels)
					default:
						fields[what] = text(v, nil)
					}
				}
				if err := use(fields, photo); err != nil {
					return &ParquetError{File: path, Row: row, Err: err}
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return &ParquetError{File: path, Row: row + 1, Err: err}
			}
			if n == 0 {
				return &ParquetError{File: path, Row: row + 1, Err: io.ErrNoProgress}
			}
		}
	}
	return nil
}

// isPath reports whether the value of a column of photos is the path of one.
func isPath(value []byte) bool {
	const longest = 4096
	return len(value) < longest && utf8.Valid(value) && isPhoto(string(value))
}

// isPhoto reports whether a path has the ending of a photo, which canonical ids lack.
func isPhoto(path string) bool {
	return ham10000.CanonicalID(filepath.Base(path)) != filepath.Base(path) && filepath.Ext(path) != ""
}

// text is a value as a table of text has it.
func text(v parquet.Value, labels []string) string {
	switch v.Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return string(v.ByteArray())
	case parquet.Double:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case parquet.Float:
		return strconv.FormatFloat(float64(v.Float()), 'g', -1, 32)
	case parquet.Int32, parquet.Int64:
		n := v.Int64()
		if v.Kind() == parquet.Int32 {
			n = int64(v.Int32())
		}
		if v.Column() >= 0 && n >= 0 && n < int64(len(labels)) {
			return labels[n]
		}
		return strconv.FormatInt(n, 10)
	}
	return ""
}

// classLabels are the names of the classes that the file's description for the library
// datasets gives to the numbers of its column of labels, nil if there are none.
func classLabels(p *parquet.File) []string {
	about, ok := p.Lookup("huggingface")
	if !ok {
		return nil
	}
	var description struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	if json.Unmarshal([]byte(about), &description) != nil {
		return nil
	}
	for name, feature := range description.Info.Features {
		var label struct {
			Names []string `json:"names"`
			Type  string   `json:"_type"`
		}
		if names[name] == "dx" && json.Unmarshal(feature, &label) == nil && label.Type == "ClassLabel" {
			return label.Names
		}
	}
	return nil
}
