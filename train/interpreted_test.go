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
	"github.com/gradus-ml/gradus/model/layers/layertest"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/tensor"
)

// A part is a layer, loss or optimizer in a step of its own.
type part struct {
	name  string // NAMES, or NAMES/options, with + between names
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

// layers are those with reference values, and some among others, whose operands
// lie in memory in another way.
func layers(t *testing.T) []part {
	image := func() *tensor.Tensor { return f32(3, 4, 9, 8) }
	parts := append(append(transformers(), sequences()...), []part{
		layer("Linear/rank 1", nn.NewLinear(12, 7), f32(12)),
		layer("AdaptiveAvgPool2d/global", nn.NewSequential(nn.NewConv2d(4, 6, 3), nn.NewAdaptiveAvgPool2d(1, 1), nn.NewFlatten(), nn.NewLinear(6, 3)), image()),
		layer("Upsample", nn.NewSequential(nn.NewConv2d(4, 6, 3), nn.NewUpsample(2), nn.NewConv2d(6, 4, 3)), image()),
		layer("LayerNorm/images", nn.NewLayerNorm(9, 8), image()),
		layer("GroupNorm/behind a convolution", nn.NewSequential(nn.NewConv2d(4, 6, 3), nn.NewGroupNorm(3, 6), &nn.ReLU{}, nn.NewConv2d(6, 2, 1)), image()),
		layer("LocalResponseNorm/behind a convolution", nn.NewSequential(nn.NewConv2d(4, 6, 3), nn.NewLocalResponseNorm(4), nn.NewConv2d(6, 2, 1)), image()),
		layer("Embedding/int32", nn.NewEmbedding(10, 6), gen.Ints(dtype.Int32, 0, 10, 4, 5)),
		layer("RNN", nn.NewRNN(12, 7), f32(3, 5, 12)),
		layer("LSTM", nn.NewLSTM(12, 7), f32(3, 5, 12)),
		layer("GRU", nn.NewGRU(12, 7), f32(3, 5, 12)),
		layer("Dropout", nn.NewDropout(0.3), image()),
		layer("DropPath", nn.NewDropPath(0.3), image()),
		layer("Flatten", nn.NewFlatten(), image()),
		layer("Sequential", nn.NewSequential(nn.NewConv2d(4, 5, 3), nn.NewBatchNorm2d(5), &nn.ReLU{}, nn.NewMaxPool2d(2), nn.NewFlatten(), nn.NewLinear(45, 3)), image()),
		layer("Residual", &nn.Residual{Body: nn.NewLinear(12, 12)}, f32(5, 12)),
		layer("Parallel", &nn.Parallel{Modules: nn.Modules{nn.NewLinear(12, 3), &nn.ReLU{}}, Axis: -1}, f32(5, 12)),
		layer("Softmax/channels", &nn.Softmax{Axis: 1}, image()),
		layer("LogSoftmax/channels", &nn.LogSoftmax{Axis: 1}, image()),
	}...)
	for _, c := range layertest.Cases(t, "..") {
		x := c.In()
		if x.DType().IsFloat() {
			x = optest.Convert(x, dtype.Float32)
		}
		parts = append(parts, layer(strings.Join(c.Types(t), "+")+"/"+c.Name, c.Build(t), x))
	}
	return parts
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

// optimizer is a step of an optimizer with clipped gradients. Each has data of its
// own, whatever else there is: a step that divides by the size of a gradient
// makes much of rounding where one is nearly 0.
func optimizer(name string, cfg interface {
	Build([]module.Named) (optim.Optimizer, error)
}, clip func(g []*ir.Value) []*ir.Value) part {
	model := nn.NewSequential(nn.NewLinear(12, 9), &nn.Tanh{}, nn.NewLinear(9, 4))
	own := optest.NewGen("interpreted/" + name)
	return part{name, model, func(s *exec.Store) (func(c *module.Ctx, in []*ir.Value) []*ir.Value, error) {
		opt, err := cfg.Build(s.Params())
		return func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			l := loss.CrossEntropy(model.Forward(c.Train(), in[0]), in[1])
			opt.Update(c, clip(grad.Of(l, c.Params(opt)...)), in[2])
			return []*ir.Value{l}
		}, err
	}, []*tensor.Tensor{optest.Convert(own.Normal(6, 12), dtype.Float32), own.Ints(dtype.Int64, 0, 4, 6), tensor.Scalar[float32](0.05)}}
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
	ams, asgd := optim.DefaultAdamW(), optim.DefaultASGD()
	ams.AMSGrad, asgd.T0, asgd.WeightDecay = true, 0, 0.01
	codes, soap := optim.DefaultAdamW8Bit(), optim.DefaultSOAP()
	codes.Min8BitSize = 0
	soap.Frequency, soap.MaxDim, soap.Eps = 1, 4, 1e-3 // gradients of logits add up to 0: that direction is rounding alone
	parts := []part{
		scaled(),
		optimizer("SGD/momentum", sgd, other),
		optimizer("SGD/nesterov", nesterov, values),
		optimizer("AdaGrad/options", ada, norm),
		optimizer("RMSprop/options", rms, norm),
		optimizer("Adam/weight decay", adam, norm),
		optimizer("AdamW/amsgrad", ams, norm),
		optimizer("ASGD/average", asgd, norm),
		optimizer("AdamW8Bit/codes", codes, norm),
		optimizer("SOAP/an axis", soap, norm),
	}
	for _, k := range optim.Kinds() {
		if k.Name == "soap" {
			continue // gradients of 6 examples leave it eigenvectors of equal values, which rounding decides on
		}
		p := optimizer(k.Name, k.Default.(optim.Config), norm)
		p.name = reflect.TypeOf(k.Default).Name()
		parts = append(parts, p)
		cfg := reflect.New(reflect.TypeOf(k.Default)).Elem()
		cfg.Set(reflect.ValueOf(k.Default))
		if form := cfg.FieldByName("Form"); form.IsValid() {
			form.Set(reflect.ValueOf(optim.Keras))
			parts = append(parts, optimizer(k.Name+"/keras", cfg.Interface().(optim.Config), norm))
		}
	}
	return parts
}

// No op that a layer, loss or optimizer can reach runs through the reference
// interpreter in a compiled step, and the step gives what the interpreter gives
// for the whole graph: outputs, parameters and states.
func TestNothingIsInterpreted(t *testing.T) {
	for kind, parts := range map[string][]part{"layer": layers(t), "loss": losses(t), "optimizer": optimizers()} {
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
		{"nn", `(?m)^func \(\w+ \*([A-Z]\w*)\) Forward\(`, layers(t)},
		{"loss", `(?m)^func \(\w+ ([A-Z]\w*)\) Apply\(`, losses(t)},
		{"optim", `(?m)^func \(\w+ ([A-Z]\w*)\) Build\(`, optimizers()},
	} {
		listed := map[string]bool{}
		for _, p := range tc.parts {
			names, _, _ := strings.Cut(p.name, "/")
			for name := range strings.SplitSeq(names, "+") {
				listed[name] = true
			}
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
				if m[1] == "LBFGS" {
					continue // searches in Go, between steps
				}
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
