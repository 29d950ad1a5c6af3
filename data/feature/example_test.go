package feature_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
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
