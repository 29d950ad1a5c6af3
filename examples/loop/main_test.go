package main

import (
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/tensor"
)

func first(t *testing.T, s *mnist.Set, n int) data.Dataset {
	t.Helper()
	set, err := (&mnist.Set{Images: s.Images.Rows(0, n), Labels: s.Labels.Rows(0, n)}).Dataset()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Two epochs of 2,560 images teach it four of five digits.
func TestRun(t *testing.T) {
	train, test, err := mnist.Load()
	if err != nil {
		t.Fatal(err)
	}
	best, weights, err := run(t.Context(), first(t, train, 2560), first(t, test, 500), 2)
	if err != nil {
		t.Fatal(err)
	}
	if best < 0.8 {
		t.Errorf("accuracy %v, want at least 0.8", best)
	}
	if w := weights["5.weight"]; w == nil || w.Size() != 10*8*12*12 {
		t.Errorf("the last layer's weight is %v", w)
	}
}

// Loss and gradients in pieces are those of the whole batch.
func TestPieces(t *testing.T) {
	model := newModel()
	store, err := exec.NewStore(cpu.New(), model, exec.Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	gen := optest.NewGen("pieces")
	x, label := optest.Convert(gen.Normal(32, 1, 28, 28), dtype.Float32), gen.Ints(dtype.Int64, 0, 10, 32)
	run := func(f func(c *nn.Ctx, params []*ir.Value, in []*ir.Value) (*ir.Value, []*ir.Value)) (out []*tensor.Tensor) {
		got, err := exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
			var params []*ir.Value
			for _, p := range store.Params() {
				params = append(params, c.Param(p.Param))
			}
			l, grads := f(c, params, in)
			return append(grads, l)
		}).Run(t.Context(), x, label)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range got {
			out = append(out, v.Clone())
		}
		return out
	}
	whole := run(func(c *nn.Ctx, params, in []*ir.Value) (*ir.Value, []*ir.Value) {
		l := loss.CrossEntropy(model.Forward(c, in[0]), in[1])
		return l, grad.Of(l, params...)
	})
	inPieces := run(func(c *nn.Ctx, params, in []*ir.Value) (*ir.Value, []*ir.Value) {
		return gradients(c, model, params, in[0], in[1])
	})
	if len(inPieces) != len(whole) {
		t.Fatalf("%d values, want %d", len(inPieces), len(whole))
	}
	for i, w := range whole {
		if err := (optest.Case{}).Compare(inPieces[i], w); err != nil {
			t.Errorf("value %d: %v", i, err)
		}
	}
}
