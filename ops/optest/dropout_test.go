package optest

import (
	"math"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// dropKey is all that a mask depends on, but for probability and shape.
type dropKey struct{ seed, step, stream uint64 }

// dropMask gives the mask of n elements: true where an element is kept.
func dropMask(t *testing.T, n int, p float64, key dropKey) []bool {
	t.Helper()
	g := ir.NewGraph()
	x := ops.Full(g, dtype.Float64, shapeOf([]int{n}), 1)
	scalar := ir.Type{DType: dtype.Uint64}
	seed, step := g.Input(ir.Variable, "seed", scalar), g.Input(ir.Variable, "step", scalar)
	g.SetOutputs(ops.Dropout(x, seed, step, p, key.stream))
	r, err := interp.Run(g, tensor.Scalar(key.seed), tensor.Scalar(key.step))
	if err != nil {
		t.Fatal(err)
	}
	kept := make([]bool, n)
	for i := range kept {
		switch v := r.Outputs[0].Float(i); v {
		case 0:
		case 1 / (1 - p):
			kept[i] = true
		default:
			t.Fatalf("element %d of ones is %v after dropout of %v", i, v, p)
		}
	}
	return kept
}

// A key gives one mask, and another seed, step or stream one that agrees with
// it no more often than chance does.
func TestDropoutMasksOfKeys(t *testing.T) {
	const n, p = 20000, 0.5
	key := dropKey{seed: 1, step: 2, stream: 3}
	mask := dropMask(t, n, p, key)
	for _, c := range []struct {
		name string
		key  dropKey
		same bool
	}{
		{"same key", key, true},
		{"seed", dropKey{2, 2, 3}, false},
		{"high half of seed", dropKey{1 | 1<<40, 2, 3}, false},
		{"step", dropKey{1, 3, 3}, false},
		{"high half of step", dropKey{1, 2 | 1<<40, 3}, false},
		{"stream", dropKey{1, 2, 4}, false},
		{"high half of stream", dropKey{1, 2, 3 | 1<<40}, false},
	} {
		agree := 0
		for i, kept := range dropMask(t, n, p, c.key) {
			if kept == mask[i] {
				agree++
			}
		}
		if c.same && agree != n {
			t.Errorf("%s: %d of %d elements agree, want all", c.name, agree, n)
		}
		// Five standard deviations of the number of heads in n throws.
		if far := 5 * math.Sqrt(n) / 2; !c.same && math.Abs(float64(agree)-n/2) > far {
			t.Errorf("another %s: %d of %d elements agree, want %d within %.0f", c.name, agree, n, n/2, far)
		}
	}
}

// A shorter tensor has the beginning of a longer one's mask, and a larger
// probability drops what a smaller one drops, and more.
func TestDropoutMasksAreNested(t *testing.T) {
	key := dropKey{7, 8, 9}
	long, short, sparse := dropMask(t, 1000, 0.3, key), dropMask(t, 37, 0.3, key), dropMask(t, 1000, 0.6, key)
	for i := range short {
		if short[i] != long[i] {
			t.Fatalf("element %d depends on the number of elements", i)
		}
	}
	for i := range sparse {
		if sparse[i] && !long[i] {
			t.Fatalf("element %d is dropped with probability 0.3 but not with 0.6", i)
		}
	}
}

func TestDropoutKeepRate(t *testing.T) {
	const n = 100000
	for _, p := range []float64{0.01, 0.1, 0.25, 0.5, 0.9, 0.99} {
		kept := 0.0
		for _, k := range dropMask(t, n, p, dropKey{11, 12, 13}) {
			if k {
				kept++
			}
		}
		want, far := n*(1-p), 5*math.Sqrt(n*p*(1-p)) // five standard deviations
		if math.Abs(kept-want) > far {
			t.Errorf("dropout of %v kept %v of %d elements, want %v within %.0f", p, kept, n, want, far)
		}
	}
}

func TestDropoutThreshold(t *testing.T) {
	for p, want := range map[float64]uint64{0: 0, 0x1p-40: 1, 0.1: 429496730, 0.5: 1 << 31, 1 - 0x1p-40: 1 << 32, 1: 1 << 32} {
		if got := (ops.DropoutOp{P: p}).Threshold(); got != want {
			t.Errorf("bits below %d are dropped with probability %v, want %d", got, p, want)
		}
	}
}
