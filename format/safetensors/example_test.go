package safetensors_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/tensor"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")

	err = safetensors.Write(path, []safetensors.Named{
		{Name: "fc.weight", Tensor: tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3))},
		{Name: "fc.bias", Tensor: tensor.Must(tensor.Of([]float32{-1, 1}))},
		{Name: "steps", Tensor: tensor.Scalar[int64](938)},
	}, map[string]string{"format": "pt"})
	if err != nil {
		log.Fatal(err)
	}

	f, err := safetensors.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	fmt.Println(f.Metadata())
	for _, name := range f.Names() {
		t, err := f.Tensor(name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, t)
	}
	// Output:
	// map[format:pt]
	// steps i64[]
	// fc.bias f32[2]
	// fc.weight f32[2 3]
}
