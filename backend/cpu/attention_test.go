package cpu_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// An attentionCase is an op and makes its optional operands.
type attentionCase struct {
	name string
	op   ops.AttentionOp
	more func(gen *optest.Gen, z ops.AttentionSizes) []*tensor.Tensor
}

func attentionCases() []attentionCase {
	type has = ops.AttentionOperands
	type list = []*tensor.Tensor
	i64 := func(f func(i int) int, dims ...int) *tensor.Tensor {
		t := tensor.New(dtype.Int64, shape.Of(dims...))
		for i := range t.Size() {
			t.SetInt(i, int64(f(i)))
		}
		return t
	}
	segments := func(b, n int) *tensor.Tensor { return i64(func(i int) int { return i % n / 50 }, b, n) }
	position := func(_ *optest.Gen, z ops.AttentionSizes) list {
		return list{i64(func(i int) int { return 3*i + z.S - z.T }, z.B)}
	}
	lengths := func(_ *optest.Gen, z ops.AttentionSizes) list {
		return list{i64(func(i int) int { return z.S - i*z.S/z.B }, z.B)}
	}
	bits := list{tensor.Scalar[uint64](7), tensor.Scalar[uint64](9)}
	return []attentionCase{
		{"plain", ops.AttentionOp{Scale: 0.4}, nil},
		{"scale 1", ops.AttentionOp{Scale: 1}, nil},
		{"causal", ops.AttentionOp{Scale: 0.4, Causal: true}, nil},
		{"position", ops.AttentionOp{Scale: 0.4, Causal: true, With: has{Position: true}}, position},
		{"window", ops.AttentionOp{Scale: 0.4, Windowed: true, Left: 20, Right: 7}, nil},
		{"causal window", ops.AttentionOp{Scale: 0.4, Causal: true, Windowed: true, Left: 140, Right: ops.Unbounded}, nil},
		{"lengths", ops.AttentionOp{Scale: 0.4, With: has{Lengths: true}}, lengths},
		{"segments", ops.AttentionOp{Scale: 0.4, Causal: true, With: has{Segments: true}}, func(_ *optest.Gen, z ops.AttentionSizes) list {
			return list{segments(z.B, z.T), segments(z.B, z.S)}
		}},
		{"mask", ops.AttentionOp{Scale: 0.4, With: has{Mask: true}}, func(gen *optest.Gen, z ops.AttentionSizes) list {
			return list{gen.Bools(z.B, 1, z.T, z.S)}
		}},
		{"key mask", ops.AttentionOp{Scale: 0.4, With: has{Mask: true}}, func(gen *optest.Gen, z ops.AttentionSizes) list {
			return list{gen.Bools(z.B, 1, 1, z.S)}
		}},
		{"bias", ops.AttentionOp{Scale: 0.4, With: has{Bias: true}}, func(gen *optest.Gen, z ops.AttentionSizes) list {
			return list{gen.Normal(1, z.H, z.T, z.S)}
		}},
		{"causal key bias", ops.AttentionOp{Scale: 0.4, Causal: true, With: has{Bias: true}}, func(gen *optest.Gen, z ops.AttentionSizes) list {
			return list{gen.Normal(z.B, 1, 1, z.S)}
		}},
		{"slopes", ops.AttentionOp{Scale: 0.4, Causal: true, With: has{Slopes: true}}, func(gen *optest.Gen, z ops.AttentionSizes) list {
			return list{gen.Uniform(0.01, 0.2, z.H)}
		}},
		{"sinks", ops.AttentionOp{Scale: 0.4, With: has{Sinks: true}}, func(gen *optest.Gen, z ops.AttentionSizes) list {
			return list{gen.Normal(z.H)}
		}},
		{"cap", ops.AttentionOp{Scale: 0.4, Capped: true, SoftCap: 1.3}, nil},
		{"dropout", ops.AttentionOp{Scale: 0.4, Causal: true, Dropout: 0.2, Stream: 5, With: has{Dropout: true}},
			func(*optest.Gen, ops.AttentionSizes) list { return bits }},
		{"all", ops.AttentionOp{
			Scale: 0.4, Causal: true, Windowed: true, Left: 300, Right: 3, Capped: true, SoftCap: 4, Dropout: 0.1, Stream: 6,
			With: has{Position: true, Lengths: true, Mask: true, Bias: true, Slopes: true, Sinks: true, Dropout: true},
		}, func(gen *optest.Gen, z ops.AttentionSizes) list {
			m := append(position(gen, z), lengths(gen, z)...)
			m = append(m, gen.Bools(1, z.H, z.T, z.S), gen.Normal(z.B, 1, z.T, z.S), gen.Uniform(0.01, 0.2, z.H), gen.Normal(z.H))
			return append(m, bits...)
		}},
	}
}

// attentionGraph computes value and all gradients of a case, by the op or by
// its composition.
func attentionGraph(c attentionCase, z ops.AttentionSizes, seed string, plain bool) (*ir.Graph, []*tensor.Tensor) {
	gen := optest.NewGen(seed)
	in := []*tensor.Tensor{
		gen.Normal(z.B, z.T, z.H, z.K), gen.Normal(z.B, z.S, z.G, z.K), gen.Normal(z.B, z.S, z.G, z.Width), gen.Normal(z.B, z.T, z.H, z.Width),
	}
	if c.more != nil {
		in = append(in, c.more(gen, z)...)
	}
	g := ir.NewGraph()
	vs := make([]*ir.Value, len(in))
	for i, t := range in {
		if t.DType() == dtype.Float64 {
			in[i] = optest.Convert(t, dtype.Float32)
		}
		vs[i] = g.Input(ir.Arg, fmt.Sprint("in", i), ir.Type{DType: in[i].DType(), Shape: in[i].Shape()})
	}
	apply := func(op ir.Composite, in ...*ir.Value) []*ir.Value {
		if plain {
			return op.Expand(in)
		}
		return ir.Apply(op, in...)
	}
	dout := vs[3]
	args := append(vs[:3:3], vs[4:]...)
	out := apply(c.op, args...)
	delta := ops.Sum(ops.Mul(dout, out[0]), 3)
	args = append(args, out[1], delta, dout)
	g.SetOutputs(append(out, apply(ops.AttentionGradOp(c.op), args...)...)...)
	return g, in
}

// compareAttention runs a case by the kernel and by the composition.
func compareAttention(t *testing.T, b *cpu.Backend, c attentionCase, z ops.AttentionSizes) {
	t.Helper()
	g, in := attentionGraph(c, z, c.name, false)
	got, err := run(b, g, in...)
	if err != nil {
		t.Fatal(err)
	}
	g, in = attentionGraph(c, z, c.name, true)
	want, err := run(b, g, in...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.outputs {
		x, y := got.outputs[i].F32(), want.outputs[i].F32()
		largest := 1.0
		for _, v := range y {
			if !math.IsInf(float64(v), 0) {
				largest = max(largest, math.Abs(float64(v)))
			}
		}
		for j := range x {
			if x[j] != y[j] && !(math.Abs(float64(x[j]-y[j])) <= 1e-5*largest) {
				t.Fatalf("%s, %v: result %d, element %d is %v, by the composition %v", c.name, z, i, j, x[j], y[j])
			}
		}
	}
}

// The kernel gives what the composition gives, for every option and at lengths
// around the sizes of blocks.
func TestAttention(t *testing.T) {
	for _, set := range sets() {
		best := set == sets()[0]
		if testing.Short() && !best {
			continue
		}
		t.Run(set.Name, func(t *testing.T) {
			b := newBackend(t, cpu.WithSet(set), cpu.WithThreads(3))
			for _, c := range attentionCases() {
				for _, n := range []int{1, 7, 64, 129, 1000} {
					if n == 1000 && (testing.Short() || !best) {
						n = 260 // the compositions take minutes
					}
					compareAttention(t, b, c, ops.AttentionSizes{B: 2, T: n, S: n + n%5, H: 4, G: 2, K: 8, Width: 6})
				}
				// A head for each worker, and several blocks of keys.
				compareAttention(t, b, c, ops.AttentionSizes{B: 8, T: 140, S: 290, H: 4, G: 4, K: 3, Width: 33})
			}
		})
	}
}

// Bits do not depend on the number of threads.
func TestAttentionThreads(t *testing.T) {
	for _, c := range attentionCases() {
		for _, z := range []ops.AttentionSizes{
			{B: 1, T: 270, S: 300, H: 2, G: 1, K: 8, Width: 8},
			{B: 8, T: 40, S: 40, H: 4, G: 4, K: 8, Width: 8},
		} {
			var first *result
			for _, threads := range []int{1, 2, 5} {
				g, in := attentionGraph(c, z, c.name, false)
				r, err := run(newBackend(t, cpu.WithThreads(threads)), g, in...)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = r
				} else if err := sameBits(first, r); err != nil {
					t.Errorf("%s, %v, %d threads: %v", c.name, z, threads, err)
				}
			}
		}
	}
}

// Memory grows with the length, not with its square.
func TestAttentionMemory(t *testing.T) {
	b := newBackend(t)
	for _, c := range attentionCases() {
		if c.op.With.Mask || c.op.With.Bias && c.name != "causal key bias" {
			continue // these operands are squares
		}
		bytes := func(n int) float64 {
			g, _ := attentionGraph(c, ops.AttentionSizes{B: 2, T: n, S: n, H: 2, G: 1, K: 16, Width: 16}, c.name, false)
			x, err := b.Compile(g)
			if err != nil {
				t.Fatal(err)
			}
			if list := x.Stats().Interpreted; len(list) > 0 {
				t.Errorf("%s: interpreted are %v", c.name, list)
			}
			return float64(x.Stats().ArenaBytes)
		}
		last := bytes(512)
		for n := 1024; n <= 8192; n *= 2 {
			now := bytes(n)
			if now > 2.05*last {
				t.Errorf("%s: %v bytes at length %d, %v at half of it", c.name, now, n, last)
			}
			last = now
		}
	}
}

// At length 8192, where scores would take 256 MiB a head, some results are
// compared with float64.
func TestAttentionLong(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const n, k = 8192, 16
	c := attentionCase{name: "long", op: ops.AttentionOp{Scale: 0.25, Causal: true}}
	g, in := attentionGraph(c, ops.AttentionSizes{B: 1, T: n, S: n, H: 1, G: 1, K: k, Width: k}, "long", false)
	r, err := run(newBackend(t), g, in...)
	if err != nil {
		t.Fatal(err)
	}
	if r.stats.ArenaBytes > 16<<20 {
		t.Errorf("the arena has %d bytes", r.stats.ArenaBytes)
	}
	q, key, v, dout := in[0].F32(), in[1].F32(), in[2].F32(), in[3].F32()
	dot := func(a, b []float32) (s float64) {
		for i := range k {
			s += float64(a[i]) * float64(b[i])
		}
		return s
	}
	row := func(x []float32, i int) []float32 { return x[i*k : (i+1)*k] }
	for _, at := range []int{0, 1, 127, 128, 4095, 5000, n - 1} {
		weights, sum := make([]float64, at+1), 0.0
		for s := range weights {
			weights[s] = math.Exp(0.25 * dot(row(q, at), row(key, s)))
			sum += weights[s]
		}
		var out, dq [k]float64
		delta := 0.0
		for s := range weights {
			weights[s] /= sum
			for i := range out {
				out[i] += weights[s] * float64(v[s*k+i])
			}
		}
		for i := range out {
			delta += out[i] * float64(dout[at*k+i])
		}
		for s := range weights {
			da := 0.25 * weights[s] * (dot(row(dout, at), row(v, s)) - delta)
			for i := range dq {
				dq[i] += da * float64(key[s*k+i])
			}
		}
		if got := float64(r.outputs[1].F32()[at]); math.Abs(got-math.Log(sum)) > 1e-5 {
			t.Errorf("query %d: lse %v, want %v", at, got, math.Log(sum))
		}
		for i := range out {
			if got := float64(r.outputs[0].F32()[at*k+i]); math.Abs(got-out[i]) > 1e-5 {
				t.Errorf("query %d: result %d is %v, want %v", at, i, got, out[i])
			}
			if got := float64(r.outputs[2].F32()[at*k+i]); math.Abs(got-dq[i]) > 1e-5 {
				t.Errorf("query %d: gradient %d is %v, want %v", at, i, got, dq[i])
			}
		}
	}
}
