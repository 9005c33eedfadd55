package programs

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// base and ask are a program's surroundings and the request for it.
func base() surroundings {
	return surroundings{plugin: "ab", processor: "flags: avx2", cores: 2, variables: []variable{{"XLA_FLAGS", "--a=1"}, {"NPROC", ""}}}
}

func ask() request {
	return request{format: "mlir", code: []byte("module @Exec_1 {\n  body\n}"), options: []byte("options"), devices: 1}
}

// Whatever can change the machine code changes the key.
func TestKey(t *testing.T) {
	keys := map[Key]string{base().key(ask()): "nothing"}
	for what, change := range map[string]func(*surroundings, *request){
		"plug-in":      func(s *surroundings, _ *request) { s.plugin = "ac" },
		"processor":    func(s *surroundings, _ *request) { s.processor = "flags: avx2 avx512f" },
		"cores":        func(s *surroundings, _ *request) { s.cores = 4 },
		"flags":        func(s *surroundings, _ *request) { s.variables[0].value = "--a=2" },
		"threads":      func(s *surroundings, _ *request) { s.variables[1].value = "1" },
		"other flags":  func(s *surroundings, _ *request) { s.variables[0].value, s.variables[1].value = "", "--a=1" },
		"format":       func(_ *surroundings, r *request) { r.format = "hlo" },
		"program":      func(_ *surroundings, r *request) { r.code = []byte("module @Exec_1 {\n  bodies\n}") },
		"part of name": func(_ *surroundings, r *request) { r.code = []byte("module @Exec_1\n  body\n}") },
		"options":      func(_ *surroundings, r *request) { r.options = nil },
		"devices":      func(_ *surroundings, r *request) { r.devices = 2 },
	} {
		s, r := base(), ask()
		change(&s, &r)
		key := s.key(r)
		if other, found := keys[key]; found {
			t.Errorf("changing %s gives the key of changing %s", what, other)
		}
		keys[key] = what
	}
}

// The number that GoMLX gives a program changes no key.
func TestKeyIgnoresTheModulesName(t *testing.T) {
	named := ask()
	named.code = []byte("module @Other_2 {\n  body\n}")
	if base().key(named) != base().key(ask()) {
		t.Error("another name gives another key")
	}
	for _, code := range []string{"", "module @", "module @name", "HloModule"} {
		if got := string(unnamed([]byte(code))); got != code {
			t.Errorf("%q becomes %q", code, got)
		}
	}
}

func TestProcessor(t *testing.T) {
	const amd = `processor	: 0
vendor_id	: AuthenticAMD
cpu family	: 25
model		: 17
model name	: AMD EPYC
stepping	: 1
cpu MHz		: 2596.148
flags		: fpu avx2 avx512f

processor	: 1
vendor_id	: AuthenticAMD
cpu family	: 25
model		: 17
model name	: AMD EPYC
stepping	: 1
cpu MHz		: 3100.000
flags		: fpu avx2 avx512f
`
	want := "cpu family: 25\nflags: fpu avx2 avx512f\nmodel name: AMD EPYC\nmodel: 17\nstepping: 1\nvendor_id: AuthenticAMD"
	if got, err := processorOf(amd); err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	// A big and a little core.
	arm := "processor\t: 0\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n\nprocessor\t: 1\nFeatures\t: fp asimd sve\nCPU part\t: 0xd05\n"
	want = "CPU part: 0xd05\nCPU part: 0xd0c\nFeatures: fp asimd\nFeatures: fp asimd sve"
	if got, err := processorOf(arm); err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"", "processor\t: 0\nmodel name\t: X\n", "flags\t:\n"} {
		if got, err := processorOf(text); err == nil {
			t.Errorf("%q gives %q", text, got)
		}
	}
}

func TestFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flags")
	if err := os.WriteFile(file, []byte("--a=1\n--xla_dump_to=here"), 0o600); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{"": "", "--a=1": "--a=1", " -a": " -a", file: "--a=1\n--xla_dump_to=here"} {
		if got, err := flags(value); got != want || err != nil {
			t.Errorf("%q: %q, %v", value, got, err)
		}
	}
	if _, err := flags(file + "2"); err == nil {
		t.Error("a missing file of flags is accepted")
	}
	for value, want := range map[string]bool{"--a=1": false, "--xla_dump_to=x": true, file: true} {
		t.Setenv("XLA_FLAGS", value)
		s, err := currentSurroundings()
		if err != nil || s.dumps() != want {
			t.Errorf("%q: %v, %v", value, s.dumps(), err)
		}
	}
}

// The header is go-xla's own, so that both speak the same version of PJRT.
func TestHeader(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gomlx/go-xla").Output()
	if err != nil {
		t.Skipf("no Go command: %v", err)
	}
	want, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "pjrt", "pjrt_c_api.h"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("pjrt_c_api.h"); err != nil || !slices.Equal(got, want) {
		t.Errorf("pjrt_c_api.h is not go-xla's: copy it from %s (%v)", strings.TrimSpace(string(dir)), err)
	}
}
