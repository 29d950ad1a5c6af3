package optim_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A rig is a small net whose step averages its weights.
type rig struct {
	net   *nn.Sequential
	store *exec.Store
	opt   optim.Optimizer
	x     *tensor.Tensor
}

func newRig(t testing.TB, threads int) *rig {
	t.Helper()
	net := nn.NewSequential(nn.NewLinear(6, 40), nn.NewBatchNorm1d(40), &nn.Tanh{}, nn.NewLinear(40, 30))
	s, err := exec.NewStore(cpu.New(cpu.WithThreads(threads)), net, exec.Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	opt, err := optim.DefaultAdam().Build(s.Params())
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.New(dtype.Float32, shape.Of(8, 6))
	r := rng.NewStream(1, "x", 0)
	for i := range x.F32() {
		x.F32()[i] = float32(r.Normal())
	}
	return &rig{net, s, opt, x}
}

// step trains; its arguments are x, the decay and a gate.
func (r *rig) step(average bool) *exec.Func {
	return exec.NewFunc(r.store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		y := r.net.Forward(c.Train(), in[0])
		l := ops.Mean(ops.Mul(y, y))
		c.Gate(in[2])
		r.opt.Update(c, grad.Of(l, c.Params(r.opt)...), ops.Scalar(l, 0.05))
		if average {
			optim.Average(c, "ema.", r.opt.Params(), r.store.States(), in[1])
		}
		return []*ir.Value{l}
	})
}

func (r *rig) run(t testing.TB, f *exec.Func, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := f.Run(context.Background(), in...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (r *rig) get(t testing.TB, key string) *tensor.Tensor {
	t.Helper()
	v, err := r.store.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// averages are what the weights were in turn, averaged in float64.
func TestAverage(t *testing.T) {
	for threads := 1; threads <= 3; threads++ {
		for _, swa := range []bool{false, true} {
			t.Run(fmt.Sprintf("threads=%d/swa=%v", threads, swa), func(t *testing.T) {
				r, plain := newRig(t, threads), newRig(t, threads)
				f, g := r.step(true), plain.step(false)
				want := map[string][]float64{}
				var keys []string // of all that is averaged: weights, and the statistics of the batch norm
				for _, key := range r.store.Model() {
					if w := r.get(t, key); w.DType().IsFloat() {
						keys = append(keys, key)
						for i := range w.Size() {
							want[key] = append(want[key], w.Float(i))
						}
					}
				}
				if len(keys) != len(r.store.Params())+2 {
					t.Fatalf("averaged are %v", keys)
				}
				n := 0
				for step := range 6 {
					decay := 0.75
					if swa {
						decay = float64(n) / float64(n+1)
					}
					open := step != 3
					r.run(t, f, r.x, tensor.Scalar(decay), tensor.Scalar(open))
					plain.run(t, g, r.x, tensor.Scalar(decay), tensor.Scalar(open))
					if open {
						n++
					} else {
						decay = 1
					}
					for _, key := range keys {
						w, e := r.get(t, key), r.get(t, "ema."+key)
						if string(w.Bytes()) != string(plain.get(t, key).Bytes()) {
							t.Fatalf("step %d: averaging changed %s", step, key)
						}
						for i := range w.Size() {
							x := &want[key][i]
							if decay < 1 {
								*x = decay**x + (1-decay)*w.Float(i)
							}
							if math.Abs(e.Float(i)-*x) > 1e-6*max(1, math.Abs(*x)) {
								t.Fatalf("step %d: average of %s is %v at element %d, want %v", step, key, e.Float(i), i, *x)
							}
						}
					}
				}
			})
		}
	}
}

// Under a shadow the net computes with the averages, and Export gives them: a
// model that is loaded with them computes the same. Before the first step they
// are the weights.
func TestShadow(t *testing.T) {
	r := newRig(t, 2)
	eval := func(s *exec.Store, prefix string) *tensor.Tensor {
		f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{r.net.Forward(c.Shadow(prefix).Eval(), in[0])}
		})
		return r.run(t, f, r.x)[0].Clone()
	}
	same := func(a, b *tensor.Tensor) bool { return string(a.Bytes()) == string(b.Bytes()) }
	if !same(eval(r.store, "ema."), eval(r.store, "")) {
		t.Error("before the first step the averages are not the weights")
	}
	f := r.step(true)
	for range 3 {
		r.run(t, f, r.x, tensor.Scalar(0.9), tensor.Scalar(true))
	}
	averaged := eval(r.store, "ema.")
	if same(averaged, eval(r.store, "")) {
		t.Error("the averages are the weights")
	}
	var snap exec.Snapshot
	defer snap.Free()
	if err := r.store.Snapshot(&snap); err != nil {
		t.Fatal(err)
	}
	for _, export := range []func(string) (map[string]*tensor.Tensor, error){r.store.Export, snap.Export} {
		values, err := export("ema.")
		if err != nil {
			t.Fatal(err)
		}
		if len(values) != len(r.store.Model()) {
			t.Errorf("%d values exported, the model has %d", len(values), len(r.store.Model()))
		}
		s, err := exec.NewStore(cpu.New(cpu.WithThreads(2)), r.net)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Restore(values); err != nil {
			t.Fatal(err)
		}
		if !same(eval(s, ""), averaged) {
			t.Error("a model of the exported values computes something else")
		}
	}
}

// An average of a weight is made in the pass that updates it.
func TestAverageIsFused(t *testing.T) {
	r := newRig(t, 2)
	steps := func(f *exec.Func) int {
		plan, err := f.Plan(ir.Type{DType: dtype.Float32, Shape: r.x.Shape()}, ir.Type{DType: dtype.Float64}, ir.Type{DType: dtype.Bool})
		if err != nil {
			t.Fatal(err)
		}
		return plan.Steps
	}
	// 1-decay, the two in float32 and the averages of two statistics are kernels of their own.
	if with, without := steps(r.step(true)), steps(r.step(false)); with > without+5 {
		t.Errorf("%d kernels with an average, %d without", with, without)
	}
}

func TestAverageRefuses(t *testing.T) {
	r := newRig(t, 1)
	for _, tc := range []struct {
		prefix string
		decay  *tensor.Tensor
		want   string
	}{
		{"", tensor.Scalar(0.5), `average: wants a prefix`},
		{"ema.", tensor.Must(tensor.Of([]float32{1})), "average: the decay must be a scalar"},
	} {
		f := exec.NewFunc(r.store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			optim.Average(c, tc.prefix, r.opt.Params(), nil, in[0])
			return in
		})
		if _, err := f.Run(context.Background(), tc.decay); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}
