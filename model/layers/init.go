package layers

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

// Initial is what the weights of a layer start from. Null leaves it as PyTorch's
// layer has it.
type Initial struct {
	Init     Init `json:"init" yaml:"init"`           // of the weight
	BiasInit Init `json:"bias_init" yaml:"bias_init"` // of the bias
}

// An Init is a way to fill a parameter, as data: those of torch.nn.init.
type Init interface {
	// Validate tells all that is wrong with the settings.
	Validate() error
	// Fill is the function for a parameter of a shape.
	Fill(s shape.Shape) (module.Init, error)
}

// InitKinds lists the ways.
func InitKinds() []config.Kind {
	return []config.Kind{
		{Name: "kaiming_uniform", Default: KaimingUniform{DefaultKaiming()}},
		{Name: "kaiming_normal", Default: KaimingNormal{DefaultKaiming()}},
		{Name: "xavier_uniform", Default: XavierUniform{Gain: 1}},
		{Name: "xavier_normal", Default: XavierNormal{Gain: 1}},
		{Name: "normal", Default: Normal{Std: 1}},
		{Name: "trunc_normal", Default: TruncNormal{Std: 1, A: -2, B: 2}},
		{Name: "uniform", Default: Uniform{A: 0, B: 1}},
		{Name: "constant", Default: Constant{}},
		{Name: "zeros", Default: Zeros{}},
		{Name: "ones", Default: Ones{}},
		{Name: "orthogonal", Default: Orthogonal{Gain: 1}},
		{Name: "sparse", Default: Sparse{Std: 0.01}},
		{Name: "eye", Default: Eye{}},
		{Name: "dirac", Default: Dirac{Groups: 1}},
	}
}

// initial is what a layer says of its weights.
func (in Initial) initial() Initial { return in }

func initialOf(l Layer) Initial {
	if in, ok := l.(interface{ initial() Initial }); ok {
		return in.initial()
	}
	return Initial{}
}

func (in Initial) validate() error {
	var errs []error
	for _, part := range []struct {
		key  string
		init Init
	}{{"init", in.Init}, {"bias_init", in.BiasInit}} {
		if part.init != nil {
			errs = append(errs, config.Under(part.key, part.init.Validate()))
		}
	}
	return errors.Join(errs...)
}

// set gives the parameters of a module that was built their functions.
func (in Initial) set(m Module) error {
	if in.Init == nil && in.BiasInit == nil {
		return nil
	}
	tree, err := module.Walk(m)
	if err != nil {
		return err
	}
	for _, p := range tree.Params {
		init, key := in.Init, "init"
		name := p.Key[strings.LastIndexByte(p.Key, '.')+1:]
		if name == "bias" {
			init, key = in.BiasInit, "bias_init"
		}
		if init == nil || name != "bias" && name != "weight" {
			continue
		}
		if p.Init, err = init.Fill(p.Shape); err != nil {
			return config.Under(key, fmt.Errorf("%s: %w of %v", initKind(init), err, p.Type()))
		}
	}
	return nil
}

func initKind(i Init) string {
	for _, k := range InitKinds() {
		if reflect.TypeOf(k.Default) == reflect.TypeOf(i) {
			return k.Name
		}
	}
	return fmt.Sprintf("%T", i)
}

// Kaiming is what the two ways of He and others have in common.
type Kaiming struct {
	Mode         string  `json:"mode" yaml:"mode"`                 // fan_in or fan_out: the connections that are counted
	Nonlinearity string  `json:"nonlinearity" yaml:"nonlinearity"` // what comes behind: linear, sigmoid, tanh, relu, leaky_relu or selu
	A            float64 `json:"a" yaml:"a"`                       // slope of leaky_relu
}

// DefaultKaiming is PyTorch's, which is for a leaky_relu with slope 0.
func DefaultKaiming() Kaiming { return Kaiming{Mode: "fan_in", Nonlinearity: "leaky_relu"} }

// Validate tells all that is wrong.
func (cfg Kaiming) Validate() error {
	_, err := nn.Gain(cfg.Nonlinearity, cfg.A)
	if cfg.Mode != "fan_in" && cfg.Mode != "fan_out" {
		err = errors.Join(fmt.Errorf("there is no mode %q; there are fan_in and fan_out", cfg.Mode), err)
	}
	return errors.Join(err, finite("a", cfg.A))
}

func (cfg Kaiming) fill(s shape.Shape, of func(fan nn.Fan, gain float64) nn.Init) (module.Init, error) {
	gain, err := nn.Gain(cfg.Nonlinearity, cfg.A)
	if err = errors.Join(err, axesOfWeight(s)); err != nil {
		return nil, err
	}
	if cfg.Mode == "fan_out" {
		return of(nn.FanOut, gain), nil
	}
	return of(nn.FanIn, gain), nil
}

// axesOfWeight wants a weight that has fans, as PyTorch does.
func axesOfWeight(s shape.Shape) error {
	if s.Rank() < 2 {
		return errors.New("wants a weight of two or more axes, which a bias is none")
	}
	return nil
}

// KaimingUniform is nn.KaimingUniform.
type KaimingUniform struct {
	Kaiming `yaml:",inline"`
}

// Fill is the function for a weight.
func (cfg KaimingUniform) Fill(s shape.Shape) (module.Init, error) {
	return cfg.fill(s, nn.KaimingUniform)
}

// KaimingNormal is nn.KaimingNormal.
type KaimingNormal struct {
	Kaiming `yaml:",inline"`
}

// Fill is the function for a weight.
func (cfg KaimingNormal) Fill(s shape.Shape) (module.Init, error) {
	return cfg.fill(s, nn.KaimingNormal)
}

// XavierUniform is nn.XavierUniform.
type XavierUniform struct {
	Gain float64 `json:"gain" yaml:"gain"`
}

// Validate tells all that is wrong.
func (cfg XavierUniform) Validate() error { return finite("gain", cfg.Gain) }

// Fill is the function for a weight.
func (cfg XavierUniform) Fill(s shape.Shape) (module.Init, error) {
	return nn.XavierUniform(cfg.Gain), axesOfWeight(s)
}

// XavierNormal is nn.XavierNormal.
type XavierNormal struct {
	Gain float64 `json:"gain" yaml:"gain"`
}

// Validate tells all that is wrong.
func (cfg XavierNormal) Validate() error { return finite("gain", cfg.Gain) }

// Fill is the function for a weight.
func (cfg XavierNormal) Fill(s shape.Shape) (module.Init, error) {
	return nn.XavierNormal(cfg.Gain), axesOfWeight(s)
}

// Normal draws from N(Mean, Std^2).
type Normal struct {
	Mean float64 `json:"mean" yaml:"mean"`
	Std  float64 `json:"std" yaml:"std"`
}

// Validate tells all that is wrong.
func (cfg Normal) Validate() error {
	return errors.Join(finite("mean", cfg.Mean), notNegative("std", cfg.Std))
}

func notNegative(name string, v float64) error {
	if !(v >= 0) {
		return fmt.Errorf("%s must not be negative, got %v", name, v)
	}
	return finite(name, v)
}

// Fill is the function for any parameter.
func (cfg Normal) Fill(shape.Shape) (module.Init, error) { return nn.Normal(cfg.Mean, cfg.Std), nil }

// TruncNormal draws from N(Mean, Std^2) until a number is in A..B.
type TruncNormal struct {
	Mean float64 `json:"mean" yaml:"mean"`
	Std  float64 `json:"std" yaml:"std"`
	A    float64 `json:"a" yaml:"a"` // smallest number
	B    float64 `json:"b" yaml:"b"` // largest
}

// Validate tells all that is wrong.
func (cfg TruncNormal) Validate() error {
	return errors.Join(finite("mean", cfg.Mean), smallest("std", cfg.Std), between(cfg.A, cfg.B))
}

func between(a, b float64) error {
	if !(a < b) {
		return fmt.Errorf("a must be below b, got %v and %v", a, b)
	}
	return errors.Join(finite("a", a), finite("b", b))
}

// Fill is the function for any parameter.
func (cfg TruncNormal) Fill(shape.Shape) (module.Init, error) {
	return nn.TruncNormal(cfg.Mean, cfg.Std, cfg.A, cfg.B), nil
}

// Uniform draws from [A, B).
type Uniform struct {
	A float64 `json:"a" yaml:"a"`
	B float64 `json:"b" yaml:"b"`
}

// Validate tells all that is wrong.
func (cfg Uniform) Validate() error { return between(cfg.A, cfg.B) }

// Fill is the function for any parameter.
func (cfg Uniform) Fill(shape.Shape) (module.Init, error) { return nn.Uniform(cfg.A, cfg.B), nil }

// Constant fills with a number.
type Constant struct {
	Value float64 `json:"value" yaml:"value"`
}

// Validate tells all that is wrong.
func (cfg Constant) Validate() error { return finite("value", cfg.Value) }

// Fill is the function for any parameter.
func (cfg Constant) Fill(shape.Shape) (module.Init, error) { return nn.Constant(cfg.Value), nil }

// Zeros fills with 0.
type Zeros struct{}

// Validate has nothing to tell.
func (Zeros) Validate() error { return nil }

// Fill is the function for any parameter.
func (Zeros) Fill(shape.Shape) (module.Init, error) { return nn.Zeros(), nil }

// Ones fills with 1.
type Ones struct{}

// Validate has nothing to tell.
func (Ones) Validate() error { return nil }

// Fill is the function for any parameter.
func (Ones) Fill(shape.Shape) (module.Init, error) { return nn.Ones(), nil }

// Orthogonal is nn.Orthogonal.
type Orthogonal struct {
	Gain float64 `json:"gain" yaml:"gain"`
}

// Validate tells all that is wrong.
func (cfg Orthogonal) Validate() error { return finite("gain", cfg.Gain) }

// Fill is the function for a weight.
func (cfg Orthogonal) Fill(s shape.Shape) (module.Init, error) {
	return nn.Orthogonal(cfg.Gain), axesOfWeight(s)
}

// Sparse draws from N(0, Std^2) and sets a part of each column of a matrix to 0.
type Sparse struct {
	Sparsity float64 `json:"sparsity" yaml:"sparsity"` // the part
	Std      float64 `json:"std" yaml:"std"`
}

// Validate tells all that is wrong.
func (cfg Sparse) Validate() error {
	return errors.Join(probability("sparsity", cfg.Sparsity), notNegative("std", cfg.Std))
}

// Fill is the function for a matrix.
func (cfg Sparse) Fill(s shape.Shape) (module.Init, error) {
	return nn.Sparse(cfg.Sparsity, cfg.Std), isMatrix(s)
}

func isMatrix(s shape.Shape) error {
	if s.Rank() != 2 {
		return errors.New("wants a weight of two axes, which this is none")
	}
	return nil
}

// Eye is 1 on the diagonal of a matrix and 0 elsewhere.
type Eye struct{}

// Validate has nothing to tell.
func (Eye) Validate() error { return nil }

// Fill is the function for a matrix.
func (Eye) Fill(s shape.Shape) (module.Init, error) { return nn.Eye(), isMatrix(s) }

// Dirac makes a convolution that passes on as many channels as it can.
type Dirac struct {
	Groups int `json:"groups" yaml:"groups"` // of channels
}

// Validate tells all that is wrong.
func (cfg Dirac) Validate() error { return atLeast(1, "groups", cfg.Groups) }

// Fill is the function for the weight of a convolution.
func (cfg Dirac) Fill(s shape.Shape) (module.Init, error) {
	if s.Rank() < 3 || s.Dim(0)%cfg.Groups != 0 {
		return nil, fmt.Errorf("wants a convolution whose results divide into %d groups, which this is none", cfg.Groups)
	}
	return nn.Dirac(cfg.Groups), nil
}
