package explain_test

import (
	"context"
	"fmt"
	"log"
	"path/filepath"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/explain"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/tensor"
)

// A linear model of two classes: what a number adds to the log-odds is the
// difference of its weights, times the number.
func ExampleInputGradient() {
	set, err := feature.Parse([]byte(`{"format": 1,
		"inputs": [{"type": "numeric", "name": "sizes", "columns": ["width", "height"], "log": false, "missing": "error", "indicator": false,
			"shift": [10, 0], "size": [2, 1], "fill": [0, 0], "edges": []}],
		"targets": [{"type": "class", "name": "kind", "column": "kind", "classes": ["flat", "tall"], "counts": [1, 1]}], "weight": null}`), "set")
	if err != nil {
		log.Fatal(err)
	}
	network, err := model.ReadConfig(filepath.Join("testdata", "linear.json"))
	if err != nil {
		log.Fatal(err)
	}
	backend, err := recipe.ThisMachine().Backend()
	if err != nil {
		log.Fatal(err)
	}
	store, err := exec.NewStore(backend, network.Module)
	if err != nil {
		log.Fatal(err)
	}
	saved := recipe.NewSaved(set, network, store)
	defer saved.Close()
	weights := tensor.Must(tensor.Of([]float32{1, -1, 0, 2}, 2, 2)) // of flat, and of tall
	if err := store.Set(store.Model()[0], weights); err != nil {
		log.Fatal(err)
	}

	row := map[string]any{"width": 8.0, "height": 3.0}
	in, err := set.Encode(row)
	if err != nil {
		log.Fatal(err)
	}
	x := tensor.Must(in[0].Reshape(1, 2))
	how := explain.InputGradient{Method: explain.TimesInput}
	e, err := how.Explain(context.Background(), saved, explain.Question{}, x)
	if err != nil {
		log.Fatal(err)
	}
	columns, err := e.Columns(set, row)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s %.1f\n", e.Class, e.Kind, e.Score)
	for _, c := range columns {
		fmt.Printf("%s %+.1f\n", c.Name, c.Share)
	}
	// Output:
	// tall: log_odds 10.0
	// width +1.0
	// height +9.0
}

// Channels are added up.
func ExampleHeat() {
	gradient := tensor.Must(tensor.Of([]float32{
		0, -1, // red
		2, 0,
		1, 1, // green
		1, 0,
	}, 2, 2, 2))
	heat, err := explain.Heat(gradient)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(heat.F32())
	// Output: [1 2 3 0]
}
