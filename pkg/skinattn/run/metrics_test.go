package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMetricsThatAreNone(t *testing.T) {
	folder := &Folder{Dir: t.TempDir()}
	for text, want := range map[string]string{
		"": "the file is empty", "{\"n\": ": "the file is cut short", "[]": "a value of the wrong kind: array", "{}": "accuracy is missing", "null": "accuracy is missing",
	} {
		path := filepath.Join(folder.Dir, MetricsFile)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := folder.Metrics(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "struct") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
