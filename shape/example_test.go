package shape_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/shape"
)

func Example() {
	s := shape.Of(2, 3, 4)
	fmt.Println(s, s.Rank(), s.Size(), s.Dim(-1), s.Strides())
	// Output: [2 3 4] 3 24 4 [12 4 1]
}

func ExampleBroadcast() {
	fmt.Println(shape.Broadcast(shape.Of(8, 1, 5), shape.Of(3, 1)))
	_, err := shape.Broadcast(shape.Of(2, 3), shape.Of(4))
	fmt.Println(err)
	// Output:
	// [8 3 5] <nil>
	// shapes [2 3] and [4] do not broadcast: 3 against 4
}
