package nn

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/cost"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Keys, results, what is added to the loss and all gradients are those of Mixtral,
// and of the formula with a capacity.
func TestMixtureOfExperts(t *testing.T) {
	file := moduletest.Open(t, "testdata/experts.safetensors")
	var cases map[string]json.RawMessage
	file.Cases(&cases)
	for name, attrs := range cases {
		t.Run(name, func(t *testing.T) {
			var cfg MixtureOfExpertsConfig
			if err := json.Unmarshal(attrs, &cfg); err != nil {
				t.Fatal(err)
			}
			l := cfg.Build()
			moduletest.Double(t, l)
			s := moduletest.NewStore(t, l, 0)
			g := file.In(t, name)
			g.Load(s)
			args := []*tensor.Tensor{g.Tensor("gout/0"), g.Tensor("in/0")}
			if g.Has("in/1") {
				args = append(args, g.Tensor("in/1"))
			}
			params := module.ParamList(s.Tree.Params)
			out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				var mask *ir.Value
				if len(in) > 2 {
					mask = in[2]
				}
				y := l.Route(c.Train(), in[1], mask)
				added := ops.Full(c.Graph(), dtype.Float64, shape.Shape{}, 0)
				for _, v := range c.AddedLosses() {
					added = ops.Add(added, v)
				}
				of := append([]*ir.Value{in[1]}, c.Params(params)...)
				return append([]*ir.Value{y, added}, grad.VJP([]*ir.Value{y, added}, []*ir.Value{in[0], ops.OnesLike(added)}, of...)...)
			}, args...)
			for i, name := range []string{"out/0", "out/1", "gin/0"} {
				moduletest.Near(t, name, out[i], g.Tensor(name))
			}
			for i, p := range params {
				moduletest.Near(t, "gradient of "+p.Key, out[3+i], g.Tensor("grad/"+p.Key))
			}
		})
	}
}

// Whatever the tokens choose, none is lost without a capacity, and the arithmetic
// is that of little more than the experts that they go through.
func TestExpertsOfOneSort(t *testing.T) {
	cfg := DefaultMixtureOfExperts(8, 16, 8)
	l := cfg.Build()
	s := moduletest.NewStore(t, l, 1)
	for i := range s.Values["gate.weight"].Size() {
		s.Values["gate.weight"].SetFloat(i, 0) // all choose the first two
	}
	x := sequence(2, 32, 8)
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		one := func(e int) *ir.Value {
			both := ops.Linear(in[0], ops.Reshape(ops.Narrow(c.Param(l.Experts.GateUpProj), 0, e, 1), 32, 8), nil)
			h := ops.Mul(ops.SiLU(ops.Narrow(both, 2, 0, 16)), ops.Narrow(both, 2, 16, 16))
			return ops.Linear(h, ops.Reshape(ops.Narrow(c.Param(l.Experts.DownProj), 0, e, 1), 8, 16), nil)
		}
		want := ops.Add(one(0), one(1))
		return []*ir.Value{l.Forward(c, in[0]), ops.Mul(want, ops.Scalar(want, 0.5))}
	}, x)
	for i := range out[0].Size() {
		if d := math.Abs(out[0].Float(i) - out[1].Float(i)); !(d < 1e-6) {
			t.Fatalf("element %d is %v, want %v", i, out[0].Float(i), out[1].Float(i))
		}
	}
	flops := func(f Forwarder) (n int64) {
		g := moduletest.NewStore(t, f, 1).Trace(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{f.Forward(c, in[0])}
		}, sequence(4, 512, 64))
		for _, node := range g.Nodes() {
			n += cost.Node(node)
		}
		return n
	}
	many := DefaultMixtureOfExperts(64, 128, 16)
	few := many
	few.Experts = 2
	if ratio := float64(flops(many.Build())) / float64(flops(few.Build())); ratio > 1.2 {
		t.Errorf("two of sixteen experts cost %v times two of two", ratio)
	}
}

func TestMixtureOfExpertsJitter(t *testing.T) {
	cfg := DefaultMixtureOfExperts(4, 4, 3)
	cfg.Jitter, cfg.Renormalize = 0.3, false
	l := cfg.Build()
	s := moduletest.NewStore(t, l, 1)
	run := func() []*tensor.Tensor {
		return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{l.Forward(c.Train(), in[0]), l.Forward(c.Eval(), in[0]), l.jittered(c.Train(), ops.OnesLike(in[0]))}
		}, sequence(2, 5, 4))
	}
	a, b := run(), run()
	moduletest.Near(t, "evaluation", a[1], b[1])
	if string(a[0].Bytes()) == string(b[0].Bytes()) {
		t.Error("the router reads the same in every step of training")
	}
	for _, v := range a[2].F32() {
		if v < 0.7 || v > 1.3 {
			t.Errorf("a factor of jitter is %v", v)
		}
	}
}

func TestMixtureOfExpertsMistakes(t *testing.T) {
	bad := MixtureOfExpertsConfig{Width: 4, Hidden: 4, Experts: 2, TopK: 3, Activation: "tanh", CapacityFactor: new(0.0), Jitter: 1, BalanceLoss: -1, ZLoss: math.NaN()}
	for _, want := range []string{"top_k must be at most the number of experts, 2, got 3", `activation: there is no "tanh"`, "capacity_factor must be", "jitter must be", "balance_loss must be", "z_loss must be"} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	l := DefaultMixtureOfExperts(4, 4, 2).Build()
	tree, err := module.Walk(l)
	if err != nil {
		t.Fatal(err)
	}
	for want, build := range map[string]func(c *Ctx, g *ir.Graph){
		"wants x [B T 4] or [N 4]": func(c *Ctx, g *ir.Graph) { l.Forward(c, g.Input(ir.Arg, "", f32(2, 3))) },
		"wants a mask with a bool for each of 6 tokens": func(c *Ctx, g *ir.Graph) {
			l.Route(c, g.Input(ir.Arg, "", f32(2, 3, 4)), g.Input(ir.Arg, "", f32(2, 3)))
		},
	} {
		g := ir.NewGraph()
		build(module.NewCtx(g, tree, nil), g)
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
