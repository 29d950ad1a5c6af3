package rng_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/rng"
)

func ExampleStream() {
	s := rng.NewStream(1, "data.order", 0)
	fmt.Println(s.Perm(5))
	pos := s.Pos()
	fmt.Println(s.IntN(100), s.IntN(100))

	again := rng.NewStream(1, "data.order", 0)
	again.Seek(pos) // continue where the first one stood
	fmt.Println(again.IntN(100), again.IntN(100))
	// Output:
	// [1 3 4 2 0]
	// 42 55
	// 42 55
}

func ExampleBits() {
	key := rng.Key(1, "fc1.drop")
	all := make([]uint32, 6)
	rng.Bits(all, key, 0, 0)
	tail := make([]uint32, 3)
	rng.Bits(tail, key, 0, 3) // another worker makes the second half
	fmt.Println(all[3] == tail[0], all[5] == tail[2])
	// Output: true true
}

func ExampleStream_Beta() {
	s := rng.NewStream(1, "mixup", 0)
	fmt.Printf("%.4f %.4f %.4f\n", s.Beta(0.2, 0.2), s.Beta(0.2, 0.2), s.Beta(1, 1))
	// Output: 0.3083 0.0000 0.4042
}
