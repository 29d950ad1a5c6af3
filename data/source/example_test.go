package source_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/format/tfrecord"
)

// disk is the Files of local paths; package file has one that knows more.
type disk struct{}

func (disk) Find(_ context.Context, pattern string) ([]string, error) {
	return filepath.Glob(pattern)
}

func (disk) Open(_ context.Context, name string) (io.ReadCloser, error) { return os.Open(name) }

func (disk) Local(_ context.Context, name string) (string, error) { return name, nil }

// inFolder makes a folder with a file, and it the working directory until
// leave is called.
func inFolder(name, content string) (leave func()) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	old, err := os.Getwd()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.Chdir(dir); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		log.Fatal(err)
	}
	return func() {
		os.Chdir(old)
		os.RemoveAll(dir)
	}
}

func ExampleCSV() {
	defer inFolder("houses.csv", "street,zip,rooms,price\nElm,01234,3,250.5\n\"Oak, East\",94043,,310\n")()

	c := source.DefaultCSV()
	c.Path = []string{"houses.csv"}
	table, err := c.Open(context.Background(), disk{})
	if err != nil {
		log.Fatal(err)
	}
	defer table.Close()
	fmt.Println(table.Columns())

	columns, err := source.Index(table.Columns(), "street", "rooms")
	if err != nil {
		log.Fatal(err)
	}
	row := make([]any, len(columns))
	for i := range table.Len() {
		if err := table.Read(row, i, columns); err != nil {
			log.Fatal(err)
		}
		fmt.Println(table.Where(i), row)
	}
	_, err = source.Index(table.Columns(), "prize")
	fmt.Println(err)
	// Output:
	// [{street text} {zip text} {rooms integer} {price number}]
	// houses.csv:2 [Elm 3]
	// houses.csv:3 [Oak, East <nil>]
	// no column "prize"; there are street, zip, rooms, price
}

func ExampleSplit() {
	table, err := source.Rows("letters", []source.Column{{Name: "vowel", Kind: source.Boolean}},
		[]any{true}, []any{false}, []any{false}, []any{false}, []any{true}, []any{false}, []any{false}, []any{false})
	if err != nil {
		log.Fatal(err)
	}
	parts, err := source.Split{Stratify: "vowel"}.Parts(table, 1, 0.5)
	if err != nil {
		log.Fatal(err)
	}
	training, err := source.Subset(table, parts[0])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(parts, training.Len())

	folds, err := source.Split{}.Folds(table, 1, 4)
	if err != nil {
		log.Fatal(err)
	}
	for k, held := range folds {
		rest := slices.Concat(slices.Delete(slices.Clone(folds), k, k+1)...)
		fmt.Println("train on", len(rest), "rows, validate on", held)
	}
	// Output:
	// [[1 4 5 7] [0 2 3 6]] 4
	// train on 6 rows, validate on [1 5]
	// train on 6 rows, validate on [3 6]
	// train on 6 rows, validate on [4 7]
	// train on 6 rows, validate on [0 2]
}

func ExampleImages() {
	defer inFolder("labels.csv", "path,breed\n1.jpg,collie\n")()
	if err := os.WriteFile("1.jpg", []byte("the bytes of a JPEG"), 0o644); err != nil {
		log.Fatal(err)
	}

	labels := source.DefaultCSV()
	labels.Path = []string{"labels.csv"}
	c := source.DefaultImages()
	c.Path, c.Labels = ".", labels
	table, err := c.Open(context.Background(), disk{})
	if err != nil {
		log.Fatal(err)
	}
	defer table.Close()
	columns, err := source.Index(table.Columns(), "image", "breed")
	if err != nil {
		log.Fatal(err)
	}
	row := make([]any, len(columns))
	if err := table.Read(row, 0, columns); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s, %s\n", table.Where(0), row[0], row[1])
	// Output: ./1.jpg: the bytes of a JPEG, collie
}

func ExampleWebDataset() {
	defer inFolder("README", "")()
	f, err := os.Create("shard-0.tar")
	if err != nil {
		log.Fatal(err)
	}
	w := tar.NewWriter(f)
	for _, file := range [][2]string{{"0001.jpg", "JPEG"}, {"0001.cls", "7"}, {"0002.jpg", "another"}, {"0002.cls", "3"}} {
		if err := w.WriteHeader(&tar.Header{Name: file[0], Size: int64(len(file[1])), Mode: 0o644}); err != nil {
			log.Fatal(err)
		}
		if _, err := io.WriteString(w, file[1]); err != nil {
			log.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	stream, err := source.WebDataset{Path: []string{"shard-*.tar"}}.Stream(ctx, disk{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stream.Columns())
	columns, err := source.Index(stream.Columns(), "jpg", "cls")
	if err != nil {
		log.Fatal(err)
	}
	for row, err := range stream.Rows(ctx, columns, 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s, class %d\n", row.Where, row.Values[0], row.Values[1])
	}
	// Output:
	// [{__key__ text} {cls integer} {jpg binary}]
	// shard-0.tar: 0001: JPEG, class 7
	// shard-0.tar: 0002: another, class 3
}

func ExampleTFRecord() {
	defer inFolder("README", "")()
	var records []byte
	for _, label := range []int64{7, 3} {
		e := tfrecord.Example{Features: map[string]tfrecord.Feature{
			"label": tfrecord.IntFeature(label),
			"box":   tfrecord.FloatFeature(0, 0.5, 1, 1),
		}}
		records = tfrecord.Append(records, e.Append(nil))
	}
	if err := os.WriteFile("train.tfrecord", records, 0o644); err != nil {
		log.Fatal(err)
	}

	table, err := source.TFRecord{Path: []string{"train.tfrecord"}}.Open(context.Background(), disk{})
	if err != nil {
		log.Fatal(err)
	}
	defer table.Close()
	fmt.Println(table.Columns())
	row := make([]any, 2)
	if err := table.Read(row, 1, []int{0, 1}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(table.Where(1), row)
	// Output:
	// [{box array} {label integer}]
	// train.tfrecord: record 1 [f32[4] 3]
}

func ExampleJSONLines() {
	defer inFolder("mail.jsonl", `{"from": {"name": "Ada"}, "size": 120, "words": [3, 1]}`+"\n"+`{"size": 7.5, "words": []}`+"\n")()

	table, err := source.JSONLines{Path: []string{"mail.jsonl"}}.Open(context.Background(), disk{})
	if err != nil {
		log.Fatal(err)
	}
	defer table.Close()
	fmt.Println(table.Columns())
	row := make([]any, 3)
	for i := range table.Len() {
		if err := table.Read(row, i, []int{0, 1, 2}); err != nil {
			log.Fatal(err)
		}
		fmt.Println(table.Where(i), row)
	}
	// Output:
	// [{from.name text} {size number} {words array}]
	// mail.jsonl:1 [Ada 120 i64[2]]
	// mail.jsonl:2 [<nil> 7.5 i64[0]]
}

func ExamplePlainText() {
	defer inFolder("poem.txt", "Tyger Tyger,\nburning bright\n")()

	c := source.DefaultPlainText()
	c.Path, c.Unit, c.Size, c.Stride = []string{"poem.txt"}, "window", 12, 6
	s, err := c.Stream(context.Background(), disk{})
	if err != nil {
		log.Fatal(err)
	}
	for row, err := range s.Rows(context.Background(), []int{0}, 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %q\n", row.Where, row.Values[0])
	}
	// Output:
	// poem.txt:1 "Tyger Tyger,"
	// poem.txt:1 "Tyger,\nburni"
	// poem.txt:1 "\nburning bri"
}
