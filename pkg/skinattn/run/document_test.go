package run

import (
	"flag"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/internal/testgolden"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

var update = flag.Bool("update", false, "write the generated part of docs/run-folder.md anew")

const document = "../../../docs/run-folder.md"

// optionTables are the fields of network and regime, in Markdown.
func optionTables() string {
	var b strings.Builder
	for _, part := range []struct {
		name    string
		options []spec.Option
	}{{"network", spec.NetworkOptions()}, {"regime", spec.RegimeOptions()}} {
		fmt.Fprintf(&b, "\n### `%s`\n\n| field | type | values | meaning |\n|---|---|---|---|\n", part.name)
		for _, o := range part.options {
			fmt.Fprintf(&b, "| `%s.%s` | %s | %s | %s |\n", part.name, o.Path, jsonType(o.Type), strings.ReplaceAll(o.Values(), "|", "\\|"), o.Help)
		}
	}
	return b.String() + "\n"
}

func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.String:
		return "string"
	case reflect.Struct:
		return "object"
	}
	return "list of " + jsonType(t.Elem()) + "s"
}

func TestDocumentHasTheOptions(t *testing.T) {
	testgolden.Generated(t, document, "go test ./pkg/skinattn/run -update", optionTables(), *update)
}

// fieldNames are the JSON names of a struct's fields, of structs in it with their
// path.
func fieldNames(t reflect.Type, path string) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		typ := f.Type
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch {
		case name == "-":
		case typ.Kind() == reflect.Struct && typ.NumField() > 0:
			names = append(names, fieldNames(typ, path+name+".")...)
		default:
			names = append(names, path+name)
		}
	}
	return names
}

// Every field and every file is in the page.
func TestDocumentHasEveryField(t *testing.T) {
	page := text(t, document)
	fields := fieldNames(reflect.TypeFor[Config](), "")
	fields = append(fields, fieldNames(reflect.TypeFor[Environment](), "")...)
	fields = append(fields, "resumptions.epoch", "resumptions.step", "resumptions.environment", "resumptions.notes")
	fields = append(fields, fieldNames(reflect.TypeFor[Epoch](), "")...)
	for _, field := range fieldNames(reflect.TypeFor[Calibration](), "") {
		if !strings.HasPrefix(field, "scaling.") { // in words
			fields = append(fields, field)
		}
	}
	fields = append(fields, fieldNames(reflect.TypeFor[Unusual](), "")...)
	fields = append(fields, fieldNames(reflect.TypeFor[Compared](), "")...)
	if len(fields) < 80 {
		t.Fatalf("only %d fields are found", len(fields))
	}
	fields = append(fields, ConfigFile, EnvironmentFile, SplitFile, HistoryFile, RecallFile, TensorBoardDir+"/", MetricsFile, CalibrationFile, UnusualFile, UnusualTensorsFile,
		CheckpointDir+"/", FiguresDir+"/", PredictionsFile("val"), PredictionsFile("test"), lockFile, leaseDir+"/")
	for _, field := range fields {
		if !strings.Contains(page, "`"+field+"`") {
			t.Errorf("%s does not specify `%s`", document, field)
		}
	}
}
