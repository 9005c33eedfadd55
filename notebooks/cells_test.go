package notebooks

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// notebook is what the tests need of a file in Jupyter's format 4.
type notebook struct {
	Name     string `json:"-"`
	Cells    []cell `json:"cells"`
	Metadata struct {
		Kernel struct {
			Name string `json:"name"`
		} `json:"kernelspec"`
	} `json:"metadata"`
}

type cell struct {
	ID             string            `json:"id"`
	Kind           string            `json:"cell_type"`
	Source         lines             `json:"source"`
	Outputs        []json.RawMessage `json:"outputs"`
	ExecutionCount *int              `json:"execution_count"`
	Metadata       struct {
		Tags []string `json:"tags"`
	} `json:"metadata"`
}

// lines is a text that the format stores whole or line by line.
type lines []string

func (l *lines) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		var parts []string
		if err := json.Unmarshal(data, &parts); err != nil {
			return err
		}
		text = strings.Join(parts, "")
	}
	*l = strings.Split(text, "\n")
	return nil
}

func readAll(t *testing.T) []notebook {
	t.Helper()
	paths, err := filepath.Glob("*.ipynb")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no notebooks here: %v", err)
	}
	all := make([]notebook, len(paths))
	for i, path := range paths {
		content, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(content, &all[i])
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[i].Name = strings.TrimSuffix(path, ".ipynb")
	}
	return all
}

// program is what GoNB keeps between the cells of a notebook: imports and
// declarations, of which a later one replaces an earlier one of its name.
type program struct {
	imports map[string]string // import specification by name in the file
	order   []string          // names of declarations, as first declared
	decls   map[string]string // source by name, with its position
}

func newProgram() *program {
	return &program{imports: map[string]string{}, decls: map[string]string{}}
}

// add takes a cell in and returns the source of the Go file that GoNB would make
// of it: everything declared so far and the cell's main function, which is what
// follows the line "%%". Lines that begin with % or ! are for the kernel. title
// names the cell in the file's positions.
func (p *program) add(title string, source []string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "package main\n//line %s:1\n", title)
	started := false
	for _, line := range source {
		switch {
		case strings.TrimSpace(line) == "%%" && !started:
			started = true
			line = "func main() {"
		case strings.HasPrefix(line, "%"), strings.HasPrefix(line, "!"):
			line = ""
		}
		b.WriteString(line + "\n")
	}
	if started {
		b.WriteString("}\n")
	}
	text := b.String()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, title, text, parser.ParseComments)
	if err != nil {
		return "", err
	}

	main := "func main() {}\n"
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
			continue // in file.Imports
		}
		tf := fset.File(decl.Pos())
		part := fmt.Sprintf("//line %s:%d\n%s\n", title, fset.Position(decl.Pos()).Line, text[tf.Offset(decl.Pos()):tf.Offset(decl.End())])
		if name := nameOf(decl); name == "main" {
			main = part
		} else {
			if _, there := p.decls[name]; !there {
				p.order = append(p.order, name)
			}
			p.decls[name] = part
		}
	}
	for _, spec := range file.Imports {
		name := strings.Trim(spec.Path.Value, `"`)
		name = name[strings.LastIndex(name, "/")+1:]
		text := spec.Path.Value
		if spec.Name != nil {
			name = spec.Name.Name
			text = name + " " + text
		}
		p.imports[name] = text
	}

	b.Reset()
	b.WriteString("package main\n")
	for _, spec := range slices.Sorted(maps.Values(p.imports)) {
		fmt.Fprintf(&b, "import %s\n", spec)
	}
	for _, name := range p.order {
		b.WriteString(p.decls[name])
	}
	b.WriteString(main)
	return b.String(), nil
}

// nameOf names a declaration: a method by its receiver too, a group by all of
// its names.
func nameOf(decl ast.Decl) string {
	var names []string
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return d.Name.Name
		}
		receiver := d.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		return fmt.Sprintf("%s.%s", receiver, d.Name.Name)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
			case *ast.ValueSpec:
				for _, name := range s.Names {
					names = append(names, name.Name)
				}
			}
		}
	}
	return strings.Join(names, " ")
}
