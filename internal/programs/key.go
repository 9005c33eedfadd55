package programs

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

// Key describes everything that can change the machine code of a program, as lines of
// text: the program, the options of its compilation, and the surroundings.
type Key string

// format is part of every key. It goes up when older programs must not be loaded.
const format = 1

// surroundings describes what the programs of a process have in common.
type surroundings struct {
	plugin    string // SHA-256 of the plug-in's file
	processor string // from Processor
	cores     int    // XLA divides work among the cores when it compiles
	variables []variable
}

// variable is an environment variable that XLA reads.
type variable struct{ name, value string }

// request is what a plug-in is asked to compile.
type request struct {
	format        string // of the code
	code, options []byte // program, and serialized CompileOptionsProto
	devices       int    // of the client
}

// key returns the key of a program.
func (s surroundings) key(r request) Key {
	var b strings.Builder
	fmt.Fprintf(&b, "format %d\nplugin %s\nprocessor %q\ncores %d\n", format, s.plugin, s.processor, s.cores)
	for _, v := range s.variables {
		fmt.Fprintf(&b, "%s %q\n", v.name, v.value)
	}
	fmt.Fprintf(&b, "devices %d\noptions %x\nprogram %q %x\n", r.devices, sha256.Sum256(r.options), r.format, sha256.Sum256(unnamed(r.code)))
	return Key(b.String())
}

// unnamed returns a program's text without the name of the module, with which it
// begins. GoMLX numbers the programs of an executor in the order in which they are
// asked for (batches of 32, then the last one of 7), and names them after functions of
// Go: the same program often has another name. The name changes nothing but the names
// of XLA's own dumps and profiles.
func unnamed(code []byte) []byte {
	if rest, found := bytes.CutPrefix(code, []byte("module @")); found {
		if end := bytes.IndexAny(rest, " {\n"); end >= 0 {
			return rest[end:]
		}
	}
	return code
}

// xlaVariables lists the environment variables from which the compiler of XLA for the
// CPU takes options, and numbers of threads.
var xlaVariables = []string{"XLA_FLAGS", "NPROC", "OMP_NUM_THREADS"}

// currentSurroundings describes this process, with a plug-in's hash. XLA reads its
// variables when a plug-in is first used, so they are taken before.
func currentSurroundings() (surroundings, error) {
	processor, err := processor()
	if err != nil {
		return surroundings{}, err
	}
	s := surroundings{processor: processor, cores: runtime.NumCPU()}
	for _, name := range xlaVariables {
		value := os.Getenv(name)
		if name == "XLA_FLAGS" {
			if value, err = flags(value); err != nil {
				return surroundings{}, err
			}
		}
		s.variables = append(s.variables, variable{name, value})
	}
	return s, nil
}

// flags returns the text of XLA_FLAGS, which may be the name of a file of flags.
func flags(value string) (string, error) {
	if value == "" || strings.HasPrefix(strings.TrimSpace(value), "-") {
		return value, nil
	}
	content, err := os.ReadFile(strings.TrimSpace(value))
	if err != nil {
		return "", fmt.Errorf("reading the file that $XLA_FLAGS names: %w", err)
	}
	return string(content), nil
}

// dumps reports whether XLA is told to write files while it compiles: it must compile
// then.
func (s surroundings) dumps() bool {
	return slices.ContainsFunc(s.variables, func(v variable) bool { return strings.Contains(v.value, "xla_dump") })
}

// processorLines are the lines of /proc/cpuinfo that tell what code a processor runs.
var processorLines = []string{
	"vendor_id", "cpu family", "model", "model name", "stepping", "flags", // x86
	"CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision", "Features", // ARM
}

// processor describes the machine's processors: model and features.
func processor() (string, error) {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", fmt.Errorf("asking for the processor's features: %w", err)
	}
	return processorOf(string(text))
}

func processorOf(cpuinfo string) (string, error) {
	var lines []string
	for line := range strings.Lines(cpuinfo) {
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if text := name + ": " + value; value != "" && slices.Contains(processorLines, name) && !slices.Contains(lines, text) {
			lines = append(lines, text)
		}
	}
	slices.Sort(lines) // processors of several kinds
	described := func(name string) bool {
		return slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+": ") })
	}
	if !described("flags") && !described("Features") {
		return "", fmt.Errorf("/proc/cpuinfo does not tell the processor's features")
	}
	return strings.Join(lines, "\n"), nil
}
