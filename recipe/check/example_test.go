package check_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/recipe/check"
)

func ExampleData() {
	dir, err := os.MkdirTemp("", "check")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	rows := "size,kind\n10,flat\nhuge,house\n90,house\n10,flat\n"
	if err := os.WriteFile(filepath.Join(dir, "homes.csv"), []byte(rows), 0o666); err != nil {
		log.Fatal(err)
	}
	r, err := recipe.Parse([]byte(`
data:
  train: {type: csv, path: `+filepath.ToSlash(dir)+`/homes.csv}
  inputs: [{name: size, type: numeric, columns: [size]}]
  targets: [{name: kind, type: class, column: kind}]
model: {type: layers, layers: [linear]}
loss: cross_entropy
optimizer: {type: sgd, lr: 0.1}
strategy: {epochs: 1}
`), "homes.yaml")
	if err != nil {
		log.Fatal(err)
	}
	files, err := file.New()
	if err != nil {
		log.Fatal(err)
	}
	defer files.Close()
	look, err := check.Data(context.Background(), r, files, func(p check.Problem) error {
		fmt.Println(p.Error)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	defer look.Close()
	train := look.Report.Splits[0]
	fmt.Println(train.Rows, "rows,", train.Wrong, "wrong,", train.Repeated, "repeated")
	fmt.Println(train.Targets[0].Classes, train.Targets[0].Counts)
	// Output:
	// column size: "huge" is not a number
	// 4 rows, 1 wrong, 1 repeated
	// [flat house] [2 2]
}
