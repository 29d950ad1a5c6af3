package schedule

import (
	"fmt"
	"math"
	"testing"
)

func Example() {
	lr := Warmup(2, Cosine(1, 0, 4))
	for step := range 8 {
		fmt.Printf("%.2f ", lr(step))
	}
	// Output: 0.50 1.00 1.00 0.85 0.50 0.15 0.00 0.00
}

func TestSchedules(t *testing.T) {
	for _, tc := range []struct {
		name string
		s    Schedule
		want map[int]float64
	}{
		{"constant", Constant(0.3), map[int]float64{0: 0.3, 1000: 0.3}},
		{"step", Step(1, 10, 0.5), map[int]float64{0: 1, 9: 1, 10: 0.5, 29: 0.25, 30: 0.125}},
		{"step of 0", Step(1, 0, 0.5), map[int]float64{0: 1, 1: 0.5}},
		{"cosine", Cosine(1, 0.2, 10), map[int]float64{0: 1, 5: 0.6, 10: 0.2, 100: 0.2}},
		{"cosine of 0 steps", Cosine(1, 0.2, 0), map[int]float64{0: 0.2}},
		{"warm-up", Warmup(4, Step(2, 1, 0.5)), map[int]float64{0: 0.5, 1: 1, 3: 2, 4: 2, 5: 1}},
		{"no warm-up", Warmup(0, Constant(1)), map[int]float64{0: 1, 1: 1}},
	} {
		for step, want := range tc.want {
			if got := tc.s(step); math.Abs(got-want) > 1e-15 {
				t.Errorf("%s: rate %v in step %d, want %v", tc.name, got, step, want)
			}
		}
	}
}
