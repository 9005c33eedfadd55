package serve

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// description is openapi.json, and its schemas ready for use. The schemas of OpenAPI 3.1 are
// JSON Schema 2020-12.
var description = sync.OnceValue(func() (d struct {
	doc     map[string]any
	schemas *jsonschema.Compiler
}) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(OpenAPI))
	if err != nil {
		panic(err)
	}
	d.doc = doc.(map[string]any)
	d.schemas = jsonschema.NewCompiler()
	d.schemas.DefaultDraft(jsonschema.Draft2020)
	if err := d.schemas.AddResource("openapi.json", doc); err != nil {
		panic(err)
	}
	return d
})

// compiledSchemas keeps what schemaAt has compiled.
var compiledSchemas sync.Map

var compiling sync.Mutex

// schemaAt returns the schema at a place of openapi.json.
func schemaAt(t testing.TB, path ...string) *jsonschema.Schema {
	t.Helper()
	pointer := "openapi.json#"
	for _, part := range path {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(part)
	}
	if schema, ok := compiledSchemas.Load(pointer); ok {
		return schema.(*jsonschema.Schema)
	}
	compiling.Lock() // a compiler is for one goroutine at a time
	schema, err := description().schemas.Compile(pointer)
	compiling.Unlock()
	if err != nil {
		t.Fatalf("%s: %v", pointer, err)
	}
	compiledSchemas.Store(pointer, schema)
	return schema
}

// at returns what stands in a JSON object, nil if it is not there.
func at(object any, path ...string) any {
	for _, part := range path {
		m, ok := object.(map[string]any)
		if !ok {
			return nil
		}
		object = m[part]
	}
	return object
}

// documented checks an answer against openapi.json: the address and method, the status, the
// media type and the body must be there. Answers to addresses that are not of the API must be
// problems or files of the page.
func documented(t testing.TB, r *http.Request, answer *http.Response, body []byte) {
	t.Helper()
	for name, value := range headers {
		if got := answer.Header.Get(name); got != value && !(name == "Cache-Control" && got == "no-cache") {
			t.Errorf("%s %s: header %s is %q, want %q", r.Method, r.URL.Path, name, got, value)
		}
	}
	kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil {
		t.Errorf("%s %s: content type %q", r.Method, r.URL.Path, answer.Header.Get("Content-Type"))
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	pattern := routeName(r)
	method := strings.ToLower(r.Method)
	if at(description().doc, "paths", pattern) == nil {
		if answer.StatusCode >= 400 {
			validate(t, r, schemaAt(t, "components", "schemas", "Problem"), body)
		}
		return
	}
	status := strconv.Itoa(answer.StatusCode)
	if at(description().doc, "paths", pattern, method) == nil { // 405, and what is refused before the method counts
		method = "get"
		if at(description().doc, "paths", pattern, method) == nil {
			method = "post"
		}
	}
	content := at(description().doc, "paths", pattern, method, "responses", status, "content", kind)
	if content == nil {
		t.Errorf("%s %s answers %s %s, which openapi.json does not have: %s", r.Method, pattern, status, kind, body)
		return
	}
	if at(content, "schema") == nil || !strings.HasSuffix(kind, "json") {
		return
	}
	validate(t, r, schemaAt(t, "paths", pattern, method, "responses", status, "content", kind, "schema"), body)
}

func validate(t testing.TB, r *http.Request, schema *jsonschema.Schema, body []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Errorf("%s %s: %v: %s", r.Method, r.URL.Path, err, body)
		return
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s %s: %v: %s", r.Method, r.URL.Path, err, body)
	}
}

// The document has the routes of the program and no others.
func TestDocumentHasTheRoutes(t *testing.T) {
	documentedRoutes := map[string]bool{}
	for pattern, item := range at(description().doc, "paths").(map[string]any) {
		for method := range item.(map[string]any) {
			documentedRoutes[strings.ToUpper(method)+" "+pattern] = true
		}
	}
	for _, route := range apiRoutes {
		name := route.method + " " + route.pattern
		if !documentedRoutes[name] {
			t.Errorf("openapi.json lacks %s", name)
		}
		delete(documentedRoutes, name)
		security := at(description().doc, "paths", route.pattern, strings.ToLower(route.method), "security")
		if open := security != nil; open != route.open {
			t.Errorf("%s: open is %t in openapi.json", name, open)
		}
	}
	if len(documentedRoutes) > 0 {
		t.Errorf("openapi.json has %v, which are no routes", documentedRoutes)
	}
}

// The document has the problems of the program, each at its status.
func TestDocumentHasTheProblems(t *testing.T) {
	var types []string
	for _, k := range kinds {
		types = append(types, problemURN+k.name)
		found := false
		for _, item := range at(description().doc, "paths").(map[string]any) {
			for _, operation := range item.(map[string]any) {
				text, _ := at(operation, "responses", strconv.Itoa(k.status), "description").(string)
				found = found || strings.Contains(text, "`"+k.name+"`")
			}
		}
		if !found {
			t.Errorf("openapi.json has no answer with %s", k.name)
		}
	}
	var enum []string
	text, err := json.Marshal(at(description().doc, "components", "schemas", "Problem", "properties", "type", "enum"))
	if err == nil {
		err = json.Unmarshal(text, &enum)
	}
	if err != nil || !slices.Equal(enum, types) {
		t.Errorf("%v, %v, want %v", enum, err, types)
	}
}

// Every schema of the document is a schema.
func TestDocumentSchemas(t *testing.T) {
	for name := range at(description().doc, "components", "schemas").(map[string]any) {
		schemaAt(t, "components", "schemas", name)
	}
}

// docs/serve.md has the table of problems.
func TestDocumentationHasTheProblems(t *testing.T) {
	const path = "../../../docs/serve.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), "<!-- problems: begin -->\n")
	_, after, ended := strings.Cut(rest, "<!-- problems: end -->")
	if !found || !ended {
		t.Fatal("docs/serve.md has no place for the table of problems")
	}
	table := "| `type`, behind `urn:skinattn:problem:` | status | title |\n| --- | --- | --- |\n"
	for _, k := range kinds {
		table += fmt.Sprintf("| `%s` | %d | %s |\n", k.name, k.status, k.title)
	}
	want := before + "<!-- problems: begin -->\n" + table + "<!-- problems: end -->" + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Error("docs/serve.md has another table of problems; run this test with -update")
	}
}

var update = flag.Bool("update", false, "write the table of problems in docs/serve.md anew")
