package bench

import (
	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/charlstm"
	"github.com/gradus-ml/gradus/model/gpt"
	"github.com/gradus-ml/gradus/model/lenet"
	"github.com/gradus-ml/gradus/model/mlp"
	"github.com/gradus-ml/gradus/model/resnet"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

const classes = 10

// MLP is 784-128-10 with ReLU, SGD 0.01, batch 64.
func MLP() Workload {
	const batch = 64
	flops := trainingFlops([]product{{batch, 784, 128}, {batch, 128, classes}})
	return Workload{"mlp", flops, func(b *cpu.Backend) (*Step, error) {
		model, err := mlp.New(mlp.MNIST())
		if err != nil {
			return nil, err
		}
		return training(b, model, optim.DefaultSGD(), 0.01, random(uniform, batch, 784), labels(classes, batch))
	}}
}

// CNN is the network of package lenet on 28x28 images, SGD 0.01, batch 64.
func CNN() Workload {
	const batch = 64
	flops := trainingFlops([]product{conv(batch, 1, 32, 24, 5), conv(batch, 32, 64, 8, 5), {batch, 1024, 512}, {batch, 512, classes}})
	return Workload{"cnn", flops, func(b *cpu.Backend) (*Step, error) {
		model, err := lenet.New(lenet.MNIST())
		if err != nil {
			return nil, err
		}
		return training(b, model, optim.DefaultSGD(), 0.01, random(uniform, batch, 1, 28, 28), labels(classes, batch))
	}}
}

// ResNet20 is ResNet-20 on 32x32 colour images, SGD 0.1 with momentum 0.9 and
// weight decay 1e-4, batch 32, batch norm in training mode.
func ResNet20() Workload {
	const batch = 32
	layers := []product{conv(batch, 3, 16, 32, 3)}
	in, side := int64(16), int64(32)
	for stage, width := range []int64{16, 32, 64} {
		for block := range 3 {
			if stage > 0 && block == 0 {
				side /= 2
				layers = append(layers, conv(batch, in, width, side, 1)) // the shortcut
			}
			layers = append(layers, conv(batch, in, width, side, 3), conv(batch, width, width, side, 3))
			in = width
		}
	}
	layers = append(layers, product{batch, in, classes})
	return Workload{"resnet20", trainingFlops(layers), func(b *cpu.Backend) (*Step, error) {
		model, err := resnet.New(resnet.ResNet20())
		if err != nil {
			return nil, err
		}
		return training(b, model, momentum(), 0.1, random(normal, batch, 3, 32, 32), labels(classes, batch))
	}}
}

// momentum is the optimizer of networks for images.
func momentum() optim.SGD {
	sgd := optim.DefaultSGD()
	sgd.Momentum, sgd.WeightDecay = 0.9, 1e-4
	return sgd
}

// Sizes of the texts of LSTM and GRU.
const textBatch, textSteps = 32, 64

// LSTM is the network of package charlstm on 32 texts of 64 characters out of
// 128: vectors of 128, two layers of 256 units; Adam 0.001.
func LSTM() Workload {
	return Workload{"lstm", recurrentFlops(charlstm.ASCII(), 4), func(b *cpu.Backend) (*Step, error) {
		model, err := charlstm.New(charlstm.ASCII())
		if err != nil {
			return nil, err
		}
		return text(b, model)
	}}
}

// recurrentFlops is the arithmetic of a network of package charlstm, for units
// with a number of gates.
func recurrentFlops(cfg charlstm.Config, gates int64) int64 {
	rows, width, hidden := int64(textBatch*textSteps), int64(cfg.Width), int64(cfg.Hidden)
	var layers []product
	for range cfg.Layers {
		layers = append(layers, product{rows, width, gates * hidden}, product{rows, hidden, gates * hidden})
		width = hidden
	}
	layers = append(layers, product{rows, hidden, int64(cfg.Vocabulary)})
	return trainingFlops(layers) + layers[0].flops() // the first has a gradient by its operand too
}

// text is a step that trains a model of characters.
func text(b *cpu.Backend, model module.Forwarder) (*Step, error) {
	v := charlstm.ASCII().Vocabulary
	return training(b, &flat{model}, optim.DefaultAdam(), 1e-3, whole("input", v, textBatch, textSteps), whole("labels", v, textBatch*textSteps))
}

// GPT is a GPT-2 of 4 layers, width 256 and 4 heads on 8 sequences of 128
// tokens out of 256, AdamW 3e-4 with betas 0.9 and 0.95 and weight decay 0.1.
func GPT() Workload { return transformer("gpt", 8, gpt.Small(256)) }

func transformer(name string, batch int, cfg gpt.Config) Workload {
	d, t, rows := int64(cfg.Width), int64(cfg.Context), int64(batch*cfg.Context)
	heads, hidden := int64(cfg.Heads), int64(cfg.Hidden)
	var layers []product
	for range cfg.Layers {
		layers = append(layers, product{rows, d, 3 * d}, product{rows, d, d}, product{rows, d, hidden}, product{rows, hidden, d},
			product{rows * heads, d / heads, t}, product{rows * heads, t, d / heads}) // the last two with all keys
	}
	layers = append(layers, product{rows, d, int64(cfg.Vocabulary)})
	flops := trainingFlops(layers) + layers[0].flops() // the first has a gradient by its operand too
	return Workload{name, flops, func(b *cpu.Backend) (*Step, error) {
		model, err := gpt.New(cfg)
		if err != nil {
			return nil, err
		}
		adam := optim.DefaultAdamW()
		adam.Beta2, adam.WeightDecay = 0.95, 0.1
		return training(b, &flat{model}, adam, 3e-4, whole("input", cfg.Vocabulary, batch, cfg.Context), whole("labels", cfg.Vocabulary, batch*cfg.Context))
	}}
}

// flat gives the rows of a language model's logits one behind the other.
type flat struct{ module.Forwarder }

func (m *flat) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	y := m.Forwarder.Forward(c, x) // [B T V]
	return ops.Reshape(y, -1, y.Dim(-1))
}

// random is a batch drawn from init.
func random(init module.Init, dims ...int) *tensor.Tensor {
	t := tensor.New(dtype.Float32, shape.Of(dims...))
	init(rng.NewStream(seed, "bench.input", 0), t)
	return t
}

// labels are n random classes.
func labels(classes, n int) *tensor.Tensor { return whole("labels", classes, n) }

// whole are random whole numbers below n, drawn under a name.
func whole(name string, n int, dims ...int) *tensor.Tensor {
	r := rng.NewStream(seed, "bench."+name, 0)
	t := tensor.New(dtype.Int64, shape.Of(dims...))
	for i := range t.Size() {
		t.SetInt(i, int64(r.IntN(n)))
	}
	return t
}

// normal draws from N(0, 1).
func normal(r *rng.Stream, t *tensor.Tensor) {
	for i := range t.F32() {
		t.F32()[i] = float32(r.Normal())
	}
}

// uniform draws from U(-1, 1).
func uniform(r *rng.Stream, t *tensor.Tensor) {
	for i := range t.F32() {
		t.F32()[i] = 2*r.Float32() - 1
	}
}
