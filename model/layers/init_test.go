package layers

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
)

// decoded is a list of layers as a recipe has it.
func decoded(t *testing.T, text string) Config {
	t.Helper()
	cfg := struct{ Model Config }{Default()}
	if err := config.Decode([]byte(text), "recipe.yaml", &cfg, Nested()); err != nil {
		t.Fatal(err)
	}
	return cfg.Model
}

func TestInitialWeights(t *testing.T) {
	m, err := fit(decoded(t, `model:
  layers:
    - {type: conv2d, out: 3, kernel: 3, init: dirac, bias_init: ones}
    - {type: weight_norm, layer: {type: conv2d, out: 2, kernel: 1, init: {type: constant, value: 3}}}
    - {type: separable_conv2d, out: 2, kernel: 2, init: {type: constant, value: 4}, bias_init: {type: constant, value: 5}}
    - flatten
    - {type: linear, init: eye}
`), 2, numbers(3, 6, 6))
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 0)
	for key, want := range map[string]float64{"0.weight": 0, "0.bias": 1, "1.parametrizations.weight.original1": 3, "1.parametrizations.weight.original0": 3 * 1.7320508,
		"2.depthwise.weight": 4, "2.pointwise.weight": 4, "2.pointwise.bias": 5, "4.weight": 1} {
		v := s.Values[key]
		if v == nil {
			t.Errorf("there is no %s", key)
		} else if got := v.Float(0); got < want-1e-6 || got > want+1e-6 {
			t.Errorf("%s begins with %v, want %v", key, got, want)
		}
	}
	if v := s.Values["0.weight"]; v.Float(4) != 1 {
		t.Error("the first tap in the middle is not 1")
	}
}

// Every way fills the weights that it is for, from its default.
func TestEveryInit(t *testing.T) {
	for _, k := range InitKinds() {
		init := k.Default.(Init)
		if err := init.Validate(); err != nil {
			t.Errorf("%s: %v", k.Name, err)
			continue
		}
		l := conv(4, 3, 1)
		l.Init = init
		var layer Layer = l
		in := numbers(4, 6, 6)
		if k.Name == "eye" || k.Name == "sparse" {
			layer, in = Linear{Out: new(4), Initial: Initial{Init: init}}, numbers(6)
		}
		m, err := fit(list(layer), 0, in)
		if err != nil {
			t.Errorf("%s: %v", k.Name, err)
			continue
		}
		tree, err := module.Walk(m)
		if err != nil {
			t.Fatal(err)
		}
		s := moduletest.NewStore(t, m, 3)
		all, zeros := map[float64]bool{}, k.Name == "zeros" || k.Name == "constant"
		for i := range s.Values[tree.Params[0].Key].Size() {
			all[s.Values[tree.Params[0].Key].Float(i)] = true
		}
		if zeros != (len(all) == 1 && all[0]) || len(all) > 2 != strings.Contains("kaiming_uniform kaiming_normal xavier_uniform xavier_normal normal trunc_normal uniform orthogonal sparse", k.Name) {
			t.Errorf("%s gives %d different numbers", k.Name, len(all))
		}
	}
}

func TestInitMistakes(t *testing.T) {
	kaiming := DefaultKaiming()
	kaiming.Mode, kaiming.Nonlinearity = "fan", "swish"
	with := func(i Init) Layer { return Linear{Out: new(2), Initial: Initial{Init: i}} }
	for want, l := range map[string]Layer{
		`layers.0.init: there is no mode "fan"`:                                        with(KaimingNormal{kaiming}),
		`there is no nonlinearity "swish"`:                                             with(KaimingUniform{kaiming}),
		"layers.0.init: a must be below b, got 2 and 1":                                with(Uniform{A: 2, B: 1}),
		"layers.0.init: sparsity must be in 0..1, got 2":                               with(Sparse{Sparsity: 2}),
		"layers.0.init: dirac: wants a convolution whose results divide into 1 groups": with(Dirac{Groups: 1}),
		"layers.0.bias_init: orthogonal: wants a weight of two or more axes":           Linear{Out: new(2), Bias: true, Initial: Initial{BiasInit: Orthogonal{Gain: 1}}},
		"layers.0.init: eye: wants a weight of two axes, which this is none of f32[4 4 3 3]": func() Layer {
			c := conv(4, 3, 1)
			c.Init = Eye{}
			return c
		}(),
	} {
		in := numbers(4)
		if _, ok := l.(Conv2d); ok {
			in = numbers(4, 6, 6)
		}
		if _, err := fit(list(l), 0, in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v\nwant %q", err, want)
		}
	}
}
