package nn

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// shapeLayers are layers with what is wrong about their operand or config.
var shapeLayers = []struct {
	name  string
	layer Forwarder
	in    ir.Type
	want  string
}{
	{"pad", &Pad{Widths: Widths{[]int{1}, []int{1}}}, f32(2, 3, 4, 4), "pad: wants an operand [B C ...] with 1 axes behind the channels: x f32[2 3 4 4]"},
	{"pad widths", &Pad{Widths: Widths{[]int{1, -2}, []int{1}}}, f32(2, 3, 4), "pad: wants before and after for the same axes, got [1 -2] and [1]\nbefore and after must not be negative, got -2"},
	{"pad mode", &Pad{Mode: 9, Widths: Widths{[]int{1}, []int{1}}}, f32(2, 3, 4), "pad: there is no paddingmode(9)"},
	{"pad reflect", &Pad{Mode: PadReflect, Widths: Widths{[]int{4}, []int{0}}}, f32(2, 3, 4), "pad_reflect: axis 2 of 4 elements can't be widened by 4 and 0"},
	{"constant pad", &ConstantPad{Widths: Widths{[]int{1}, []int{1}}}, f32(2, 3), "constant_pad: wants an operand [B C ...] with 1 axes behind the channels"},
	{"channel shuffle", &ChannelShuffle{2}, f32(2, 3, 4), "channel_shuffle: wants an operand [B C ...] of rank 3 or more whose channels divide into 2 groups"},
	{"unflatten", &Unflatten{Axis: 1, Shape: []int{-1, 4}}, f32(2, 6), "unflatten: axis 1 of 6 elements can't take the shape [-1 4]"},
	{"unflatten twice free", &Unflatten{Axis: 1, Shape: []int{-1, -1}}, f32(2, 6), "unflatten: axis 1 of 6 elements can't take the shape [-1 -1]"},
	{"unflatten axis", &Unflatten{Axis: 2, Shape: []int{2}}, f32(2, 6), "unflatten: "},
	{"unfold", NewUnfold(3), f32(2, 3, 2, 4), "unfold: a patch over 3 positions does not fit into 2 and padding of 0"},
	{"fold", NewFold(4, 4, 2), f32(2, 12, 5), "fold: wants [B C*4 4] for images of 4 by 4"},
	{"global pool", &GlobalAvgPool{}, f32(2, 3), "global_avg_pool: wants an operand [B C ...] of rank 3 or more"},
	{"global max pool", &GlobalMaxPool{}, f32(2, 3), "global_max_pool: wants an operand [B C ...] of rank 3 or more"},
	{"max pool 3d", NewMaxPool3d(2), f32(2, 3, 4, 4), "max_pool: wants an operand [B C Z Y X]: x f32[2 3 4 4]"},
	{"avg pool 3d", NewAvgPool3d(0), f32(2, 3, 4, 4, 4), "avg_pool: kernel must be at least 1, got 0"},
	{"lp pool 3d", NewLPPool3d(-1, 2), f32(2, 3, 4, 4, 4), "lp_pool: norm must be positive, got -1"},
	{"adaptive pool 3d", NewAdaptiveAvgPool3d(2, 0, 2), f32(2, 3, 4, 4, 4), "adaptive_avg_pool: out must be at least 1, got 0"},
	{"fractional", FractionalMaxPoolConfig{Kernel: []int{2}, Out: []int{4}}.Build(), f32(2, 3, 4), "fractional_max_pool: 4 windows of 2 elements do not fit into 4"},
	{"fractional config", FractionalMaxPoolConfig{Kernel: []int{2, 0}, Out: []int{4}}.Build(), f32(2, 3, 4), "fractional_max_pool: kernel must be at least 1, got 0\nwants kernel and out for the same axes"},
	{"batch norm 3d", NewBatchNorm3d(3), f32(2, 3, 4, 4), "batch_norm: wants an operand [B C Z Y X]"},
	{"sync batch norm", NewSyncBatchNorm(3), f32(3), "batch_norm: wants an operand [B C ...]"},
	{"instance norm 3d", NewInstanceNorm3d(3), f32(2, 3, 4, 4), "instance_norm: wants an operand [B C Z Y X]"},
	{"softmax2d", &Softmax2d{}, f32(2, 3), "softmax2d: wants an operand [B C Y X]"},
	{"glu", &GLU{-1}, f32(2, 3), "glu: axis 1 of 3 elements has no halves"},
	{"swiglu", &SwiGLU{-1}, f32(2, 3), "swiglu: axis 1 of 3 elements has no halves"},
	{"geglu", &GeGLU{4}, f32(2, 4), "geglu: "},
	{"reglu", &ReGLU{1}, f32(2, 3), "reglu: axis 1 of 3 elements has no halves"},
	{"rrelu", &RReLU{0.5, 0.25}, f32(2, 3), "rrelu: lower must be at most upper, both finite, got 0.5 and 0.25"},
	{"celu", &CELU{0}, f32(2, 3), "celu: alpha can't be 0"},
	{"softshrink", &Softshrink{-1}, f32(2, 3), "softshrink: lambd -1 is negative"},
	{"channel dropout", NewChannelDropout(1.5), f32(2, 3), "channel_dropout: probability 1.5 is outside 0..1"},
	{"channel dropout rank", NewChannelDropout(0.5), f32(2), "channel_dropout: wants an operand [B C ...]"},
	{"alpha dropout", NewAlphaDropout(-1), f32(2, 3), "alpha_dropout: probability -1 is outside 0..1"},
	{"feature alpha dropout", NewFeatureAlphaDropout(0.5), f32(2), "feature_alpha_dropout: wants an operand [B C ...]"},
	{"gaussian dropout", &GaussianDropout{1}, f32(2), "gaussian_dropout: probability must be below 1"},
	{"gaussian noise", &GaussianNoise{-1}, f32(2), "gaussian_noise: std must be a finite number of at least 0, got -1"},
	{"separable", NewSeparableConv2d(DefaultConv2d(3, 4, 2), 0), f32(2, 3, 4, 4), "conv2d: out must be at least 1, got 0"},
	{"embedding bag", EmbeddingBagConfig{Count: 3, Mode: "most"}.Build(), f32(2, 3), "embedding_bag: width must be at least 1, got 0\nthere is no mode \"most\" of a bag; there are mean, sum and max"},
	{"embedding bag operand", NewEmbeddingBag(3, 2), f32(2, 3), "embedding_bag: wants an index of an integer type"},
	{"weight norm", NewWeightNorm(NewFlatten()), f32(2, 3), "weight_norm: wants a linear layer or a convolution, got *nn.Flatten"},
	{"spectral norm", DefaultSpectralNorm().Build(NewFlatten()), f32(2, 3), "spectral_norm: wants a linear layer or a convolution, got *nn.Flatten"},
	{"parallel", &Parallel{}, f32(2, 3), "parallel: wants at least one module"},
	{"residual", &Residual{Body: NewLinear(3, 2)}, f32(2, 3), "add: "},
}

// A mistake says what was wanted, what came, and where; and after a mistake every
// layer still gives something.
func TestMistakesOfShapes(t *testing.T) {
	for _, tc := range shapeLayers {
		m := &struct{ Block *Sequential }{NewSequential(tc.layer)}
		tree, err := module.Walk(m)
		if err != nil {
			t.Fatal(err)
		}
		g := ir.NewGraph()
		c := module.NewCtx(g, tree, nil).Train()
		m.Block.Forward(c, g.Input(ir.Arg, "x", tc.in))
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "; at block.0") {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}

		g = ir.NewGraph()
		c = module.NewCtx(g, tree, nil).Train()
		wrong := ops.MatMul(g.Input(ir.Arg, "x", f32(2, 3)), g.Input(ir.Arg, "y", f32(2, 3)))
		if y := m.Block.Forward(c, wrong); y == nil || g.Err() == nil || !strings.HasPrefix(g.Err().Error(), "matmul") && !strings.HasPrefix(g.Err().Error(), "dot") {
			t.Errorf("%s after a mistake gives %v, and error %v", tc.name, y, g.Err())
		}
	}
}

func TestMistakesOfTwoOperands(t *testing.T) {
	l, cfg := NewBilinear(3, 4, 2), MaxUnpoolConfig{Kernel: []int{2}, Stride: []int{2, 2}, Padding: []int{0}}
	for want, call := range map[string]func(c *Ctx, x *ir.Value){
		"bilinear: wants x1 [... I], x2 [... J] and weight [O I J]": func(c *Ctx, x *ir.Value) { l.Forward(c, x, x) },
		"bilinear: in2 must be at least 1, got 0":                   func(c *Ctx, x *ir.Value) { NewBilinear(3, 0, 2).Forward(c, x, x) },
		"max_unpool: wants kernel, stride and padding for the same axes, got [2], [2 2] and [0]": func(c *Ctx, x *ir.Value) {
			cfg.Build().Pool(c, x)
		},
		"max_unpool: wants an operand [B C T]": func(c *Ctx, x *ir.Value) {
			u := MaxUnpoolConfig{Kernel: []int{2}, Stride: []int{2}, Padding: []int{0}}.Build()
			y, index := u.Pool(c, x)
			u.Forward(c, y, index, x)
		},
	} {
		tree, err := module.Walk(l)
		if err != nil {
			t.Fatal(err)
		}
		g := ir.NewGraph()
		call(module.NewCtx(g, tree, nil), g.Input(ir.Arg, "x", f32(2, 3)))
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
