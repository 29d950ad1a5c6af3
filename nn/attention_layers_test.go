package nn

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// likeReference compares the result of a case and all its gradients with the file.
func likeReference(t *testing.T, g *moduletest.Golden, l any, run func(c *Ctx, in []*ir.Value) *ir.Value) {
	t.Helper()
	moduletest.Double(t, l)
	s := moduletest.NewStore(t, l, 0)
	g.Load(s)
	args := []*tensor.Tensor{g.Tensor("gout/0")}
	for i := 0; g.Has(fmt.Sprint("in/", i)); i++ {
		args = append(args, g.Tensor(fmt.Sprint("in/", i)))
	}
	params := module.ParamList(s.Tree.Params)
	var smooth []int
	for i, a := range args[1:] {
		if a.DType().IsFloat() {
			smooth = append(smooth, i)
		}
	}
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		y := run(c.Train(), in[1:])
		var of []*ir.Value
		for _, i := range smooth {
			of = append(of, in[1+i])
		}
		return append([]*ir.Value{y}, grad.VJP([]*ir.Value{y}, in[:1], append(of, c.Params(params)...)...)...)
	}, args...)
	moduletest.Near(t, "result", out[0], g.Tensor("out/0"))
	for k, i := range smooth {
		moduletest.Near(t, fmt.Sprint("gradient of operand ", i), out[1+k], g.Tensor(fmt.Sprint("gin/", i)))
	}
	for i, p := range params {
		moduletest.Near(t, "gradient of "+p.Key, out[1+len(smooth)+i], g.Tensor("grad/"+p.Key))
	}
}

// Attention with shared heads of keys, windows, RoPE, ALiBi and T5's bias is that
// of Hugging Face Transformers.
func TestGroupedQueryAttention(t *testing.T) {
	file := moduletest.Open(t, "testdata/attention_layers.safetensors")
	var cases map[string]json.RawMessage
	file.Cases(&cases)
	for name, attrs := range cases {
		t.Run(name, func(t *testing.T) {
			var how struct{ Causal bool }
			var cfg GroupedQueryAttentionConfig
			for _, into := range []any{&how, &cfg} {
				if err := json.Unmarshal(attrs, into); err != nil {
					t.Fatal(err)
				}
			}
			l := cfg.Build()
			likeReference(t, file.In(t, name), l, func(c *Ctx, in []*ir.Value) *ir.Value {
				return l.Attend(c, in[0], in[len(in)-1], AttentionMask{Causal: how.Causal})
			})
		})
	}
}

func TestGroupedQueryAttentionMistakes(t *testing.T) {
	bad := GroupedQueryAttentionConfig{Width: 6, Heads: 4, KVHeads: 3, Dropout: 2, SoftCap: new(0.0), Window: new(0), RoPE: &RoPEConfig{}, RelativePosition: &RelativePositionConfig{}}
	for _, want := range []string{"kv_heads must divide heads", "width 6 can't be split among 4 heads; head_width", "dropout must be in 0..1", "soft_cap must be", "window must be at least 1", "rope: base must be", "relative_position: buckets must be"} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	g := ir.NewGraph()
	l := DefaultGroupedQueryAttention(4, 2, 1).Build()
	tree, err := module.Walk(l)
	if err != nil {
		t.Fatal(err)
	}
	l.Forward(module.NewCtx(g, tree, nil), g.Input(ir.Arg, "", ir.Type{DType: dtype.Float32, Shape: shape.Of(2, 3, 5)}))
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "grouped_query_attention: wants x [B T 4] and a memory [B S 4]") {
		t.Errorf("error %v", err)
	}
}
