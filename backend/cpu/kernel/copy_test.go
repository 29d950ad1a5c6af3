package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"unsafe"
)

func TestTranspose2D(t *testing.T) {
	for rows := range 40 {
		for _, cols := range []int{0, 1, 3, 4, 8, 15, 16, 17, 33, 100} {
			lds, ldd := cols+3, rows+2
			src := make([]float32, rows*lds+1)
			for i := range src {
				src[i] = float32(i)
			}
			check := func(what string, dst []float32) {
				for i, x := range dst {
					j, k := i/ldd, i%ldd
					want := float32(-1)
					if j < cols && k < rows {
						want = src[k*lds+j]
					}
					if x != want {
						t.Fatalf("%s %dx%d: element %d is %g, want %g", what, rows, cols, i, x, want)
					}
				}
			}
			fresh := func() []float32 { return slices.Repeat([]float32{-1}, cols*ldd+1) }
			dst := fresh()
			Transpose2D(dst, ldd, src, lds, rows, cols)
			check("plain", dst)
			for _, s := range Sets() {
				if s.Available {
					dst := fresh()
					s.Transpose2D(dst, ldd, src, lds, rows, cols)
					check(s.Name, dst)
				}
			}
		}
	}
}

// TestCopyStrided takes random shapes, strides, pieces and element sizes.
func TestCopyStrided(t *testing.T) {
	r := random()
	for range 3000 {
		rank := r.IntN(6)
		shape, strides := make([]int, rank), make([]int, rank)
		total, base, top := 1, 0, 0
		for d := range shape {
			shape[d] = r.IntN(6)
			if r.IntN(10) > 0 {
				shape[d] = max(shape[d], 1)
			}
			strides[d] = r.IntN(9) - 3
			total *= shape[d]
		}
		if r.IntN(3) == 0 { // contiguous, with some dimensions repeated
			step := 1
			for d := rank - 1; d >= 0; d-- {
				strides[d] = step
				step *= shape[d]
				if r.IntN(3) == 0 {
					strides[d] = 0
				}
			}
		}
		for d := range shape {
			reach := strides[d] * max(shape[d]-1, 0)
			top += max(reach, 0)
			base -= min(reach, 0)
		}
		src := make([]uint64, base+top+1)
		for i := range src {
			src[i] = r.Uint64()
		}
		want := make([]uint64, total)
		offsets := make([]int, total)
		for i := range want {
			rest, off := i, base
			for d := rank - 1; d >= 0; d-- {
				off += rest % shape[d] * strides[d]
				rest /= shape[d]
			}
			want[i], offsets[i] = src[off], off
		}
		dst := make([]uint64, total)
		CopyStrided(dst, src, base, shape, strides)
		if !slices.Equal(dst, want) {
			t.Fatalf("shape %v strides %v: %v, want %v", shape, strides, dst, want)
		}
		clear(dst)
		cut := r.IntN(total + 1)
		CopyStridedRange(dst, src, base, shape, strides, cut, total)
		CopyStridedRange(dst, src, base, shape, strides, 0, cut)
		if !slices.Equal(dst, want) {
			t.Fatalf("shape %v strides %v cut %d: %v, want %v", shape, strides, cut, dst, want)
		}
		asBytes := func(s []uint64) []byte {
			return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 8*len(s))
		}
		clear(dst)
		CopyStridedBytes(8, asBytes(dst), asBytes(src), base, shape, strides)
		if !slices.Equal(dst, want) {
			t.Fatalf("shape %v strides %v as bytes: %v, want %v", shape, strides, dst, want)
		}
		scattered := make([]uint64, len(src))
		ScatterStrided(scattered, base, want, shape, strides)
		for i, off := range offsets {
			if scattered[off] != src[off] {
				t.Fatalf("shape %v strides %v: scatter of element %d", shape, strides, i)
			}
		}
	}
	b := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	out := make([]byte, 4)
	CopyStridedBytes(1, out, b, 7, []int{4}, []int{-2})
	if !slices.Equal(out, []byte{8, 6, 4, 2}) {
		t.Errorf("bytes backwards: %v", out)
	}
	words := make([]byte, 8)
	CopyStridedBytes(4, words, b, 1, []int{2}, []int{-1})
	if !slices.Equal(words, []byte{5, 6, 7, 8, 1, 2, 3, 4}) {
		t.Errorf("words backwards: %v", words)
	}
}

func testConvert[D, S Number](t *testing.T, src []S, want []D) {
	t.Helper()
	got := make([]D, len(want))
	Convert(got, src)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%T to %T: %v, want %v", src, want, got, want)
	}
}

func TestConvert(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	testConvert(t, []float32{1.9, -1.9, 3e9, -3e9, inf, -inf, nan, 255.5}, []int32{1, -1, math.MaxInt32, math.MinInt32, math.MaxInt32, math.MinInt32, 0, 255})
	testConvert(t, []float32{1.9, -1.9, 300, 255.5, nan, 255}, []uint8{1, 0, 255, 255, 0, 255})
	testConvert(t, []float64{1e19, -1e19, 9.2e18, math.MaxInt64}, []int64{math.MaxInt64, math.MinInt64, 9200000000000000000, math.MaxInt64})
	testConvert(t, []float64{1e20, -1, 1e19, math.NaN()}, []uint64{math.MaxUint64, 0, 10000000000000000000, 0})
	testConvert(t, []float64{5e9, 4294967295, 0.5}, []uint32{math.MaxUint32, 4294967295, 0})
	testConvert(t, []int64{-1, 300, 1 << 40}, []uint8{255, 44, 0})
	testConvert(t, []int32{-1, 5}, []float32{-1, 5})
	testConvert(t, []float64{1e300, 0.1}, []float32{inf, 0.1})
	testConvert(t, []uint64{1 << 63, 3}, []float32{1 << 63, 3})
	testConvert(t, []uint8{0, 255}, []int64{0, 255})
	b := make([]bool, 3)
	ToBool(b, []float32{0, nan, -2})
	f := make([]int64, 3)
	FromBool(f, b)
	if !slices.Equal(f, []int64{0, 1, 1}) {
		t.Errorf("through bool: %v", f)
	}
}

// TestRunTyped compares float32 with Run, and float64 and integers with
// examples.
func TestRunTyped(t *testing.T) {
	r := random()
	x := make([][]float32, 4)
	for k := range x {
		x[k] = make([]float32, 50)
		for i := range x[k] {
			x[k][i] = float32(r.NormFloat64() * 3)
		}
	}
	for op := range ExpSub {
		d, d32 := make([]float64, 50), make([]float32, 50)
		wide := make([][]float64, 3)
		for k := range wide {
			wide[k] = make([]float64, 50)
			Convert(wide[k], x[k])
		}
		generic.Vec.Run(op, d32, x[0], x[1], x[2], 0.5, 2)
		RunTyped(op, d, wide[0], wide[1], wide[2], 0.5, 2)
		for i := range d {
			if !same(d32[i], float32(d[i])) && !(math.Abs(float64(d32[i])-d[i]) <= 2e-6*(1+math.Abs(d[i]))) {
				t.Errorf("%v of %g %g %g: float64 %g, float32 %g", op, x[0][i], x[1][i], x[2][i], d[i], d32[i])
			}
		}
	}
	ints := func(op VecOp, a, b []int64, want ...int64) {
		t.Helper()
		d := make([]int64, len(a))
		RunTyped(op, d, a, b, b, 3, 4)
		if !slices.Equal(d, want) {
			t.Errorf("%v of %v and %v: %v, want %v", op, a, b, d, want)
		}
	}
	ints(Div, []int64{7, -7, 5, math.MinInt64}, []int64{2, 2, 0, -1}, 3, -3, 0, math.MinInt64)
	ints(Max, []int64{7, -7}, []int64{2, 2}, 7, 2)
	ints(Pow, []int64{2, -1, -1, 3, 1, 2, 0}, []int64{10, -3, -4, 0, -5, -1, 0}, 1024, -1, 1, 1, 1, 0, 1)
	ints(Sign, []int64{-9, 0, 9}, []int64{0, 0, 0}, -1, 0, 1)
	ints(Abs, []int64{-9, 0, 9}, []int64{0, 0, 0}, 9, 0, 9)
	ints(Lt, []int64{1, 2, 3}, []int64{2, 2, 2}, 1, 0, 0)
	ints(ClampS, []int64{1, 3, 9}, []int64{0, 0, 0}, 3, 3, 4)
	ints(Select, []int64{1, 0}, []int64{8, 9}, 8, 9)
	ints(Floor, []int64{math.MaxInt64 - 1}, []int64{0}, math.MaxInt64-1)
	u := make([]uint32, 2)
	RunTyped(Sub, u, []uint32{1, 5}, []uint32{2, 2}, nil, 0, 0)
	if u[0] != math.MaxUint32 || u[1] != 3 {
		t.Errorf("unsigned difference %v", u)
	}
	if SumOf([]int32{1, 2, -5}) != -2 || ProdOf([]uint8{100, 3}) != 44 || MaxOf([]int64{3, 9, 9}) != 9 || ArgMaxOf([]int64{3, 9, 9}) != 1 ||
		MinOf([]float64{3, 2}) != 2 || ArgMinOf([]float64{3, math.NaN(), 1}) != 1 || SumOf([]float32{1, 2}) != 3 {
		t.Error("typed reductions")
	}
	cond := make([]bool, 3)
	Compare(Ge, cond, []float64{1, 2, math.NaN()}, []float64{1, 3, 1})
	out := make([]int32, 3)
	Choose(out, cond, []int32{1, 2, 3}, []int32{4, 5, 6})
	if !slices.Equal(out, []int32{1, 5, 6}) {
		t.Errorf("choose gives %v", out)
	}
}
