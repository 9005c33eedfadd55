package dataverse

import (
	"archive/zip"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skinattn/skinattn/internal/fetch"
)

const (
	metadata = "HAM10000_metadata.csv"
	part1    = "HAM10000_images_part_1.zip"
	part2    = "HAM10000_images_part_2.zip"
	masks    = "HAM10000_segmentations_lesion_tschandl.zip"
	testZip  = "ISIC2018_Task3_Test_Images.zip"
	testCSV  = "ISIC2018_Task3_Test_GroundTruth.csv"
)

// remote is a stand-in for Harvard Dataverse and for a mirror, with a small
// data set of five images.
type remote struct {
	*httptest.Server
	content map[string][]byte // by file name
	count   map[string]int    // pictures or rows
	size    map[string]uint64 // pinned; 0 for none
	sum     map[string]string // pinned MD5; "" for none

	mu       sync.Mutex
	requests []string     // "NAME" or "NAME from OFFSET" or "api"
	client   *http.Client // nil: Go's
	// fault, if set, may answer request number n (from 0) of a file itself.
	fault func(w http.ResponseWriter, r *http.Request, name string, n int) bool
}

var fileIDs = map[string]int{metadata: 4338392, part1: 3172585, part2: 3172584, masks: 3838943, testZip: 3855824, testCSV: 6924466}

func newRemote(t *testing.T) *remote {
	t.Helper()
	const header = "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n"
	table := header
	images := make([]string, 5)
	for i := range images {
		images[i] = fmt.Sprintf("ISIC_%07d", 24306+i)
		table += "HAM_1," + images[i] + ",nv,histo,40.0,male,back,x\n"
	}
	var maskEntries []string
	for _, id := range images {
		maskEntries = append(maskEntries, "HAM10000_segmentations_lesion_tschandl/"+id+"_segmentation.png")
	}
	// The real archive has a stub beside the masks, in a folder of its own.
	maskEntries = append(maskEntries, "__MACOSX/HAM10000_segmentations_lesion_tschandl/._ISIC_0024306_segmentation.png")
	s := &remote{
		content: map[string][]byte{
			metadata: []byte(table),
			part1:    archive(t, images[0]+".jpg", images[1]+".jpg"),
			part2:    archive(t, images[2]+".jpg", images[3]+".jpg", images[4]+".jpg"),
			masks:    archive(t, maskEntries...),
			testZip:  archive(t, "ISIC2018_Task3_Test_Images/ISIC_0034524.jpg", "ISIC2018_Task3_Test_Images/ISIC_0034525.jpg", "ISIC2018_Task3_Test_Images/LICENSE.txt"),
			testCSV:  []byte(header + "T_1,ISIC_0034524,nv,,,,,\nT_2,ISIC_0034525,mel,,,,,\nT_3,ISIC_0035068,nv,,,,,\n"),
		},
		count: map[string]int{metadata: 5, part1: 2, part2: 3, masks: 5, testZip: 2, testCSV: 3},
		size:  make(map[string]uint64), sum: make(map[string]string),
	}
	for name := range s.content {
		s.pin(name)
	}
	s.size[testZip], s.size[testCSV], s.sum[testCSV] = 0, 0, "" // as in the real table
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// pin puts size and MD5 of the server's file into the table of files.
func (s *remote) pin(name string) {
	s.size[name] = uint64(len(s.content[name]))
	s.sum[name] = md5Hex(s.content[name])
}

func md5Hex(content []byte) string {
	sum := md5.Sum(content)
	return hex.EncodeToString(sum[:])
}

// archive makes a zip file; each entry holds 50,000 bytes of noise.
func archive(t *testing.T, entries ...string) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(len(entries))))
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range entries {
		header := &zip.FileHeader{Name: name, Method: zip.Store}
		content := make([]byte, 50_000)
		for i := range content {
			content[i] = byte(rng.Uint32())
		}
		if target, ok := strings.CutPrefix(name, "LINK:"); ok {
			header.Name, content = target, []byte("/etc/passwd")
			header.SetMode(fs.ModeSymlink | 0o777)
		}
		f, err := w.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func (s *remote) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/datasets/") {
		s.log("api")
		s.dataset(w)
		return
	}
	var name string
	for n, id := range fileIDs {
		if r.URL.Path == fmt.Sprint("/api/access/datafile/", id) && (filepath.Ext(n) == ".zip" || r.URL.RawQuery == "format=original") || r.URL.Path == "/mirror/"+n {
			name = n
		}
	}
	entry := name
	if from := r.Header.Get("Range"); from != "" {
		entry += " from " + strings.TrimSuffix(strings.TrimPrefix(from, "bytes="), "-")
	}
	n := s.log(entry)
	if name == "" {
		http.NotFound(w, r)
		return
	}
	if s.fault != nil && s.fault(w, r, name, n) {
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.content[name]))
}

// log notes a request and returns how many there were of the file before.
func (s *remote) log(entry string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, _, _ := strings.Cut(entry, " ")
	n := 0
	for _, r := range s.requests {
		if before, _, _ := strings.Cut(r, " "); before == name {
			n++
		}
	}
	s.requests = append(s.requests, entry)
	return n
}

func (s *remote) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.requests
	s.requests = nil
	return requests
}

// dataset answers in the form of Dataverse's dataset API, as far as it matters.
func (s *remote) dataset(w http.ResponseWriter) {
	fmt.Fprint(w, `{"status":"OK","data":{"id":3072220,"latestVersion":{"files":[`)
	for i, name := range []string{part1, metadata, testCSV, testZip, masks, part2} {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"description":"x","label":%q,"dataFile":{"id": %d,"persistentId":"","filename":%q,"filesize":1,"md5":"%s","checksum":{"type":"MD5","value":"%[4]s"}}}`,
			name, fileIDs[name], name, md5Hex(s.content[name]))
	}
	fmt.Fprint(w, `]}}}`)
}

// source is this server in place of Dataverse, without waiting between attempts.
func (s *remote) source() source {
	f := func(name string) file { return file{fileIDs[name], s.size[name], s.sum[name], s.count[name], name} }
	return source{s.URL, f(metadata), f(part1), f(part2), f(masks), f(testZip), f(testCSV),
		fetch.Options{Client: s.client, Backoff: time.Nanosecond, Stall: time.Second}}
}
