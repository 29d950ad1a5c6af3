package kernel

import (
	"fmt"
	"testing"
)

// eachAvailable runs a benchmark for every set of this machine.
func eachAvailable(b *testing.B, f func(b *testing.B, s *Set)) {
	for _, s := range Sets() {
		if s.Available {
			b.Run(s.Name, func(b *testing.B) { f(b, s) })
		}
	}
}

// BenchmarkOp measures ops on a block of 1024 in the first cache.
func BenchmarkOp(b *testing.B) {
	eachAvailable(b, func(b *testing.B, s *Set) {
		for _, op := range []VecOp{Add, Fma, Max, Select, Div, Sqrt, Exp, Expm1, Log, Log1p, Tanh, Sigmoid, Erf, Sin} {
			b.Run(op.String(), func(b *testing.B) {
				x, y, z := make([]float32, 1024), make([]float32, 1024), make([]float32, 1024)
				for i := range x {
					x[i], y[i] = float32(i)/256+0.1, 1
				}
				for b.Loop() {
					s.Vec.Run(op, z, x, y, y, 1, 2)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/elem")
			})
		}
	})
}

// BenchmarkAddLarge measures the bandwidth of a sum that no cache holds: three
// streams of 32 MB.
func BenchmarkAddLarge(b *testing.B) {
	eachAvailable(b, func(b *testing.B, s *Set) {
		const n = 8 << 20
		x, y, z := make([]float32, n), make([]float32, n), make([]float32, n)
		b.SetBytes(3 * 4 * n)
		for b.Loop() {
			s.Vec.Run(Add, z, x, y, nil, 0, 0)
		}
	})
}

// BenchmarkGelu measures x + bias and GELU as the engine chains them over
// blocks: 5 ops.
func BenchmarkGelu(b *testing.B) {
	eachAvailable(b, func(b *testing.B, s *Set) {
		const n = 1 << 20
		x, out, bias := make([]float32, n), make([]float32, n), make([]float32, 1024)
		for i := range x {
			x[i] = float32(i%1000)/200 - 2.5
		}
		u, e := make([]float32, 1024), make([]float32, 1024)
		b.SetBytes(2 * 4 * n)
		for b.Loop() {
			for i := 0; i < n; i += 1024 {
				v := &s.Vec
				v.Run(Add, u, x[i:], bias, nil, 0, 0)
				v.Run(MulS, e, u, nil, nil, 0.70710678, 0)
				v.Run(Erf, e, e, nil, nil, 0, 0)
				v.Run(MulS, u, u, nil, nil, 0.5, 0)
				v.Run(Fma, out[i:i+1024], u, e, u, 0, 0)
			}
		}
	})
}

// BenchmarkAdam measures AdamW: seven streams.
func BenchmarkAdam(b *testing.B) {
	for _, n := range []int{4 << 10, 1 << 20, 8 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			eachAvailable(b, func(b *testing.B, s *Set) {
				p, g, m, v := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
				for i := range g {
					g[i] = float32(i%7) - 3
				}
				scalars := [8]float32{1e-3, 0, 0.1, 0.999, 0.001, 1, 1e-8, 1}
				b.SetBytes(int64(7 * 4 * n))
				for b.Loop() {
					s.Vec.Update(Adam, p, g, m, v, nil, &scalars)
				}
			})
		})
	}
}

// BenchmarkRows measures softmax, layer norm and sums of rows.
func BenchmarkRows(b *testing.B) {
	eachAvailable(b, func(b *testing.B, s *Set) {
		for _, n := range []int{10, 64, 768} {
			x, y, w := make([]float32, n), make([]float32, n), make([]float32, n)
			for i := range x {
				x[i] = float32(i % 13)
			}
			b.Run(fmt.Sprintf("Sum/%d", n), func(b *testing.B) {
				for b.Loop() {
					s.Vec.Sum(x)
				}
			})
			b.Run(fmt.Sprintf("Max/%d", n), func(b *testing.B) {
				for b.Loop() {
					s.Vec.Max(x)
				}
			})
			b.Run(fmt.Sprintf("Softmax/%d", n), func(b *testing.B) {
				for b.Loop() {
					s.Vec.Softmax(y, x)
				}
			})
			b.Run(fmt.Sprintf("LayerNorm/%d", n), func(b *testing.B) {
				for b.Loop() {
					s.Vec.LayerNorm(y, x, w, w, 1e-5)
				}
			})
			b.Run(fmt.Sprintf("LayerNormGrad/%d", n), func(b *testing.B) {
				for b.Loop() {
					s.Vec.LayerNormGrad(y, x, x, w, y, y, 1, 1)
				}
			})
		}
	})
}

// BenchmarkBatchNorm measures the largest layer of ResNet-20 at batch 32.
func BenchmarkBatchNorm(b *testing.B) {
	eachAvailable(b, func(b *testing.B, s *Set) {
		const rows, cols = 32 * 32 * 32, 16
		x, y, c := make([]float32, rows*cols), make([]float32, rows*cols), make([]float32, cols)
		n := NewBatchNorm(s, rows, cols, 1)
		scratch := make([]float32, n.Scratch())
		train := n.Bind(y, x, c, c, c, c, 1e-5, scratch, nil)
		grad := n.BindGrad(y, c, c, y, x, c, c, c, 1e-5, scratch)
		b.Run("train", func(b *testing.B) {
			b.SetBytes(3 * 4 * rows * cols)
			for b.Loop() {
				runPhases(train, 1)
			}
		})
		b.Run("grad", func(b *testing.B) {
			b.SetBytes(5 * 4 * rows * cols)
			for b.Loop() {
				runPhases(grad, 1)
			}
		})
	})
}

// BenchmarkMaxPool measures 2x2 windows of 64 images 24x24x32.
func BenchmarkMaxPool(b *testing.B) {
	eachAvailable(b, func(b *testing.B, s *Set) {
		one := [3]int{1, 1, 1}
		spec := PoolSpec{N: 64, C: 32, In: [3]int{1, 24, 24}, Out: [3]int{1, 12, 12}, Window: [3]int{1, 2, 2}, Stride: [3]int{1, 2, 2}, Dilation: one}
		nx, ny := spec.lens()
		x, dx, y, dy, index := make([]float32, nx), make([]float32, nx), make([]float32, ny), make([]float32, ny), make([]int32, ny)
		p := NewMaxPool(s, spec, 1)
		forward, grad := p.Bind(y, index, x), p.BindGrad(dx, dy, index, nil)
		b.Run("forward", func(b *testing.B) {
			b.SetBytes(int64(4 * (nx + 2*ny)))
			for b.Loop() {
				runPhases(forward, 1)
			}
		})
		b.Run("grad", func(b *testing.B) {
			b.SetBytes(int64(4 * (nx + 2*ny)))
			for b.Loop() {
				runPhases(grad, 1)
			}
		})
	})
}

// BenchmarkPhilox measures random words.
func BenchmarkPhilox(b *testing.B) {
	eachAvailable(b, func(b *testing.B, s *Set) {
		x := make([]uint32, 4096)
		b.SetBytes(4 * 4096)
		for b.Loop() {
			s.Vec.Philox(x, [2]uint32{1, 2}, 3, [2]uint32{4, 5})
		}
	})
}
