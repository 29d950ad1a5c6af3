package bench

import (
	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/bert"
	"github.com/gradus-ml/gradus/model/charlstm"
	"github.com/gradus-ml/gradus/model/gpt"
	"github.com/gradus-ml/gradus/model/mlp"
	"github.com/gradus-ml/gradus/model/mobilenet"
	"github.com/gradus-ml/gradus/model/resnet"
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

// ResNet50 is ResNet-50 on 8 colour images 224x224 of 1000 classes, optimizer
// and batch norm as with [ResNet20].
func ResNet50() Workload { return resnet50(8, 224) }

func resnet50(batch, side int) Workload {
	return Workload{"resnet50", trainingFlops(resnet50Layers(int64(batch), int64(side))), func(b *cpu.Backend) (*Step, error) {
		model, err := resnet.New(resnet.ResNet50())
		if err != nil {
			return nil, err
		}
		return training(b, model, momentum(), 0.1, random(normal, batch, 3, side, side), labels(model.Config.Classes, batch))
	}}
}

// ResNet50Infer is the forward pass of ResNet50 with one image, batch norm in
// evaluation mode.
func ResNet50Infer() Workload { return resnet50Infer(224) }

func resnet50Infer(side int) Workload {
	return Workload{"resnet50-infer", forwardFlops(resnet50Layers(1, int64(side))), func(b *cpu.Backend) (*Step, error) {
		model, err := resnet.New(resnet.ResNet50())
		if err != nil {
			return nil, err
		}
		return inference(b, model, random(normal, 1, 3, side, side))
	}}
}

// resnet50Layers are the products of ResNet-50, for images of a multiple of 32.
func resnet50Layers(batch, side int64) []product {
	cfg := resnet.ResNet50()
	in, side := int64(cfg.Widths[0]), side/4
	layers := []product{conv(batch, 3, in, 2*side, 7)}
	for stage, blocks := range cfg.Blocks {
		width := int64(cfg.Widths[stage])
		out := 4 * width
		for block := range blocks {
			layers = append(layers, conv(batch, in, width, side, 1))
			if block == 0 && stage > 0 {
				side /= 2
			}
			layers = append(layers, conv(batch, width, width, side, 3), conv(batch, width, out, side, 1))
			if block == 0 {
				layers = append(layers, conv(batch, in, out, side, 1)) // the shortcut
			}
			in = out
		}
	}
	return append(layers, product{batch, in, int64(cfg.Classes)})
}

// MobileNet is MobileNet-V2 on 16 colour images 96x96 of 1000 classes, with
// the optimizer of [ResNet20] and without dropout.
func MobileNet() Workload { return mobile(16, 96) }

func mobile(batch, side int) Workload {
	cfg := mobilenet.V2()
	cfg.Dropout = 0
	return Workload{"mobilenet", trainingFlops(mobileLayers(cfg, int64(batch), int64(side))), func(b *cpu.Backend) (*Step, error) {
		model, err := mobilenet.New(cfg)
		if err != nil {
			return nil, err
		}
		return training(b, model, momentum(), 0.1, random(normal, batch, 3, side, side), labels(cfg.Classes, batch))
	}}
}

// mobileLayers are the products of MobileNet-V2 of width 1, for images of a
// multiple of 32.
func mobileLayers(cfg mobilenet.Config, batch, side int64) []product {
	side /= 2
	in := int64(cfg.Stem)
	layers := []product{conv(batch, int64(cfg.InChannels), in, side, 3)}
	for _, stage := range cfg.Stages {
		out := int64(stage.Channels)
		for block := range stage.Blocks {
			inner := in * int64(stage.Expand)
			if inner != in {
				layers = append(layers, conv(batch, in, inner, side, 1))
			}
			if block == 0 {
				side /= int64(stage.Stride)
			}
			layers = append(layers, conv(batch*inner, 1, 1, side, 3), conv(batch, inner, out, side, 1))
			in = out
		}
	}
	return append(layers, conv(batch, in, int64(cfg.Last), side, 1), product{batch, int64(cfg.Last), int64(cfg.Classes)})
}

// BERT is BERT-base with the head that guesses tokens, on 4 sequences of 128
// tokens out of 30522, with a loss for every place; AdamW 5e-5 with weight decay
// 0.01, without dropout.
func BERT() Workload { return guess(4, 128, bertBase()) }

// bertBase is BERT-base without dropout, and without a token for padding.
func bertBase() bert.Config {
	cfg := bert.Base()
	cfg.Dropout, cfg.AttentionDropout, cfg.PaddingIdx = 0, 0, nil
	return cfg
}

func guess(batch, tokens int, cfg bert.Config) Workload {
	rows, d, v := int64(batch*tokens), int64(cfg.Width), int64(cfg.Vocabulary)
	layers := append(bertLayers(batch, tokens, cfg), product{rows, d, d}, product{rows, d, v})
	flops := trainingFlops(layers) + layers[0].flops() // the first has a gradient by its operand too
	return Workload{"bert", flops, func(b *cpu.Backend) (*Step, error) {
		model, err := bert.NewMaskedLM(cfg)
		if err != nil {
			return nil, err
		}
		adam := optim.DefaultAdamW()
		adam.WeightDecay = 0.01
		return training(b, &flat{model}, adam, 5e-5, whole("input", cfg.Vocabulary, batch, tokens), whole("labels", cfg.Vocabulary, batch*tokens))
	}}
}

// BERTInfer gives the states that BERT-base makes of 128 tokens.
func BERTInfer() Workload { return encode(128, bertBase()) }

func encode(tokens int, cfg bert.Config) Workload {
	return Workload{"bert-infer", forwardFlops(bertLayers(1, tokens, cfg)), func(b *cpu.Backend) (*Step, error) {
		model, err := bert.New(cfg)
		if err != nil {
			return nil, err
		}
		return inference(b, model, whole("input", cfg.Vocabulary, 1, tokens))
	}}
}

// bertLayers are the products of BERT's encoder.
func bertLayers(batch, tokens int, cfg bert.Config) []product {
	rows, t, d, hidden, heads := int64(batch*tokens), int64(tokens), int64(cfg.Width), int64(cfg.Hidden), int64(cfg.Heads)
	var layers []product
	for range cfg.Layers {
		layers = append(layers, product{rows, d, d}, product{rows, d, d}, product{rows, d, d}, product{rows, d, d},
			product{rows * heads, d / heads, t}, product{rows * heads, t, d / heads},
			product{rows, d, hidden}, product{rows, hidden, d})
	}
	return layers
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
