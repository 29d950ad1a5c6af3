package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// names are what the repository's Go files declare outside functions, each
// under every form in which a text may mention it: Func.Run of package exec is
// exec.Func.Run, Func.Run and Run. Packages and the files of ops are names too.
type names map[string]bool

func (n names) add(parts ...string) {
	for i := range parts {
		n[strings.Join(parts[i:], ".")] = true
	}
}

// declared parses all files that are not tests.
func declared(t *testing.T) names {
	t.Helper()
	n := names{}
	for _, file := range files(t) {
		base, isGo := strings.CutSuffix(path.Base(file), ".go")
		if !isGo || strings.HasSuffix(base, "_test") || strings.Contains(file, "testdata/") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		n[f.Name.Name], n[base] = true, true
		for _, d := range f.Decls {
			n.addDecl(f.Name.Name, d)
		}
	}
	return n
}

func (n names) addDecl(pkg string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			n.add(pkg, d.Name.Name)
			return
		}
		ast.Inspect(d.Recv.List[0].Type, func(node ast.Node) bool {
			if id, ok := node.(*ast.Ident); ok {
				n.add(pkg, id.Name, d.Name.Name)
				return false
			}
			return true
		})
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, id := range s.Names {
					n.add(pkg, id.Name)
				}
			case *ast.TypeSpec:
				n.add(pkg, s.Name.Name)
				n.addMembers(pkg, s)
			}
		}
	}
}

// addMembers adds fields and the methods of interfaces.
func (n names) addMembers(pkg string, s *ast.TypeSpec) {
	var members *ast.FieldList
	switch typ := s.Type.(type) {
	case *ast.StructType:
		members = typ.Fields
	case *ast.InterfaceType:
		members = typ.Methods
	default:
		return
	}
	for _, m := range members.List {
		for _, id := range m.Names {
			n.add(pkg, s.Name.Name, id.Name)
		}
	}
}

var (
	looksLikeName = regexp.MustCompile(`^[A-Za-z]\w*(\.[A-Za-z]\w*)*$`)
	call          = regexp.MustCompile(`\([^()]*\)`)
)

// notNames are words of Go, of other programs and of placeholders in code type.
var notNames = map[string]bool{
	"init": true, "test": true, "testdata": true, "DIR": true, "NAME": true, "NameOp": true, "gradus": true, "benchstat": true,
}

// mentioned returns the names in a span: one, or several that are joined by
// calls, as in kernel.NewGemm(...).Bind.
func mentioned(text string) []string {
	var found []string
	for _, part := range strings.Split(call.ReplaceAllString(text, "()"), "()") {
		part = strings.TrimPrefix(part, ".")
		if looksLikeName.MatchString(part) && !notNames[part] && !isPath(part) {
			found = append(found, part)
		}
	}
	return found
}

// Every function and type that ARCHITECTURE and CONTRIBUTING name is declared.
func TestNamesAreDeclared(t *testing.T) {
	known := declared(t)
	seen := 0
	for _, doc := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md"} {
		for _, s := range read(t, doc).spans {
			for _, name := range mentioned(s.text) {
				seen++
				if !known[name] {
					t.Errorf("%s:%d: nothing is called %s", doc, s.line, name)
				}
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d names were found in the documents", seen)
	}
}

func TestDeclared(t *testing.T) {
	known := declared(t)
	for _, name := range []string{"exec.Func.Run", "Func.Run", "ir.Differentiable", "Ctx.SetParam", "kernel.Phase", "cpu", "optim.SGD.Momentum"} {
		if !known[name] {
			t.Errorf("%s is not found", name)
		}
	}
	if known["exec.Func.Runs"] || known["exec.Run.Func"] {
		t.Error("names are found that do not exist")
	}
}
