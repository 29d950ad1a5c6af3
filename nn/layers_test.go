package nn

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/tensor"
)

// build makes the layer of a case of reference values, whose attributes are
// the fields of the layer's config.
func build(t *testing.T, op string, attrs []byte) Forwarder {
	t.Helper()
	read := func(cfg any) {
		t.Helper()
		if err := json.Unmarshal(attrs, cfg); err != nil {
			t.Fatal(err)
		}
	}
	switch op {
	case "Linear":
		var cfg LinearConfig
		read(&cfg)
		return cfg.Build()
	case "Conv1d":
		var cfg Conv1dConfig
		read(&cfg)
		return cfg.Build()
	case "Conv2d":
		var cfg Conv2dConfig
		read(&cfg)
		return cfg.Build()
	case "Conv3d":
		var cfg Conv3dConfig
		read(&cfg)
		return cfg.Build()
	case "ConvTranspose1d":
		var cfg ConvTranspose1dConfig
		read(&cfg)
		return cfg.Build()
	case "ConvTranspose2d":
		var cfg ConvTranspose2dConfig
		read(&cfg)
		return cfg.Build()
	case "ConvTranspose3d":
		var cfg ConvTranspose3dConfig
		read(&cfg)
		return cfg.Build()
	case "MaxPool1d":
		var cfg MaxPool1dConfig
		read(&cfg)
		return cfg.Build()
	case "AvgPool1d":
		var cfg AvgPool1dConfig
		read(&cfg)
		return cfg.Build()
	case "LPPool1d":
		var cfg LPPool1dConfig
		read(&cfg)
		return cfg.Build()
	case "LPPool2d":
		var cfg LPPool2dConfig
		read(&cfg)
		return cfg.Build()
	case "Upsample":
		var cfg UpsampleConfig
		read(&cfg)
		return cfg.Build()
	case "AdaptiveAvgPool1d":
		var l AdaptiveAvgPool1d
		read(&l)
		return &l
	case "AdaptiveAvgPool2d":
		var l AdaptiveAvgPool2d
		read(&l)
		return &l
	case "AdaptiveMaxPool1d":
		var l AdaptiveMaxPool1d
		read(&l)
		return &l
	case "AdaptiveMaxPool2d":
		var l AdaptiveMaxPool2d
		read(&l)
		return &l
	case "PixelShuffle":
		var l PixelShuffle
		read(&l)
		return &l
	case "PixelUnshuffle":
		var l PixelUnshuffle
		read(&l)
		return &l
	case "MaxPool2d":
		var cfg MaxPool2dConfig
		read(&cfg)
		return cfg.Build()
	case "AvgPool2d":
		var cfg AvgPool2dConfig
		read(&cfg)
		return cfg.Build()
	case "BatchNorm1d", "BatchNorm2d":
		var cfg BatchNormConfig
		read(&cfg)
		if op == "BatchNorm1d" {
			return cfg.Build1d()
		}
		return cfg.Build2d()
	case "LayerNorm":
		var cfg LayerNormConfig
		read(&cfg)
		return cfg.Build()
	case "GroupNorm":
		var cfg GroupNormConfig
		read(&cfg)
		return cfg.Build()
	case "InstanceNorm1d", "InstanceNorm2d":
		var cfg InstanceNormConfig
		read(&cfg)
		if op == "InstanceNorm1d" {
			return cfg.Build1d()
		}
		return cfg.Build2d()
	case "RMSNorm":
		var cfg RMSNormConfig
		read(&cfg)
		return cfg.Build()
	case "LocalResponseNorm":
		var l LocalResponseNorm
		read(&l)
		return &l
	case "Embedding":
		var cfg EmbeddingConfig
		read(&cfg)
		return cfg.Build()
	case "PReLU":
		var cfg struct{ N int }
		read(&cfg)
		return NewPReLU(cfg.N)
	}
	t.Fatalf("no layer %s", op)
	return nil
}

// Keys, shapes, results, gradients, running statistics and results in
// evaluation mode are those of torch.nn.
func TestLayers(t *testing.T) {
	for _, file := range []string{"layers", "pools"} {
		g := moduletest.Open(t, "testdata/"+file+".safetensors")
		var cases map[string]json.RawMessage
		g.Cases(&cases)
		for name, raw := range cases {
			t.Run(name, func(t *testing.T) {
				attrs := map[string]any{}
				if err := json.Unmarshal(raw, &attrs); err != nil {
					t.Fatal(err)
				}
				layer(t, g.In(t, name), attrs)
			})
		}
	}
}

func layer(t *testing.T, g *moduletest.Golden, attrs map[string]any) {
	fields := map[string]any{}
	for name, v := range attrs {
		fields[jsonName(name)] = v
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	l := build(t, attrs["op"].(string), raw)
	moduletest.Double(t, l)
	s := moduletest.NewStore(t, l, 0)
	g.Load(s)
	params := module.ParamList(s.Tree.Params)
	sums := make([]*tensor.Tensor, len(params))
	for i := range int(attrs["calls"].(float64)) {
		in := g.Tensor(fmt.Sprint("in/", i))
		out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			y := l.Forward(c.Train(), in[0])
			of := c.Params(params)
			if in[0].DType().IsFloat() {
				of = append(of, in[0])
			}
			return append(grad.VJP([]*ir.Value{y}, in[1:], of...), y)
		}, in, g.Tensor(fmt.Sprint("gout/", i)))
		for j := range params {
			if sums[j] == nil {
				sums[j] = tensor.New(out[j].DType(), out[j].Shape())
			}
			for k := range sums[j].Size() {
				sums[j].SetFloat(k, sums[j].Float(k)+out[j].Float(k))
			}
		}
		moduletest.Near(t, fmt.Sprint("result ", i), out[len(out)-1], g.Tensor(fmt.Sprint("out/", i)))
		if in.DType().IsFloat() {
			moduletest.Near(t, fmt.Sprint("gradient of operand ", i), out[len(params)], g.Tensor(fmt.Sprint("gin/", i)))
		}
	}
	for j, p := range params {
		moduletest.Near(t, "gradient of "+p.Key, sums[j], g.Tensor("grad/"+p.Key))
	}
	for _, st := range s.Tree.States {
		moduletest.Near(t, st.Key, s.Values[st.Key], g.Tensor("after/"+st.Key))
	}
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{l.Forward(c.Eval(), in[0])}
	}, g.Tensor("in/0"))
	moduletest.Near(t, "result in evaluation mode", out[0], g.Tensor("eval/0"))
	for _, st := range s.Tree.States {
		moduletest.Near(t, st.Key+" after evaluation", s.Values[st.Key], g.Tensor("after/"+st.Key))
	}
}

// jsonName turns CountIncludePad into count_include_pad.
func jsonName(field string) string {
	var b strings.Builder
	for i, r := range field {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}
