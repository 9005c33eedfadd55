package programs

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/skinattn/skinattn/internal/testdisk"
)

func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b)
	return b
}

func save(t *testing.T, c *Cache, key Key, program []byte) {
	t.Helper()
	if err := c.Save(key, program); err != nil {
		t.Fatal(err)
	}
}

func TestSaveAndLoad(t *testing.T) {
	c := New(filepath.Join(t.TempDir(), "a", "programs"), 1e6)
	if c.Load("key") != nil {
		t.Error("an empty cache has a program")
	}
	a, b := random(1000), random(0)
	save(t, c, "a", a)
	save(t, c, "b", b)
	if !bytes.Equal(c.Load("a"), a) || c.Load("b") == nil || len(c.Load("b")) != 0 {
		t.Error("a program did not come back")
	}
	save(t, c, "a", b)
	if len(c.Load("a")) != 0 {
		t.Error("the old program came back")
	}
	c.Remove("a")
	if c.Load("a") != nil {
		t.Error("a removed program came back")
	}
	if info, err := os.Stat(c.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %v, %v", info.Mode(), err)
	}
	if used, err := c.Usage(); err != nil || used.Programs != 1 {
		t.Errorf("%+v, %v", used, err)
	}
}

// Whatever happens to a file, Load returns the program or nothing.
func TestDamage(t *testing.T) {
	c := New(t.TempDir(), 1e6)
	program := random(200)
	save(t, c, "key", program)
	path := c.path("key")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := c.Load("key"); got != nil {
			t.Errorf("%s: a program of %d bytes came back", what, len(got))
		}
	}
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("bit of byte %d flipped", i), flipped)
		try(fmt.Sprintf("cut at byte %d", i), whole[:i])
	}
	try("a byte more", append(bytes.Clone(whole), 0))
	save(t, c, "other", random(200))
	other, err := os.ReadFile(c.path("other"))
	if err != nil {
		t.Fatal(err)
	}
	try("another program's file", other)
	save(t, c, "key", program)
	if !bytes.Equal(c.Load("key"), program) {
		t.Error("saving anew does not mend it")
	}
}

func FuzzDecode(f *testing.F) {
	var file bytes.Buffer
	if err := encode(&file, "key", []byte("program")); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes(), "key")
	f.Add([]byte(magic), "")
	f.Fuzz(func(t *testing.T, content []byte, key string) {
		program, err := decode(content, Key(key))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := encode(&again, Key(key), program); err != nil || !bytes.Equal(again.Bytes(), content) {
			t.Errorf("%q is accepted and is not what encode writes", content)
		}
	})
}

// The programs that were not used for longest go first.
func TestLimit(t *testing.T) {
	c := New(t.TempDir(), 10_000)
	saved := func(n int) {
		for i := range n {
			key := Key(fmt.Sprint(i))
			save(t, c, key, random(1000))
			at := time.Now().Add(time.Duration(i-100) * time.Minute)
			if err := os.Chtimes(c.path(key), at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	saved(8)
	if c.Load("0") == nil { // used now
		t.Fatal("a program was removed below the limit")
	}
	save(t, c, "big", random(2000))
	var left []string
	for i := range 8 {
		if _, err := os.Stat(c.path(Key(fmt.Sprint(i)))); err == nil {
			left = append(left, fmt.Sprint(i))
		}
	}
	// 8 x 1,081 + 2,083 bytes are above 10,000; 9,000 are asked for then.
	if got := strings.Join(left, " "); got != "0 3 4 5 6 7" {
		t.Errorf("the programs %s are left", got)
	}
	if used, err := c.Usage(); err != nil || used.Bytes > 9000 || used.Programs != 7 {
		t.Errorf("%+v, %v", used, err)
	}
	save(t, c, "huge", random(2600)) // more than a quarter
	if c.Load("huge") != nil || c.Load("big") == nil {
		t.Error("a program is kept that would push out many others")
	}
	for i := range 100 {
		save(t, c, Key(fmt.Sprint("n", i)), random(900))
		if used, err := c.Usage(); err != nil || used.Bytes > 10_000 {
			t.Fatalf("%+v, %v", used, err)
		}
	}
}

// A folder is looked through only when a process has added something: a hundredth of
// the limit. What killed processes left goes then.
func TestLeftovers(t *testing.T) {
	c := New(t.TempDir(), 100_000)
	old, young := filepath.Join(c.Dir, ".x.1.tmp"), filepath.Join(c.Dir, ".x.2.tmp")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, at, at); err != nil {
		t.Fatal(err)
	}
	save(t, c, "a", nil)
	if _, err := os.Stat(old); err == nil {
		t.Error("an old temporary file is still there")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("another process's file is gone")
	}
}

func TestEmpty(t *testing.T) {
	c := New(filepath.Join(t.TempDir(), "programs"), 1e6)
	if removed, err := c.Empty(); err != nil || removed != (Usage{}) {
		t.Errorf("%+v, %v", removed, err)
	}
	save(t, c, "a", random(100))
	save(t, c, "b", random(100))
	if err := os.WriteFile(filepath.Join(c.Dir, "foreign"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if removed, err := c.Empty(); err != nil || removed.Programs != 2 || removed.Bytes < 200 {
		t.Errorf("%+v, %v", removed, err)
	}
	if entries, err := os.ReadDir(c.Dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v are left", entries, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	programs := map[Key][]byte{}
	for i := range 20 {
		programs[Key(fmt.Sprint(i))] = random(500 + 10*i)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			c := New(dir, 8000) // too small for all
			for range 20 {
				for key, program := range programs {
					if got := c.Load(key); got == nil {
						if err := c.Save(key, program); err != nil {
							t.Error(err)
						}
					} else if !bytes.Equal(got, program) {
						t.Errorf("%s: another program came back", key)
					}
				}
			}
		})
	}
	group.Wait()
}

func TestDisks(t *testing.T) {
	disk := testdisk.New(t, 256<<10)
	c := New(filepath.Join(disk.Dir, "programs"), 1e7)
	save(t, c, "a", random(1000))
	if err := c.Save("b", random(1<<20)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: %v", err)
	}
	disk.ReadOnly()
	if err := c.Save("c", random(1000)); !errors.Is(err, syscall.EROFS) {
		t.Errorf("on a read-only disk: %v", err)
	}
	if c.Load("a") == nil || c.Load("b") != nil || c.Load("c") != nil {
		t.Error("the wrong programs are kept")
	}
}

func TestOpen(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/c")
	for _, tc := range []struct {
		folder, limit, dir string
		bytes              int64
		err                string
	}{
		{"", "", "/c/skinattn/programs", DefaultLimit, ""},
		{"/p", "0.5", "/p", 500_000_000, ""},
		{"OFF", "", "", 0, ErrOff.Error()},
		{"", "2GB", "", 0, `$SKINATTN_PROGRAM_CACHE_GB is "2GB": it must be a number of gigabytes such as 2 or 0.5`},
		{"", "0", "", 0, "must be a number"}, {"", "NaN", "", 0, "must be a number"}, {"", "-1", "", 0, "must be a number"}, {"", "1e300", "", 0, "must be a number"},
	} {
		t.Setenv(EnvFolder, tc.folder)
		t.Setenv(EnvLimit, tc.limit)
		c, err := Open()
		switch {
		case tc.err != "":
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%+v: %v", tc, err)
			}
		case err != nil || c.Dir != tc.dir || c.Limit != tc.bytes:
			t.Errorf("%+v: %+v, %v", tc, c, err)
		}
	}
	t.Setenv(EnvFolder, "relative")
	t.Setenv(EnvLimit, "")
	if c, err := Open(); err != nil || !filepath.IsAbs(c.Dir) {
		t.Errorf("%+v, %v", c, err)
	}
}
