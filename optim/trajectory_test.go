package optim

import (
	"fmt"
	"math"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// attrs are the attributes of a trajectory; options have PyTorch's names.
type attrs struct {
	Op, DType     string
	Steps, Params int
	Groups        []struct {
		Params             []int
		Momentum           float64
		Dampening          float64
		Nesterov           bool
		WeightDecay        float64 `json:"weight_decay"`
		LRDecay            float64 `json:"lr_decay"`
		InitialAccumulator float64 `json:"initial_accumulator_value"`
		Eps                float64
		Alpha              float64
		Centered           bool
		Betas              [2]float64
	}
}

func (a attrs) rule(i int) Rule {
	g := a.Groups[i]
	switch a.Op {
	case "sgd":
		return SGD{Momentum: g.Momentum, Dampening: g.Dampening, Nesterov: g.Nesterov, WeightDecay: g.WeightDecay}
	case "adagrad":
		return AdaGrad{LRDecay: g.LRDecay, InitialAccumulator: g.InitialAccumulator, Eps: g.Eps, WeightDecay: g.WeightDecay}
	case "rmsprop":
		return RMSprop{Alpha: g.Alpha, Eps: g.Eps, WeightDecay: g.WeightDecay, Momentum: g.Momentum, Centered: g.Centered}
	case "adam":
		return Adam{Beta1: g.Betas[0], Beta2: g.Betas[1], Eps: g.Eps, WeightDecay: g.WeightDecay}
	}
	return AdamW{Beta1: g.Betas[0], Beta2: g.Betas[1], Eps: g.Eps, WeightDecay: g.WeightDecay}
}

// Ten steps are those of PyTorch: parameters after each, state at the end.
func TestTrajectories(t *testing.T) {
	for _, file := range []string{"sgd", "adagrad", "rmsprop", "adam", "adamw"} {
		g := moduletest.Open(t, "testdata/"+file+".safetensors")
		var cases map[string]attrs
		g.Cases(&cases)
		if len(cases) < 12 {
			t.Errorf("%s has %d cases", file, len(cases))
		}
		for name, a := range cases {
			t.Run(file+"/"+name, func(t *testing.T) { trajectory(t, g.In(t, name), a) })
		}
	}
}

func trajectory(t *testing.T, g *moduletest.Golden, a attrs) {
	at := func(format string, args ...any) *tensor.Tensor {
		t.Helper()
		return g.Tensor(fmt.Sprintf(format, args...))
	}
	m := &weights{}
	for i := range a.Params {
		init := at("param/%d/init", i)
		m.List = append(m.List, &module.Param{DType: init.DType(), Shape: init.Shape()})
	}
	params := named(t, m)
	rate := at("lr/%d", 1)
	var groups []Group
	var order []int // parameter that each gradient belongs to
	for i, own := range a.Groups {
		grp := Group{Rule: a.rule(i), LRScale: rate.Float(i) / rate.Float(0)}
		for _, j := range own.Params {
			grp.Params = append(grp.Params, params[j])
			order = append(order, j)
		}
		groups = append(groups, grp)
	}
	opt, err := Build("optim", groups...)
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 0)
	for i, p := range params {
		s.Values[p.Key] = at("param/%d/init", i)
	}
	for step := 1; step <= a.Steps; step++ {
		lr := at("lr/%d", step).Float(0)
		args := []*tensor.Tensor{tensor.Scalar(lr)}
		if a.DType == "float32" {
			args[0] = tensor.Scalar(float32(lr))
		}
		for _, j := range order {
			args = append(args, at("grad/%d/%d", j, step))
		}
		s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			opt.Update(c, in[1:], in[0])
			return nil
		}, args...)
		for i, p := range params {
			moduletest.Near(t, fmt.Sprintf("parameter %d after step %d", i, step), s.Values[p.Key], at("param/%d/%d", i, step))
		}
	}
	checked := 0
	for i, p := range params {
		for _, slot := range []string{"momentum_buffer", "sum", "square_avg", "grad_avg", "exp_avg", "exp_avg_sq"} {
			if !g.Has(fmt.Sprintf("state/%d/%s", i, slot)) {
				continue
			}
			got := s.Values["optim."+p.Key+"."+slot]
			if got == nil {
				// PyTorch keeps a buffer of zeros where momentum is 0
				t.Errorf("there is no state %s of parameter %d", slot, i)
				continue
			}
			moduletest.Near(t, fmt.Sprintf("%s of parameter %d", slot, i), got, at("state/%d/%s", i, slot))
			checked++
		}
	}
	if a.Op != "sgd" && checked == 0 {
		t.Error("no state was compared")
	}
	if n := s.Values["optim.step"]; n != nil && n.Int(0) != int64(a.Steps) {
		t.Errorf("step %d, want %d", n.Int(0), a.Steps)
	}
}

func TestClipNorm(t *testing.T) {
	g := moduletest.Open(t, "testdata/clip_norm.safetensors")
	var cases map[string]struct {
		Params   int
		DType    string
		MaxNorm  float64 `json:"max_norm"`
		NormType any     `json:"norm_type"`
	}
	g.Cases(&cases)
	if len(cases) < 12 {
		t.Errorf("%d cases", len(cases))
	}
	for name, a := range cases {
		t.Run(name, func(t *testing.T) {
			g := g.In(t, name)
			p, ok := a.NormType.(float64)
			if !ok {
				p = math.Inf(1)
			}
			var args []*tensor.Tensor
			for i := range a.Params {
				args = append(args, g.Tensor(fmt.Sprint("in/", i)))
			}
			out := moduletest.NewStore(t, &struct{}{}, 0).Run(t, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
				if p == 2 {
					clipped, norm := ClipNorm(in, a.MaxNorm)
					return append(clipped, norm)
				}
				clipped, norm := ClipNormOf(in, a.MaxNorm, p)
				return append(clipped, norm)
			}, args...)
			for i := range a.Params {
				moduletest.Near(t, fmt.Sprint("gradient ", i), out[i], g.Tensor(fmt.Sprint("out/", i)))
			}
			moduletest.Near(t, "norm", out[a.Params], g.Tensor("norm"))
		})
	}
}

func TestClipValue(t *testing.T) {
	nan := float32(math.NaN())
	x := tensor.Must(tensor.Of([]float32{-3, -0.5, 0, 0.5, 3, float32(math.Inf(1)), nan}))
	out := moduletest.NewStore(t, &struct{}{}, 0).Run(t, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
		return ClipValue(in, 0.5)
	}, x)
	moduletest.Near(t, "clipped", out[0], tensor.Must(tensor.Of([]float32{-0.5, -0.5, 0, 0.5, 0.5, 0.5, nan})))
}

// A parameter of 16 bits is that of float32, rounded; its state is float32.
func TestHalfParameters(t *testing.T) {
	m := &weights{List{{DType: dtype.Float32}, {DType: dtype.BFloat16}, {DType: dtype.Float16}}}
	opt, err := DefaultAdamW().Build(named(t, m))
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 0)
	s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		opt.Update(c, []*ir.Value{in[1], ops.Cast(in[1], dtype.BFloat16), ops.Cast(in[1], dtype.Float16)}, in[0])
		return nil
	}, tensor.Scalar[float32](0.123), tensor.Scalar[float32](2))
	want := s.Values["0"].Float(0)
	if got := s.Values["1"]; got.String() != "bf16[]" || got.Float(0) != dtype.NewBF16(want).Float() {
		t.Errorf("%v is %v, in float32 %v", got, got.Float(0), want)
	}
	if got := s.Values["2"]; got.String() != "f16[]" || got.Float(0) != dtype.NewF16(want).Float() {
		t.Errorf("%v is %v, in float32 %v", got, got.Float(0), want)
	}
	for _, key := range []string{"optim.1.exp_avg", "optim.2.exp_avg_sq"} {
		if v := s.Values[key]; v == nil || v.DType() != dtype.Float32 {
			t.Errorf("%s is %v", key, v)
		}
	}
}

// Two types in one optimizer: the scalars are computed for each.
func TestMixedTypes(t *testing.T) {
	m := &weights{List{{DType: dtype.Float32}, {DType: dtype.Float64}}}
	opt, err := DefaultAdamW().Build(named(t, m))
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 0)
	s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		opt.Update(c, in[1:], in[0])
		return nil
	}, tensor.Scalar[float32](0.125), tensor.Scalar[float32](2), tensor.Scalar[float64](2))
	if a, b := s.Values["0"].Float(0), s.Values["1"].Float(0); a-b > 1e-7 || b-a > 1e-7 || a > -0.12 {
		t.Errorf("one step gives %v in float32 and %v in float64", a, b)
	}
}
