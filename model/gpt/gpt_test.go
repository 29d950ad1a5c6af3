package gpt

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
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

func tiny() Config {
	return Config{Vocabulary: 11, Context: 7, Layers: 2, Width: 8, Heads: 2, Hidden: 12, Eps: 1e-5}
}

// Loss, logits and all gradients of one step are PyTorch's.
func TestStep(t *testing.T) {
	tied, untied := tiny(), tiny()
	tied.Tied, tied.Bias = true, true
	untied.HeadBias = true
	for file, cfg := range map[string]Config{"tied": tied, "untied": untied} {
		t.Run(file, func(t *testing.T) {
			m := build(t, cfg)
			moduletest.Double(t, m)
			g := moduletest.Open(t, "testdata/"+file+".safetensors")
			s := moduletest.NewStore(t, m, 0)
			g.Load(s)
			params := module.ParamList(s.Tree.Params)
			out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				logits := m.Forward(c.Train(), in[0])
				l := loss.CrossEntropy(ops.Reshape(logits, -1, cfg.Vocabulary), ops.Reshape(in[1], -1))
				return append([]*ir.Value{l, logits}, grad.Of(l, c.Params(params)...)...)
			}, g.Tensor("in/0"), g.Tensor("in/1"))
			moduletest.Near(t, "loss", out[0], g.Tensor("out/0"))
			moduletest.Near(t, "logits", out[1], g.Tensor("out/1"))
			for i, p := range params {
				moduletest.Near(t, "gradient of "+p.Key, out[2+i], g.Tensor("grad/"+p.Key))
			}
		})
	}
}

// GPT-2 has as many parameters as the paper's smallest model.
func TestGPT2(t *testing.T) {
	tree, err := module.Walk(build(t, GPT2()))
	if err != nil {
		t.Fatal(err)
	}
	n, keys := 0, map[string]shape.Shape{}
	for _, p := range tree.Params {
		n += p.Shape.Size()
		keys[p.Key] = p.Shape
	}
	if n != 124439808 || len(keys) != 148 {
		t.Errorf("%d parameters under %d keys, want 124439808 under 148", n, len(keys))
	}
	for key, want := range map[string]shape.Shape{
		"transformer.wte.weight":              shape.Of(50257, 768),
		"transformer.wpe.weight":              shape.Of(1024, 768),
		"transformer.h.11.attn.c_attn.weight": shape.Of(768, 2304),
		"transformer.h.0.mlp.c_proj.bias":     shape.Of(768),
		"transformer.h.3.ln_2.weight":         shape.Of(768),
		"transformer.ln_f.bias":               shape.Of(768),
	} {
		if got, ok := keys[key]; !ok || got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}

func TestInit(t *testing.T) {
	s := moduletest.NewStore(t, build(t, Small(256)), 1)
	for key, want := range map[string]float64{
		"transformer.wte.weight":             0.02,
		"transformer.wpe.weight":             0.02,
		"transformer.h.0.attn.c_attn.weight": 0.02,
		"transformer.h.1.mlp.c_proj.weight":  0.02 / math.Sqrt(8),
		"transformer.h.2.mlp.c_fc.bias":      0,
		"lm_head.weight":                     0.02,
	} {
		v, sum := s.Values[key], 0.0
		for i := range v.Size() {
			sum += v.Float(i) * v.Float(i)
		}
		if got := math.Sqrt(sum / float64(v.Size())); math.Abs(got-want) > 0.02*want {
			t.Errorf("%s: standard deviation %v, want %v", key, got, want)
		}
	}
}

// tokens is a sequence that counts.
func tokens(b, n int) *tensor.Tensor {
	x := tensor.New(dtype.Int64, shape.Of(b, n))
	for i := range x.Size() {
		x.SetInt(i, int64(i%11))
	}
	return x
}

// No logit depends on a later token.
func TestCausal(t *testing.T) {
	m := build(t, tiny())
	s := moduletest.NewStore(t, m, 3)
	run := func(x *tensor.Tensor) *tensor.Tensor {
		return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value { return []*ir.Value{m.Forward(c.Eval(), in[0])} }, x)[0]
	}
	long, short := run(tokens(1, 7)), run(tokens(1, 4))
	for i := range short.Size() {
		if short.F32()[i] != long.F32()[i] {
			t.Fatalf("logit %d is %v, with more tokens behind %v", i, short.F32()[i], long.F32()[i])
		}
	}
}

// Each of the three dropouts works in training mode, and none in evaluation.
func TestDropout(t *testing.T) {
	for name, set := range map[string]func(c *Config){
		"embedding": func(c *Config) { c.EmbeddingDropout = 0.5 },
		"attention": func(c *Config) { c.AttentionDropout = 0.5 },
		"residual":  func(c *Config) { c.ResidualDropout = 0.5 },
	} {
		cfg := tiny()
		set(&cfg)
		m := build(t, cfg)
		s := moduletest.NewStore(t, m, 3)
		run := func() []*tensor.Tensor {
			return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				return []*ir.Value{m.Forward(c.Train(), in[0]), m.Forward(c.Eval(), in[0])}
			}, tokens(2, 5))
		}
		a, b := run(), run()
		moduletest.Near(t, name+": evaluation", a[1], b[1])
		if string(a[0].Bytes()) == string(b[0].Bytes()) || string(a[0].Bytes()) == string(a[1].Bytes()) {
			t.Errorf("%s dropout does nothing, or the same in every step", name)
		}
	}
}

func TestConfig(t *testing.T) {
	for i, tc := range []struct {
		edit func(c *Config)
		want []string
	}{
		{func(c *Config) { *c = Config{} }, []string{"vocabulary must", "context must", "layers must", "width must", "heads must", "hidden must"}},
		{func(c *Config) { c.Heads = 3 }, []string{"gpt: width 8 can't be split among 3 heads"}},
		{func(c *Config) { c.AttentionDropout, c.ResidualDropout, c.EmbeddingDropout = 2, -1, math.NaN() }, []string{"attention dropout: probability 2", "residual dropout: probability -1", "embedding dropout: probability NaN"}},
		{func(c *Config) { c.Eps = -1 }, []string{"eps must not be negative, got -1"}},
		{func(c *Config) { c.Vocabulary = 1 << 60 }, []string{"gpt: shape"}},
	} {
		cfg := tiny()
		tc.edit(&cfg)
		_, err := New(cfg)
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("case %d: %q is missing in %v", i, want, err)
			}
		}
	}
}

func TestWrongTokens(t *testing.T) {
	m := build(t, tiny())
	for _, tc := range []struct {
		in   ir.Type
		want string
	}{
		{ir.Type{DType: dtype.Int64, Shape: shape.Of(2, 8)}, "wants tokens [B T] with T at most 7: input i64[2 8]; at transformer (gpt_test.go:"},
		{ir.Type{DType: dtype.Int64, Shape: shape.Of(2)}, "wants tokens [B T]"},
		{ir.Type{DType: dtype.Float32, Shape: shape.Of(2, 3)}, "at transformer.wte"},
	} {
		_, err := nn.Summarize(m, tc.in)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: error %v, want %q", tc.in, err, tc.want)
		}
	}
}
