package jsondoc_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/serve/jsondoc"
	"github.com/gradus-ml/gradus/tensor"
)

func ExampleParse() {
	d, err := jsondoc.Parse([]byte(`{"instances": [[1, 2.5], [3, 4]], "threshold": -1}`), jsondoc.DefaultLimits())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Free()
	for key, value := range d.Root().Members() {
		if dims, numbers, ok := value.Numbers(); ok {
			fmt.Printf("%s: %v %v\n", key, dims, numbers)
		} else if _, ok := value.Uint(); !ok {
			fmt.Println(value.Errorf("want a positive integer, got %v", value.Float()))
		}
	}
	// Output:
	// instances: [2 2] [1 2.5 3 4]
	// threshold: want a positive integer, got -1
}

func ExampleAppendTensor() {
	x := tensor.Must(tensor.Of([]float32{0.25, 0.75, 1, 0}, 2, 2))
	b, err := jsondoc.AppendTensor(nil, x)
	fmt.Println(string(b), err)
	// Output: [[0.25,0.75],[1,0]] <nil>
}
