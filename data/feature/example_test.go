package feature_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/tensor"
)

// Houses have a size and a town; what is wanted is the class of their price.
func Example() {
	table, err := source.Rows("houses.csv", []source.Column{{Name: "size", Kind: source.Number}, {Name: "town", Kind: source.Text}, {Name: "price", Kind: source.Text}},
		[]any{80.0, "Ulm", "low"}, []any{120.0, "Bonn", "high"}, []any{100.0, "Ulm", "high"})
	if err != nil {
		log.Fatal(err)
	}
	size, town := feature.DefaultNumeric(), feature.DefaultCategory()
	size.Columns, town.Columns = []string{"size"}, []string{"town"}
	inputs := []feature.Named{{Name: "size", Config: size}, {Name: "town", Config: town}}
	targets := []feature.Named{{Name: "price", Config: feature.Class{Column: "price"}}}
	set, err := feature.Fit(context.Background(), inputs, targets, nil, table)
	if err != nil {
		log.Fatal(err)
	}

	ds, err := set.Dataset(table, 1, true)
	if err != nil {
		log.Fatal(err)
	}
	item, err := ds.Item(0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(item[0].F32(), item[1].F32(), item[2].Int(0))

	row, err := set.Encode(map[string]any{"size": 110.0, "town": "Rome"}) // a town that was not in the table
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(row[0].F32(), row[1].F32())
	// Output:
	// [-1.2247449] [0 1 0] 1
	// [0.61237246] [1 0 0]
}

// What is wrong with rows is told with their places before training.
func ExampleDataset_Check() {
	columns := []source.Column{{Name: "size", Kind: source.Number}, {Name: "price", Kind: source.Text}}
	train, err := source.Rows("train.csv", columns, []any{80.0, "low"}, []any{120.0, "high"})
	if err != nil {
		log.Fatal(err)
	}
	test, err := source.Rows("test.csv", columns, []any{70.0, "low"}, []any{nil, "fair"}, []any{90.0, "fair"})
	if err != nil {
		log.Fatal(err)
	}
	size := feature.DefaultNumeric()
	size.Columns = []string{"size"}
	set, err := feature.Fit(context.Background(), []feature.Named{{Name: "size", Config: size}},
		[]feature.Named{{Name: "price", Config: feature.Class{Column: "price"}}}, nil, train)
	if err != nil {
		log.Fatal(err)
	}
	ds, err := set.Dataset(test, 1, false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ds.Check(context.Background()))
	// Output:
	// test.csv: row 1: column size: no value; set missing to mean or zero, or leave such rows out
	// test.csv: row 1: column price: "fair" is not one of the classes high, low (and in 1 more row)
}

// What was learnt is kept beside the model, and gives a prediction its meaning.
func ExampleParse() {
	file := `{
		"format": 1,
		"inputs": [{"name": "town", "type": "category", "columns": ["town"], "encoding": "index", "unknown": true, "values": [["Ulm", "Bonn"]]}],
		"targets": [{"name": "price", "type": "class", "column": "price", "classes": ["low", "high"], "counts": [7, 5]}]
	}`
	set, err := feature.Parse([]byte(file), "preprocess.json")
	if err != nil {
		log.Fatal(err)
	}
	inputs, err := set.Encode(map[string]any{"town": "Bonn"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(inputs[0].Int(0))
	price := set.Targets[0].Encoder.(feature.Target)
	answer, err := price.Decode(tensor.Must(tensor.Of([]float32{0, 1.0986123})))
	if err != nil {
		log.Fatal(err)
	}
	result := answer.(feature.ClassResult)
	fmt.Printf("%s %.2f\n", result.Class, result.Probability)
	// Output:
	// 2
	// high 0.75
}
