package tensor_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/tensor"
)

func Example() {
	t, err := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	rows := t.Rows(1, 3) // shares memory
	rows.F32()[0] = 30
	fmt.Println(t, t.F32())
	fmt.Println(rows, rows.F32())
	// Output:
	// f32[3 2] [1 2 30 4 5 6]
	// f32[2 2] [30 4 5 6]
}

func ExampleOf_mistake() {
	_, err := tensor.Of([]int64{1, 2, 3}, 2, 2)
	fmt.Println(err)
	// Output: tensor: shape [2 2] has 4 elements, the slice has 3
}
