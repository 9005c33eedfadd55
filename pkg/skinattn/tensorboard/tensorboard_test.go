package tensorboard

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The CRCs of RFC 3720, appendix B.4 (32 bytes of 0 and of 255), masked by hand.
func TestMasked(t *testing.T) {
	for _, c := range []struct {
		fill byte
		crc  uint32
	}{{0, 0x8a9136aa}, {255, 0x62a8ab43}} {
		data := make([]byte, 32)
		for i := range data {
			data[i] = c.fill
		}
		if want := (c.crc>>15 | c.crc<<17) + 0xa282ead8; masked(data) != want {
			t.Errorf("bytes of %d: %08x, want %08x", c.fill, masked(data), want)
		}
	}
}

// The bytes that tensorboard 2.15 in Python writes for the same events
// (EventFileWriter with the wall times below), read back by it as well.
func TestFileIsThatOfTensorBoard(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, time.Unix(1700000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(3, time.Unix(1700000001, 500000000), Scalar{"loss/val", .25}, Scalar{"accuracy/val", .875}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if len(paths) != 1 {
		t.Fatalf("files: %v", paths)
	}
	got, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(got) != golden {
		t.Errorf("the file is\n%x, TensorBoard's\n%s", got, golden)
	}
	again, err := Create(dir, time.Unix(1700000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if paths, _ = filepath.Glob(filepath.Join(dir, "events.out.tfevents.*")); len(paths) != 2 {
		t.Errorf("a second writer of the same second leaves %v", paths)
	}
}

// golden comes from tools/golden/keras/make_tensorboard.py.
const golden = "1800000000000000a37f4b220900000040fc54d9411a0d627261696e2e4576656e743a32eced8f9d33000000000000000ca720560900006040fc54d94110032a260a0f0a086c6f73732f76616c150000803e0a130a0c61636375726163792f76616c150000603f7d4685a7"
