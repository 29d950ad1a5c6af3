package docs

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/model/layers"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/train"
)

var update = flag.Bool("update", false, "write the documents that are made from code")

// A namesOf is a module of another library, with its public names.
type namesOf struct {
	Module, Version string
	Names           []struct{ Name, Alias string }
}

// An ours is what Gradus has for a name.
type ours struct {
	Go     string `yaml:"go"`     // PACKAGE.NAME; several with commas
	Recipe string `yaml:"recipe"` // SECTION NAME; several with commas
	Note   string `yaml:"note"`
	Not    string `yaml:"not"` // why there is none
}

// A catalogue has ours by module and name.
type catalogue map[string]map[string]ours

func readCatalogue(t *testing.T) ([]namesOf, catalogue) {
	t.Helper()
	text, err := os.ReadFile("testdata/names.json")
	if err != nil {
		t.Fatal(err)
	}
	var lists []namesOf
	if err := json.Unmarshal(text, &lists); err != nil {
		t.Fatal(err)
	}
	text, err = os.ReadFile("testdata/catalogue.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := catalogue{}
	if err := config.Decode(text, "catalogue.yaml", &c, nil); err != nil {
		t.Fatal(err)
	}
	return lists, c
}

// Each name of the other libraries has a row, each row a name; at most 5 % of a
// list have no implementation; what a row names is there.
func TestCatalogueIsComplete(t *testing.T) {
	lists, rows := readCatalogue(t)
	known, recipes := declared(t), recipeNames()
	modules := map[string]bool{}
	for _, list := range lists {
		modules[list.Module] = true
		table, names := rows[list.Module], map[string]bool{}
		without := 0
		for _, n := range list.Names {
			if n.Alias != "" {
				continue
			}
			names[n.Name] = true
			row, ok := table[n.Name]
			if !ok {
				t.Errorf("%s.%s has no row", list.Module, n.Name)
				continue
			}
			if row.Not != "" {
				without++
			}
			for _, problem := range row.problems(known, recipes) {
				t.Errorf("%s.%s: %s", list.Module, n.Name, problem)
			}
		}
		for name := range table {
			if !names[name] {
				t.Errorf("%s has no %s of its own, and there is a row", list.Module, name)
			}
		}
		if all := len(names); without*20 > all {
			t.Errorf("%s: %d of %d names have no implementation, more than 5 %%", list.Module, without, all)
		}
	}
	for module := range rows {
		if !modules[module] {
			t.Errorf("there are rows for %s, and no names", module)
		}
	}
}

// problems tells what is wrong with a row.
func (o ours) problems(known names, recipes map[string]bool) []string {
	var all []string
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add((o.Go == "") == (o.Not == ""), "a row has one of go and not")
	add(o.Recipe != "" && o.Go == "", "a recipe's name without go")
	for _, name := range list(o.Go) {
		add(!strings.Contains(name, ".") || !known[name], "nothing is called %q", name)
	}
	for _, name := range list(o.Recipe) {
		add(!recipes[name], "a recipe has no %q", name)
	}
	return all
}

// list takes a list with commas apart.
func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ", ")
}

// recipeNames are what recipes can say, as "SECTION NAME".
func recipeNames() map[string]bool {
	all := map[string]bool{}
	for section, kinds := range map[string][]config.Kind{
		"loss": loss.Kinds(), "optimizer": optim.Kinds(), "schedule": schedule.Kinds(),
		"layer": layers.Kinds(), "init": layers.InitKinds(), "input": feature.Kinds(), "image": image.Kinds(),
	} {
		for _, k := range kinds {
			all[section+" "+k.Name] = true
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[train.Strategy]()) {
		all["strategy "+f.Tag.Get("yaml")] = true
	}
	return all
}

// docs/catalogue.md is what the rows say.
func TestCatalogueIsWritten(t *testing.T) {
	lists, rows := readCatalogue(t)
	compare(t, "docs/catalogue.md", writeCatalogue(lists, rows))
}

// compare holds a document to a text, or writes it.
func compare(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != text {
		t.Errorf("%s is not what code and rows say (%v); go test ./internal/docs -update writes it", name, err)
	}
}

func writeCatalogue(lists []namesOf, rows catalogue) string {
	var b strings.Builder
	b.WriteString(`# Names that you may know

Each public class of the modules below, and what Gradus has for it. A test holds the table to the code: every name has a row, what a row names is declared, and a recipe can say what stands in the third column. The names are made by ` + "`tools/catalogue/names.py`" + `, the rows are kept in ` + "`internal/docs/testdata/catalogue.yaml`" + `, and ` + "`go test ./internal/docs -update`" + ` writes this file.

The word before a recipe's name is where it stands: a ` + "`layer`" + ` in the list of a model of type layers, an ` + "`input`" + ` among the inputs of the data, an ` + "`image`" + ` among the augmentations of an image, an ` + "`init`" + ` under init of a layer.

`)
	for _, list := range lists {
		fmt.Fprintf(&b, "- [%s](#%s), %s\n", list.Module, anchor(list.Module), list.Version)
	}
	for _, list := range lists {
		fmt.Fprintf(&b, "\n## %s\n\n| name | Go | recipe | |\n|---|---|---|---|\n", list.Module)
		for _, n := range list.Names {
			if n.Alias != "" {
				fmt.Fprintf(&b, "| %s | | | is %s |\n", n.Name, n.Alias)
				continue
			}
			o := rows[list.Module][n.Name]
			note := o.Note
			if o.Not != "" {
				note = "not here: " + o.Not
			}
			fmt.Fprintf(&b, "| %s |%s|%s|%s|\n", n.Name, cell(quoted(o.Go)), cell(sections(o.Recipe)), cell(note))
		}
	}
	return b.String()
}

func cell(text string) string {
	if text == "" {
		return " "
	}
	return " " + strings.ReplaceAll(text, "|", `\|`) + " "
}

// anchor is the end of a link to a heading.
func anchor(heading string) string { return strings.ToLower(strings.ReplaceAll(heading, ".", "")) }

func quoted(names string) string {
	all := list(names)
	for i, n := range all {
		all[i] = "`" + n + "`"
	}
	return strings.Join(all, ", ")
}

// sections puts what is a recipe's own word in code type, and says each section
// once.
func sections(names string) string {
	var out, said []string
	for _, n := range list(names) {
		section, name, _ := strings.Cut(n, " ")
		if text := "`" + name + "`"; slices.Contains(said, section) {
			out = append(out, text)
		} else {
			out, said = append(out, section+" "+text), append(said, section)
		}
	}
	return strings.Join(out, ", ")
}

// The tests of rows find what is wrong.
func TestRowProblems(t *testing.T) {
	known, recipes := names{"nn.Linear": true}, map[string]bool{"layer linear": true}
	for _, tc := range []struct {
		row  ours
		want int
	}{
		{ours{Go: "nn.Linear", Recipe: "layer linear"}, 0},
		{ours{Not: "of Python"}, 0},
		{ours{}, 1},
		{ours{Go: "nn.Linear", Not: "of Python"}, 1},
		{ours{Go: "Linear"}, 1},
		{ours{Go: "nn.Linear, nn.Liner", Recipe: "layer liner"}, 2},
		{ours{Not: "of Python", Recipe: "layer linear"}, 1},
	} {
		if got := tc.row.problems(known, recipes); len(got) != tc.want {
			t.Errorf("%+v has %d problems %q, want %d", tc.row, len(got), got, tc.want)
		}
	}
}
