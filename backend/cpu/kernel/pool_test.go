package kernel

import (
	"fmt"
	"math"
	"testing"
)

// poolSpecs covers strides, overlaps, padding, dilation, ranks, and sizes that
// do not divide.
func poolSpecs() []PoolSpec {
	one := [3]int{1, 1, 1}
	var list []PoolSpec
	add := func(n, c int, in, window, stride, lo, hi, dil [3]int) {
		s := PoolSpec{N: n, C: c, In: in, Window: window, Stride: stride, PadLo: lo, PadHi: hi, Dilation: dil}
		for d := range s.Out {
			s.Out[d] = (in[d]+lo[d]+hi[d]-dil[d]*(window[d]-1)-1)/stride[d] + 1
		}
		list = append(list, s)
	}
	zero := [3]int{}
	for _, c := range []int{1, 3, 8, 16, 17, 32, 70} {
		add(2, c, [3]int{1, 8, 10}, [3]int{1, 2, 2}, [3]int{1, 2, 2}, zero, zero, one)
		add(2, c, [3]int{1, 7, 9}, [3]int{1, 3, 3}, [3]int{1, 2, 2}, [3]int{0, 1, 1}, [3]int{0, 1, 1}, one)
	}
	add(1, 5, [3]int{1, 1, 13}, [3]int{1, 1, 3}, [3]int{1, 1, 1}, [3]int{0, 0, 1}, [3]int{0, 0, 1}, one)
	add(2, 4, [3]int{5, 6, 7}, [3]int{2, 3, 2}, [3]int{2, 1, 3}, [3]int{1, 1, 0}, [3]int{0, 1, 1}, one)
	add(1, 3, [3]int{1, 9, 9}, [3]int{1, 3, 2}, [3]int{1, 1, 2}, [3]int{0, 1, 1}, [3]int{0, 1, 1}, [3]int{1, 2, 3})
	add(1, 2, [3]int{1, 5, 5}, [3]int{1, 2, 2}, [3]int{1, 3, 3}, zero, zero, one)
	add(1, 64, [3]int{1, 8, 8}, [3]int{1, 8, 8}, one, zero, zero, one)
	// Windows so large that calls are cut.
	add(1, 70, [3]int{1, 65, 65}, [3]int{1, 62, 62}, one, [3]int{0, 1, 0}, zero, one)
	// A last window that reaches beyond the padding, as with ceil_mode.
	list = append(list, PoolSpec{N: 1, C: 3, In: [3]int{1, 5, 6}, Out: [3]int{1, 3, 3}, Window: [3]int{1, 2, 3},
		Stride: [3]int{1, 2, 2}, PadLo: [3]int{0, 0, 1}, PadHi: [3]int{0, 0, 1}, Dilation: one})
	// Windows of nothing but padding.
	list = append(list, PoolSpec{N: 1, C: 2, In: [3]int{1, 1, 3}, Out: [3]int{1, 1, 4}, Window: [3]int{1, 1, 2},
		Stride: [3]int{1, 1, 2}, PadLo: [3]int{0, 0, 2}, PadHi: [3]int{0, 0, 2}, Dilation: one})
	list = append(list, PoolSpec{N: 0, C: 2, In: one, Out: one, Window: one, Stride: one, Dilation: one})
	list = append(list, PoolSpec{N: 1, C: 0, In: one, Out: one, Window: one, Stride: one, Dilation: one})
	return list
}

// eachTap calls f for every output and window element inside the input.
func (s *PoolSpec) eachTap(f func(out, in, tap int)) {
	for n := range s.N {
		for o0 := range s.Out[0] {
			for o1 := range s.Out[1] {
				for o2 := range s.Out[2] {
					tap := 0
					for w0 := range s.Window[0] {
						for w1 := range s.Window[1] {
							for w2 := range s.Window[2] {
								i0 := o0*s.Stride[0] - s.PadLo[0] + w0*s.Dilation[0]
								i1 := o1*s.Stride[1] - s.PadLo[1] + w1*s.Dilation[1]
								i2 := o2*s.Stride[2] - s.PadLo[2] + w2*s.Dilation[2]
								if i0 >= 0 && i0 < s.In[0] && i1 >= 0 && i1 < s.In[1] && i2 >= 0 && i2 < s.In[2] {
									for c := range s.C {
										f((((n*s.Out[0]+o0)*s.Out[1]+o1)*s.Out[2]+o2)*s.C+c,
											(((n*s.In[0]+i0)*s.In[1]+i1)*s.In[2]+i2)*s.C+c, tap)
									}
								}
								tap++
							}
						}
					}
				}
			}
		}
	}
}

func (s *PoolSpec) lens() (in, out int) {
	return s.N * s.In[0] * s.In[1] * s.In[2] * s.C, s.N * s.Out[0] * s.Out[1] * s.Out[2] * s.C
}

func TestMaxPool(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for k, spec := range poolSpecs() {
			what := fmt.Sprintf("%+v", spec)
			r := random()
			nx, ny := spec.lens()
			x, dy := fenced[float32](t, nx, k%2 == 0), fenced[float32](t, ny, k%2 == 0)
			y, dx := fenced[float32](t, ny, k%2 == 0), fenced[float32](t, nx, k%2 == 0)
			gathered := fenced[float32](t, ny, k%2 == 0)
			index := fenced[int32](t, ny, k%2 == 0)
			for i := range x {
				x[i] = float32(r.IntN(9) - 4) // many ties
				if r.IntN(30) == 0 {
					x[i] = float32(math.NaN())
				}
				if r.IntN(10) == 0 {
					x[i] = float32(math.Inf(-1))
				}
			}
			for i := range dy {
				dy[i] = float32(r.IntN(100)) // sums are exact
			}
			want, wantIndex, wantG := make([]float32, ny), make([]int32, ny), make([]float32, ny)
			wantX := make([]float32, nx)
			for i := range want {
				want[i], wantIndex[i] = float32(math.Inf(-1)), -1
			}
			spec.eachTap(func(out, in, tap int) {
				if wantIndex[out] < 0 || x[in] > want[out] || x[in] != x[in] {
					want[out], wantIndex[out] = x[in], int32(tap)
				}
			})
			spec.eachTap(func(out, in, tap int) {
				if wantIndex[out] == int32(tap) {
					wantX[in] += dy[out]
					wantG[out] = x[in]
				}
			})
			for _, workers := range []int{1, 3} {
				p := NewMaxPool(s, spec, workers)
				runPhases(p.Bind(y, index, x), workers)
				calls := make([]int, nx) // of the epilogue, which comes once to each element
				runPhases(p.BindGrad(dx, dy, index, func(_, _, r0, r1, c0, c1 int) {
					for i := r0 * spec.C; i < r1*spec.C; i++ {
						calls[i] += c1 - c0
					}
				}), workers)
				for i, n := range calls {
					if n != spec.C {
						t.Fatalf("%s: the epilogue came to %d elements of row %d", what, n, i/spec.C)
					}
				}
				runPhases(p.BindGather(gathered, x, index), workers)
				for i := range want {
					if !same(y[i], want[i]) || index[i] != max(wantIndex[i], 0) {
						t.Fatalf("%s: y[%d] = %g from %d, want %g from %d", what, i, y[i], index[i], want[i], wantIndex[i])
					}
					if !same(gathered[i], wantG[i]) {
						t.Fatalf("%s: gather %d is %g, want %g", what, i, gathered[i], wantG[i])
					}
				}
				for i := range wantX {
					if dx[i] != wantX[i] {
						t.Fatalf("%s: dx[%d] = %g, want %g", what, i, dx[i], wantX[i])
					}
				}
				clear(y)
				runPhases(p.Bind(y, nil, x), workers)
				for i := range want {
					if !same(y[i], want[i]) {
						t.Fatalf("%s: without index, y[%d] = %g, want %g", what, i, y[i], want[i])
					}
				}
			}
		}
	})
}

func TestAvgPool(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for _, spec := range poolSpecs() {
			if spec.Dilation != [3]int{1, 1, 1} {
				continue
			}
			for _, pad := range []bool{false, true} {
				what := fmt.Sprintf("%+v pad %v", spec, pad)
				r := random()
				nx, ny := spec.lens()
				x, dy, y, dx := make([]float32, nx), make([]float32, ny), make([]float32, ny), make([]float32, nx)
				for i := range x {
					x[i] = float32(r.NormFloat64())
				}
				for i := range dy {
					dy[i] = float32(r.NormFloat64())
				}
				// Elements that count, by PyTorch's rule for each dimension.
				inside := make([]int, ny)
				spec.eachTap(func(out, _, _ int) { inside[out]++ })
				weight := func(out int) float64 {
					n := inside[out]
					if pad {
						n = 1
						rest := out / spec.C
						for d := 2; d >= 0; d-- {
							from := rest%spec.Out[d]*spec.Stride[d] - spec.PadLo[d]
							rest /= spec.Out[d]
							n *= min(from+spec.Window[d], spec.In[d]+spec.PadHi[d]) - from
						}
					}
					if n == 0 {
						return 0
					}
					return 1 / float64(n)
				}
				wantY, wantX := make([]float64, ny), make([]float64, nx)
				spec.eachTap(func(out, in, _ int) {
					wantY[out] += weight(out) * float64(x[in])
					wantX[in] += weight(out) * float64(dy[out])
				})
				for _, workers := range []int{1, 3} {
					p := NewAvgPool(s, spec, pad, workers)
					runPhases(p.Bind(y, x), workers)
					runPhases(p.BindGrad(dx, dy), workers)
					closeTo(t, what, y, wantY, 1e-6, 1e-6)
					closeTo(t, what+" gradient", dx, wantX, 1e-6, 1e-6)
				}
			}
		}
	})
}
