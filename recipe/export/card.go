package export

import (
	"fmt"
	"math"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/train"
)

// Card writes the model card: Markdown behind a header of YAML, as the Hugging
// Face Hub reads it (https://huggingface.co/docs/hub/model-cards).
func (m *Model) Card() []byte {
	c := &card{m: m, raw: m.Saved.Set.Raw()}
	c.header()
	fmt.Fprintf(&c.b, "\n# %s\n\n%s\n", markdown(m.Name), c.about())
	c.inputs()
	c.outputs()
	c.data()
	c.results()
	c.use()
	c.environment()
	c.limits()
	return []byte(c.b.String())
}

type card struct {
	m   *Model
	raw []feature.Raw
	b   strings.Builder
}

// The names of the Hub for what a model does.
const (
	imageClasses = "image-classification"
	imageMasks   = "image-segmentation"
	audioClasses = "audio-classification"
	textClasses  = "text-classification"
	textTags     = "token-classification"
	textWritten  = "text-generation"
	rowClasses   = "tabular-classification"
	rowNumbers   = "tabular-regression"
	seriesAhead  = "time-series-forecasting"
)

// task is the name of what the model does, "" where the Hub has none.
func (c *card) task() string {
	reads := func(kind feature.RawKind) bool {
		return slices.ContainsFunc(c.raw, func(r feature.Raw) bool { return r.Kind == kind })
	}
	if len(c.m.Saved.Set.Targets) == 0 {
		return ""
	}
	switch c.m.Saved.Set.Targets[0].Encoder.(type) {
	case *feature.ClassEncoder, *feature.ClassesEncoder:
		switch {
		case reads(feature.RawImage):
			return imageClasses
		case reads(feature.RawAudio):
			return audioClasses
		case len(c.raw) == 1 && reads(feature.RawText):
			return textClasses
		case !reads(feature.RawArray):
			return rowClasses
		}
	case *feature.MaskEncoder:
		return imageMasks
	case *feature.TagsEncoder:
		return textTags
	case *feature.NextTokensEncoder:
		return textWritten
	case *feature.SeriesEncoder:
		return seriesAhead
	case *feature.NumberEncoder:
		if !reads(feature.RawImage) && !reads(feature.RawAudio) && !reads(feature.RawArray) {
			return rowNumbers
		}
	}
	return ""
}

// metrics are the names of what was measured, loss left out.
func (c *card) metrics() []string {
	var names []string
	for _, r := range c.m.Scores {
		for _, x := range r.Metrics {
			if x.Name != "loss" && !slices.Contains(names, x.Name) {
				names = append(names, x.Name)
			}
		}
	}
	return names
}

// header is what the Hub finds the model by.
func (c *card) header() {
	b := &c.b
	b.WriteString("---\n# license: fill in what you give the model away under, such as apache-2.0\nlibrary_name: gradus\n")
	task := c.task()
	if task != "" {
		fmt.Fprintf(b, "pipeline_tag: %s\n", task)
	}
	b.WriteString("tags:\n- gradus\n- safetensors\n")
	if names := c.metrics(); len(names) > 0 {
		b.WriteString("metrics:\n")
		for _, n := range names {
			fmt.Fprintf(b, "- %s\n", config.Text(n))
		}
	}
	if r := c.m.Recipe; r != nil && task != "" && len(c.m.Scores) > 0 {
		name := config.Text(c.dataName())
		var results strings.Builder
		for _, s := range c.m.Scores {
			fmt.Fprintf(&results, "  - task:\n      type: %s\n    dataset:\n      name: %s\n      type: %s\n      split: %s\n    metrics:\n", task, name, name, s.Split)
			for _, x := range s.Metrics {
				if !math.IsNaN(x.Value) {
					fmt.Fprintf(&results, "    - type: %s\n      value: %s\n", config.Text(x.Name), strconv.FormatFloat(x.Value, 'g', 6, 64))
				}
			}
		}
		fmt.Fprintf(b, "model-index:\n- name: %s\n  results:\n%s", config.Text(c.m.Name), &results)
	}
	b.WriteString("---\n")
}

// about is the model in a sentence or two.
func (c *card) about() string {
	var wants, gives []string
	for _, r := range c.raw {
		wants = append(wants, code(r.Name))
	}
	for _, t := range c.m.Saved.Set.Targets {
		gives = append(gives, code(t.Name)+", "+targetSentence(t))
	}
	n := 0
	for _, p := range c.m.Saved.Store.Params() {
		n += p.Shape.Size()
	}
	return fmt.Sprintf("A network of type %s with %s parameters. From %s it tells %s. It was trained by [Gradus](https://github.com/gradus-ml/gradus), which also serves it.",
		code(c.m.Saved.Network.Type), grouped(n), join(short(wants, 8)), join(gives))
}

// targetSentence tells what a target is.
func targetSentence(t feature.Fitted) string {
	switch e := t.Encoder.(type) {
	case *feature.ClassEncoder:
		return fmt.Sprintf("one of %d classes", len(e.Classes))
	case *feature.ClassesEncoder:
		return fmt.Sprintf("any of %d classes", len(e.Classes))
	case *feature.MaskEncoder:
		return fmt.Sprintf("one of %d classes for each pixel", len(e.Classes))
	case *feature.TagsEncoder:
		return fmt.Sprintf("one of %d tags for each token", len(e.Tags))
	case *feature.NumberEncoder:
		if len(e.Columns) == 1 {
			return "a number"
		}
		return fmt.Sprintf("%d numbers", len(e.Columns))
	case *feature.SeriesEncoder:
		return fmt.Sprintf("%s of %s", plural(e.Steps, "step"), plural(len(e.Shift), "number"))
	}
	return "what comes next"
}

// inputs is the table of the columns.
func (c *card) inputs() {
	rows := [][]string{{"column", "kind", "what"}}
	for _, r := range c.raw {
		var what []string
		switch r.Kind {
		case feature.RawImage:
			what = append(what, "a JPEG, PNG, WebP or GIF file, or pixels")
			if r.Pixels[1] > 0 {
				what = append(what, fmt.Sprintf("brought to %s of %d by %d pixels", plural(r.Pixels[0], "channel"), r.Pixels[1], r.Pixels[2]))
			}
		case feature.RawArray:
			what = append(what, fmt.Sprintf("%v%v", r.DType, r.Shape))
		case feature.RawTime:
			what = append(what, "written as in the training data")
		case feature.RawCategory:
			if n := len(r.Choices); n > 0 {
				what = append(what, join(short(codes(r.Choices), 12)))
			}
		}
		if r.Missing {
			what = append(what, "may be missing")
		}
		rows = append(rows, []string{code(r.Name), string(r.Kind), strings.Join(what, "; ")})
	}
	c.b.WriteString("\n## Inputs\n")
	table(&c.b, rows)
	c.b.WriteString("\nThe model's own preprocessing (`" + train.PreprocessFile + "`) makes of them what the network reads: give them as they are.\n")
}

// outputs tells of each target.
func (c *card) outputs() {
	c.b.WriteString("\n## Outputs\n")
	rows := [][]string{{"target", "what"}}
	var lists strings.Builder
	for _, t := range c.m.Saved.Set.Targets {
		what := targetSentence(t)
		var classes []string
		switch e := t.Encoder.(type) {
		case *feature.ClassEncoder:
			what += ", and the probability of each"
			classes = e.Classes
		case *feature.ClassesEncoder:
			what += ", each with its probability"
			classes = e.Classes
		case *feature.MaskEncoder:
			classes = e.Classes
		case *feature.TagsEncoder:
			classes = e.Tags
		case *feature.NumberEncoder:
			what += ", in the unit of the training data: " + join(short(codes(e.Columns), 12))
		case *feature.SeriesEncoder:
			what += ", in the unit of the training data"
		}
		if len(classes) > 0 {
			fmt.Fprintf(&lists, "\nClasses of %s: %s.\n", code(t.Name), strings.Join(short(codes(classes), 1000), ", "))
		}
		rows = append(rows, []string{code(t.Name), what})
	}
	table(&c.b, rows)
	c.b.WriteString(lists.String())
}

// dataName is a name for the data of training.
func (c *card) dataName() string {
	kind, paths := sourceOf(c.m.Recipe.Data.Train)
	if len(paths) == 0 {
		return kind
	}
	return path.Base(strings.TrimSuffix(strings.TrimRight(strings.Split(paths[0], "*")[0], "/"), path.Ext(paths[0])))
}

// sourceOf is the kind of a source, and the paths that it names.
func sourceOf(s source.Config) (kind string, paths []string) {
	for _, k := range source.Kinds() {
		if reflect.TypeOf(k.Default) == reflect.TypeOf(s) {
			kind = k.Name
		}
	}
	v := reflect.ValueOf(s)
	for _, name := range []string{"Path", "Images"} {
		switch f := v.FieldByName(name); {
		case f.IsValid() && f.Kind() == reflect.String:
			paths = append(paths, f.String())
		case f.IsValid() && f.Kind() == reflect.Slice:
			for i := range f.Len() {
				paths = append(paths, f.Index(i).String())
			}
		}
	}
	if f := v.FieldByName("Source"); f.IsValid() {
		if inner, ok := f.Interface().(source.Config); ok && len(paths) == 0 {
			k, p := sourceOf(inner)
			return k, p
		}
	}
	return kind, paths
}

// data tells what the model learnt from.
func (c *card) data() {
	c.b.WriteString("\n## Training data\n\n")
	if c.m.Recipe != nil {
		kind, paths := sourceOf(c.m.Recipe.Data.Train)
		if len(paths) > 0 {
			fmt.Fprintf(&c.b, "Source: %s, as %s.\n", join(short(codes(paths), 8)), code(kind))
		} else {
			fmt.Fprintf(&c.b, "Source: %s, which comes with the program.\n", code(kind))
		}
		if c.m.Recipe.Data.Validation == nil && c.m.Recipe.Data.Test == nil {
			c.b.WriteString("No data were kept back: nothing is known of how well the model does on others.\n")
		}
	} else {
		c.b.WriteString("Not recorded: tell here what the model was trained on.\n")
	}
	var counts [][]string
	for _, f := range c.m.Facts {
		if strings.HasSuffix(f.Name, " examples") {
			counts = append(counts, []string{strings.TrimSuffix(f.Name, " examples"), markdown(f.Value)})
		}
	}
	if len(counts) > 0 {
		table(&c.b, append([][]string{{"split", "examples"}}, counts...))
	}
	for _, t := range c.m.Saved.Set.Targets {
		var classes []string
		var n []int
		switch e := t.Encoder.(type) {
		case *feature.ClassEncoder:
			classes, n = e.Classes, e.Counts
		case *feature.ClassesEncoder:
			classes, n = e.Classes, e.Counts
		}
		if len(n) == 0 || len(n) != len(classes) {
			continue
		}
		var each []string
		for i := range n {
			each = append(each, fmt.Sprintf("%s %s", code(classes[i]), grouped(n[i])))
		}
		fmt.Fprintf(&c.b, "\nExamples of each class of %s in training: %s.\n", code(t.Name), strings.Join(short(each, 100), ", "))
	}
}

// results is the table of the metrics.
func (c *card) results() {
	c.b.WriteString("\n## Results\n")
	if len(c.m.Scores) == 0 {
		c.b.WriteString("\nNone were measured on data that the model had not seen in training.\n")
		return
	}
	header, names := []string{"metric"}, append([]string{"loss"}, c.metrics()...)
	for _, s := range c.m.Scores {
		header = append(header, s.Split)
	}
	rows := [][]string{header}
	for _, n := range names {
		row, any := []string{n}, false
		for _, s := range c.m.Scores {
			if v, ok := s.Value(n); ok {
				row, any = append(row, runlog.FormatMetric(n, v)), true
			} else {
				row = append(row, "")
			}
		}
		if any {
			rows = append(rows, row)
		}
	}
	table(&c.b, rows)
	for _, s := range c.m.Scores {
		switch s.Split {
		case "test":
			c.b.WriteString("\n`test` was looked at once, when training was over.\n")
		case "validation":
			fmt.Fprintf(&c.b, "\n`validation` may have had a part in choices such as when to stop; measured after step %s.\n", grouped(s.Step))
		}
	}
}

// use tells how to ask the model.
func (c *card) use() {
	name := c.m.Name
	fmt.Fprintf(&c.b, `
## Use

With the program, from the folder that holds this file:

`+"```sh"+`
gradus serve %[1]s=.        # a service, and a page to try it on: http://127.0.0.1:8080
%[2]s
gradus predict . %[3]s   # or without a service: a line of JSON for each
`+"```"+`
`, name, c.ask("http://127.0.0.1:8080/v1/predict/"+name), c.file())
	column, value := c.goValue()
	fmt.Fprintf(&c.b, `
In a Go program:

`+"```go"+`
package main

import (
	"context"
	"fmt"
	"log"
%[4]s
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
)

func main() {
	open := func(m recipe.Machine) (*recipe.Saved, error) { return recipe.OpenRun(".", m) }
	e := engine.New(recipe.ThisMachine())
	defer e.Close()
	if err := e.Add(context.Background(), engine.Spec{Name: %[1]q, Version: "1", Weight: 1, Open: open}); err != nil {
		log.Fatal(err)
	}
%[3]s	r, err := e.Predict(context.Background(), &engine.Request{Model: %[1]q, N: 1, Columns: map[string][]any{%[2]s}, Results: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Results[0])
}
`+"```"+`
`, name, column, value, map[bool]string{true: "\t\"os\"\n"}[value != ""])
	c.b.WriteString(`
The weights in Python, under PyTorch's names; the layers are in ` + "`" + train.ConfigFile + "`" + `:

` + "```python" + `
from safetensors.numpy import load_file  # pip install safetensors numpy

for name, w in load_file("model/model.safetensors").items():
    print(name, w.dtype, w.shape)
` + "```" + `
`)
}

// file is an example of what gradus predict takes.
func (c *card) file() string {
	if len(c.raw) == 1 {
		switch c.raw[0].Kind {
		case feature.RawImage:
			return "picture.png"
		case feature.RawAudio:
			return "sound.wav"
		case feature.RawText:
			return "text.txt"
		}
	}
	if slices.ContainsFunc(c.raw, func(r feature.Raw) bool { return r.Kind == feature.RawArray }) {
		return "rows.jsonl"
	}
	return "rows.csv"
}

// goValue is the columns of a request as Go, and the lines before that make
// them.
func (c *card) goValue() (columns, before string) {
	var list []string
	for i, r := range c.raw {
		v := `""`
		switch r.Kind {
		case feature.RawImage, feature.RawAudio:
			v = fmt.Sprintf("file%d", i)
			name := "picture.png"
			if r.Kind == feature.RawAudio {
				name = "sound.wav"
			}
			before += fmt.Sprintf("\t%s, err := os.ReadFile(%q)\n\tif err != nil {\n\t\tlog.Fatal(err)\n\t}\n", v, name)
		case feature.RawNumber:
			v = "1.0"
		case feature.RawText:
			v = `"some text"`
		case feature.RawCategory:
			if len(r.Choices) > 0 {
				v = strconv.Quote(r.Choices[0])
			}
		case feature.RawArray:
			v = "nil /* a *tensor.Tensor */"
		}
		list = append(list, fmt.Sprintf("%q: {%s}", r.Name, v))
	}
	return strings.Join(list, ", "), before
}

// environment tells what the model was made with.
func (c *card) environment() {
	if e := c.m.Env; e != nil {
		fmt.Fprintf(&c.b, "\n## Environment\n\nTrained by gradus %s (%s) on %s/%s, %s kernels, %d threads, %s.\n",
			markdown(e.Version), markdown(e.GoVersion), markdown(e.OS), markdown(e.Arch), markdown(e.ISA), e.Threads, e.Time.UTC().Format("2 January 2006"))
		if c.m.Recipe != nil {
			fmt.Fprintf(&c.b, "`%s` has every setting, the seed %d among them.\n", train.RecipeFile, c.m.Recipe.Seed)
		}
	}
}

// limits tells what the model can't do, as far as its files know.
func (c *card) limits() {
	c.b.WriteString("\n## Limits\n\nThe model knows what was in its training data, and answers everything else too, with no less confidence. Results were measured on data of the same origin.\n")
	say := func(format string, args ...any) { fmt.Fprintf(&c.b, "\n- "+format, args...) }
	for _, f := range c.m.Saved.Set.Inputs {
		switch e := f.Encoder.(type) {
		case *feature.TokensEncoder:
			say("Of %s no more than %s tokens are read.", code(e.Column), grouped(e.Length))
		case *feature.ImageEncoder:
			if r := slices.IndexFunc(c.raw, func(r feature.Raw) bool { return r.Name == e.Column }); r >= 0 && c.raw[r].Pixels[1] > 0 {
				say("%s is brought to %d by %d pixels: what is smaller than one of these is not seen.", code(e.Column), c.raw[r].Pixels[1], c.raw[r].Pixels[2])
			}
		case *feature.CategoryEncoder:
			if !e.Unknown && e.Buckets == 0 {
				say("A value of %s that the training data lack is an error.", join(codes(e.Columns)))
			}
		}
	}
	for _, t := range c.m.Saved.Set.Targets {
		e, ok := t.Encoder.(*feature.ClassEncoder)
		if !ok || len(e.Counts) == 0 {
			continue
		}
		say("%s is always one of its %d classes: there is no answer for none of them.", code(t.Name), len(e.Classes))
		least, most := slices.Min(e.Counts), slices.Max(e.Counts)
		if most > 3*max(least, 1) {
			say("Classes of %s are uneven: %s examples of the most frequent, %s of the rarest, which it knows less well.", code(t.Name), grouped(most), grouped(least))
		}
	}
	c.b.WriteString("\n- Tell here what it is meant for, what it must not be used for, and whom mistakes would hurt.\n")
}

// table writes a table of Markdown, whose first row is its header. Cells are
// Markdown already.
func table(b *strings.Builder, rows [][]string) {
	b.WriteString("\n")
	for i, r := range rows {
		for _, cell := range r {
			b.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(r)) + "|\n")
		}
	}
}

// code is a text as code, which names and values of data stand as: nothing in
// it is Markdown or HTML.
func code(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return "(empty)"
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

func codes(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = code(s)
	}
	return out
}

// markdown is a text whose signs mean nothing.
func markdown(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if strings.ContainsRune("\\`*[]<>|#&!~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// short is a list of at most n, and how many more there are.
func short(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(slices.Clone(list[:n-1]), fmt.Sprintf("%d more", len(list)-n+1))
}

// join is "a, b and c".
func join(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// plural is "1 step" or "7 steps".
func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return grouped(n) + " " + what
}

// grouped is a whole number with commas.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
