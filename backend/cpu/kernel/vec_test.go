package kernel

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"
)

func random() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// A padded slice lies at an offset within its memory, between guards.
type padded struct {
	mem  []float32
	data []float32
}

const guardWords = 80 // more than a vector of any set on either side

var guardBits = uint32(0x7fa5a5a5) // a NaN that no arithmetic produces

func newPadded(n, offset int) padded {
	mem := make([]float32, guardWords+offset+n+guardWords)
	for i := range mem {
		mem[i] = math.Float32frombits(guardBits)
	}
	return padded{mem, mem[guardWords+offset:][:n:n]}
}

func (p padded) check(t *testing.T, what string) {
	t.Helper()
	for i, x := range p.mem {
		inside := i >= len(p.mem)-guardWords-len(p.data) && i < len(p.mem)-guardWords
		if !inside && math.Float32bits(x) != guardBits {
			t.Fatalf("%s: wrote outside, at %d of %d", what, i, len(p.mem))
		}
	}
}

// same reports equal bits, or two NaN.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

var specials = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-45, -1e-45, 1e-39, -1e-39,
	math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	88.7, 89, 128, -87.4, -103.9, -105, 1e5, 3e9, -7e20, 0.6, 0.92, 4, 16777216, 16777217,
}

// fill sets x to numbers of many sizes, with special ones among them.
func fill(r *rand.Rand, x []float32) {
	for i := range x {
		switch r.IntN(8) {
		case 0:
			x[i] = specials[r.IntN(len(specials))]
		case 1:
			x[i] = math.Float32frombits(r.Uint32())
		case 2:
			x[i] = float32(r.IntN(5) - 2)
		default:
			x[i] = float32(r.NormFloat64() * 3)
		}
	}
}

// oneRounding lists the ops whose formula holds a product and a sum: the error
// is a rounding of the product and one of the result.
var oneRounding = map[VecOp]bool{
	Fma: true, Axpy: true, Axpby: true, Affine: true, NormFma: true, ExpAxpy: true,
}

// inexact lists the ops whose bits differ between sets.
var inexact = map[VecOp]bool{
	Pow: true, Exp: true, Expm1: true, Log: true, Log1p: true, Tanh: true, Sigmoid: true, Erf: true,
	Sin: true, Cos: true, Exp2: true, Log2: true, Log10: true,
}

// nearOp compares a result with the portable one.
func nearOp(op VecOp, got, want, a, b, c, s0, s1 float32) bool {
	switch {
	case same(got, want):
		return true
	case oneRounding[op]:
		// Sizes of the terms: cancellation leaves the roundings of the product.
		terms := []float64{}
		f := func(x float32) float64 { return math.Abs(float64(x)) }
		switch op {
		case Fma:
			terms = append(terms, f(a)*f(b), f(c))
		case Axpy:
			terms = append(terms, f(s0)*f(a), f(b))
		case Axpby:
			terms = append(terms, f(s0)*f(a), f(s1)*f(b))
		case Affine:
			terms = append(terms, f(s0)*f(a), f(s1))
		case NormFma:
			terms = append(terms, f(a-s0)*f(s1)*f(b), f(c), f((a-s0)*s1)*f(b))
		case ExpAxpy:
			terms = append(terms, 8*f(s0)*math.Exp(float64(a)), f(b))
		}
		sum := 0.0
		for _, x := range terms {
			sum += x
		}
		// A product beyond the range is infinite with two roundings, and may not
		// be with one.
		if !(sum <= math.MaxFloat32/2) {
			return true
		}
		return math.Abs(float64(got)-float64(want)) <= sum*0x1p-23+0x1p-147
	case op == ExpSub:
		// s1 also scales the error of a subnormal exponential.
		e := float64(want) / float64(s1)
		return math.Abs(float64(got)-float64(want)) <= 4.6*(math.Abs(float64(s1))*ulp(e)+ulp(float64(want)))
	case op >= Gelu && op <= SiluSlope:
		_, ok := nearCurve(op, got, a, 4)
		return ok
	case inexact[op]:
		// Each is held to the exact value elsewhere.
		return math.Abs(float64(got)-float64(want)) <= 4.6*ulp(float64(want))
	}
	return false
}

// ulp is the distance of float32 numbers at x.
func ulp(x float64) float64 {
	x = math.Abs(x)
	if x == 0 || math.IsInf(x, 0) {
		return 0x1p-149
	}
	return math.Ldexp(1, max(math.Ilogb(x), -126)-23)
}

// TestOps runs every op at every length and alignment, also onto its operands.
func TestOps(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for op := range VecOp(NumVecOps) {
			r := random()
			for n := range 131 {
				offset := r.IntN(16)
				if n <= 20 {
					offset = n % 16
				}
				testOp(t, s, op, n, offset, r)
			}
			for offset := range 16 {
				testOp(t, s, op, 37, offset, r)
			}
			testOp(t, s, op, maxCall+1, 3, r)
		}
	})
}

func testOp(t *testing.T, s *Set, op VecOp, n, offset int, r *rand.Rand) {
	t.Helper()
	what := fmt.Sprintf("%v n=%d offset=%d", op, n, offset)
	var in, kept [3]padded
	var arg [3][]float32
	for k := range op.Operands() {
		in[k], kept[k] = newPadded(n, (offset+5*k)%16), newPadded(n, (offset+5*k)%16)
		fill(r, in[k].data)
		copy(kept[k].data, in[k].data)
		arg[k] = in[k].data
	}
	sc := make([]float32, 2)
	fill(r, sc)
	if op == ClampS && !(sc[0] <= sc[1]) {
		sc[0], sc[1] = -1, 1
	}
	d := newPadded(n, (offset+9)%16)
	s.Vec.Run(op, d.data, arg[0], arg[1], arg[2], sc[0], sc[1])
	d.check(t, what)
	var x [3]float32
	var one [4][]float32
	for k := range one {
		one[k] = make([]float32, 1)
	}
	for i := range n {
		for k := range op.Operands() {
			x[k] = in[k].data[i]
			one[k][0] = x[k]
		}
		generic.Vec.Run(op, one[3], one[0], one[1], one[2], sc[0], sc[1])
		if !nearOp(op, d.data[i], one[3][0], x[0], x[1], x[2], sc[0], sc[1]) {
			t.Fatalf("%s: element %d of a=%g b=%g c=%g s0=%g s1=%g is %g, portable %g", what, i, x[0], x[1], x[2], sc[0], sc[1], d.data[i], one[3][0])
		}
		if n < 200 {
			s.Vec.Run(op, one[3], one[0], one[1], one[2], sc[0], sc[1])
			if !same(d.data[i], one[3][0]) {
				t.Fatalf("%s: element %d of %g is %g, alone %g", what, i, x, d.data[i], one[3][0])
			}
		}
	}
	for k := range op.Operands() {
		for i := range in[k].mem {
			if math.Float32bits(in[k].mem[i]) != math.Float32bits(kept[k].mem[i]) {
				t.Fatalf("%s: operand %d changed", what, k)
			}
		}
	}
	// Onto each operand.
	for k := range op.Operands() {
		s.Vec.Run(op, in[k].data, arg[0], arg[1], arg[2], sc[0], sc[1])
		in[k].check(t, what)
		for i := range n {
			if !same(in[k].data[i], d.data[i]) {
				t.Fatalf("%s: onto operand %d, element %d is %g, not %g", what, k, i, in[k].data[i], d.data[i])
			}
		}
		copy(in[k].data, kept[k].data)
	}
}

// TestOpsFenced lets all operands end at, and begin behind, an unmapped page.
func TestOpsFenced(t *testing.T) {
	for _, atStart := range []bool{false, true} {
		var mem [4][]float32
		for k := range mem {
			mem[k] = fenced[float32](t, 131, atStart)
		}
		r := random()
		eachSet(t, func(t *testing.T, s *Set) {
			for op := range VecOp(NumVecOps) {
				for n := range 131 {
					var arg [4][]float32
					for k := range mem {
						arg[k] = mem[k][:n]
						if !atStart {
							arg[k] = mem[k][131-n:]
						}
						fill(r, arg[k])
					}
					s.Vec.Run(op, arg[3], arg[0], arg[1], arg[2], 1, 2)
				}
			}
		})
	}
}

// exact gives the value of a function in float64.
var exact = map[VecOp]func(float64) float64{
	Exp: math.Exp, Expm1: math.Expm1, Log: math.Log, Log1p: math.Log1p, Tanh: math.Tanh, Erf: math.Erf,
	Sin: math.Sin, Cos: math.Cos,
	Sigmoid: func(x float64) float64 {
		if x < 0 {
			return math.Exp(x) / (1 + math.Exp(x))
		}
		return 1 / (1 + math.Exp(-x))
	},
	Exp2: math.Exp2, Log2: math.Log2, Log10: math.Log10,
	Tan: math.Tan, Asin: math.Asin, Acos: math.Acos, Atan: math.Atan, Sinh: math.Sinh, Cosh: math.Cosh,
	Asinh: math.Asinh, Acosh: math.Acosh, Atanh: math.Atanh, Erfc: math.Erfc, Erfinv: math.Erfinv,
	Lgamma: func(x float64) float64 {
		if math.IsInf(x, -1) {
			return math.Inf(1)
		}
		y, _ := math.Lgamma(x)
		return y
	},
	Digamma: exactDigamma, Trigamma: exactTrigamma,
}

// exactDigamma shifts further and sums less than the kernel.
func exactDigamma(x float64) float64 {
	switch {
	case x == 0:
		return -1 / x
	case x < 0 && math.Trunc(x) == x: // -Inf too
		return math.NaN()
	case x < 0:
		return exactDigamma(1-x) - math.Pi/math.Tan(math.Pi*(x-math.Round(x)))
	}
	y := 0.0
	for ; x < 100; x++ {
		y -= 1 / x
	}
	return y + math.Log(x) - 1/(2*x) - 1/(12*x*x) + 1/(120*x*x*x*x)
}

func exactTrigamma(x float64) float64 {
	switch {
	case math.IsInf(x, -1):
		return math.NaN()
	case x <= 0 && math.Trunc(x) == x:
		return math.Inf(1)
	case x < 0:
		s := math.Pi / math.Sin(math.Pi*(x-math.Round(x)))
		return s*s - exactTrigamma(1-x)
	}
	y := 0.0
	for ; x < 100; x++ {
		y += 1 / (x * x)
	}
	return y + 1/x + 1/(2*x*x) + 1/(6*x*x*x) - 1/(30*x*x*x*x*x)
}

// nearZeros lists the functions that have zeros below 0, where their error is
// that of a number of size 1.
var nearZeros = map[VecOp]bool{Lgamma: true, Digamma: true, Trigamma: true}

// TestULP takes every 1021st float of either sign and holds the functions to
// their bound.
func TestULP(t *testing.T) {
	step := uint32(1021)
	if testing.Short() {
		step = 4093
	}
	eachSet(t, func(t *testing.T, s *Set) {
		for op, f := range exact {
			step := step
			if op > SiluSlope {
				if s != &generic {
					continue // the same function in every set
				}
				step *= 8 // a hundred times as slow
			}
			worst, at := 0.0, float32(0)
			in, out := make([]float32, 0, 4096), make([]float32, 4096)
			flush := func() {
				s.Vec.Run(op, out[:len(in)], in, nil, nil, 0, 0)
				for i, x := range in {
					want := f(float64(x))
					got := float64(out[i])
					if same(out[i], float32(want)) {
						continue
					}
					e := math.Abs(got-want) / ulp(want)
					if nearZeros[op] && x < 0 && math.Abs(want) < 1 {
						e = math.Abs(got-want) / ulp(1)
					}
					if math.IsInf(got, 0) && math.Abs(want) > math.MaxFloat32*(1-4e-7) && got*want > 0 {
						continue // overflow within the bound
					}
					if math.IsInf(want, 0) || math.Abs(want) > math.MaxFloat32 {
						e = (math.MaxFloat32 - math.Abs(got)) / ulp(math.MaxFloat32)
					}
					if !(e <= worst) {
						worst, at = e, x
					}
				}
				in = in[:0]
			}
			for b := uint64(0); b <= 1<<32-1; b += uint64(step) {
				in = append(in, math.Float32frombits(uint32(b)))
				if len(in) == cap(in) {
					flush()
				}
			}
			in = append(in, specials...)
			flush()
			t.Logf("%v: %.3f ulp at %g", op, worst, at)
			if !(worst <= 4) {
				t.Errorf("%v: %.2f ulp at %g", op, worst, at)
			}
		}
	})
}

// TestPow compares with math.Pow on a grid of ordinary and special pairs.
func TestPow(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		r := random()
		list := append([]float32{}, specials...)
		list = append(list, 2, 3, -3, 7, -8, 1.0/3)
		for range 200 {
			list = append(list, float32(math.Exp(r.NormFloat64()*3)))
		}
		for _, x := range list {
			for _, y := range list {
				d := make([]float32, 1)
				s.Vec.Run(Pow, d, []float32{x}, []float32{y}, nil, 0, 0)
				want := math.Pow(float64(x), float64(y))
				if !same(d[0], float32(want)) && !(math.Abs(float64(d[0])-want) <= 4*ulp(want)) {
					t.Fatalf("%g^%g is %g, want %g", x, y, d[0], want)
				}
			}
		}
	})
}

// TestPortableBits pins the bits of the portable kernels, which are the same on
// every platform.
func TestPortableBits(t *testing.T) {
	const want = 0xef68b5136ffb493b
	h := fnv.New64a()
	add := func(x []float32) {
		for _, y := range x {
			b := math.Float32bits(y)
			if y != y {
				b = 0x7fc00000
			}
			_ = binary.Write(h, binary.LittleEndian, b)
		}
	}
	r := random()
	a, b, c, d := make([]float32, 5000), make([]float32, 5000), make([]float32, 5000), make([]float32, 5000)
	for op := range VecOp(NumVecOps) {
		fill(r, a)
		fill(r, b)
		fill(r, c)
		generic.Vec.Run(op, d, a, b, c, 0.3, 1.7)
		add(d)
	}
	for _, x := range [][]float32{a, b, c, d} {
		for i := range x {
			x[i] = float32(r.IntN(1<<20)) / (1 << 18)
		}
	}
	v := &generic.Vec
	loss, lse := v.CrossEntropy(a, 3)
	add([]float32{v.Sum(a), v.Dot(a, b), v.SumSq(a), v.Prod(a[:20]), loss, lse})
	v.LayerNorm(d, a, b, c, 1e-5)
	add(d)
	v.LayerNormGrad(d, a, b, c, a, b, 0.7, 1.3)
	add(d)
	v.Update(RMSpropCentered, a, b, c, d, nil, &[8]float32{0.1, 0, 0.9, 0.1, 1e-8})
	v.Update(Adam, a, b, c, d, nil, &[8]float32{1, 0, 0.1, 0.99, 0.01, 10, 1e-8, 1})
	add(a)
	bn := NewBatchNorm(&generic, 500, 10, 1)
	mean, variance, scratch := make([]float32, 10), make([]float32, 10), make([]float32, bn.Scratch())
	runPhases(bn.Bind(d, b, a, c, mean, variance, 1e-5, scratch, nil), 1)
	runPhases(bn.BindGrad(d, nil, nil, d, b, a, mean, variance, 1e-5, scratch), 1)
	add(d)
	if got := h.Sum64(); got != want {
		t.Errorf("the portable kernels give other bits: %#x, want %#x", got, uint64(want))
	}
}

// FuzzOps compares each set with the portable one on any bits.
func FuzzOps(f *testing.F) {
	f.Add(uint8(0), uint8(17), uint64(1))
	f.Add(uint8(Exp), uint8(100), uint64(7))
	f.Fuzz(func(t *testing.T, op, n uint8, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		o := VecOp(op % NumVecOps)
		for _, s := range Sets() {
			if s.Available {
				testOp(t, s, o, int(n), int(seed%16), r)
			}
		}
	})
}

// TestRunAllocates shows that a call allocates nothing.
func TestRunAllocates(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		x := make([]float32, 300)
		var scalars [8]float32
		if n := testing.AllocsPerRun(100, func() {
			for op := range VecOp(NumVecOps) {
				s.Vec.Run(op, x, x, x, x, 1, 2)
			}
			s.Vec.WithSlope(Gelu, x[:100], x[100:], x[200:])
			s.Vec.Sum(x)
			s.Vec.Softmax(x, x)
			s.Vec.LogSoftmaxGrad(x, x, x)
			s.Vec.LayerNormGrad(x, x, x, x, x, x, 1, 1)
			s.Vec.Update(Adam, x[:50], x[50:], x[100:], x[150:], nil, &scalars)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// TestPlansAllocate shows that running a plan allocates nothing.
func TestPlansAllocate(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		spec := poolSpecs()[1]
		nx, ny := spec.lens()
		x, y, index, col := make([]float32, nx), make([]float32, ny), make([]int32, ny), make([]float32, 10)
		bn := NewBatchNorm(s, nx/10, 10, 1)
		scratch := make([]float32, bn.Scratch())
		maxPool, avgPool := NewMaxPool(s, spec, 1), NewAvgPool(s, spec, true, 1)
		for name, phases := range map[string][]Phase{
			"max pool":            maxPool.Bind(y, index, x),
			"max pool gradient":   maxPool.BindGrad(x, y, index, nil),
			"avg pool":            avgPool.Bind(y, x),
			"avg pool gradient":   avgPool.BindGrad(x, y),
			"batch norm":          bn.Bind(x, x, col, col, col, col, 1e-5, scratch, nil),
			"batch norm gradient": bn.BindGrad(x, col, col, x, x, col, col, col, 1e-5, scratch),
		} {
			if n := testing.AllocsPerRun(20, func() { runPhases(phases, 1) }); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	})
}
