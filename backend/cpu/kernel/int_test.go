package kernel

import (
	"math"
	"slices"
	"testing"
)

// TestRunInt has the values of PyTorch where it has one: its division by 0 is
// an error.
func TestRunInt(t *testing.T) {
	check := func(op IntOp, a, b, want []int32) {
		t.Helper()
		d := make([]int32, len(a))
		RunInt(op, d, a, b)
		if !slices.Equal(d, want) {
			t.Errorf("op %d of %v and %v: %v, want %v", op, a, b, d, want)
		}
		RunInt(op, b, a, b) // onto an operand
		if !slices.Equal(b, want) {
			t.Errorf("op %d onto its operand: %v, want %v", op, b, want)
		}
	}
	l := func(v ...int32) []int32 { return v }
	check(BitAnd, l(12, -1), l(10, 7), l(8, 7))
	check(BitOr, l(12, -8), l(10, 1), l(14, -7))
	check(BitXor, l(12, -1), l(10, 7), l(6, -8))
	check(BitNot, l(0, -1, 5), l(0, 0, 0), l(-1, 0, -6))
	check(ShiftLeft, l(1, 1, 1, -8, -8, 1), l(31, 32, -1, 1, 33, 40), l(math.MinInt32, 0, 0, -16, 0, 0))
	check(ShiftRight, l(1, -1, -8, -8, 7), l(31, 32, 1, -1, -1), l(0, -1, -4, -1, 0))
	check(IntRemainder, l(7, -7, 7, -7, 6, 5, math.MinInt32), l(3, 3, -3, -3, -3, 0, -1), l(1, 2, -2, -1, 0, 5, 0))
	check(IntFmod, l(7, -7, 7, -7, 5, math.MinInt32), l(3, 3, -3, -3, 0, -1), l(1, -1, 1, -1, 5, 0))
	check(IntFloorDiv, l(7, -7, 7, -7, 6, 5, math.MinInt32), l(3, 3, -3, -3, -3, 0, -1), l(2, -3, -3, 2, -2, 0, math.MinInt32))
	u := make([]uint8, 3)
	RunInt(ShiftLeft, u, []uint8{1, 200, 3}, []uint8{7, 8, 1})
	if !slices.Equal(u, []uint8{128, 0, 6}) {
		t.Errorf("unsigned shift: %v", u)
	}
	RunInt(BitNot, u, []uint8{0, 255, 1}, nil)
	if !slices.Equal(u, []uint8{255, 0, 254}) {
		t.Errorf("unsigned complement: %v", u)
	}
	v := make([]uint64, 1)
	RunInt(IntRemainder, v, []uint64{math.MaxUint64}, []uint64{1 << 63})
	if v[0] != 1<<63-1 {
		t.Errorf("unsigned rest: %v", v)
	}
	x := make([]float64, 2)
	Map(x, []float64{4, 9, 16}, math.Sqrt)
	MapPair(x, x, []float64{2, 3}, math.Pow)
	if !slices.Equal(x, []float64{4, 27}) {
		t.Errorf("map: %v", x)
	}
}
