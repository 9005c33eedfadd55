package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

type versionCommand struct{}

// versionAnswer is the JSON answer; its values are those of environment.json.
type versionAnswer struct {
	Version  string            `json:"version,omitempty"`
	Commit   string            `json:"commit,omitempty"`
	Modified bool              `json:"modified,omitempty"`
	Go       string            `json:"go"`
	OS       string            `json:"os"`
	Arch     string            `json:"arch"`
	Engines  map[string]string `json:"engines"` // what each computes with
	Modules  map[string]string `json:"modules"`
	Model    string            `json:"model,omitempty"` // that is part of the program
}

// Run says what the program is made of. It looks at nothing of the machine: 'skinattn doctor' does.
func (versionCommand) Run(s *session) error {
	env := run.CurrentEnvironment("", "")
	if s.JSON {
		return s.answer(versionAnswer{env.Version, env.Commit, env.Modified, env.Go, env.OS, env.Arch, engine.Versions(), env.Modules, models.Name()})
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%s\n", programOf(env), modulesOf(env))
	engines := engine.Versions()
	for _, name := range engine.Names {
		if engines[name] != "" {
			fmt.Fprintf(&text, "engine %s: %s\n", name, engines[name])
		}
	}
	if name := models.Name(); name != "" {
		fmt.Fprintf(&text, "model %s\n", name)
	}
	_, err := fmt.Fprint(s.stdout, text.String())
	return err
}

// programOf is a line that tells one build of the program from another.
func programOf(env run.Environment) string {
	text := programName
	if env.Version != "" {
		text += " " + env.Version
	}
	switch {
	case env.Commit == "" && env.Version == "":
		text += ", of an unknown commit"
	case env.Commit != "":
		text += ", commit " + env.Commit
	}
	if env.Modified {
		text += ", modified"
	}
	return text
}

// modulesOf is a line with the versions of Go and of the modules that decide about numbers.
func modulesOf(env run.Environment) string {
	text := fmt.Sprintf("%s %s/%s", env.Go, env.OS, env.Arch)
	for _, module := range run.RecordedModules() {
		text += fmt.Sprintf(", %s %s", module, env.Modules[module])
	}
	return text
}

// typedFirst puts the grammar's words in the place of those that people know from other programs: a flag for the
// version, and help before or behind a command. A file named help is a file.
func typedFirst(args []string, isCommand func(words []string) bool) []string {
	if len(args) == 0 {
		return []string{"--help"}
	}
	switch first, rest := args[0], args[1:]; {
	case first == "-V" || strings.TrimPrefix(first, "--") == "version": // the command is the flag, too
		return append([]string{"version"}, rest...)
	case first == "help":
		return append(append([]string{}, rest...), "--help")
	}
	last := len(args) - 1
	if _, err := os.Lstat(args[last]); args[last] == "help" && err != nil && isCommand(args[:last]) {
		return append(append([]string{}, args[:last]...), "--help")
	}
	return args
}
