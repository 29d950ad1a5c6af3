package train_test

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// masked is attention with a mask of either kind, made of what it reads.
type masked struct{ Attn *nn.MultiheadAttention }

func (m *masked) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	first := ops.Reshape(ops.Narrow(x, 2, 0, 1), x.Dim(0), x.Dim(1))
	numbers := ops.MatMul(ops.SwapAxes(first, 0, 1), first) // [T T]
	return m.Attn.Attend(c, x, x, x, nn.AttentionMask{Causal: true, Mask: numbers, KeyPadding: ops.Gt(first, ops.Scalar(first, 1))})
}

// decoding is a decoder whose memory is what it reads.
type decoding struct{ Decoder *nn.TransformerDecoder }

func (d *decoding) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	return d.Decoder.Decode(c, x, x, nn.AttentionMask{Causal: true}, nn.AttentionMask{})
}

// transformers are the layers of transformers.
func transformers() []part {
	x := func() *tensor.Tensor { return f32(3, 7, 12) }
	dropped, biased, gelu := nn.DefaultMultiheadAttention(12, 2), nn.DefaultMultiheadAttention(12, 3), nn.DefaultTransformer(12, 3)
	dropped.Dropout, biased.AddBiasKV = 0.3, true
	gelu.Activation, gelu.NormFirst, gelu.Hidden = nn.GELUActivation, true, 20
	return []part{
		layer("MultiheadAttention", nn.NewMultiheadAttention(12, 3), x()),
		layer("MultiheadAttention/dropout", dropped.Build(), x()),
		layer("MultiheadAttention/masks", &masked{nn.NewMultiheadAttention(12, 3)}, x()),
		layer("MultiheadAttention/bias of keys, masks", &masked{biased.Build()}, x()),
		layer("TransformerEncoderLayer", nn.DefaultTransformer(12, 3).BuildEncoderLayer(), x()),
		layer("TransformerEncoder", gelu.BuildEncoder(2, true), x()),
		layer("TransformerDecoder", &decoding{gelu.BuildDecoder(2, true)}, x()),
		layer("SinusoidalPosition", nn.NewSinusoidalPosition(9, 12), x()),
		layer("LearnedPosition", nn.NewLearnedPosition(9, 12), x()),
	}
}
