package lenet

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func build(t *testing.T, cfg Config) *Model {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestKeys(t *testing.T) {
	tree, err := module.Walk(build(t, MNIST()))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range tree.Params {
		got = append(got, p.Key+" "+p.Type().String())
	}
	want := "conv1.weight f32[32 1 5 5], conv1.bias f32[32], conv2.weight f32[64 32 5 5], conv2.bias f32[64], " +
		"fc1.weight f32[512 1024], fc1.bias f32[512], fc2.weight f32[10 512], fc2.bias f32[10]"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("keys %s, want %s", s, want)
	}
	if len(tree.States) != 0 {
		t.Errorf("states %v", tree.States)
	}
}

// Loss, logits and all gradients of one step are PyTorch's.
func TestStep(t *testing.T) {
	cfg := MNIST()
	cfg.Channels, cfg.Hidden = [2]int{4, 8}, 16
	m := build(t, cfg)
	moduletest.Double(t, m)
	g := moduletest.Open(t, "../../nn/testdata/cnn_step.safetensors")
	s := moduletest.NewStore(t, m, 0)
	g.Load(s)
	params := module.ParamList(s.Tree.Params)
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		logits := m.Forward(c.Train(), in[0])
		l := loss.CrossEntropy(logits, in[1])
		return append([]*ir.Value{l, logits}, grad.Of(l, c.Params(params)...)...)
	}, g.Tensor("in/0"), g.Tensor("in/1"))
	moduletest.Near(t, "loss", out[0], g.Tensor("out/0"))
	moduletest.Near(t, "logits", out[1], g.Tensor("out/1"))
	for i, p := range params {
		moduletest.Near(t, "gradient of "+p.Key, out[2+i], g.Tensor("grad/"+p.Key))
	}
}

func TestDropout(t *testing.T) {
	cfg := MNIST()
	cfg.Channels, cfg.Hidden, cfg.Dropout = [2]int{2, 2}, 8, 0.5
	m := build(t, cfg)
	s := moduletest.NewStore(t, m, 3)
	x := tensor.New(dtype.Float32, shape.Of(1, 1, 28, 28))
	nn.Normal(0, 1)(rng.NewStream(1, "x", 0), x)
	run := func() []*tensor.Tensor {
		return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{m.Forward(c.Train(), in[0]), m.Forward(c.Eval(), in[0])}
		}, x)
	}
	a, b := run(), run()
	moduletest.Near(t, "evaluation", a[1], b[1])
	if string(a[0].Bytes()) == string(b[0].Bytes()) || string(a[0].Bytes()) == string(a[1].Bytes()) {
		t.Error("dropout does nothing, or the same in every step")
	}
}

func TestConfig(t *testing.T) {
	bad := MNIST()
	bad.InChannels, bad.Channels[1], bad.Hidden, bad.Classes, bad.Dropout = 0, -1, 0, 0, 2
	bad.Size = [2]int{15, 28}
	_, err := New(bad)
	for _, want := range []string{"conv1: in must", "conv2: out must", "size: an image must be at least 16x16, got 15x28", "fc2: in must", "out must", "dropout: probability 2"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	small := MNIST()
	small.Size = [2]int{16, 17}
	if s, err := nn.Summarize(build(t, small), ir.Type{DType: dtype.Float32, Shape: shape.Of(2, 1, 16, 17)}); err != nil {
		t.Errorf("the smallest image: %v", err)
	} else if got := s.Rows[0].Output.Shape; got != shape.Of(2, 10) {
		t.Errorf("logits %v", got)
	}
}

// A wrong image is told with op, layer and the line of the caller.
func TestWrongImage(t *testing.T) {
	m := build(t, MNIST())
	for _, tc := range []struct {
		name string
		dims []int
		want []string
	}{
		{"channels", []int{2, 3, 28, 28}, []string{"conv", "f32[2 3 28 28]", "; at conv1 (lenet_test.go:"}},
		{"size", []int{2, 1, 32, 32}, []string{"linear", "f32[2 1600]", "; at fc1 (lenet_test.go:"}},
		{"rank", []int{2, 784}, []string{"conv", "f32[2 784]", "; at conv1 (lenet_test.go:"}},
	} {
		_, err := nn.Summarize(m, ir.Type{DType: dtype.Float32, Shape: shape.Of(tc.dims...)})
		if err == nil {
			t.Errorf("%s: no error", tc.name)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q lacks %q", tc.name, err, want)
			}
		}
	}
}
