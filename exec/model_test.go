package exec_test

import (
	"context"
	"math"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// normal draws from a normal distribution of deviation 0.1.
func normal(r *rng.Stream, t *tensor.Tensor) {
	for i := range t.Size() {
		t.SetFloat(i, 0.1*r.Normal())
	}
}

// value starts a parameter with a number.
func value(v float64) module.Init {
	return func(_ *rng.Stream, t *tensor.Tensor) {
		for i := range t.Size() {
			t.SetFloat(i, v)
		}
	}
}

// linear is x W^T + b.
type linear struct{ Weight, Bias *module.Param }

func newLinear(in, out int) *linear {
	return &linear{module.NewParam(normal, out, in), module.NewParam(value(0), out)}
}

func (l *linear) forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Linear(x, c.Param(l.Weight), c.Param(l.Bias))
}

// dropout drops half of x in training mode. It holds a parameter, so that it
// has a path.
type dropout struct{ Scale *module.Param }

func newDropout() *dropout { return &dropout{module.NewParam(value(1), 1)} }

func (d *dropout) forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(d)()
	x = ops.Mul(x, c.Param(d.Scale))
	if !c.Training() {
		return x
	}
	k := c.Random()
	return ops.Dropout(x, k.Seed, k.Step, 0.5, k.Stream)
}

// mlp is two linear layers with a ReLU between them.
type mlp struct{ Fc1, Fc2 *linear }

func newMLP(in, hidden, out int) *mlp { return &mlp{newLinear(in, hidden), newLinear(hidden, out)} }

func (m *mlp) forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return m.Fc2.forward(c, ops.ReLU(m.Fc1.forward(c, x)))
}

// store makes a store that ends with the test.
func newStore(t testing.TB, model any, opts ...exec.Option) *exec.Store {
	t.Helper()
	return storeOn(t, cpu.New(cpu.WithThreads(2)), model, opts...)
}

func storeOn(t testing.TB, b *cpu.Backend, model any, opts ...exec.Option) *exec.Store {
	t.Helper()
	s, err := exec.NewStore(b, model, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// must runs a step and returns its outputs.
func must(t testing.TB, f *exec.Func, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := f.Run(context.Background(), in...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func get(t testing.TB, s *exec.Store, key string) *tensor.Tensor {
	t.Helper()
	v, err := s.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// random makes a tensor of normal numbers.
func random(seed uint64, dims ...int) *tensor.Tensor {
	t := tensor.New(f32, shape.Of(dims...))
	normal(rng.NewStream(seed, "test", 0), t)
	return t
}

func floats(v ...float32) *tensor.Tensor { return tensor.Must(tensor.Of(v)) }

func sameBits(a, b *tensor.Tensor) bool {
	return a.DType() == b.DType() && a.Shape() == b.Shape() && string(a.Bytes()) == string(b.Bytes())
}

func near(t testing.TB, got *tensor.Tensor, want ...float64) {
	t.Helper()
	if got.Size() != len(want) {
		t.Fatalf("got %v, want %d elements", got, len(want))
	}
	for i, w := range want {
		if math.Abs(got.Float(i)-w) > 1e-5*max(1, math.Abs(w)) {
			t.Errorf("element %d is %v, want %v", i, got.Float(i), w)
		}
	}
}
