//go:build (amd64 || arm64) && !purego

package kernel

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"
)

// TestAssemblyBits pins the bits of the ops that differ between the portable
// set and the others: these all give the same.
func TestAssemblyBits(t *testing.T) {
	for op, want := range map[VecOp]uint64{
		Fma:           0xfce4e9da8392e4a8,
		Axpy:          0xb1f762701f893c03,
		Axpby:         0x645c7925942eb85b,
		Affine:        0x804d1dbde5ba45a4,
		NormFma:       0x1f5e7908dfb4a15e,
		Gelu:          0x3c65638cc79831ab,
		GeluTanh:      0x4def9aecf10bd90,
		Silu:          0x58d0cc008076b36f,
		GeluSlope:     0x3e8c902ac51f22bf,
		GeluTanhSlope: 0x27058f9402f00a7,
		SiluSlope:     0x160da1ce7957a07c,
		Exp:           0x9c808a3911c4f504,
		Exp2:          0x37805459e3902111,
		Log2:          0x91962e986b1aeb9d,
		Log10:         0xcb9cf51e76a7d0,
		Expm1:         0x2fe05bc9d561db3,
		Log:           0xd35520113ecea413,
		Log1p:         0xfa83405c29c174cf,
		Tanh:          0x5ef109179a5200,
		Sigmoid:       0x324d882205f5fac7,
		Erf:           0x79818cd88f22b61b,
		Sin:           0x7fd91e5ddf874873,
		Cos:           0x724c517bf9c3cfc3,
		ExpSub:        0xfee4223f863888c6,
		ExpAxpy:       0x2831b6df4218f0d9,
	} {
		r := random()
		a, b, c, d := make([]float32, 5000), make([]float32, 5000), make([]float32, 5000), make([]float32, 5000)
		fill(r, a)
		fill(r, b)
		fill(r, c)
		for _, s := range Sets() {
			if !s.Available || s == &generic {
				continue
			}
			s.Vec.Run(op, d, a, b, c, 0.3, 1.7)
			h := fnv.New64a()
			for _, x := range d {
				if x != x {
					x = float32(math.NaN())
				}
				_ = binary.Write(h, binary.LittleEndian, x)
			}
			if got := h.Sum64(); got != want {
				t.Errorf("%s: %v gives other bits: %#x, want %#x", s.Name, op, got, want)
			}
		}
	}
}

// TestScoreBits pins the bits of what attention does with its scores: all
// assembly sets give the same.
func TestScoreBits(t *testing.T) {
	const rows, cols, want = 100, 64, 0x3ea691df56d0cac4
	for _, s := range Sets() {
		if !s.Available || s == &generic {
			continue
		}
		r := random()
		fresh := func(n int) []float32 {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(20 * r.NormFloat64())
			}
			return x
		}
		a, d, top, sum, less, lse := fresh(rows*cols), fresh(rows*cols), fresh(cols), fresh(cols), fresh(cols), fresh(cols)
		b := append([]float32(nil), a...)
		s.Vec.attention.softmax(rows, 40, cols, cols, 3, &a[0], &top[0], &sum[0], &less[0])
		s.Vec.attention.weights(rows, 40, cols, cols, 3, &b[0], &d[0], &lse[0], &less[0])
		h := fnv.New64a()
		for _, x := range [][]float32{a, top, sum, less, b, d} {
			_ = binary.Write(h, binary.LittleEndian, x)
		}
		if got := h.Sum64(); got != want {
			t.Errorf("%s: other bits: %#x, want %#x", s.Name, got, want)
		}
	}
}
