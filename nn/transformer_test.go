package nn

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// transformerCase says how a case of reference values is run.
type transformerCase struct {
	Op           string
	Causal, Same bool
	Layers       int
	Norm         bool
	Encoders     int `json:"encoder_layers"`
	Decoders     int `json:"decoder_layers"`
}

// caseMasks are the masks of a case, nil where there is none.
type caseMasks struct{ own, memory, source AttentionMask }

// transformerLayer makes the layer of a case, and what runs it.
func transformerLayer(t *testing.T, how transformerCase, attrs []byte) (layer any, run func(c *Ctx, in []*ir.Value, m caseMasks, weigh bool) []*ir.Value) {
	t.Helper()
	var cfg TransformerConfig
	var attention MultiheadAttentionConfig
	for _, into := range []any{&cfg, &attention} {
		if err := json.Unmarshal(attrs, into); err != nil {
			t.Fatal(err)
		}
	}
	one := func(f func(c *Ctx, in []*ir.Value, m caseMasks) *ir.Value) func(c *Ctx, in []*ir.Value, m caseMasks, weigh bool) []*ir.Value {
		return func(c *Ctx, in []*ir.Value, m caseMasks, _ bool) []*ir.Value { return []*ir.Value{f(c, in, m)} }
	}
	switch how.Op {
	case "MultiheadAttention":
		l := attention.Build()
		return l, func(c *Ctx, in []*ir.Value, m caseMasks, weigh bool) []*ir.Value {
			if how.Same {
				in = []*ir.Value{in[0], in[0], in[0]}
			}
			if weigh {
				y, weights := l.AttendWeights(c, in[0], in[1], in[2], m.own)
				return []*ir.Value{y, weights}
			}
			return []*ir.Value{l.Attend(c, in[0], in[1], in[2], m.own)}
		}
	case "TransformerEncoderLayer":
		l := cfg.BuildEncoderLayer()
		return l, one(func(c *Ctx, in []*ir.Value, m caseMasks) *ir.Value { return l.Encode(c, in[0], m.own) })
	case "TransformerEncoder":
		l := cfg.BuildEncoder(how.Layers, how.Norm)
		return l, one(func(c *Ctx, in []*ir.Value, m caseMasks) *ir.Value { return l.Encode(c, in[0], m.own) })
	case "TransformerDecoderLayer":
		l := cfg.BuildDecoderLayer()
		return l, one(func(c *Ctx, in []*ir.Value, m caseMasks) *ir.Value { return l.Decode(c, in[0], in[1], m.own, m.memory) })
	case "TransformerDecoder":
		l := cfg.BuildDecoder(how.Layers, how.Norm)
		return l, one(func(c *Ctx, in []*ir.Value, m caseMasks) *ir.Value { return l.Decode(c, in[0], in[1], m.own, m.memory) })
	case "Transformer":
		l := cfg.BuildTransformer(how.Encoders, how.Decoders)
		return l, one(func(c *Ctx, in []*ir.Value, m caseMasks) *ir.Value {
			return l.Translate(c, in[0], in[1], m.source, m.own, m.memory)
		})
	}
	t.Fatalf("no layer %s", how.Op)
	return nil, nil
}

// Keys, results and all gradients of attention, layers and stacks are those of
// torch.nn, with every kind of mask.
func TestTransformerLayers(t *testing.T) {
	file := moduletest.Open(t, "testdata/transformer.safetensors")
	var cases map[string]json.RawMessage
	file.Cases(&cases)
	for name, attrs := range cases {
		t.Run(name, func(t *testing.T) {
			var how transformerCase
			if err := json.Unmarshal(attrs, &how); err != nil {
				t.Fatal(err)
			}
			l, run := transformerLayer(t, how, attrs)
			moduletest.Double(t, l)
			s := moduletest.NewStore(t, l, 0)
			g := file.In(t, name)
			g.Load(s)
			var args []*tensor.Tensor
			results := 0
			for ; g.Has(fmt.Sprint("gout/", results)); results++ {
				args = append(args, g.Tensor(fmt.Sprint("gout/", results)))
			}
			n := 0
			for ; g.Has(fmt.Sprint("in/", n)); n++ {
				args = append(args, g.Tensor(fmt.Sprint("in/", n)))
			}
			at := map[string]int{}
			for _, kind := range []string{"attn", "padding", "memory", "memory_padding", "source_padding"} {
				if g.Has("mask/" + kind) {
					at[kind] = len(args)
					args = append(args, g.Tensor("mask/"+kind))
				}
			}
			params := module.ParamList(s.Tree.Params)
			out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				mask := func(kind string) *ir.Value {
					if i, ok := at[kind]; ok {
						return in[i]
					}
					return nil
				}
				xs := in[results : results+n : results+n]
				ys := run(c.Train(), xs, caseMasks{
					own:    AttentionMask{how.Causal, mask("attn"), mask("padding")},
					memory: AttentionMask{false, mask("memory"), mask("memory_padding")},
					source: AttentionMask{KeyPadding: mask("source_padding")},
				}, results == 2)
				return append(ys, grad.VJP(ys, in[:results], append(xs, c.Params(params)...)...)...)
			}, args...)
			for i := range results {
				moduletest.Near(t, fmt.Sprint("result ", i), out[i], g.Tensor(fmt.Sprint("out/", i)))
			}
			for i := range n {
				moduletest.Near(t, fmt.Sprint("gradient of operand ", i), out[results+i], g.Tensor(fmt.Sprint("gin/", i)))
			}
			for i, p := range params {
				moduletest.Near(t, "gradient of "+p.Key, out[results+n+i], g.Tensor("grad/"+p.Key))
			}
		})
	}
}

// sequence is a [B T D] of numbers that differ.
func sequence(dims ...int) *tensor.Tensor {
	x := tensor.New(dtype.Float32, shape.Of(dims...))
	for i := range x.Size() {
		x.SetFloat(i, math.Sin(float64(i*i)))
	}
	return x
}

// Dropout works in training mode alone.
func TestTransformerDropout(t *testing.T) {
	attention := DefaultMultiheadAttention(8, 2)
	attention.Dropout = 0.5
	layer := DefaultTransformer(8, 2)
	layer.Hidden = 16
	for name, l := range map[string]Forwarder{"attention": attention.Build(), "layer": layer.BuildEncoderLayer(), "stack": layer.BuildEncoder(2, true)} {
		s := moduletest.NewStore(t, l, 3)
		run := func() []*tensor.Tensor {
			return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				return []*ir.Value{l.Forward(c.Train(), in[0]), l.Forward(c.Eval(), in[0])}
			}, sequence(2, 5, 8))
		}
		a, b := run(), run()
		moduletest.Near(t, name+": evaluation", a[1], b[1])
		if string(a[0].Bytes()) == string(b[0].Bytes()) || string(a[0].Bytes()) == string(a[1].Bytes()) {
			t.Errorf("%s: dropout does nothing, or the same in every step", name)
		}
	}
}

// A query that may see nothing gives the bias of the last projection.
func TestAttentionWithoutKeys(t *testing.T) {
	l := NewMultiheadAttention(4, 2)
	l.OutProj.Bias.Init = Constant(0.5)
	s := moduletest.NewStore(t, l, 1)
	hidden := tensor.New(dtype.Bool, shape.Of(1, 3))
	for i := range 3 {
		hidden.SetInt(i, 1)
	}
	y := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{l.Attend(c, in[0], in[0], in[0], AttentionMask{KeyPadding: in[1]})}
	}, sequence(1, 3, 4), hidden)[0]
	for i := range y.Size() {
		if y.Float(i) != 0.5 {
			t.Fatalf("element %d is %v", i, y.Float(i))
		}
	}
}

func TestTransformerInit(t *testing.T) {
	l := DefaultMultiheadAttention(64, 4)
	l.AddBiasKV = true
	s := moduletest.NewStore(t, l.Build(), 1)
	for key, want := range map[string]float64{ // standard deviations
		"in_proj_weight":  math.Sqrt(2.0 / (64 + 192)),
		"in_proj_bias":    0,
		"out_proj.weight": 1 / math.Sqrt(3*64),
		"out_proj.bias":   0,
		"bias_k":          math.Sqrt(2.0 / (64 + 64)), // torch counts [1 1 64] as 64 in and 64 out
	} {
		v, sum := s.Values[key], 0.0
		for i := range v.Size() {
			sum += v.Float(i) * v.Float(i)
		}
		if got := math.Sqrt(sum / float64(v.Size())); math.Abs(got-want) > 0.2*want {
			t.Errorf("%s: standard deviation %v, want %v", key, got, want)
		}
	}
}

func TestPositions(t *testing.T) {
	waves, learned := NewSinusoidalPosition(6, 5), NewLearnedPosition(6, 5)
	s := moduletest.NewStore(t, &struct {
		Waves   *SinusoidalPosition
		Learned *LearnedPosition
	}{waves, learned}, 1)
	x := sequence(2, 4, 5)
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{waves.Forward(c, in[0]), learned.Forward(c, in[0])}
	}, x)
	for i := range x.Size() {
		place, d := float64(i/5%4), i%5
		angle := place * math.Pow(10000, -float64(d-d%2)/5)
		want := x.Float(i) + math.Sin(angle+float64(d%2)*math.Pi/2)
		if got := out[0].Float(i); math.Abs(got-want) > 1e-6 {
			t.Errorf("element %d with waves is %v, want %v", i, got, want)
		}
		want = x.Float(i) + s.Values["learned.weight"].Float(i/5%4*5+d)
		if got := out[1].Float(i); math.Abs(got-want) > 1e-6 {
			t.Errorf("element %d with what is learned is %v, want %v", i, got, want)
		}
	}
	if s.Values["waves.pe"] == nil {
		t.Error("the table of waves is no state")
	}
}

func TestTransformerMistakes(t *testing.T) {
	bad := DefaultTransformer(6, 4)
	bad.Hidden, bad.Dropout, bad.Activation, bad.LayerNormEps = 0, 2, "cosine", -1
	for _, want := range []string{"width 6 can't be split among 4 heads", "hidden must be at least 1", "probability 2 is outside", `no activation "cosine"`, "eps must not be negative"} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	typ := func(dims ...int) ir.Type { return ir.Type{DType: dtype.Float32, Shape: shape.Of(dims...)} }
	a := NewMultiheadAttention(4, 2)
	small := DefaultTransformer(4, 2)
	decoder := small.BuildDecoder(1, false)
	for _, tc := range []struct {
		layer any
		in    []ir.Type
		build func(c *Ctx, in []*ir.Value)
		want  string
	}{
		{a, []ir.Type{typ(2, 3, 5)}, func(c *Ctx, in []*ir.Value) { a.Forward(c, in[0]) }, "multihead_attention: wants queries [B T 4], keys [B S 4] and values [B S 4]"},
		{a, []ir.Type{typ(2, 3, 4), typ(2, 3, 3)}, func(c *Ctx, in []*ir.Value) {
			a.Attend(c, in[0], in[0], in[0], AttentionMask{Mask: in[1]})
		}, "wants a mask [3 3] or [4 3 3], got f32[2 3 3]"},
		{a, []ir.Type{typ(2, 3, 4), typ(3, 3)}, func(c *Ctx, in []*ir.Value) {
			a.Attend(c, in[0], in[0], in[0], AttentionMask{KeyPadding: in[1]})
		}, "wants a mask of padding [2 3], got f32[3 3]"},
		{bad.BuildEncoderLayer(), []ir.Type{typ(1, 1, 6)}, func(c *Ctx, in []*ir.Value) { bad.BuildEncoderLayer().Forward(c, in[0]) }, "transformer_encoder_layer: width 6"},
		{small.BuildEncoder(0, true), []ir.Type{typ(1, 1, 4)}, func(c *Ctx, in []*ir.Value) { small.BuildEncoder(0, true).Forward(c, in[0]) }, "transformer_encoder: layers must be at least 1, got 0"},
		{decoder, []ir.Type{typ(2, 3, 4), typ(1, 3, 4)}, func(c *Ctx, in []*ir.Value) {
			decoder.Decode(c, in[0], in[1], AttentionMask{}, AttentionMask{})
		}, "at layers.0.multihead_attn"},
		{NewLearnedPosition(3, 4), []ir.Type{typ(2, 4, 4)}, func(c *Ctx, in []*ir.Value) { NewLearnedPosition(3, 4).Forward(c, in[0]) }, "learned_position: wants [B T 4] with T at most 3"},
		{NewSinusoidalPosition(0, 4), []ir.Type{typ(2, 4, 4)}, func(c *Ctx, in []*ir.Value) { NewSinusoidalPosition(0, 4).Forward(c, in[0]) }, "sinusoidal_position: context must be at least 1"},
	} {
		tree, err := module.Walk(tc.layer)
		if err != nil {
			t.Fatal(err)
		}
		g := ir.NewGraph()
		var in []*ir.Value
		for _, typ := range tc.in {
			in = append(in, g.Input(ir.Arg, "", typ))
		}
		tc.build(module.NewCtx(g, tree, nil), in)
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}

// Attention that gives its weights is the same attention, with dropout and in 16
// bits too, and the weights are what the values are multiplied by.
func TestAttentionWeights(t *testing.T) {
	s := moduletest.NewStore(t, &struct{}{}, 0)
	for _, dt := range []dtype.DType{dtype.Float64, dtype.BFloat16} {
		out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			x := ops.Cast(in[0], dt)
			o := ops.AttentionOptions{Causal: true, Dropout: attentionDropout(c.Train(), 0.3)}
			y, w := ops.AttentionWeights(x, x, x, o)
			again := ops.Transpose(ops.MatMul(w, ops.Transpose(x, 0, 2, 1, 3)), 0, 2, 1, 3)
			var wide []*ir.Value
			for _, v := range []*ir.Value{y, ops.Attention(x, x, x, o), again} {
				wide = append(wide, ops.Cast(v, dtype.Float64))
			}
			return wide
		}, sequence(2, 7, 3, 4))
		for i, name := range []string{"without", "multiplied"} {
			for k := range out[0].Size() {
				if d := math.Abs(out[0].Float(k) - out[1+i].Float(k)); !(d < 1e-6 || dt == dtype.BFloat16 && d < 0.02) {
					t.Errorf("%v: element %d is %v with weights, %v %s", dt, k, out[0].Float(k), out[1+i].Float(k), name)
				}
			}
		}
	}
}
