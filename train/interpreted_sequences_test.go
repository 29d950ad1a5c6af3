package train_test

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// sequences are layers for sequences, and those that add to the loss.
func sequences() []part {
	projected := nn.DefaultLSTM(12, 7)
	projected.ProjSize, projected.Bidirectional, projected.Layers = 3, true, 2
	more := nn.DefaultMultiheadAttention(12, 3)
	more.AddBiasKV, more.AddZeroAttn, more.Dropout = true, true, 0.2
	small := nn.DefaultTransformer(12, 3)
	small.Hidden = 16
	yarn := nn.DefaultYaRNRoPE()
	yarn.Factor, yarn.OriginalMaxPositionEmbeddings = 4, 16
	rope := nn.DefaultRoPE()
	rope.Scaling, rope.Interleaved = yarn, true
	grouped := nn.DefaultGroupedQueryAttention(12, 4, 2)
	grouped.RoPE, grouped.Window, grouped.HeadWidth = &rope, new(3), new(4)
	far := nn.DefaultGroupedQueryAttention(12, 3, 1)
	far.ALiBi, far.RelativePosition, far.Dropout = true, new(nn.DefaultRelativePosition()), 0.1
	dropless := nn.DefaultMixtureOfExperts(12, 16, 5)
	dropless.ZLoss, dropless.Jitter = 0.001, 0.1
	bounded := nn.DefaultMixtureOfExperts(12, 16, 3)
	bounded.CapacityFactor, bounded.Gated, bounded.Activation, bounded.TopK, bounded.Renormalize = new(1.0), false, nn.ReLUExpert, 1, false
	return []part{
		layer("MixtureOfExperts", dropless.Build(), f32(3, 9, 12)),
		layer("MixtureOfExperts/capacity", bounded.Build(), f32(3, 9, 12)),
		layer("GroupedQueryAttention", grouped.Build(), f32(3, 5, 12)),
		layer("GroupedQueryAttention/biases", far.Build(), f32(3, 5, 12)),
		layer("MultiheadAttention/more keys", more.Build(), f32(3, 5, 12)),
		layer("MultiheadAttention/weights", &weighed{more.Build()}, f32(3, 5, 12)),
		layer("Transformer", &translated{small.BuildTransformer(1, 2)}, f32(2, 5, 12)),
		layer("RoPE", nn.DefaultRoPE().Build(), f32(2, 5, 3, 6)),
		layer("RoPE/options", rope.Build(), f32(2, 5, 8)),
		layer("LSTM/projected", projected.Build(), f32(3, 5, 12)),
		layer("ActivityRegularization", &nn.ActivityRegularization{L1: 0.1, L2: 0.01}, f32(5, 12)),
	}
}

// weighed is attention that gives its weights.
type weighed struct{ Attn *nn.MultiheadAttention }

func (m *weighed) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	y, w := m.Attn.AttendWeights(c, x, x, x, nn.AttentionMask{Causal: true})
	return ops.Add(y, ops.Mean(w))
}

// translated is a transformer that reads one sequence as source and target.
type translated struct{ Net *nn.Transformer }

func (m *translated) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	return m.Net.Translate(c, x, x, nn.AttentionMask{}, nn.AttentionMask{Causal: true}, nn.AttentionMask{})
}
