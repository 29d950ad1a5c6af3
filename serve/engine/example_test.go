package engine_test

import (
	"context"
	"fmt"
	"os"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// Two versions of a model share its requests, three to one.
func Example() {
	ctx := context.Background()
	e := engine.New(enginetest.Machine(), engine.WithMemory(1<<30))
	defer e.Close()
	for i, weight := range []float64{3, 1} {
		dir, err := os.MkdirTemp("", "penguins")
		if err != nil {
			fmt.Println(err)
			return
		}
		defer os.RemoveAll(dir)
		if err := enginetest.Write(dir, enginetest.Penguins, uint64(i+1)); err != nil {
			fmt.Println(err)
			return
		}
		s := engine.Folder("penguins", fmt.Sprint(i+1), dir)
		s.Weight = weight
		if err := e.Add(ctx, s); err != nil {
			fmt.Println(err)
			return
		}
	}
	for range 4 {
		a, err := e.Predict(ctx, &engine.Request{
			Model: "penguins", N: 1,
			Columns: map[string][]any{"bill_length_mm": {44.0}, "island": {"Dream"}}, // the others are missing
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("version", a.Version, "says", a.Outputs[0].Strings[0])
	}
	// Output:
	// version 1 says Adelie
	// version 1 says Adelie
	// version 2 says Gentoo
	// version 1 says Adelie
}
