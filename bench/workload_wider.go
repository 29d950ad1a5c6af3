package bench

import (
	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/charlstm"
	"github.com/gradus-ml/gradus/model/gpt"
	"github.com/gradus-ml/gradus/model/mlp"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/optim"
)

// Wide is 4096-4096-4096 with ReLU, Adam 0.001, batch 256: a third of its time
// goes to the optimizer's pass over 34 million weights.
func Wide() Workload { return wide(256, 4096) }

func wide(batch, width int) Workload {
	layer := product{int64(batch), int64(width), int64(width)}
	return Workload{"wide", trainingFlops([]product{layer, layer}), func(b *cpu.Backend) (*Step, error) {
		model, err := mlp.New(mlp.Config{Sizes: []int{width, width, width}})
		if err != nil {
			return nil, err
		}
		return training(b, model, optim.DefaultAdam(), 1e-3, random(uniform, batch, width), labels(width, batch))
	}}
}

// GPT512 is as GPT, with 8 layers, width 512 and 8 heads on 4 sequences of 256
// tokens.
func GPT512() Workload { return transformer("gpt512", 4, gpt512()) }

func gpt512() gpt.Config {
	cfg := gpt.Small(256)
	cfg.Layers, cfg.Width, cfg.Heads, cfg.Hidden, cfg.Context = 8, 512, 8, 4*512, 256
	return cfg
}

// GRU is as LSTM, with gated recurrent units.
func GRU() Workload {
	cfg := charlstm.ASCII()
	return Workload{"gru", recurrentFlops(cfg, 3), func(b *cpu.Backend) (*Step, error) {
		units := nn.DefaultGRU(cfg.Width, cfg.Hidden)
		units.Layers = cfg.Layers
		return text(b, &charGRU{nn.NewEmbedding(cfg.Vocabulary, cfg.Width), units.Build(), nn.NewLinear(cfg.Hidden, cfg.Vocabulary)})
	}}
}

type charGRU struct {
	Embedding *nn.Embedding
	GRU       *nn.GRU
	Head      *nn.Linear
}

func (m *charGRU) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return m.Head.Forward(c, m.GRU.Forward(c, m.Embedding.Forward(c, x)))
}

// MLPInfer is the forward pass of MLP with one sample.
func MLPInfer() Workload {
	return Workload{"mlp-infer", forwardFlops([]product{{1, 784, 128}, {1, 128, classes}}), func(b *cpu.Backend) (*Step, error) {
		model, err := mlp.New(mlp.MNIST())
		if err != nil {
			return nil, err
		}
		return inference(b, model, random(uniform, 1, 784))
	}}
}
