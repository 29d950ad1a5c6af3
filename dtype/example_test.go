package dtype_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
)

func Example() {
	fmt.Println(dtype.Of[float32](), dtype.Float32.Size(), dtype.Uint8.IsUnsigned())
	d, err := dtype.Parse("i64")
	fmt.Println(d == dtype.Int64, err)
	// Output:
	// f32 4 true
	// true <nil>
}
