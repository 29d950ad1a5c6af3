package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/optim"
)

// Recipes that come along say what they do, have the name of their file, and
// are the same after they were written in full.
func TestBuiltins(t *testing.T) {
	for _, b := range Builtins() {
		if !strings.HasPrefix(string(b.Text), "# "+b.About+"\nformat: 1\nname: "+b.Name+"\n") || len(b.About) < 10 || len(b.About) > 110 {
			t.Errorf("%s begins with %.200q", b.Name, b.Text)
		}
		r, err := Read(b.Name)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		text, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text, "other.yaml")
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%s: %v, got %+v, want %+v\n%s", b.Name, err, again, r, text)
		}
	}
}

// mnist is the text of the recipe.
func mnist(t *testing.T) []byte {
	text, _, err := Source("mnist")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestStarters(t *testing.T) {
	for _, s := range Starters() {
		const data = "C: my #1/it's \"data\""
		text, err := New(s.Name, Starter{Data: data})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Parse(text, "my.yaml")
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		path := reflect.ValueOf(r.Data.Train).FieldByName("Path")
		if path.Kind() == reflect.Slice {
			path = path.Index(0)
		}
		if path.String() != data || bytes.HasPrefix(text, []byte("# "+s.About)) {
			t.Errorf("%s reads %q\n%s", s.Name, path, text)
		}
	}
	for kind, want := range map[string]string{"imags": "did you mean images?", "xxxxxxxxxxxx": "there are images, language, table, text"} {
		if _, err := New(kind, Starter{Data: "x"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// The recipe that the documents show is one.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```yaml\n")
	block, _, ok := strings.Cut(after, "```")
	if r, err := Parse([]byte(block), "recipes.md"); !ok || err != nil || r.Name != "my-digits" {
		t.Errorf("%v\n%s", err, block)
	}
}

// A table's own columns make the recipe.
func TestReadColumns(t *testing.T) {
	dir := t.TempDir()
	var rows strings.Builder
	rows.WriteString("id,city,size,rooms,price,old,sold\n")
	for i := range 60 {
		fmt.Fprintf(&rows, "h%d,%s,%d.5,%d,%d.25,%v,%s\n", i, []string{"a: b", "c"}[i%2], 50+i%7, i%5, 1000+i, i%2 == 0, []string{"yes", "no"}[i%2])
	}
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	path := filepath.Join(dir, "houses.csv")
	if err := os.WriteFile(path, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]Columns{
		"price": {true, "csv", "price", true, []string{"size", "rooms"}, []string{"city", "old", "sold"}, []string{"id"}},
		"rooms": {true, "csv", "rooms", false, []string{"size", "price"}, []string{"city", "old", "sold"}, []string{"id"}},
		"sold":  {true, "csv", "sold", false, []string{"size", "rooms", "price"}, []string{"city", "old"}, []string{"id"}},
	} {
		got, err := ReadColumns(t.Context(), files, path, target)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, got %+v, want %+v", target, err, got, want)
		}
		text, err := New("table", Starter{path, got})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Parse(text, "houses.yaml")
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		tables, err := r.Data.Open(t.Context(), files, r.Seed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Data.Fit(t.Context(), tables); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		tables.Close()
	}
	if _, err := ReadColumns(t.Context(), files, path, "prise"); err == nil || !strings.Contains(err.Error(), `no column "prise"; there are id, city`) {
		t.Error(err)
	}
	if _, err := ReadColumns(t.Context(), files, filepath.Join(dir, "none.csv"), "price"); err == nil {
		t.Error("a file that is not there has columns")
	}
	names := make([]string, 30)
	for i := range names {
		names[i] = fmt.Sprintf("column %d", i)
	}
	if text, err := New("table", Starter{"a.tsv", Columns{Read: true, Source: "csv", Target: "x", Numbers: names}}); err != nil {
		t.Error(err)
	} else if r, err := Parse(text, "a.yaml"); err != nil || !reflect.DeepEqual(r.Data.Inputs[0].Config.Reads(), names) {
		t.Errorf("%v\n%s", err, text)
	}
	for name, want := range map[string]string{"a.csv": "csv", "a.tsv.gz": "csv", "a.JSONL": "jsonl", "a.jsonl.zst": "jsonl", "a.parquet": "parquet", "a": "csv"} {
		if got := tableSource(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	text := bytes.Replace(mnist(t), []byte("name: mnist\n"), nil, 1)
	if err := os.WriteFile(file, text, 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := Read(file, "optimizer.lr=0.25", "data.inputs.0.mean=[0.5]", "loss.label_smoothing=0.1", "schedule=constant")
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "mine" || r.Optimizer[0].Config.Shared().LR != 0.25 || r.Loss[0].Config.(loss.CrossEntropyConfig).LabelSmoothing != 0.1 {
		t.Errorf("%+v", r)
	}
	for want, name := range map[string]string{
		"unknown recipe mnits; did you mean mnist?": "mnits",
		"unknown recipe qqqqqqqqq; there are char-": "qqqqqqqqq",
		"open ./nothing.yaml":                       "./nothing.yaml",
	} {
		if _, err := Read(name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	written := string(mnist(t))
	for _, tc := range []struct{ old, new, want string }{
		{"format: 1", "format: 9\nnews: 1", "m.yaml:2:9: format 9 is newer than this program, which knows formats up to 1"},
		{"format: 1", "format: 0", "m.yaml:2:1: format: must be in 1..1, got 0"},
		{"name: mnist", "name: a/b", `m.yaml:3:1: name: must be the name of a folder, got "a/b"`},
		{"epochs: 6", "epohcs: 6", "unknown key epohcs in strategy; did you mean epochs?"},
		{"epochs: 6", "epochs: 0", "strategy: epochs must be in 1.."},
		{"epochs: 6", "steps: 5\n  early_stop: {patience: 0}", "strategy: early_stop.patience must be at least 1"},
		{"type: lenet", "type: lanet", "model has no type lanet; did you mean lenet?"},
		{"train: mnist", "train: {type: mnist, split: tset}", "data.train: mnist: split"},
		{"{share: 0.1}\n  test", "{share: 1.5}\n  test", "data.validation.share: must be above 0 and below 1, got 1.5"},
		{"{share: 0.1}\n  test", "{}\n  test", "data.validation: wants either a share of the rows of train, or a source"},
		{"{share: 0.1}\n  test", "{share: 0.6}\n  test: {share: 0.6}\n#", "data.train: the shares"},
		{"batch: 128", "batch: 0", "data.batch: must be at least 1, got 0"},
		{"name: label", "name: image", `data.targets.0.name: "image" is the name of data.inputs.0 too`},
		{"loss: cross_entropy", "loss: []", "loss: must be given"},
		{"loss: cross_entropy", "loss: {type: mse, target: lable}", `loss.target: there is no target "lable"; did you mean label?`},
		{"loss: cross_entropy", "loss: [{type: mse, target: label}, {type: l1, target: label}]", `loss.1.target: "label" has a loss already`},
		{"type: sgd", "type: lbfgs", "optimizer can't be lbfgs: it evaluates the loss several times in a step"},
		{"lr: 0.05", "lr: 0", "optimizer.lr: must be above 0, got 0"},
		{"schedule: one_cycle", "schedule: {type: cosine, warmup: {share: 2}}", "schedule: "},
		{"metrics: [accuracy]", "metrics: [acuracy]", `evaluate.metrics.0: there is no metric "acuracy"; did you mean accuracy?`},
		{"metrics: [accuracy]", "metrics: [f1]", `checkpoint.metric: "accuracy" is not computed; evaluate.metrics lists what is`},
		{"  validation: {share: 0.1}\n", "", "checkpoint.metric: accuracy is measured on the validation split, and data.validation is missing"},
		{"epochs: 6", "epochs: 6\n  early_stop: {metric: f1}", `strategy.early_stop.metric: "f1" is not computed`},
		{"maximize: true", "maximize: false", "checkpoint.maximize: must be true, since more of accuracy is better"},
		{"epochs: 6", "epochs: 6\n  early_stop: {metric: loss, maximize: true}", "strategy.early_stop.maximize: must be false, since less of loss is better"},
		{"batch: 500", "batch: 0", "evaluate.batch: must be at least 1"},
		{"batch: 500", "every_steps: 0", "evaluate.every_steps: must be at least 1, got 0"},
		{"seed: 1", "seed: 1\nmachine: {isa: mmx}", "machine: isa: this program has no kernels"},
		{"seed: 1", "seed: 1\nlog: {every_steps: 0}", "log.every_steps: must be at least 1"},
	} {
		text := strings.Replace(written, tc.old, tc.new, 1)
		if text == written {
			t.Errorf("the recipe lacks %q", tc.old)
		}
		_, err := Parse([]byte(text), "m.yaml")
		var all config.Errors
		if !errors.As(err, &all) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v\nwant %s", tc.new, err, tc.want)
			continue
		}
		for _, e := range all {
			if e.Line == 0 {
				t.Errorf("%s: no line in %v", tc.new, e)
			}
		}
	}
}

// A recipe in Go needs the same things as one in a file.
func TestValidateRecipe(t *testing.T) {
	err := Default().Validate()
	for _, want := range []string{
		"name: must be", "data.train: must be given", "data.inputs: must list", "data.targets: must list", "model: must be given", "loss: must be given",
		"optimizer: must be given", "strategy: epochs or steps must be given",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	r, err := Read("mnist")
	if err != nil {
		t.Fatal(err)
	}
	adamw := optim.DefaultAdamW()
	r.Optimizer = []Optimizer{{Config: adamw}, {Config: adamw}, {}}
	r.Loss = append(r.Loss, Loss{Weight: -1})
	r.Data.Inputs = append(r.Data.Inputs, r.Data.Inputs[0])
	r.Data.Inputs[1].Config = nil
	r.Data.Validation.Source = source.DefaultMNIST()
	r.Schedule = nil
	err = r.Validate()
	for _, want := range []string{"optimizer.1.keys: must be given", "optimizer.2: must have a type", "loss.1: must have a type", "loss.1.weight: must be", "data.inputs.1: must have a type", "data.inputs.1.name:", "data.validation: wants either", "schedule: must be given"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}
