package kernel_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
)

// Sorting and the choice of the smallest agree with a stable sort, for every
// length to 130 and some longer ones, with many ties and with few.
func TestSortKeys(t *testing.T) {
	rand := rand.New(rand.NewPCG(1, 2))
	lengths := []int{1000, 5000}
	for n := range 131 {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		for _, limit := range []uint64{3, 1000, math.MaxUint64} {
			keys := make([]uint64, n)
			for i := range keys {
				keys[i] = rand.Uint64N(limit)
			}
			want := make([]int64, n)
			for i := range want {
				want[i] = int64(i)
			}
			slices.SortStableFunc(want, func(a, b int64) int { return cmp.Compare(keys[a], keys[b]) })

			sorted, order := slices.Clone(keys), make([]int64, n)
			kernel.SortKeys(sorted, make([]uint64, n), order, make([]int64, n))
			if !slices.Equal(order, want) {
				t.Fatalf("%d keys below %d: order %v, want %v", n, limit, order, want)
			}
			if !slices.IsSorted(sorted) {
				t.Fatalf("%d keys below %d are not sorted", n, limit)
			}
			for _, k := range []int{0, 1, n / 3, n} {
				if k > n {
					continue
				}
				best := make([]int64, k)
				kernel.Smallest(best, make([]uint64, k), keys)
				if !slices.Equal(best, want[:k]) {
					t.Fatalf("the %d smallest of %d keys below %d: %v, want %v", k, n, limit, best, want[:k])
				}
			}
		}
	}
}

// Keys are in the order of the numbers that they stand for.
func TestKeys(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	ordered(t, []float64{-inf, -1e300, -1, -5e-324, 0, 5e-324, 1, 1e300, inf, nan})
	ordered(t, []float32{float32(-inf), -1e30, -1, -1e-45, 0, 1e-45, 1, 1e30, float32(inf), float32(nan)})
	ordered(t, []int32{math.MinInt32, -1, 0, 1, math.MaxInt32})
	ordered(t, []int64{math.MinInt64, -1, 0, 1, math.MaxInt64})
	ordered(t, []uint8{0, 1, 127, 128, 255})
	ordered(t, []uint32{0, 1, 1 << 31, math.MaxUint32})
	ordered(t, []uint64{0, 1, 1 << 63, math.MaxUint64})
	same := make([]uint64, 4)
	kernel.Keys(same, []float64{0, math.Copysign(0, -1), nan, math.Float64frombits(0xfff8000000000001)}, 1, false)
	if same[0] != same[1] || same[2] != same[3] {
		t.Errorf("0 and -0, or two NaNs, have different keys: %x", same)
	}
}

func ordered[T kernel.Number](t *testing.T, rising []T) {
	t.Helper()
	keys := make([]uint64, len(rising))
	kernel.Keys(keys, rising, 1, false)
	if !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(keys) {
		t.Errorf("%v: keys %x do not rise", rising, keys)
	}
	kernel.Keys(keys, rising, 1, true)
	slices.Reverse(keys)
	if !slices.IsSorted(keys) {
		t.Errorf("%v descending: keys %x do not fall", rising, keys)
	}
}

func BenchmarkSortKeys(b *testing.B) {
	for _, n := range []int{30, 100, 1000, 50000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x, keys, order := make([]float32, n), make([]uint64, 2*n), make([]int64, 2*n)
			for i := range x {
				x[i] = rand.Float32()
			}
			for b.Loop() {
				kernel.Keys(keys[:n], x, 1, false)
				kernel.SortKeys(keys[:n], keys[n:], order[:n], order[n:])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/element")
		})
	}
}
