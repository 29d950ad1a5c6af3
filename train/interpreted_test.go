package train_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/loss/losstest"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/tensor"
)

// A part is a layer, loss or optimizer in a step of its own.
type part struct {
	name  string // NAME or NAME/options
	model any
	step  func(s *exec.Store) (func(c *module.Ctx, in []*ir.Value) []*ir.Value, error)
	in    []*tensor.Tensor
}

var gen = optest.NewGen("interpreted")

func f32(dims ...int) *tensor.Tensor { return optest.Convert(gen.Normal(dims...), dtype.Float32) }

func labels(classes int, dims ...int) *tensor.Tensor {
	return gen.Ints(dtype.Int64, 0, classes, dims...)
}

// layer is a step that trains a layer in training mode and runs it in
// evaluation mode; the gradient goes to its operand too.
func layer(name string, l nn.Forwarder, x *tensor.Tensor) part {
	return part{name, l, func(s *exec.Store) (func(c *module.Ctx, in []*ir.Value) []*ir.Value, error) {
		params := module.ParamList(s.Params())
		return func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			y := l.Forward(c.Train(), in[0])
			of := c.Params(params)
			if in[0].DType().IsFloat() {
				of = append(of, in[0])
			}
			total := ops.Mean(ops.Mul(y, y))
			for _, l := range c.AddedLosses() {
				total = ops.Add(total, l)
			}
			g := grad.Of(total, of...)
			for i, p := range params {
				c.SetParam(p.Param, ops.Sub(c.Param(p.Param), g[i]))
			}
			return append(g[len(params):], y, l.Forward(c.Eval(), in[0]))
		}, nil
	}, []*tensor.Tensor{x}}
}

func layers() []part {
	image := func() *tensor.Tensor { return f32(3, 4, 9, 8) }
	rows := func() *tensor.Tensor { return f32(5, 12) }
	conv2d := nn.DefaultConv2d(4, 6, 3)
	conv2d.Stride, conv2d.Padding, conv2d.Dilation, conv2d.Groups, conv2d.Bias = [2]int{2, 1}, [2]int{1, 2}, [2]int{1, 2}, 2, false
	conv1d := nn.DefaultConv1d(4, 6, 3)
	conv1d.Stride, conv1d.Padding, conv1d.Groups = 2, 1, 2
	reflected, circular := nn.DefaultConv2d(4, 6, 3), nn.DefaultConv1d(4, 6, 4)
	reflected.Padding, reflected.PaddingMode = [2]int{2, 1}, nn.PadReflect
	circular.Same, circular.PaddingMode = true, nn.PadCircular
	up1d, up2d, up3d := nn.DefaultConvTranspose1d(4, 6, 3), nn.DefaultConvTranspose2d(4, 6, 3), nn.DefaultConvTranspose3d(4, 6, 2)
	up1d.Dilation, up1d.OutputPadding = 2, 1
	up2d.Stride, up2d.Padding, up2d.OutputPadding, up2d.Groups = [2]int{2, 2}, [2]int{1, 1}, [2]int{1, 1}, 2
	up3d.Stride = [3]int{1, 2, 2}
	maxPool := nn.DefaultMaxPool2d(3)
	maxPool.Stride, maxPool.Padding, maxPool.Dilation = [2]int{2, 1}, [2]int{1, 1}, [2]int{1, 2}
	avgPool := nn.DefaultAvgPool2d(3)
	avgPool.Stride, avgPool.Padding, avgPool.CountIncludePad = [2]int{2, 1}, [2]int{1, 0}, false
	maxCeil, avgCeil, divided := maxPool, avgPool, avgPool
	maxCeil.CeilMode, avgCeil.CeilMode, avgCeil.CountIncludePad, divided.DivisorOverride = true, true, true, new(5)
	powers := func(kernel int, in *tensor.Tensor) part { // of positive numbers
		return layer("LPPool2d", nn.NewSequential(&nn.Sigmoid{}, nn.NewLPPool2d(3, kernel)), in)
	}
	corners := nn.UpsampleConfig{Size: []int{12, 7}, Mode: nn.UpsampleLinear, AlignCorners: true}
	cumulative, plain := nn.DefaultBatchNorm(4), nn.DefaultBatchNorm(4)
	cumulative.Momentum, plain.Affine, plain.TrackRunningStats = nil, false, false
	tracking := nn.DefaultInstanceNorm(4)
	tracking.Affine, tracking.TrackRunningStats = true, true
	plainRMS := nn.DefaultRMSNorm(9, 8)
	plainRMS.Eps, plainRMS.Affine = new(1e-3), false
	padded := nn.DefaultEmbedding(10, 6)
	padded.PaddingIdx = new(2)
	noBias, bare := nn.DefaultLayerNorm(12), nn.DefaultLayerNorm(9, 8)
	noBias.Bias, bare.Affine, bare.Bias = false, false, false
	return append(append(transformers(), sequences()...), []part{
		layer("Linear", nn.NewLinear(12, 7), rows()),
		layer("Linear/rank 3", nn.LinearConfig{In: 12, Out: 7}.Build(), f32(2, 5, 12)),
		layer("Linear/rank 1", nn.NewLinear(12, 7), f32(12)),
		layer("Conv1d", nn.NewConv1d(4, 6, 3), f32(3, 4, 11)),
		layer("Conv1d/options", conv1d.Build(), f32(3, 4, 11)),
		layer("Conv2d", nn.NewConv2d(4, 6, 3), image()),
		layer("Conv2d/options", conv2d.Build(), image()),
		layer("Conv2d/reflect", reflected.Build(), image()),
		layer("Conv1d/circular", circular.Build(), f32(3, 4, 11)),
		layer("Conv3d", nn.NewConv3d(4, 6, 2), f32(2, 4, 3, 4, 5)),
		layer("ConvTranspose1d", up1d.Build(), f32(3, 4, 11)),
		layer("ConvTranspose2d", nn.NewConvTranspose2d(4, 6, 3), image()),
		layer("ConvTranspose2d/options", up2d.Build(), image()),
		layer("ConvTranspose3d", up3d.Build(), f32(2, 4, 3, 2, 3)),
		layer("MaxPool2d", nn.NewMaxPool2d(2), image()),
		layer("MaxPool2d/options", maxPool.Build(), image()),
		layer("AvgPool2d", nn.NewAvgPool2d(2), image()),
		layer("AvgPool2d/options", avgPool.Build(), image()),
		layer("MaxPool1d", nn.NewMaxPool1d(3), f32(3, 4, 11)),
		layer("MaxPool2d/ceil", maxCeil.Build(), image()),
		layer("AvgPool1d", nn.NewAvgPool1d(3), f32(3, 4, 11)),
		layer("AvgPool2d/ceil", avgCeil.Build(), image()),
		layer("AvgPool2d/divisor", divided.Build(), image()),
		layer("LPPool1d", nn.NewLPPool1d(2, 3), f32(3, 4, 12)),
		powers(2, image()),
		layer("AdaptiveAvgPool1d", nn.NewAdaptiveAvgPool1d(4), f32(3, 4, 11)),
		layer("AdaptiveAvgPool2d", nn.NewAdaptiveAvgPool2d(4, 3), image()),
		layer("AdaptiveAvgPool2d/global", nn.NewSequential(nn.NewConv2d(4, 6, 3), nn.NewAdaptiveAvgPool2d(1, 1), nn.NewFlatten(), nn.NewLinear(6, 3)), image()),
		layer("AdaptiveMaxPool1d", nn.NewAdaptiveMaxPool1d(4), f32(3, 4, 11)),
		layer("AdaptiveMaxPool2d", nn.NewAdaptiveMaxPool2d(4, 3), image()),
		layer("Upsample", nn.NewSequential(nn.NewConv2d(4, 6, 3), nn.NewUpsample(2), nn.NewConv2d(6, 4, 3)), image()),
		layer("Upsample/linear", corners.Build(), image()),
		layer("PixelShuffle", nn.NewPixelShuffle(2), image()),
		layer("PixelUnshuffle", nn.NewPixelUnshuffle(2), f32(2, 3, 4, 6)),
		layer("BatchNorm1d", nn.NewBatchNorm1d(12), rows()),
		layer("BatchNorm1d/rank 3", nn.NewBatchNorm1d(4), f32(3, 4, 11)),
		layer("BatchNorm2d", nn.NewBatchNorm2d(4), image()),
		layer("BatchNorm2d/no momentum", cumulative.Build2d(), image()),
		layer("BatchNorm2d/plain", plain.Build2d(), image()),
		layer("LayerNorm", nn.NewLayerNorm(12), rows()),
		layer("LayerNorm/two axes", nn.NewLayerNorm(9, 8), image()),
		layer("LayerNorm/no bias", noBias.Build(), rows()),
		layer("LayerNorm/plain", bare.Build(), image()),
		layer("GroupNorm", nn.NewGroupNorm(2, 4), image()),
		layer("GroupNorm/rank 2", nn.NewGroupNorm(3, 12), rows()),
		layer("GroupNorm/behind a convolution", nn.NewSequential(nn.NewConv2d(4, 6, 3), nn.NewGroupNorm(3, 6), &nn.ReLU{}, nn.NewConv2d(6, 2, 1)), image()),
		layer("InstanceNorm1d", nn.NewInstanceNorm1d(4), f32(3, 4, 11)),
		layer("InstanceNorm2d", nn.NewInstanceNorm2d(4), image()),
		layer("InstanceNorm2d/options", tracking.Build2d(), image()),
		layer("RMSNorm", nn.NewRMSNorm(12), rows()),
		layer("RMSNorm/plain", plainRMS.Build(), image()),
		layer("LocalResponseNorm", nn.NewLocalResponseNorm(3), image()),
		layer("LocalResponseNorm/behind a convolution", nn.NewSequential(nn.NewConv2d(4, 6, 3), nn.NewLocalResponseNorm(4), nn.NewConv2d(6, 2, 1)), image()),
		layer("Embedding", nn.NewEmbedding(10, 6), labels(10, 4, 5)),
		layer("Embedding/padding", padded.Build(), labels(10, 4, 5)),
		layer("Embedding/int32", nn.NewEmbedding(10, 6), gen.Ints(dtype.Int32, 0, 10, 4, 5)),
		layer("RNN", nn.NewRNN(12, 7), f32(3, 5, 12)),
		layer("LSTM", nn.NewLSTM(12, 7), f32(3, 5, 12)),
		layer("GRU", nn.NewGRU(12, 7), f32(3, 5, 12)),
		layer("Dropout", nn.NewDropout(0.3), image()),
		layer("DropPath", nn.NewDropPath(0.3), image()),
		layer("Flatten", nn.NewFlatten(), image()),
		layer("Sequential", nn.NewSequential(nn.NewConv2d(4, 5, 3), nn.NewBatchNorm2d(5), &nn.ReLU{}, nn.NewMaxPool2d(2), nn.NewFlatten(), nn.NewLinear(45, 3)), image()),
		layer("ReLU", &nn.ReLU{}, rows()),
		layer("ReLU6", &nn.ReLU6{}, rows()),
		layer("LeakyReLU", &nn.LeakyReLU{Slope: 0.1}, rows()),
		layer("PReLU", nn.NewPReLU(1), rows()),
		layer("PReLU/channels", nn.NewPReLU(4), image()),
		layer("ELU", &nn.ELU{Alpha: 1}, rows()),
		layer("SELU", &nn.SELU{}, rows()),
		layer("GELU", &nn.GELU{}, rows()),
		layer("GELU/tanh", &nn.GELU{Tanh: true}, rows()),
		layer("SiLU", &nn.SiLU{}, rows()),
		layer("Mish", &nn.Mish{}, rows()),
		layer("Sigmoid", &nn.Sigmoid{}, rows()),
		layer("Tanh", &nn.Tanh{}, rows()),
		layer("Softplus", &nn.Softplus{Beta: 1, Threshold: 20}, rows()),
		layer("Hardswish", &nn.Hardswish{}, rows()),
		layer("Softmax", &nn.Softmax{Axis: -1}, rows()),
		layer("Softmax/channels", &nn.Softmax{Axis: 1}, image()),
		layer("LogSoftmax", &nn.LogSoftmax{Axis: 1}, rows()),
		layer("LogSoftmax/channels", &nn.LogSoftmax{Axis: 1}, image()),
	}...)
}

// losses are steps that give a loss and its gradients: those of the reference
// values, in float32.
func losses(t *testing.T) (list []part) {
	for _, c := range losstest.Cases(t, "../loss/testdata/*.safetensors") {
		args, at := c.Args()
		var in []*tensor.Tensor
		for _, x := range args {
			if x.DType().IsFloat() {
				x = optest.Convert(x, dtype.Float32)
			}
			in = append(in, x)
		}
		list = append(list, part{reflect.TypeOf(c.Config).Name() + "/" + c.Name, &struct{}{}, func(*exec.Store) (func(c *module.Ctx, in []*ir.Value) []*ir.Value, error) {
			return func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
				l := c.Apply(c.Place(in))
				var by []*ir.Value
				for j, i := range at {
					if c.Differentiable(i) {
						by = append(by, in[j])
					}
				}
				return append(grad.Of(ops.Sum(l), by...), l)
			}, nil
		}, in})
	}
	return list
}

// optimizer is a step of an optimizer with clipped gradients.
func optimizer(name string, cfg interface {
	Build([]module.Named) (optim.Optimizer, error)
}, clip func(g []*ir.Value) []*ir.Value) part {
	model := nn.NewSequential(nn.NewLinear(12, 9), &nn.Tanh{}, nn.NewLinear(9, 4))
	return part{name, model, func(s *exec.Store) (func(c *module.Ctx, in []*ir.Value) []*ir.Value, error) {
		opt, err := cfg.Build(s.Params())
		return func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			l := loss.CrossEntropy(model.Forward(c.Train(), in[0]), in[1])
			opt.Update(c, clip(grad.Of(l, c.Params(opt)...)), in[2])
			return []*ir.Value{l}
		}, err
	}, []*tensor.Tensor{f32(6, 12), labels(4, 6), tensor.Scalar[float32](0.05)}}
}

// scaled is a step with a scale of the loss and an average of the weights.
func scaled() part {
	model := nn.NewSequential(nn.NewLinear(12, 9), &nn.Tanh{}, nn.NewLinear(9, 4))
	return part{"LossScale", model, func(s *exec.Store) (func(c *module.Ctx, in []*ir.Value) []*ir.Value, error) {
		opt, err := optim.DefaultAdamW().Build(s.Params())
		scaler, err2 := optim.DefaultLossScale().Build()
		return func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			l := loss.CrossEntropy(model.Forward(c.Train(), in[0]), in[1])
			g, norm := scaler.Unscale(c, grad.Of(scaler.Scale(c, l), c.Params(opt)...))
			opt.Update(c, optim.ClipTo(g, norm, 1), in[2])
			optim.Average(c, "ema.", opt.Params(), nil, in[3])
			return []*ir.Value{l, norm}
		}, errors.Join(err, err2)
	}, []*tensor.Tensor{f32(6, 12), labels(4, 6), tensor.Scalar[float32](0.05), tensor.Scalar(0.9)}}
}

func optimizers() []part {
	norm := func(g []*ir.Value) []*ir.Value { g, _ = optim.ClipNorm(g, 0.5); return g }
	other := func(g []*ir.Value) []*ir.Value { g, _ = optim.ClipNormOf(g, 0.5, 3); return g }
	values := func(g []*ir.Value) []*ir.Value { return optim.ClipValue(g, 0.01) }
	sgd, nesterov := optim.DefaultSGD(), optim.DefaultSGD()
	sgd.Momentum, sgd.Dampening, sgd.WeightDecay = 0.9, 0.1, 0.01
	nesterov.Momentum, nesterov.Nesterov = 0.9, true
	ada, rms, adam := optim.DefaultAdaGrad(), optim.DefaultRMSprop(), optim.DefaultAdam()
	ada.LRDecay, ada.InitialAccumulator, ada.WeightDecay = 0.1, 0.2, 0.01
	rms.Momentum, rms.Centered, rms.WeightDecay = 0.9, true, 0.01
	adam.WeightDecay = 0.01
	parts := []part{
		scaled(),
		optimizer("SGD/momentum", sgd, other),
		optimizer("SGD/nesterov", nesterov, values),
		optimizer("AdaGrad/options", ada, norm),
		optimizer("RMSprop/options", rms, norm),
		optimizer("Adam/weight decay", adam, norm),
	}
	for _, k := range optim.Kinds() {
		parts = append(parts, optimizer(k.Name, k.Default.(optim.Config), norm))
	}
	return parts
}

// No op that a layer, loss or optimizer can reach runs through the reference
// interpreter in a compiled step, and the step gives what the interpreter gives
// for the whole graph: outputs, parameters and states.
func TestNothingIsInterpreted(t *testing.T) {
	for kind, parts := range map[string][]part{"layer": layers(), "loss": losses(t), "optimizer": optimizers()} {
		for _, p := range parts {
			t.Run(kind+"/"+p.name, func(t *testing.T) { p.check(t) })
		}
	}
}

func (p part) check(t *testing.T) {
	s, err := exec.NewStore(cpu.New(cpu.WithThreads(2)), p.model, exec.Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	step, err := p.step(s)
	if err != nil {
		t.Fatal(err)
	}
	f := exec.NewFunc(s, step)
	types := make([]ir.Type, len(p.in))
	for i, x := range p.in {
		types[i] = ir.Type{DType: x.DType(), Shape: x.Shape()}
	}
	plan, err := f.Plan(types...)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Interpreted) > 0 {
		t.Errorf("interpreted: %v", plan.Interpreted)
	}
	g, err := f.Graph(types...)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var in []*tensor.Tensor
		args := p.in
		for _, v := range g.Inputs() {
			if op := v.Node().Op().(ir.Input); op.Kind == ir.Arg {
				in, args = append(in, args[0]), args[1:]
			} else if x, err := s.Get(op.Label); err != nil {
				t.Fatal(err)
			} else {
				in = append(in, x)
			}
		}
		want, err := interp.Run(g, in...)
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.Run(context.Background(), p.in...)
		if err != nil {
			t.Fatal(err)
		}
		for i := range out {
			if err := (optest.Case{}).Compare(out[i], want.Outputs[i]); err != nil {
				t.Errorf("output %d: %v", i, err)
			}
		}
		for key, w := range want.Updates {
			got, err := s.Get(key)
			if err != nil {
				t.Fatal(err)
			}
			if err := (optest.Case{}).Compare(got, w); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
}

// The parts above are all that there are: a new layer, loss or optimizer must
// join them.
func TestEveryPartIsListed(t *testing.T) {
	for _, tc := range []struct {
		dir, decl string
		parts     []part
	}{
		{"nn", `(?m)^func \(\w+ \*([A-Z]\w*)\) Forward\(`, layers()},
		{"loss", `(?m)^func \(\w+ ([A-Z]\w*)\) Apply\(`, losses(t)},
		{"optim", `(?m)^func \(\w+ ([A-Z]\w*)\) Build\(`, optimizers()},
	} {
		listed := map[string]bool{}
		for _, p := range tc.parts {
			name, _, _ := strings.Cut(p.name, "/")
			listed[name] = true
		}
		files, err := filepath.Glob(filepath.Join("..", tc.dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(tc.decl).FindAllStringSubmatch(string(src), -1) {
				found++
				if !listed[m[1]] {
					t.Errorf("%s: %s runs in no step of TestNothingIsInterpreted", file, m[1])
				}
			}
		}
		if found < 3 {
			t.Errorf("only %d found in %s by %s", found, tc.dir, tc.decl)
		}
	}
}
