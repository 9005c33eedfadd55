// Package cli is the command line: flags in, package pipeline called, answers
// out. Answers go to standard output, progress and errors to standard error.
package cli

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/figures"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/sweep"
	"github.com/skinattn/skinattn/pkg/skinattn/training"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// common are the flags that every command has.
type common struct {
	Data   string  `help:"HAM10000 folder." env:"SKINATTN_DATA" placeholder:"DIR" group:"common"`
	Seed   *uint64 `help:"Seed of everything random (default: 1)." placeholder:"N" group:"common"`
	Engine string  `help:"What computes: auto, cuda, cpu (both XLA) or go." env:"SKINATTN_ENGINE" default:"auto" placeholder:"NAME" group:"common"`
	JSON   bool    `help:"Answer in JSON." name:"json" group:"common"`
	Quiet  bool    `help:"No progress; warnings, notes and errors only." short:"q" group:"common"`
}

// commands is the command line's grammar.
type commands struct {
	common

	Demo      demoCommand      `cmd:"" help:"The whole way on synthetic lesions: data, split, training, evaluation, figures."`
	Doctor    doctorCommand    `cmd:"" help:"What is there, what is missing, and how to get it."`
	Backbones backbonesCommand `cmd:"" help:"The table of networks."`
	Data      dataCommand      `cmd:"" help:"Look at a HAM10000 folder."`
	Split     splitCommand     `cmd:"" help:"Divide the images into parts."`
	Train     trainCommand     `cmd:"" help:"Train a network; leaves a run folder."`
	Evaluate  evaluateCommand  `cmd:"" help:"Metrics with intervals, from predictions alone."`
	Reproduce reproduceCommand `cmd:"" help:"Every table and figure of the paper: as printed, as logged by the authors, ours."`
	Predict   predictCommand   `cmd:"" help:"Class probabilities of images."`
	Explain   explainCommand   `cmd:"" help:"Where the network looks: Soft-Attention, Grad-CAM and other maps of images, as pictures."`
	Figures   figuresCommand   `cmd:"" help:"Every figure that runs allow."`
	Report    reportCommand    `cmd:"" help:"A page of runs to explore, as one HTML file."`
	Serve     serveCommand     `cmd:"" help:"A page where one tries photos, and a JSON API, on this machine."`
	Weights   weightsCommand   `cmd:"" help:"ImageNet and Keras weights: fetch, import, export, check."`
	Runs      runsCommand      `cmd:"" help:"Run folders: migrate older ones, release a model."`
	Export    exportCommand    `cmd:"" help:"Run folders as an RO-Crate for a repository."`
	Sweep     sweepCommand     `cmd:"" help:"Many runs, from a file of axes: here, or on a cluster."`
	Bench     benchCommand     `cmd:"" help:"Images per second, compile time, peak memory."`
	Version   versionCommand   `cmd:"" help:"Versions of the program, of Go and of the engines."`
}

// session has the common flags and the streams of a command.
type session struct {
	common
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
	// caveats are the warnings and notes that were logged, which JSON answers repeat.
	caveats []string
	logging sync.Mutex
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// usagef makes a usageError.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Main runs the command line and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C must work even while the first is being handled. Within a second it is the
	// same one: a scheduler signals every process of a job, and those pass the signal on.
	go func() { <-ctx.Done(); time.Sleep(time.Second); stop() }()
	ctx, stopHangup := onHangup(ctx)
	defer stopHangup()
	code = execute(ctx, args, stdout, stderr)
	if file, ok := stdout.(io.Closer); ok { // some file systems tell only now that the disk is full
		if err := file.Close(); err != nil && code == exitDone {
			code = report(stderr, unwritten(err), programName, args)
		}
	}
	return code
}

// answerWriter keeps the first error of writing an answer: commands write many pieces, and
// an answer that was not written whole is a failure, whatever the command says.
type answerWriter struct {
	w   io.Writer
	err error
}

func (a *answerWriter) Write(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	n, err := a.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	a.err = err
	return n, err
}

// unwritten is the error of an answer that could not be written.
func unwritten(err error) error { return fmt.Errorf("writing the answer: %w", err) }

// programName is the name of the command.
const programName = "skinattn"

// exit carries kong's wish to leave, after --help, through a panic.
type exit int

func execute(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	answer := &answerWriter{w: stdout}
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case exit: // after a help text
			code = int(cause)
			if answer.err != nil {
				code = report(stderr, unwritten(answer.err), programName, args)
			}
		default:
			panic(cause)
		}
	}()
	grammar := newGrammar()
	parser := newParser(grammar, answer, stderr)
	parsed, err := parser.Parse(typedFirst(args, isCommand(parser)))
	switch {
	case answer.err != nil: // of a help text
		err = unwritten(answer.err)
	case err != nil:
		err = usageError{err}
	default:
		s := &session{common: grammar.common, ctx: ctx, stdout: answer, stderr: stderr}
		err = parsed.Run(s)
		if answer.err != nil && (err == nil || errors.Is(err, answer.err)) {
			err = unwritten(answer.err)
		}
	}
	return report(stderr, err, commandOf(parsed, err), args)
}

// newGrammar returns the grammar of the command line, for one use.
func newGrammar() *commands {
	return &commands{Train: trainCommand{regimeFlags: newRegimeFlags()}, Bench: benchCommand{regimeFlags: newRegimeFlags("batch", "precision", "epochs", "warm-up")}}
}

// newParser returns a parser that fills in grammar.
func newParser(grammar *commands, stdout, stderr io.Writer) *kong.Kong {
	vars := grammarVars()
	vars["protocol_table"], vars["figures"] = protocolTable(), figures.Summary()
	parser, err := kong.New(grammar,
		kong.Name(programName),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{{Key: "common", Title: "Flags of every command:"}}),
		kong.PostBuild(fillIn(vars)),
		kong.KindMapper(reflect.Float64, kong.MapperFunc(decodeFinite)),
		kong.KindMapper(reflect.String, kong.MapperFunc(decodeText)),
	)
	if err != nil {
		panic(err) // an error in the grammar above
	}
	return parser
}

// isCommand returns a function that tells whether words are the whole name of a command, or of a group of commands.
func isCommand(parser *kong.Kong) func(words []string) bool {
	return func(words []string) bool {
		node := parser.Model.Node
		for _, word := range words {
			at := slices.IndexFunc(node.Children, func(child *kong.Node) bool { return child.Name == word })
			if at < 0 {
				return false
			}
			node = node.Children[at]
		}
		return true
	}
}

// word is the value of a flag that takes one of several words, empty if it was not
// given. Such a flag is a pointer, so that kong does not list the empty word.
func word(flag *string) string {
	if flag == nil {
		return ""
	}
	return *flag
}

// helpFiles has the long help of each command, as help/COMMAND.txt or, of a command of a
// command, help/COMMAND-COMMAND.txt.
//
//go:embed help
var helpFiles embed.FS

// fillIn returns a hook that gives commands their long help, and replaces ${name} in help
// texts and choices by values from vars. kong.Vars would do the same, but looks through
// all values again for every flag, which takes half as long as all else that kong does at
// start-up.
func fillIn(vars map[string]string) func(*kong.Kong) error {
	var pairs []string
	for name, value := range vars {
		pairs = append(pairs, "${"+name+"}", value)
	}
	replacer := strings.NewReplacer(pairs...)
	return func(k *kong.Kong) error {
		return kong.Visit(k.Model, func(visited kong.Visitable, next kong.Next) error {
			switch v := visited.(type) {
			case *kong.Node:
				text, _ := helpFiles.ReadFile("help/" + strings.ReplaceAll(v.Path(), " ", "-") + ".txt") // a group has none
				v.Detail = replacer.Replace(strings.TrimSuffix(string(text), "\n"))
			case *kong.Value:
				v.Help, v.Enum = replacer.Replace(v.Help), replacer.Replace(v.Enum)
			}
			return next(nil)
		})
	}
}

// decodeFinite reads a float64 as kong does, but no NaN or infinity: no flag
// has a use for them, and comparisons let them through.
func decodeFinite(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("number", &text); err != nil {
		return err
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("%q is not a finite number", text)
	}
	target.SetFloat(x)
	return nil
}

// decodeText reads a text byte for byte. Kong takes it through JSON, which changes names of
// files that are not UTF-8.
func decodeText(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("string")
	if err != nil {
		return err
	}
	text, ok := token.Value.(string)
	if !ok {
		return fmt.Errorf("expected a text, not %v", token.Value)
	}
	target.SetString(text)
	return nil
}

const description = `Reproduces "Diagnostic support of skin lesion classification using CNN and Soft Attention" (Sensors 2022).

Try 'skinattn demo' first: it needs no data. 'skinattn COMMAND --help' has examples, 'skinattn doctor' tells what is missing.`

// report writes the error of a command as one line and returns the exit code for it. What the error
// repeats of files is shortened, the user's own arguments are not.
func report(stderr io.Writer, err error, command string, args []string) int {
	if err == nil {
		return exitDone
	}
	text := oneline.Short(strings.ReplaceAll(withAdvice(err), "\n", "; "), given(args)...)
	code := exitFailed
	switch _, usage := errors.AsType[usageError](err); {
	case errors.Is(err, training.ErrInterrupted):
		code = exitInterrupted
	case errors.Is(err, context.Canceled):
		code, text = exitInterrupted, "interrupted; the same command begins again"
	case usage:
		_, ofFile := errors.AsType[*sweep.FileError](err) // is not about a word of the command line
		if meant := suggest(text, args); meant != "" && !ofFile {
			text += fmt.Sprintf("; did you mean %q?", meant)
		}
		code, text = exitUsage, fmt.Sprintf("wrong usage: %s; see '%s --help'", text, command)
	}
	fmt.Fprintf(stderr, "skinattn: %s\n", text)
	return code
}

// given are the texts of the user's arguments, values of flags by themselves.
func given(args []string) (texts []string) {
	for _, arg := range args {
		if _, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(arg, "--") {
			arg = value
		}
		texts = append(texts, arg)
	}
	return texts
}

// log writes a line for people. --quiet drops it, unless it is a caveat: a line that begins
// with "warning: " or "note: ".
func (s *session) log(line string) {
	s.logging.Lock()
	defer s.logging.Unlock()
	caveat := isCaveat(line)
	if caveat {
		line = oneline.Short(line)
		s.caveats = append(s.caveats, line)
	}
	if caveat || !s.Quiet {
		fmt.Fprintln(s.stderr, line)
	}
}

func isCaveat(line string) bool {
	return strings.HasPrefix(line, "warning: ") || strings.HasPrefix(line, "note: ")
}

// notes are the given caveats, and those that were logged, each once: the value of the key
// "notes" of JSON answers.
func (s *session) notes(known ...string) []string {
	s.logging.Lock()
	defer s.logging.Unlock()
	var all []string
	add := func(text string) {
		if !slices.ContainsFunc(all, func(other string) bool { return strings.HasSuffix(other, text) }) {
			all = append(all, text)
		}
	}
	for _, text := range known {
		add(text)
	}
	for _, line := range s.caveats {
		_, text, _ := strings.Cut(line, ": ")
		add(text)
	}
	return all
}

// warn writes a line that people must not miss, also with --quiet: what an answer lacks.
func (s *session) warn(line string) {
	s.logging.Lock()
	defer s.logging.Unlock()
	s.caveats = append(s.caveats, "warning: "+oneline.Short(line))
	fmt.Fprintln(s.stderr, "skinattn: warning: "+strings.ReplaceAll(line, "\n", "; "))
}

// answer writes value as JSON.
func (s *session) answer(value any) error { return writeJSON(s.stdout, value) }

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// answerEach answers with the only value there is or with the list of all.
func answerEach[T any](s *session, values []T) error {
	if len(values) == 1 {
		return s.answer(values[0])
	}
	return s.answer(values)
}

// answerWith answers with an object and one key more.
func (s *session) answerWith(object json.Marshaler, key string, value any) error {
	text, err := withKey(object, key, value)
	if err != nil {
		return err
	}
	return s.answer(text)
}

// withKey returns the JSON of an object with one key more.
func withKey(object json.Marshaler, key string, value any) (json.RawMessage, error) {
	text, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	extra, err := json.Marshal(map[string]any{key: value})
	if err != nil {
		return nil, err
	}
	text[len(text)-1] = ','
	return append(text, extra[1:]...), nil
}

// answerPaths answers with the files that were written.
func (s *session) answerPaths(paths []string) error {
	if s.JSON {
		return s.answer(paths)
	}
	for _, path := range paths {
		fmt.Fprintln(s.stdout, path)
	}
	return nil
}

// seed returns the seed that the flags ask for.
func (s *session) seed() uint64 {
	if s.Seed == nil {
		return 1
	}
	return *s.Seed
}

// openEngine starts the engine that the flags ask for.
func (s *session) openEngine() (*engine.Engine, error) {
	return s.openEngineWith(engine.Options{})
}

// predictionEngine is the engine for predictions, which may need none: it then starts when something does, such as gradients.
func (s *session) predictionEngine() (*engine.Engine, error) {
	if engine.MayWait(s.Engine) {
		return engine.Deferred(s.openEngine), nil
	}
	return s.openEngine()
}

// openEngineWith starts the engine that the flags ask for, with options but for Log.
func (s *session) openEngineWith(opts engine.Options) (*engine.Engine, error) {
	if err := engine.CheckName(s.Engine); err != nil {
		return nil, usageError{err}
	}
	opts.Log = s.log
	eng, err := engine.Open(s.ctx, s.Engine, opts)
	if err != nil {
		return nil, err
	}
	for _, passed := range eng.Passed {
		if passed.Engine == engine.CPU && !errors.Is(passed, engine.ErrNotBuilt) && !errors.Is(passed, engine.ErrPlatform) {
			s.log("'skinattn doctor' tells how to mend it")
		}
	}
	return eng, nil
}

// openData opens the data folder that the flags ask for.
func (s *session) openData() (*ham10000.Dataset, error) {
	data, err := ham10000.Open(s.Data)
	if err != nil {
		return nil, err
	}
	for _, note := range data.Notes() {
		s.log("note: " + note)
	}
	return data, nil
}
