package gpt

import (
	"math"
	"slices"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/pass"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Training in bfloat16 follows training in float32 as closely as it does in
// PyTorch, from the same weights on the same tokens. The distance of two curves
// is that of their losses, step by step. Of rounding that differs in its details
// only, the mean distance should agree to a quarter and the largest to a half.
func TestBFloat16FollowsFloat32(t *testing.T) {
	f, err := safetensors.Open("testdata/bf16.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reference32, reference16 := read(t, f, "loss/f32"), read(t, f, "loss/bf16")
	ours32, ours16 := curve(t, f, false, 200), curve(t, f, true, 200)

	mean, largest := distance(ours16, ours32)
	refMean, refLargest := distance(reference16, reference32)
	t.Logf("loss from %.4f to %.4f; bfloat16 is %.2g off in the mean and %.2g at most, in PyTorch %.2g and %.2g",
		ours16[0], ours16[len(ours16)-1], mean, largest, refMean, refLargest)
	if mean > 1.25*refMean || largest > 1.5*refLargest {
		t.Errorf("bfloat16 is %g off in the mean and %g at most, in PyTorch %g and %g", mean, largest, refMean, refLargest)
	}
	if mean == 0 {
		t.Error("both curves are one: nothing was computed in bfloat16")
	}
	if m, _ := distance(ours32, reference32); m > refMean/4 {
		t.Errorf("in float32 we are %g off PyTorch", m)
	}
	if last := ours16[len(ours16)-1]; last > 0.6*ours16[0] {
		t.Errorf("the loss fell from %g to %g only", ours16[0], last)
	}
}

// The number of threads changes no bit of mixed precision either.
func TestBFloat16Threads(t *testing.T) {
	f, err := safetensors.Open("testdata/bf16.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	one := curve(t, f, true, 5, cpu.WithThreads(1))
	for _, n := range []int{2, 3, 5} {
		if many := curve(t, f, true, 5, cpu.WithThreads(n)); !slices.Equal(one, many) {
			t.Errorf("with %d threads losses are %v, with one %v", n, many, one)
		}
	}
}

// curve trains and returns the loss of each step.
func curve(t *testing.T, f *safetensors.File, mixed bool, steps int, opts ...cpu.Option) []float64 {
	t.Helper()
	m := build(t, Config{Vocabulary: 128, Context: 32, Layers: 2, Width: 64, Heads: 4, Hidden: 256, Tied: true, Bias: true, Eps: 1e-5})
	s, err := exec.NewStore(cpu.New(opts...), m)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, p := range s.Params() {
		w, err := f.Tensor("param/" + p.Key)
		if err != nil {
			t.Fatal(err)
		}
		wide := tensor.New(dtype.Float32, w.Shape())
		for i := range w.Size() {
			wide.SetFloat(i, w.Float(i))
		}
		if err := s.Set(p.Key, wide); err != nil {
			t.Fatal(err)
		}
	}
	cfg := optim.DefaultAdamW()
	cfg.WeightDecay = 0.01
	opt, err := cfg.Build(s.Params())
	if err != nil {
		t.Fatal(err)
	}
	step := exec.NewFunc(s, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		if mixed {
			defer pass.Autocast(c.Graph(), dtype.BFloat16)()
		}
		x, y := ops.Narrow(in[0], 1, 0, 32), ops.Narrow(in[0], 1, 1, 32)
		logits := m.Forward(c.Train(), x)
		l := loss.CrossEntropy(ops.Reshape(logits, -1, 128), ops.Reshape(y, -1))
		opt.Update(c, grad.Of(l, c.Params(opt)...), in[1])
		return []*ir.Value{l}
	})
	tokens, err := f.Tensor("tokens") // [steps B T+1]
	if err != nil {
		t.Fatal(err)
	}
	var losses []float64
	for i := range steps {
		bytes := tensor.Data[uint8](tokens.Rows(i, i+1))
		batch := tensor.New(dtype.Int64, shape.Of(8, 33))
		for j, b := range bytes {
			batch.SetInt(j, int64(b))
		}
		out, err := step.Run(t.Context(), batch, tensor.Scalar[float32](1e-3))
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, out[0].Float(0))
	}
	return losses
}

func read(t *testing.T, f *safetensors.File, name string) []float64 {
	t.Helper()
	x, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float64, x.Size())
	for i := range v {
		v[i] = x.Float(i)
	}
	return v
}

// distance is the mean and the largest difference of two curves.
func distance(a, b []float64) (mean, largest float64) {
	for i := range a {
		d := math.Abs(a[i] - b[i])
		mean += d / float64(len(a))
		largest = max(largest, d)
	}
	return mean, largest
}
