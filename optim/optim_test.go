package optim

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// weights is a model of parameters alone: keys "0", "1" and so on.
type weights struct{ List }

type List []*module.Param

func f32Weights(shapes ...shape.Shape) *weights {
	m := &weights{}
	for _, s := range shapes {
		m.List = append(m.List, &module.Param{DType: dtype.Float32, Shape: s})
	}
	return m
}

func named(t *testing.T, m any) []module.Named {
	t.Helper()
	tree, err := module.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	return tree.Params
}

// All problems are told, not the first.
func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		rule Rule
		want []string // one for each problem; none for good settings
	}{
		{DefaultSGD(), nil}, {DefaultAdaGrad(), nil}, {DefaultRMSprop(), nil}, {DefaultAdam(), nil}, {DefaultAdamW(), nil},
		{SGD{Momentum: 0.9, Nesterov: true}, nil},
		{SGD{Common: Common{LR: -1}, Momentum: -0.5, WeightDecay: -2, Nesterov: true},
			[]string{"lr must be a finite number and not negative, got -1", "momentum must be", "weight_decay must be", "nesterov needs a momentum above 0"}},
		{SGD{Momentum: 0.9, Dampening: 0.1, Nesterov: true}, []string{"nesterov needs"}},
		{AdaGrad{Common: Common{LR: -1}, LRDecay: -1, InitialAccumulator: -1, Eps: -1, WeightDecay: -1},
			[]string{"lr must", "lr_decay must", "initial_accumulator must", "eps must", "weight_decay must"}},
		{RMSprop{Common: Common{LR: -1}, Alpha: 1, Eps: -1, WeightDecay: -1, Momentum: -1},
			[]string{"lr must", "alpha must be at least 0 and below 1, got 1", "eps must", "weight_decay must", "momentum must"}},
		{Adam{Common: Common{LR: -1}, Beta1: 1, Beta2: -0.1, Eps: -1, WeightDecay: -1}, []string{"lr must", "beta1 must", "beta2 must", "eps must", "weight_decay must"}},
		{AdamW{Beta1: 2}, []string{"beta1 must"}},
		{DefaultAdam8Bit(), nil}, {DefaultAdamW8Bit(), nil}, {AdamW8Bit{Beta1: 1, Min8BitSize: -1}, []string{"beta1 must", "min_8bit_size must"}},
		{DefaultSOAP(), nil},
		{SOAP{Common: Common{LR: -1}, Beta1: 1, Beta2: 1, ShampooBeta: new(1.0), Eps: -1, WeightDecay: -1},
			[]string{"lr must", "beta1 must", "beta2 must", "shampoo_beta must", "eps must", "weight_decay must", "precondition_frequency must", "max_precondition_dim must"}},
		{DefaultLion(), nil}, {DefaultLAMB(), nil}, {DefaultLARS(), nil}, {DefaultLookahead(), nil},
		{Lion{Common: Common{LR: -1}, Beta1: 1, Beta2: -0.1, WeightDecay: -1}, []string{"lr must", "beta1 must", "beta2 must", "weight_decay must"}},
		{LAMB{Common: Common{LR: -1}, Beta1: 1, Beta2: -0.1, Eps: -1, WeightDecay: -1, MaxGradNorm: new(float64)},
			[]string{"lr must", "beta1 must", "beta2 must", "eps must", "weight_decay must", "max_grad_norm must be a finite number above 0, got 0"}},
		{LARS{Common: Common{LR: -1}, WeightDecay: -1, Nesterov: true, TrustCoeff: -1, Eps: -1},
			[]string{"lr must", "weight_decay must", "nesterov needs", "trust_coeff must", "eps must"}},
		{Lookahead{Optimizer: Adam{Beta1: 1, Eps: -1}, Alpha: 2}, []string{"k must", "alpha must", "optimizer: beta1 must", "optimizer: eps must"}},
		{Lookahead{K: 1}, []string{"optimizer must be given"}},
		{SGD{Form: Keras, Momentum: 0.9, Dampening: 0.1}, []string{"the form of Keras has no dampening"}},
		{Adamax{Form: 7}, []string{"there is no form(7)"}},
		{Muon{Nesterov: true, NSSteps: 100, AdjustLR: "other", AdamWBeta2: 1, AdamWLRRatio: -1},
			[]string{"nesterov needs a momentum above 0", "ns_steps must be", "adjust_lr must be one of [original", "adamw_lr_ratio must", "adamw_beta2 must"}},
		{Rprop{EtaMinus: 1, EtaPlus: 1, MinStep: 2, MaxStep: 1}, []string{"eta_minus must be above 0 and below 1", "eta_plus must", "max_step must not be below min_step, got 1 and 2"}},
		{Adafactor{Beta2Decay: 0.5, D: 0.5, Eps1: new(-1.0)}, []string{"beta2_decay must", "eps1 must", "d must"}},
		{Lookahead{Optimizer: DefaultSGDScheduleFree(), K: 1}, []string{"optimizer must not be schedule-free"}},
		{DefaultSGDScheduleFree(), nil}, {DefaultAdamWScheduleFree(), nil},
		{SGDScheduleFree{Common: Common{LR: -1}, ScheduleFree: ScheduleFree{-1, -1, -1}, WeightDecay: -1},
			[]string{"lr must", "warmup_steps must", "r must", "weight_lr_power must", "momentum must be above 0 and below 1, got 0", "weight_decay must"}},
		{AdamWScheduleFree{Beta1: 1, Beta2: 1, Eps: -1}, []string{"beta1 must", "beta2 must", "eps must"}},
	} {
		err := tc.rule.Validate()
		if len(tc.want) == 0 {
			if err != nil {
				t.Errorf("%T: %v", tc.rule, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%+v is valid", tc.rule)
			continue
		}
		if n := strings.Count(err.Error(), "\n") + 1; n != len(tc.want) {
			t.Errorf("%+v has %d problems, want %d:\n%v", tc.rule, n, len(tc.want), err)
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%+v lacks %q:\n%v", tc.rule, want, err)
			}
		}
	}
}

// Each number of each optimizer is looked at: NaN is told by the setting's name
// and so is -1, and 1 where a beta of 1 would never forget.
func TestWrongNumbers(t *testing.T) {
	negative := []string{"dampening", "lr_power", "beta2_decay"} // may be below 0
	for _, k := range Kinds() {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(k.Default)) {
			name := f.Tag.Get("yaml")
			if f.Type.Kind() != reflect.Float64 {
				continue
			}
			wrong := []float64{math.NaN()}
			if !slices.Contains(negative, name) {
				wrong = append(wrong, -1)
			}
			if f.Name == "Beta1" || f.Name == "Beta2" {
				wrong = append(wrong, 1)
			}
			for _, v := range wrong {
				cfg := reflect.New(reflect.TypeOf(k.Default)).Elem()
				cfg.Set(reflect.ValueOf(k.Default))
				cfg.FieldByIndex(f.Index).SetFloat(v)
				err := cfg.Interface().(Config).Validate()
				if err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("%s: %s of %v: error %v", k.Name, name, v, err)
				}
			}
		}
	}
}

type listRule struct{ SGD }

type notComparable struct {
	SGD
	List []int
}

func TestBuildErrors(t *testing.T) {
	m := f32Weights(shape.Of(2))
	params := named(t, m)
	whole := []module.Named{{Key: "n", Param: &module.Param{DType: dtype.Int64}}}
	for _, tc := range []struct {
		label  string
		name   string
		groups []Group
		want   string
	}{
		{"no name", "", []Group{{Rule: DefaultSGD(), Params: params, LRScale: 1}}, "must have a name"},
		{"no group", "optim", nil, "at least one group"},
		{"no parameter", "optim", []Group{{Rule: DefaultSGD(), Params: nil, LRScale: 1}}, "no parameter to train"},
		{"no rule", "optim", []Group{{Rule: nil, Params: params, LRScale: 1}}, "group 0 has no rule"},
		{"bad rule", "optim", []Group{{Rule: DefaultSGD(), Params: params, LRScale: 1}, {Rule: SGD{Common: Common{LR: -1}}, Params: nil, LRScale: 1}}, "group 1: lr must"},
		{"bad scale", "optim", []Group{{Rule: DefaultSGD(), Params: params, LRScale: -1}}, "scale of the learning rate"},
		{"twice", "optim", []Group{{Rule: DefaultSGD(), Params: params, LRScale: 1}, {Rule: DefaultAdam(), Params: params, LRScale: 1}}, "parameter 0 is given twice"},
		{"integers", "optim", []Group{{Rule: DefaultSGD(), Params: whole, LRScale: 1}}, "parameter n is i64[] and has no gradient"},
		{"not comparable", "optim", []Group{{Rule: notComparable{}, Params: params, LRScale: 1}}, "can't be compared"},
	} {
		if _, err := Build(tc.name, tc.groups...); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.label, err, tc.want)
		}
	}
	if _, err := Build("optim", Group{Rule: listRule{DefaultSGD()}, Params: params}); err != nil {
		t.Errorf("a rule of one's own and a scale of 0: %v", err)
	}
}

func TestUpdateMistakes(t *testing.T) {
	m := f32Weights(shape.Of(2), shape.Of(3))
	for _, tc := range []struct {
		name  string
		build func(c *module.Ctx, g *ir.Graph, opt Optimizer)
		want  string
	}{
		{"too few gradients", func(c *module.Ctx, g *ir.Graph, opt Optimizer) {
			opt.Update(c, c.Params(opt)[:1], scalar32(g))
		}, "optim: 1 gradients for 2 parameters"},
		{"gradients in another order", func(c *module.Ctx, g *ir.Graph, opt Optimizer) {
			ps := c.Params(opt)
			opt.Update(c, []*ir.Value{ps[1], ps[0]}, scalar32(g))
		}, "gradient of 0 has another type than the parameter: 0 f32[2], 1 f32[3]; at optim"},
		{"rate of rank 1", func(c *module.Ctx, g *ir.Graph, opt Optimizer) {
			opt.Update(c, c.Params(opt), g.Input(ir.Arg, "lr", ir.Type{DType: dtype.Float32, Shape: shape.Of(1)}))
		}, "learning rate must be a scalar"},
		{"two optimizers of one name", func(c *module.Ctx, g *ir.Graph, _ Optimizer) {
			for _, p := range named(t, m) {
				opt, err := DefaultAdam().Build([]module.Named{p})
				if err != nil {
					t.Fatal(err)
				}
				opt.Update(c, c.Params(opt), scalar32(g))
			}
		}, `two states have the key "optim.step"`},
	} {
		opt, err := DefaultSGD().Build(named(t, m))
		if err != nil {
			t.Fatal(err)
		}
		tree, err := module.Walk(m)
		if err != nil {
			t.Fatal(err)
		}
		g := ir.NewGraph()
		tc.build(module.NewCtx(g, tree, nil), g, opt)
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
	}
}

func scalar32(g *ir.Graph) *ir.Value { return g.Input(ir.Arg, "lr", ir.Type{DType: dtype.Float32}) }

// Two optimizers of one step keep their states apart, and each trains its own.
func TestTwoOptimizers(t *testing.T) {
	m := f32Weights(shape.Of(2), shape.Of(2))
	ps := named(t, m)
	first, second := DefaultAdam(), DefaultAdam()
	first.Name, second.Name = "generator", "critic"
	a, err := first.Build(ps[:1])
	if err != nil {
		t.Fatal(err)
	}
	b, err := second.Build(ps[1:])
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 0)
	for range 3 {
		s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			pa, pb := c.Params(a), c.Params(b)
			l := ops.Sum(ops.Add(pa[0], ops.Mul(pb[0], ops.Scalar(pb[0], -1))))
			a.Update(c, grad.Of(l, pa...), in[0])
			b.Update(c, grad.Of(l, pb...), in[0])
			return []*ir.Value{l}
		}, tensor.Scalar[float32](0.5))
	}
	for key, want := range map[string]float64{"generator.step": 3, "critic.step": 3, "0": -1.5, "1": 1.5} {
		if v := s.Values[key]; v == nil || v.Float(0)-want > 1e-5 || want-v.Float(0) > 1e-5 {
			t.Errorf("%s is %v, want %v", key, v, want)
		}
	}
	for _, key := range []string{"generator.0.exp_avg", "generator.0.exp_avg_sq", "critic.1.exp_avg", "critic.1.exp_avg_sq"} {
		if s.Values[key] == nil {
			t.Errorf("there is no state %s", key)
		}
	}
	if s.Values["generator.1.exp_avg"] != nil {
		t.Error("an optimizer keeps state of a parameter it does not train")
	}
}

// Muon leaves vectors, embeddings and what its rest names to AdamW, also inside
// of Lookahead.
func TestMuonChooses(t *testing.T) {
	m := &struct{ Embed, Hidden, Bias, Head *module.Param }{}
	for i, p := range []**module.Param{&m.Embed, &m.Hidden, &m.Bias, &m.Head} {
		*p = &module.Param{DType: dtype.Float32, Shape: shape.Of(4, 3)}
		if i == 2 {
			(*p).Shape = shape.Of(4)
		}
	}
	other, all := DefaultMuon(), DefaultMuon()
	other.Rest, all.Rest = []string{"hidden"}, nil
	wrapped := DefaultLookahead()
	wrapped.Optimizer = DefaultMuon()
	for _, tc := range []struct {
		cfg  Config
		want string // the keys that have momentum
	}{{DefaultMuon(), "hidden"}, {other, "embed head"}, {all, "embed hidden head"}, {wrapped, "hidden"}} {
		opt, err := tc.cfg.Build(named(t, m))
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, s := range opt.(*optimizer).States() {
			if key, ok := strings.CutSuffix(s.Key, ".momentum_buffer"); ok {
				keys = append(keys, strings.TrimPrefix(key, "optim."))
			}
		}
		if got := strings.Join(keys, " "); got != tc.want {
			t.Errorf("%T: momentum of %s, want %s", tc.cfg, got, tc.want)
		}
	}
}

// What happens to a parameter is one op: one pass over memory.
func TestOpsOfAParameter(t *testing.T) {
	plain, momentum := DefaultSGD(), DefaultSGD()
	momentum.Momentum, momentum.WeightDecay = 0.9, 1e-4
	for _, tc := range []struct {
		name string
		cfg  interface {
			Build([]module.Named) (Optimizer, error)
		}
	}{{"sgd", plain}, {"momentum", momentum}, {"adagrad", DefaultAdaGrad()}, {"rmsprop", DefaultRMSprop()}, {"adam", DefaultAdam()}, {"adamw", DefaultAdamW()}} {
		m := f32Weights(shape.Of(7))
		opt, err := tc.cfg.Build(named(t, m))
		if err != nil {
			t.Fatal(err)
		}
		g := moduletest.NewStore(t, m, 0).Trace(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			opt.Update(c, in[:1], in[1])
			return nil
		}, tensor.New(dtype.Float32, shape.Of(7)), tensor.Scalar[float32](0.1))
		if err := g.Err(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for i, live := range g.Live() {
			node := g.Nodes()[i]
			if _, ok := node.Op().(ir.Input); !ok && live && node.Out(0).Shape() == shape.Of(7) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s takes %d ops, want 1", tc.name, n)
		}
	}
}

// The corrections of Adam stay exact when the step number is large: with equal
// gradients the step is the learning rate.
func TestAdamAfterManySteps(t *testing.T) {
	for _, steps := range []int64{0, 1, 999, 1 << 20, 1 << 40} {
		m := f32Weights(shape.Of(1))
		opt, err := DefaultAdam().Build(named(t, m))
		if err != nil {
			t.Fatal(err)
		}
		s := moduletest.NewStore(t, m, 0)
		s.Values["optim.step"] = tensor.Scalar(steps)
		// the means that steps equal gradients of 1 leave
		s.Values["optim.0.exp_avg"] = tensor.Must(tensor.Of([]float32{float32(1 - math.Pow(0.9, float64(steps)))}))
		s.Values["optim.0.exp_avg_sq"] = tensor.Must(tensor.Of([]float32{float32(1 - math.Pow(0.999, float64(steps)))}))
		s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			opt.Update(c, in[:1], in[1])
			return nil
		}, tensor.Must(tensor.Of([]float32{1})), tensor.Scalar[float32](0.25))
		moduletest.Near(t, fmt.Sprint("after ", steps), s.Values["0"], tensor.Must(tensor.Of([]float32{-0.25})))
		if got := s.Values["optim.step"].Int(0); got != steps+1 {
			t.Errorf("step %d after %d", got, steps)
		}
	}
}
