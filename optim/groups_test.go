package optim

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func TestKinds(t *testing.T) {
	for _, k := range Kinds() {
		cfg, ok := k.Default.(Config)
		if !ok {
			t.Errorf("%s is no config", k.Name)
			continue
		}
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		if c := cfg.Shared(); c.Name != "optim" || !(c.LR > 0) || c.Maximize {
			t.Errorf("%s: shared settings %+v", k.Name, c)
		}
	}
}

func keyed(keys ...string) []module.Named {
	var ps []module.Named
	for _, key := range keys {
		ps = append(ps, module.Named{Key: key, Param: &module.Param{DType: dtype.Float32, Shape: shape.Of(2)}})
	}
	return ps
}

// told are the groups as text: rule's rate, scale, clock, keys.
func told(groups []Group) []string {
	var all []string
	for _, g := range groups {
		line := fmt.Sprintf("%T %.4g %q", g.Rule, g.LRScale, g.Clock)
		for _, p := range g.Params {
			line += " " + p.Key
		}
		all = append(all, line)
	}
	return all
}

func TestGroups(t *testing.T) {
	params := keyed("conv1.weight", "bn1.weight", "layer1.0.weight", "layer1.1.weight", "fc.weight", "fc.bias")
	sgd, adam := DefaultSGD(), DefaultAdam()
	sgd.LR, adam.LR = 0.1, 0.02
	whole := []Part{{Config: sgd}}
	for _, tc := range []struct {
		name  string
		parts []Part
		t     Training
		want  []string
	}{
		{"all", whole, Training{}, []string{`optim.SGD 1 "" conv1.weight bn1.weight layer1.0.weight layer1.1.weight fc.weight fc.bias`}},
		{"two optimizers", []Part{{Config: sgd, Keys: []string{"fc.*"}}, {Config: adam}}, Training{}, []string{
			`optim.SGD 1 "" fc.weight fc.bias`,
			`optim.Adam 0.2 "" conv1.weight bn1.weight layer1.0.weight layer1.1.weight`}},
		{"frozen", whole, Training{Freeze: []string{"layer1.*", "*1.weight"}}, []string{`optim.SGD 1 "" fc.weight fc.bias`}},
		{"thawed in part", whole, Training{
			Freeze: []string{"*"}, Epoch: 3,
			Thaw: []Thaw{{1, []string{"fc.*"}}, {3, []string{"layer1.*", "fc.*"}}, {4, []string{"conv1.*"}}},
		}, []string{
			`optim.SGD 1 "step.3" layer1.0.weight layer1.1.weight`,
			`optim.SGD 1 "step.1" fc.weight fc.bias`}},
		{"rates", whole, Training{Rates: []Rate{{[]string{"*.bias"}, 2}, {[]string{"fc.*", "bn1.*"}, 0}}}, []string{
			`optim.SGD 1 "" conv1.weight layer1.0.weight layer1.1.weight`,
			`optim.SGD 0 "" bn1.weight fc.weight`,
			`optim.SGD 2 "" fc.bias`}},
		{"decay", whole, Training{Decay: new(0.5), Freeze: []string{"layer1.0.*"}, Rates: []Rate{{[]string{"*.bias"}, 2}}}, []string{
			`optim.SGD 0.125 "" conv1.weight bn1.weight`,
			`optim.SGD 0.5 "" layer1.1.weight`,
			`optim.SGD 1 "" fc.weight`,
			`optim.SGD 2 "" fc.bias`}},
	} {
		groups, err := Groups(params, tc.parts, tc.t)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := told(groups); !slices.Equal(got, tc.want) {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
		}
		if _, err := Build("optim", groups...); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	still := sgd
	still.LR = 0
	for _, tc := range []struct {
		want  string
		parts []Part
		t     Training
	}{
		{"there is no optimizer", nil, Training{}},
		{"optimizers 0 and 1 have no keys", []Part{{Config: sgd}, {Config: adam}}, Training{}},
		{"optimizers 0 and 1 both have keys that fit fc.weight", []Part{{sgd, []string{"fc.*"}}, {adam, []string{"*.weight"}}}, Training{}},
		{"no optimizer has keys that fit conv1.weight", []Part{{sgd, []string{"fc.*"}}}, Training{}},
		{`optimizer 0: "fd.*" fits no key; near it are fc.`, []Part{{sgd, []string{"fd.*"}}, {Config: adam}}, Training{}},
		{"the first optimizer's rate is 0, so that 0.1", []Part{{still, []string{"fc.*"}}, {Config: sgd}}, Training{}},
		{"all parameters are frozen", whole, Training{Freeze: []string{"*"}}},
		{`freeze: "layer1" fits no key; near it are layer1.*`, whole, Training{Freeze: []string{"layer1"}}},
		{`thaw.0: among the frozen keys: "fc.*" fits no key`, whole, Training{Freeze: []string{"layer1.*"}, Thaw: []Thaw{{1, []string{"fc.*"}}}}},
		{"thaw.0: epoch must be at least 1", whole, Training{Freeze: []string{"layer1.*"}, Thaw: []Thaw{{0, []string{"*"}}}}},
		{"rates.1: scale must be", whole, Training{Rates: []Rate{{[]string{"*"}, 1}, {[]string{"*"}, math.NaN()}}}},
		{`rates.0: "x" fits no key`, whole, Training{Rates: []Rate{{[]string{"x"}, 1}}}},
		{"decay must be above 0", whole, Training{Decay: new(0.0)}},
	} {
		if _, err := Groups(params, tc.parts, tc.t); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}

func TestDepths(t *testing.T) {
	for _, tc := range []struct {
		keys string
		want []int
	}{
		{"conv1.weight bn1.weight layer1.0.conv1.weight layer1.0.conv2.weight layer1.1.conv1.weight layer2.0.conv1.weight fc.weight fc.bias", []int{0, 0, 1, 1, 2, 3, 4, 4}},
		{"transformer.wte.weight transformer.wpe.weight transformer.h.0.ln_1.weight transformer.h.1.ln_1.weight transformer.ln_f.weight lm_head.weight", []int{0, 0, 1, 2, 3, 3}},
		{"class_token conv_proj.weight encoder.pos_embedding encoder.layers.encoder_layer_0.ln_1.weight encoder.layers.encoder_layer_1.ln_1.weight encoder.ln.weight heads.head.weight", []int{0, 0, 0, 1, 2, 3, 3}},
		{"fc1.weight fc1.bias fc2.weight fc2.bias", []int{0, 0, 1, 1}},
		{"0.weight 0.bias 2.weight 5.weight", []int{0, 0, 1, 2}},
		{"embedding.weight lstm.weight_ih_l0 lstm.weight_hh_l0 head.weight", []int{0, 1, 1, 2}},
		{"0.weight middle.weight 2.weight", []int{0, 1, 2}},
		{"weight", []int{0}},
		{"", nil},
	} {
		got, n := Depths(strings.Fields(tc.keys))
		if !slices.Equal(got, tc.want) || len(tc.want) > 0 && n != slices.Max(tc.want)+1 {
			t.Errorf("%s: %v of %d, want %v", tc.keys, got, n, tc.want)
		}
	}
}

// A step that trains some of the parameters may be followed by one that trains
// more: state lives on, and what joins begins as in a run of its own.
func TestThawedStateLivesOn(t *testing.T) {
	gradient := func(step int) *tensor.Tensor {
		return tensor.Must(tensor.Of([]float32{float32(math.Sin(float64(3 * step))), 0.3}))
	}
	run := func(m *weights, steps int, epoch func(step int) Training) *moduletest.Store {
		s := moduletest.NewStore(t, m, 0)
		for step := range steps {
			groups, err := Groups(named(t, m), []Part{{Config: DefaultAdamW()}}, epoch(step))
			if err != nil {
				t.Fatal(err)
			}
			opt, err := Build("optim", groups...)
			if err != nil {
				t.Fatal(err)
			}
			s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				grads := slices.Repeat(in[:1], len(opt.Params()))
				opt.Update(c, grads, in[1])
				return nil
			}, gradient(step), tensor.Scalar[float32](0.1))
		}
		return s
	}
	const before, after = 3, 4
	late := run(f32Weights(shape.Of(2), shape.Of(2)), before+after, func(step int) Training {
		return Training{Freeze: []string{"1"}, Thaw: []Thaw{{2, []string{"1"}}}, Epoch: 1 + step/before}
	})
	alone := run(f32Weights(shape.Of(2)), before+after, func(int) Training { return Training{} })
	for _, key := range []string{"0", "optim.0.exp_avg", "optim.0.exp_avg_sq", "optim.step"} {
		moduletest.Near(t, key, late.Values[key], alone.Values[key])
	}
	// the second parameter's first gradient is that of step number before
	m := f32Weights(shape.Of(2))
	fresh := moduletest.NewStore(t, m, 0)
	opt, err := DefaultAdamW().Build(named(t, m))
	if err != nil {
		t.Fatal(err)
	}
	for step := range after {
		fresh.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			opt.Update(c, in[:1], in[1])
			return nil
		}, gradient(before+step), tensor.Scalar[float32](0.1))
	}
	moduletest.Near(t, "thawed", late.Values["1"], fresh.Values["0"])
	moduletest.Near(t, "its mean", late.Values["optim.1.exp_avg"], fresh.Values["optim.0.exp_avg"])
	if n := late.Values["optim.step.2"]; n == nil || n.Int(0) != after {
		t.Errorf("its clock is %v, want %d", n, after)
	}
}
