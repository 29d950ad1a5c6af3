package layers

import (
	"errors"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func reparametrizeKinds() []config.Kind {
	return []config.Kind{
		{Name: "weight_norm", Default: WeightNorm{}},
		{Name: "spectral_norm", Default: SpectralNorm{SpectralNormConfig: nn.DefaultSpectralNorm()}},
	}
}

// WeightNorm is a linear layer or convolution whose weight is a direction and a
// length, both of which are trained; see [nn.WeightNorm].
type WeightNorm struct {
	Named `yaml:",inline"`
	Layer Layer `json:"layer" yaml:"layer"`
}

// Validate tells all that is wrong.
func (cfg WeightNorm) Validate() error { return inner(cfg.Layer) }

// inner is what is wrong with the layer in another.
func inner(l Layer) error {
	if l == nil {
		return errors.New("layer must be given")
	}
	return config.Under("layer", check(l))
}

// Build makes the layer.
func (cfg WeightNorm) Build(x Operand) (Module, error) {
	return around(cfg.Layer, x, func(f nn.Forwarder) (nn.Forwarder, error) {
		l := nn.NewWeightNorm(f)
		return l, l.Validate()
	})
}

// SpectralNorm is a linear layer or convolution whose weight is divided by its
// largest singular value; see [nn.SpectralNorm].
type SpectralNorm struct {
	Named                 `yaml:",inline"`
	Layer                 Layer `json:"layer" yaml:"layer"`
	nn.SpectralNormConfig `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg SpectralNorm) Validate() error {
	return errors.Join(inner(cfg.Layer), cfg.SpectralNormConfig.Validate())
}

// Build makes the layer.
func (cfg SpectralNorm) Build(x Operand) (Module, error) {
	return around(cfg.Layer, x, func(f nn.Forwarder) (nn.Forwarder, error) {
		l := cfg.SpectralNormConfig.Build(f)
		return l, l.Validate()
	})
}

// around builds a layer, and another around that of package nn in it.
func around(l Layer, x Operand, wrap func(nn.Forwarder) (nn.Forwarder, error)) (Module, error) {
	m, err := begun(l, x)
	if err != nil {
		return nil, config.Under("layer", err)
	}
	p, ok := m.(*plain)
	if !ok {
		return nil, config.Under("layer", errors.New("wants a linear layer or a convolution"))
	}
	s, last := p.Forwarder.(*swapped)
	f := p.Forwarder
	if last {
		f = s.Forwarder
	}
	if f, err = wrap(f); err != nil {
		return nil, config.Under("layer", err)
	}
	if last {
		f = &swapped{f}
	}
	return &plain{f, p.keep}, nil
}
