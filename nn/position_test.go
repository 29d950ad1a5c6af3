package nn

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// scaling reads a scaling of a name that Transformers gives it.
func scaling(t *testing.T, name string, attrs []byte) RoPEScaling {
	t.Helper()
	yarn := DefaultYaRNRoPE()
	read := func(into any) {
		if err := json.Unmarshal(attrs, into); err != nil {
			t.Fatal(err)
		}
	}
	switch name {
	case "linear":
		var s LinearRoPE
		read(&s)
		return s
	case "dynamic":
		var s DynamicRoPE
		read(&s)
		return s
	case "yarn":
		read(&yarn)
		return yarn
	case "longrope":
		var s LongRoPE
		read(&s)
		return s
	case "llama3":
		var s Llama3RoPE
		read(&s)
		return s
	case "proportional":
		var s ProportionalRoPE
		read(&s)
		return s
	}
	t.Fatalf("no scaling %s", name)
	return nil
}

// Frequencies and slopes are those of Hugging Face Transformers, which computes
// the former in float32.
func TestRoPEScalings(t *testing.T) {
	file := moduletest.Open(t, "testdata/rope.safetensors")
	var cases map[string]struct {
		Op                  string
		Dims, Length, Heads int
		Base, Scale         float64
		Config              json.RawMessage
	}
	file.Cases(&cases)
	for name, how := range cases {
		want := file.In(t, name).Tensor("out/0")
		var got []float64
		if how.Op == "alibi" {
			got = ALiBi{how.Heads}.List()
		} else {
			s := scaling(t, how.Op, how.Config)
			if err := s.Validate(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			f, scale, err := s.Frequencies(how.Base, how.Dims, how.Length)
			if err != nil || math.Abs(scale-how.Scale) > 1e-12 {
				t.Errorf("%s: scale %v, want %v, error %v", name, scale, how.Scale, err)
			}
			got = f
		}
		if len(got) != want.Size() {
			t.Fatalf("%s: %d numbers, want %d", name, len(got), want.Size())
		}
		for i, f := range got {
			if w := want.Float(i); math.Abs(f-w) > 2e-6*w {
				t.Errorf("%s: number %d is %v, want %v", name, i, f, w)
			}
		}
	}
}

// What T5 and Swin add to the scores, and its gradient.
func TestPositionBiases(t *testing.T) {
	file := moduletest.Open(t, "testdata/position_bias.safetensors")
	var cases map[string]json.RawMessage
	file.Cases(&cases)
	for name, attrs := range cases {
		var how struct {
			Op            string
			Queries, Keys int
			Heads         int
		}
		var relative RelativePositionConfig
		var window WindowPositionConfig
		for _, into := range []any{&how, &relative, &window} {
			if err := json.Unmarshal(attrs, into); err != nil {
				t.Fatal(err)
			}
		}
		var l any
		var bias func(c *Ctx) *ir.Value
		if how.Op == "t5" {
			b := relative.Build(how.Heads)
			l, bias = b, func(c *Ctx) *ir.Value { return b.Bias(c, how.Queries, how.Keys) }
		} else {
			b := window.Build()
			l, bias = b, b.Bias
		}
		moduletest.Double(t, l)
		s := moduletest.NewStore(t, l, 0)
		g := file.In(t, name)
		g.Load(s)
		params := module.ParamList(s.Tree.Params)
		want := g.Tensor("out/0")
		gout, err := g.Tensor("gout/0").Reshape(append([]int{1}, want.Shape().Dims()[want.Shape().Rank()-3:]...)...)
		if err != nil {
			t.Fatal(err)
		}
		out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			y := bias(c)
			return append(grad.VJP([]*ir.Value{y}, in, c.Params(params)...), ops.Reshape(y, want.Shape().Dims()...))
		}, gout)
		moduletest.Near(t, name+": gradient", out[0], g.Tensor("grad/"+params[0].Key))
		moduletest.Near(t, name, out[1], want)
	}
}

// A sequence in one piece is turned as in two, and one head as one of several.
func TestRoPE(t *testing.T) {
	cfg := DefaultRoPE()
	cfg.Scaling, cfg.Dims = DynamicRoPE{Factor: 2, MaxPositionEmbeddings: 3}, new(4)
	l := cfg.Build()
	s := moduletest.NewStore(t, l, 0)
	x := sequence(2, 5, 1, 6)
	flat, err := x.Reshape(2, 5, 6)
	if err != nil {
		t.Fatal(err)
	}
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		whole := l.Forward(c, in[0])
		a := l.Rotate(c, ops.Narrow(in[0], 1, 0, 2), nil, 5)
		b := l.Rotate(c, ops.Narrow(in[0], 1, 2, 3), in[2], 5)
		return []*ir.Value{whole, ops.Concat(1, a, b), ops.Reshape(l.Forward(c, in[1]), 2, 5, 1, 6)}
	}, x, flat, tensor.Must(tensor.Of([]int64{2, 3, 4})))
	moduletest.Near(t, "two pieces", out[1], out[0])
	moduletest.Near(t, "one head", out[2], out[0])
	if same := out[0].Float(6) == x.Float(6) || out[0].Float(4) != x.Float(4) || out[0].Float(11) != x.Float(11); same {
		t.Errorf("%v becomes %v", x.F32(), out[0].F32())
	}
}

func TestPositionMistakes(t *testing.T) {
	bad := RoPEConfig{Base: 1, Dims: new(3), Scaling: YaRNRoPE{BetaFast: 1, BetaSlow: 2, AttentionFactor: new(0.0), MScale: -1}}
	for _, want := range []string{"base must be", "dims must be even", "factor must be", "original_max_position_embeddings must be", "beta_fast must be", "attention_factor must be", "mscale must be"} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	for want, err := range map[string]error{
		"buckets must be a multiple of 4": RelativePositionConfig{Buckets: 6, MaxDistance: 100, Bidirectional: true}.Validate(),
		"max_distance must be above 8":    RelativePositionConfig{Buckets: 16, MaxDistance: 8}.Validate(),
		"window must be at least 1":       WindowPositionConfig{Heads: 1, Window: [2]int{0, 1}}.Validate(),
		"heads must be at least 1":        ALiBi{}.Validate(),
		"high_freq_factor must be":        Llama3RoPE{Factor: 1, LowFreqFactor: 2, HighFreqFactor: 1, OriginalMaxPositionEmbeddings: 4}.Validate(),
		"short_factor.1 must be":          LongRoPE{Factor: 1, OriginalMaxPositionEmbeddings: 4, ShortFactor: []float64{1, 0}}.Validate(),
		"partial_rotary_factor must be":   ProportionalRoPE{Factor: 1, Partial: 2}.Validate(),
		"max_position_embeddings must be": DynamicRoPE{Factor: 2}.Validate(),
		"factor must be a finite number":  LinearRoPE{Factor: math.Inf(1)}.Validate(),
		"long_factor must have a number for each of 2 pairs, got 0": func() error {
			_, _, err := LongRoPE{Factor: 1, OriginalMaxPositionEmbeddings: 4}.Frequencies(10, 4, 5)
			return err
		}(),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	g := ir.NewGraph()
	tree, err := module.Walk(&struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	DefaultRoPE().Build().Forward(module.NewCtx(g, tree, nil), g.Input(ir.Arg, "", ir.Type{DType: dtype.Float32, Shape: sequence(1, 2, 1, 3).Shape()}))
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "can't turn pairs of 3 out of 3 numbers of a head") {
		t.Errorf("error %v", err)
	}
}
