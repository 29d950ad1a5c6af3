// Command schedules writes what docs/schedules.md shows of package schedule: the
// picture of every kind, and the tables of kinds and of what is drawn.
//
//	go run ./tools/schedules
//
// It is run in the root of the repository. Curves are the cases with a caption
// in the golden file of the package: a new kind is drawn when its case has one.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"log"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/tensor"
)

// Files, in the repository.
const (
	documentFile = "docs/schedules.md"
	pictureFile  = "docs/schedules.png"
	goldenFile   = "optim/schedule/testdata/schedule.safetensors"
	sourceDir    = "optim/schedule"
)

func main() {
	log.SetFlags(0)
	text, picture, err := generate(".")
	if err == nil {
		err = os.WriteFile(documentFile, text, 0o666)
	}
	if err == nil {
		err = os.WriteFile(pictureFile, picture, 0o666)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// generate makes the document and its picture of what is in a repository.
func generate(root string) (text, picture []byte, err error) {
	panels, err := readPanels(filepath.Join(root, goldenFile))
	if err != nil {
		return nil, nil, err
	}
	whatFor, err := synopses(filepath.Join(root, sourceDir))
	if err != nil {
		return nil, nil, err
	}
	before, err := os.ReadFile(filepath.Join(root, documentFile))
	if err != nil {
		return nil, nil, err
	}
	if text, err = fill(before, map[string]string{"kinds": kindsTable(whatFor), "curves": curvesTable(panels)}); err != nil {
		return nil, nil, err
	}
	picture, err = drawPicture(panels)
	return text, picture, err
}

// A panel is a kind of schedule with curves of it.
type panel struct {
	kind   string
	curves []curve
}

// A curve is the factors of a schedule in each step of a run.
type curve struct {
	caption  string
	settings map[string]any
	factors  []float64
	metrics  []float64 // what the schedule follows; nil if it follows nothing
}

// readPanels builds the schedules of the golden file that have a caption, in
// the order of schedule.Kinds and of their names.
func readPanels(path string) ([]panel, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var cases map[string]struct {
		Op, Draw string
		LR       float64
		Config   map[string]any
	}
	if err := json.Unmarshal([]byte(f.Metadata()["cases"]), &cases); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var panels []panel
	for _, k := range schedule.Kinds() {
		p := panel{kind: k.Name}
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			c := cases[name]
			if c.Op != k.Name || c.Draw == "" {
				continue
			}
			var metrics []float64
			if _, ok := f.Info(name + "/in/0"); ok {
				t, err := f.Tensor(name + "/in/0")
				if err != nil {
					return nil, err
				}
				metrics = tensor.Data[float64](t)
			}
			factors, err := run(k.Name, c.Config, metrics)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			p.curves = append(p.curves, curve{c.Draw, c.Config, factors, metrics})
		}
		if len(p.curves) == 0 {
			return nil, fmt.Errorf("%s: no case of %s has a caption to draw", path, k.Name)
		}
		panels = append(panels, p)
	}
	return panels, nil
}

// steps is the length of the run that is drawn.
const steps = 1000

// run is the factors of a schedule over a run, as a recipe would have it.
func run(kind string, settings map[string]any, metrics []float64) ([]float64, error) {
	section := maps.Clone(settings)
	section["type"] = kind
	text, err := json.Marshal(map[string]any{"schedule": section})
	if err != nil {
		return nil, err
	}
	var recipe struct{ Schedule schedule.Config }
	kinds := config.Kinds{
		reflect.TypeFor[schedule.Config](): schedule.Kinds(),
		reflect.TypeFor[schedule.Stage]():  {{Default: schedule.DefaultStage()}},
	}
	if err := config.Decode(text, "case.json", &recipe, kinds); err != nil {
		return nil, err
	}
	s, err := recipe.Schedule.Build(1, steps)
	if err != nil {
		return nil, err
	}
	factors := make([]float64, steps)
	for step := range factors {
		factors[step] = s.At(step)
		if o, ok := s.(schedule.Observer); ok {
			o.Observe(metrics[step])
		}
	}
	return factors, nil
}

// synopses are the first sentences of the comments of a package's types.
func synopses(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE && g.Doc != nil {
				text := new(doc.Package).Synopsis(g.Doc.Text())
				all[g.Specs[0].(*ast.TypeSpec).Name.Name] = strings.TrimSuffix(text, ":")
			}
		}
	}
	return all, nil
}

// kindsTable says of each kind what it does, and names its settings.
func kindsTable(whatFor map[string]string) string {
	var b strings.Builder
	b.WriteString("| type | what it does | settings |\n|---|---|---|\n")
	for _, k := range schedule.Kinds() {
		t := reflect.TypeOf(k.Default)
		var settings []string
		for i := range t.NumField() {
			settings = append(settings, "`"+t.Field(i).Tag.Get("yaml")+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Name, strings.TrimSuffix(whatFor[t.Name()], "."), strings.Join(settings, ", "))
	}
	return b.String()
}

// curvesTable has the settings of each curve.
func curvesTable(panels []panel) string {
	var b strings.Builder
	b.WriteString("| type | curve | settings |\n|---|---|---|\n")
	for _, p := range panels {
		for _, c := range p.curves {
			fmt.Fprintf(&b, "| `%s` | %s |%s|\n", p.kind, c.caption, cell(flow(c.settings)))
		}
	}
	return b.String()
}

func cell(settings string) string {
	if settings = strings.TrimSuffix(strings.TrimPrefix(settings, "{"), "}"); settings == "" {
		return " "
	}
	return " `" + settings + "` "
}

// flow writes settings as they stand in a recipe, in one line.
func flow(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var all []string
		for _, k := range slices.SortedFunc(maps.Keys(v), typeFirst) {
			all = append(all, k+": "+flow(v[k]))
		}
		return "{" + strings.Join(all, ", ") + "}"
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, flow(e))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return fmt.Sprint(v)
}

// typeFirst orders keys, and those that hold others' settings last.
func typeFirst(a, b string) int {
	rank := func(key string) int {
		return slices.Index([]string{"type", "share", "steps", "", "schedule", "stages", "schedules", "warmup"}, key)
	}
	ra, rb := rank(a), rank(b)
	if ra < 0 {
		ra = 3
	}
	if rb < 0 {
		rb = 3
	}
	if ra != rb {
		return ra - rb
	}
	return strings.Compare(a, b)
}

// fill puts tables between the marks <!-- NAME --> and <!-- end -->.
func fill(text []byte, tables map[string]string) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		mark := []byte("<!-- " + name + " -->\n")
		head, rest, ok := bytes.Cut(text, mark)
		_, tail, okEnd := bytes.Cut(rest, []byte("<!-- end -->"))
		if !ok || !okEnd {
			return nil, fmt.Errorf("%s has no %s that ends with <!-- end -->", documentFile, bytes.TrimSpace(mark))
		}
		text = slices.Concat(head, mark, []byte("\n"+tables[name]+"\n<!-- end -->"), tail)
	}
	return text, nil
}
