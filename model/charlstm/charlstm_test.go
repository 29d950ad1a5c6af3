package charlstm

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Loss, logits and all gradients are PyTorch's.
func TestStep(t *testing.T) {
	file := moduletest.Open(t, "testdata/step.safetensors")
	var cases map[string]Config
	file.Cases(&cases)
	m, err := New(cases["charlstm"])
	if err != nil {
		t.Fatal(err)
	}
	moduletest.Double(t, m)
	s := moduletest.NewStore(t, m, 0)
	g := file.In(t, "charlstm")
	g.Load(s)
	params := module.ParamList(s.Tree.Params)
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		logits := m.Forward(c.Train(), in[0])
		l := loss.CrossEntropy(ops.Transpose(logits, 0, 2, 1), in[1]) // [B Vocabulary T]
		ys := []*ir.Value{l, logits}
		return append(grad.VJP(ys, in[2:], c.Params(params)...), ys...)
	}, g.Tensor("in/0"), g.Tensor("in/1"), g.Tensor("gout/0"), g.Tensor("gout/1"))
	for i, p := range params {
		moduletest.Near(t, "gradient of "+p.Key, out[i], g.Tensor("grad/"+p.Key))
	}
	moduletest.Near(t, "loss", out[len(params)], g.Tensor("out/0"))
	moduletest.Near(t, "logits", out[len(params)+1], g.Tensor("out/1"))
}

// A text in two parts, with the states handed on, gives the logits of the whole.
func TestUnrollInParts(t *testing.T) {
	m, err := New(Config{Vocabulary: 5, Width: 3, Hidden: 4, Layers: 2})
	if err != nil {
		t.Fatal(err)
	}
	moduletest.Double(t, m)
	s := moduletest.NewStore(t, m, 1)
	x := tensor.New(dtype.Int64, shape.Of(2, 6))
	for i := range x.Size() {
		x.SetInt(i, int64(i*i%5))
	}
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		a, h, cell := m.Unroll(c, ops.Narrow(in[0], 1, 0, 2), nil, nil)
		b, _, _ := m.Unroll(c, ops.Narrow(in[0], 1, 2, 4), h, cell)
		return []*ir.Value{ops.Concat(1, a, b), m.Forward(c, in[0])}
	}, x)
	moduletest.Near(t, "logits", out[0], out[1])
}

func TestConfig(t *testing.T) {
	text, err := json.Marshal(ASCII())
	if want := `{"vocabulary":128,"width":128,"hidden":256,"layers":2,"dropout":0}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	m, err := New(Config{Dropout: 2})
	if err == nil || m != nil {
		t.Fatal("a config of zeros makes a model")
	}
	for _, want := range []string{"embedding: count must be at least 1", "lstm: in must be at least 1", "layers must be at least 1", "dropout 2 is outside 0..1", "head: in must be at least 1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell %q", err, want)
		}
	}
}
