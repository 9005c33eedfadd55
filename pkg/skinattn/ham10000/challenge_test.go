package ham10000

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The tables are as the challenge has them, each in a folder of its own, with made-up rows.
func TestOpenChallenge(t *testing.T) {
	const (
		truth   = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nISIC_0024306,0.0,1.0,0.0,0.0,0.0,0.0,0.0\nISIC_0024307,1.0,0.0,0.0,0.0,0.0,0.0,0.0\n"
		lesions = "image,lesion_id,diagnosis_confirm_type\nISIC_0024307,HAM_2,histopathology\nISIC_0024306,HAM_1,serial imaging showing no change\nISIC_0024310,HAM_3,histopathology\n"
	)
	folder := func(truth, lesions string) string {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "ISIC2018_Task3_Training_GroundTruth", "ISIC2018_Task3_Training_GroundTruth.csv"), []byte(truth))
		if lesions != "" {
			write(t, filepath.Join(dir, lesionsFile), []byte(lesions))
		}
		write(t, filepath.Join(dir, "ISIC2018_Task3_Training_Input", "ISIC_0024306.jpg"), flat(t, 4, 3, 1, false))
		return dir
	}
	d, err := Open(folder(truth, lesions))
	if err != nil {
		t.Fatal(err)
	}
	if r := d.Records; len(r) != 2 || r[0].LesionID != "HAM_1" || r[0].Dx != "nv" || r[0].DxType != "follow_up" || r[0].HasAge() || r[0].Sex != Unknown ||
		r[0].Localization != Unknown || r[1].Dx != "mel" || r[1].LesionID != "HAM_2" || r[1].DxType != "histo" {
		t.Errorf("%+v", r)
	}
	if _, ok := d.ImagePath("ISIC_0024306"); !ok || len(d.Notes()) != 1 || !strings.Contains(d.Notes()[0], "neither age nor sex nor site") {
		t.Errorf("image %v, notes %q", ok, d.Notes())
	}

	_, err = Open(folder(truth, ""))
	if _, ok := errors.AsType[*NoLesionsError](err); !ok {
		t.Errorf("without lesions: %v", err)
	}
	for lesions, want := range map[string]string{
		strings.Replace(lesions, "ISIC_0024306", "ISIC_0024311", 1): "has no row of ISIC_0024306",
		strings.Replace(lesions, "HAM_1", "HAM_2", 1):               "lesion HAM_2 is mel in",
		strings.Replace(lesions, "ISIC_0024310", "ISIC_0024306", 1): "ISIC_0024306 is listed already",
		strings.Replace(lesions, "HAM_1", "", 1):                    "column lesion_id: the field is empty",
		strings.Replace(lesions, "lesion_id", "lesion", 1):          "the header lacks lesion_id",
	} {
		if _, err := Open(folder(truth, lesions)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", lesions, err, want)
		}
	}
	// The published table has everything, and counts.
	dir := folder(truth, lesions)
	if err := os.WriteFile(filepath.Join(dir, metadataNames[0]), []byte("lesion_id,image_id,dx,dx_type,age,sex,localization\nHAM_1,ISIC_0024306,nv,follow_up,45,male,back\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(dir); err != nil || d.LesionsFile != "" || len(d.Records) != 1 || d.Records[0].Localization != "back" {
		t.Errorf("with the published table: %+v, %v", d, err)
	}
}
