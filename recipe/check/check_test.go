package check_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/recipe/check"
)

// picture is a PNG file of one colour.
func picture(t *testing.T, width, height int, c color.Color) []byte {
	t.Helper()
	im := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		im.Set(i%width, i/width, c)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, im); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
}

// look checks the data of a recipe, whose paths begin with DIR.
func look(t *testing.T, dir, text string) (*check.Look, []check.Problem) {
	t.Helper()
	r, err := recipe.Parse([]byte(strings.ReplaceAll(text, "DIR", filepath.ToSlash(dir))), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	var problems []check.Problem
	l, err := check.Data(t.Context(), r, files, func(p check.Problem) error {
		p.Where = strings.TrimPrefix(filepath.ToSlash(p.Where), filepath.ToSlash(dir)+"/")
		problems = append(problems, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, problems
}

const photos = `
data:
  train: {type: images, path: DIR/train}
  validation: {source: {type: images, path: DIR/val}}
  inputs: [{name: image, type: image, column: image, size: [8, 8], mean: [0.5], std: [0.25], augment: [flip]}]
  targets: [{name: label, type: class, column: label}]
model: {type: layers, layers: [flatten, linear]}
loss: cross_entropy
optimizer: {type: sgd, lr: 0.1}
strategy: {epochs: 1}
`

func TestImages(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 {
		class := []string{"blue", "red"}[i%2]
		write(t, filepath.Join(dir, "train", class, fmt.Sprintf("%d.png", i)), picture(t, 12, 10, color.NRGBA{uint8(40 * i), 9, 99, 255}))
	}
	write(t, filepath.Join(dir, "train/red/large.png"), picture(t, 40, 30, color.White))
	whole := picture(t, 12, 10, color.NRGBA{1, 2, 3, 255})
	write(t, filepath.Join(dir, "train/blue/broken.png"), whole[:len(whole)/2])
	write(t, filepath.Join(dir, "val/blue/a.png"), picture(t, 12, 10, color.NRGBA{0, 9, 99, 255})) // train/blue/0.png
	write(t, filepath.Join(dir, "val/blue/b.png"), picture(t, 12, 10, color.NRGBA{77, 7, 7, 255}))

	l, problems := look(t, dir, photos)
	r := l.Report
	if len(problems) != 1 || problems[0].Where != "train/blue/broken.png" || problems[0].Split != "train" || !strings.Contains(problems[0].Error, "png") {
		t.Errorf("problems %v", problems)
	}
	train, val := r.Splits[0], r.Splits[1]
	if train.Rows != 8 || train.Wrong != 1 || val.Rows != 2 || val.Wrong != 0 || r.Problems != 1 {
		t.Errorf("rows %d, %d wrong; %d, %d wrong", train.Rows, train.Wrong, val.Rows, val.Wrong)
	}
	if got := fmt.Sprint(train.Targets, val.Targets); got != "[{label [blue red] [4 4]}] [{label [blue red] [2 0]}]" {
		t.Errorf("classes %s", got)
	}
	if got := fmt.Sprint(train.Images); got != "[{image map[png:7] [{12 10 6} {40 30 1}] 2 {12 10 6} {40 30 1}}]" {
		t.Errorf("images %s", got)
	}
	if got := fmt.Sprint(r.Duplicates.Shared); got != "[{validation train 1}]" {
		t.Errorf("shared %s", got)
	}
	if g := r.Duplicates.Groups; len(g) != 1 || len(g[0].Places) != 2 || !strings.HasSuffix(filepath.ToSlash(g[0].Places[1].Where), "val/blue/a.png") || g[0].Differs {
		t.Errorf("groups %v", g)
	}
	want := []string{
		"1 row of validation is in train too: what is measured on validation is better than the truth",
		"validation has no rows of class red",
	}
	if !slices.Equal(r.Notes, want) {
		t.Errorf("notes %q", r.Notes)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}

	// The pictures are those of the rows that can be read, in their colours.
	pictures := l.Pictures()
	if len(pictures) != 2 || pictures[0].File != "samples.png" || pictures[1].File != "augmented.png" {
		t.Fatalf("pictures %v", pictures)
	}
	var file bytes.Buffer
	if err := pictures[0].Write(&file); err != nil {
		t.Fatal(err)
	}
	page, err := png.Decode(&file)
	if err != nil {
		t.Fatal(err)
	}
	if got := color.NRGBAModel.Convert(page.At(16+40, 16+40)); got != (color.NRGBA{0, 9, 99, 255}) {
		t.Errorf("the first sample is %v, want the colour of train/blue/0.png", got)
	}
	file.Reset()
	if err := pictures[1].Write(&file); err != nil {
		t.Error(err)
	}
}

const table = `
data:
  train: {type: csv, path: DIR/houses.csv}
  test: {share: 0.25}
  split: {in_order: true}
  inputs:
    - {name: numbers, type: numeric, columns: [size, rooms], missing: mean}
    - {name: kinds, type: category, columns: [city]}
  targets: [{name: grade, type: class, column: grade, classes: [a, b]}]
model: {type: layers, layers: [linear]}
loss: cross_entropy
optimizer: {type: sgd, lr: 0.1}
strategy: {epochs: 1}
`

func TestTable(t *testing.T) {
	dir := t.TempDir()
	text := "size,rooms,city,grade\n"
	for i := range 80 {
		rooms, grade := fmt.Sprint(1+i%7), "a"
		switch i {
		case 11:
			rooms = "many"
		case 13, 14:
			rooms = ""
		case 17, 70:
			grade = "c"
		case 30:
			grade = "b"
		}
		text += fmt.Sprintf("%d.5,%s,bonn,%s\n", i, rooms, grade)
	}
	text += "3.5,4,bonn,b\n" // the fourth row, with another grade
	write(t, filepath.Join(dir, "houses.csv"), []byte(text))

	l, problems := look(t, dir, table)
	r := l.Report
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{
		`train: houses.csv:13: column rooms: "many" is not a number`,
		`train: houses.csv:19: column grade: "c" is not one of the classes a, b`,
		`test: houses.csv:72: column grade: "c" is not one of the classes a, b`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems %q", got)
	}
	train := r.Splits[0]
	if c := train.Columns[1]; c.Kind != "text" || c.Missing != 2 || c.Numbers.Count != 58 || c.Numbers.Max != 7 || !slices.Equal(c.Used, []string{"numbers"}) {
		t.Errorf("rooms: %+v, %+v", c, c.Numbers)
	}
	if c := train.Columns[0]; c.Kind != "number" || c.Numbers.Min != 0.5 || c.Numbers.Max != 60.5 || c.Numbers.Mean != 30.5 {
		t.Errorf("size: %+v, %+v", c, c.Numbers)
	}
	if got := fmt.Sprint(train.Targets[0].Counts, r.Splits[1].Targets[0].Counts); got != "[59 1] [18 1]" {
		t.Errorf("classes %s", got)
	}
	if d := r.Duplicates; d.Count != 1 || d.Differ != 1 || d.Groups[0].Places[0].Split != "train" || d.Groups[0].Places[1].Split != "test" {
		t.Errorf("duplicates %+v", d)
	}
	notes := strings.Join(r.Notes, "\n")
	for _, want := range []string{
		`column rooms is text, and all of its values in train but 1 are numbers; the first of the others is ` + filepath.Join(dir, "houses.csv") + `:13: "many"`,
		"1 row of test is in train too", "1 group of rows with equal inputs and different targets", "column city has one value",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note %q in\n%s", want, notes)
		}
	}
	pictures := l.Pictures()
	if len(pictures) != 1 || pictures[0].File != "histograms.png" {
		t.Fatalf("pictures %v", pictures)
	}
	var file bytes.Buffer
	if err := pictures[0].Write(&file); err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(&file); err != nil {
		t.Error(err)
	}
}

const texts = `
data:
  train: {type: csv, path: DIR/train.csv}
  validation: {source: {type: csv, path: DIR/val.csv}}
  STREAM
  inputs: [{name: text, type: tokens, column: text, length: 3, end: true, tokenizer: {type: words, specials: [padding, unknown, end]}}]
  targets: [{name: label, type: class, column: label}]
model: {type: layers, layers: [{type: embedding, width: 4}, time_pool, linear]}
loss: cross_entropy
optimizer: {type: sgd, lr: 0.1}
strategy: {epochs: 1}
`

// Rows that are streamed are looked through like others.
func TestTexts(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "train.csv"), []byte("text,label\none,x\none two,y\none two three,x\n"))
	write(t, filepath.Join(dir, "val.csv"), []byte("text,label\none four,y\none two,x\n"))
	var first string
	for _, stream := range []string{"", "stream: {buffer: 2}"} {
		l, problems := look(t, dir, strings.Replace(texts, "STREAM", stream, 1))
		if len(problems) > 0 {
			t.Error(problems)
		}
		train, val := l.Report.Splits[0].Texts[0], l.Report.Splits[1].Texts[0]
		if train.Tokens != 9 || train.Unknown != 0 || train.Cut != 1 || train.Lengths != (check.Quantiles{Min: 2, P50: 3, P90: 4, P99: 4, Max: 4}) {
			t.Errorf("train %+v", train)
		}
		if val.Tokens != 6 || val.Unknown != 1 || val.Cut != 0 {
			t.Errorf("validation %+v", val)
		}
		text, err := json.Marshal(l.Report)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		} else if string(text) != first {
			t.Errorf("streamed\n%s\nin any order\n%s", text, first)
		}
	}
}

// A stream is looked through up to where it breaks.
func TestBrokenStream(t *testing.T) {
	dir := t.TempDir()
	rows := "x,label\n"
	for i := range 11000 {
		x := fmt.Sprint(i)
		if i == 10500 {
			x = "oops" // the kinds are found before
		}
		rows += fmt.Sprintf("%s,%d\n", x, i%2)
	}
	write(t, filepath.Join(dir, "rows.csv"), []byte(rows))
	l, problems := look(t, dir, `
data:
  train: {type: csv, path: DIR/rows.csv}
  stream: {buffer: 10}
  inputs: [{name: x, type: numeric, columns: [x]}]
  targets: [{name: label, type: class, column: label}]
model: {type: layers, layers: [linear]}
loss: cross_entropy
optimizer: {type: sgd, lr: 0.1}
strategy: {epochs: 1}
`)
	if len(problems) != 1 || problems[0].Where != "" || !strings.Contains(problems[0].Error, `rows.csv:10502: column x: "oops" is no integer`) {
		t.Errorf("problems %v", problems)
	}
	if got := l.Report.Splits[0].Columns[0].Numbers.Count; got != 10500 {
		t.Errorf("%d rows were looked at, want 10500", got)
	}
}

// Where nothing can be learnt the message names a row that is wrong.
func TestNothingToLearn(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "houses.csv"), []byte("size,rooms,city,grade\nhuge,many,bonn,a\ntiny,few,ulm,b\n"))
	r, err := recipe.Parse([]byte(strings.ReplaceAll(table, "DIR", filepath.ToSlash(dir))), "test.yaml", "data.test=null")
	if err != nil {
		t.Fatal(err)
	}
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	_, err = check.Data(t.Context(), r, files, func(check.Problem) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "no row has a value") || !strings.Contains(err.Error(), "; 2 rows of train are wrong, the first: ") || !strings.Contains(err.Error(), `houses.csv:2: column size: "huge" is not a number`) {
		t.Error(err)
	}
}
