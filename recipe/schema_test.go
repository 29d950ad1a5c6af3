package recipe

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gradus-ml/gradus/config"
)

var update = flag.Bool("update", false, "write descriptions.json")

// Descriptions are those of the source.
func TestDescriptions(t *testing.T) {
	if testing.Short() && !*update {
		t.Skip("reads the source of many packages, whose comments change without a thought of recipes")
	}
	about := map[string]string{}
	parsed := map[string][]*ast.File{}
	for _, s := range config.Structs(Default(), Kinds()) {
		dir := filepath.Join("..", filepath.FromSlash(strings.TrimPrefix(s.PkgPath(), modulePath)))
		if parsed[dir] == nil {
			parsed[dir] = parse(t, dir)
		}
		describeStruct(about, s, parsed[dir])
	}
	if len(about) < 100 {
		t.Errorf("only %d descriptions", len(about))
	}
	want, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("descriptions.json", want, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(descriptions, want) {
		t.Error("descriptions.json is not up to date; go test ./recipe -run TestDescriptions -update writes it")
	}
}

// parse reads the files of a package.
func parse(t *testing.T, dir string) (files []*ast.File) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// describeStruct adds the comments of a type and its fields: the first
// paragraph of each.
func describeStruct(about map[string]string, s reflect.Type, files []*ast.File) {
	for _, f := range files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				typ := spec.(*ast.TypeSpec)
				body, ok := typ.Type.(*ast.StructType)
				if typ.Name.Name != s.Name() || !ok {
					continue
				}
				doc := typ.Doc
				if doc == nil {
					doc = g.Doc
				}
				describeAs(about, describedAs(s), doc)
				for _, field := range body.Fields.List {
					for _, name := range field.Names {
						doc := field.Doc
						if doc == nil {
							doc = field.Comment
						}
						if name.IsExported() {
							describeAs(about, describedAs(s)+"."+name.Name, doc)
						}
					}
				}
			}
		}
	}
}

func describeAs(about map[string]string, key string, doc *ast.CommentGroup) {
	first, _, _ := strings.Cut(doc.Text(), "\n\n")
	first = strings.Join(strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(first)), " ")
	if first != "" {
		about[key] = first
	}
}

// Every recipe that comes along is valid by the schema, as written and in full;
// mistakes are not.
func TestSchema(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("recipe.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("recipe.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(text []byte) error {
		text, err := yaml.YAMLToJSON(text)
		if err != nil {
			return err
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return err
		}
		return schema.Validate(v)
	}
	var texts [][]byte
	for _, b := range Builtins() {
		r, err := Read(b.Name)
		if err != nil {
			t.Fatal(err)
		}
		full, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, b.Text, full)
	}
	for _, s := range Starters() {
		text, err := New(s.Name, Starter{Data: "data"})
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	for _, text := range texts {
		if err := check(text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	for _, bad := range []string{"epohcs: 1", "strategy: {epohcs: 1}", "optimizer: {type: sgdd}", "optimizer: {type: sgd, lrr: 1}", "loss: [{type: mse, target: [a]}]", "seed: -1", "checkpoint: {every_time: soon}"} {
		if check([]byte(bad)) == nil {
			t.Errorf("%s is valid", bad)
		}
	}
	for _, part := range []string{
		`"description": "passes over the training data; null asks for Steps"`,
		`"description": "SGD is gradient descent with momentum.`,
		`"enum": ["mean", "sum", "none"]`,
	} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("the schema lacks %s", part)
		}
	}
}
