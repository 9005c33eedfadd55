package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/skinattn/skinattn/internal/testdisk"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

func TestReportGroupsNames(t *testing.T) {
	var extra, missing []string
	for i := range 193 {
		extra = append(extra, fmt.Sprintf("ISIC_%07d", 34321+i))
	}
	for i := range 200 {
		missing = append(missing, fmt.Sprintf("ISIC_%07d", 24306+2*i))
	}
	var out strings.Builder
	writeReport(&out, &ham10000.Report{Dir: "ham", Missing: missing, Extra: extra,
		ExtraByFolder: []ham10000.FolderFiles{{Folder: "isic2018_val", What: string(ham10000.Validation), ImageIDs: extra}},
		LeftOut:       []ham10000.LeftOut{{Why: string(ham10000.Test), ImageIDs: []string{"ISIC_0034524", "ISIC_0034525"}}},
		Damaged: []ham10000.FileProblem{
			{ImageID: "ISIC_1", Path: "b/ISIC_1.jpg", Problem: "the file is empty"}, {ImageID: "ISIC_2", Path: "a/ISIC_2.jpg", Problem: "cut short"},
		},
		MetadataDifferences: []string{"age 0: 0, published 39"}, OK: true,
	})
	for _, want := range []string{
		"not in the metadata (193):\n  isic2018_val (193, of the validation photos of ISIC 2018): ISIC_0034321 to ISIC_0034513 (193)\n",
		"left out of HAM10000, the test photos of ISIC 2018 (2): ISIC_0034524, ISIC_0034525\n",
		"damaged (2):\n  a (1): a/ISIC_2.jpg (cut short)\n  b (1): b/ISIC_1.jpg (the file is empty)\n",
		"missing (200): ISIC_0024306, ISIC_0024308, ",
		"ISIC_0024424, and 140 more, which --json lists\n",
		"All photos of HAM10000, with other metadata than in the published table:\n  age 0: 0, published 39\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}

// An export of the ISIC Archive is read as it lies; notes about it are on standard error.
func TestDataCommandsOnAnExport(t *testing.T) {
	dir := t.TempDir()
	// Written by hand after the archive's form.
	table := "isic_id,attribution,age_approx,anatom_site_general,diagnosis_3,diagnosis_confirm_type,lesion_id,sex\n" +
		"ISIC_0024306,V,45,anterior torso,Nevus,histopathology,IL_1,male\n" +
		"ISIC_0034524,V,45,,Nevus,histopathology,IL_2,male\n"
	if err := os.WriteFile(filepath.Join(dir, "metadata.csv"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := call(t, "data", "stats", "--data", dir)
	if code != 0 || !strings.Contains(stdout, "localization anterior torso") || strings.Count(stderr, "note: ") != 2 ||
		!strings.Contains(stderr, "note: left out of HAM10000: 1 rows of "+filepath.Join(dir, "metadata.csv")+", the test photos of ISIC 2018\n") {
		t.Errorf("code %d, %s%s", code, stdout, stderr)
	}
	code, stdout, _ = call(t, "data", "check", "--data", dir, "--json")
	if code != 1 || !strings.Contains(stdout, `"why": "the test photos of ISIC 2018"`) || !strings.Contains(stdout, `"anterior torso": 1`) {
		t.Errorf("code %d, %s", code, stdout)
	}
}

// A denied reading gets advice about reading, a denied writing about writing.
func TestAdviceOnDeniedAccess(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	testdisk.AsNobody(t, dir, func() {
		for path, want := range map[string]string{secret: "you may not read it", filepath.Join(dir, "new"): "choose a folder that can be written"} {
			err := fmt.Errorf("a: %w", &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES})
			if advice := adviceOn(err); !strings.Contains(advice, want) {
				t.Errorf("%s: %q, want %q", path, advice, want)
			}
		}
	})
}
