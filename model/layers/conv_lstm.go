package layers

import (
	"errors"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func convLstmKinds() []config.Kind {
	return []config.Kind{
		{Name: "conv_lstm", Default: DefaultConvLSTM()},
	}
}

// ConvLSTM is nn.ConvLSTM over 1 to 3 spatial axes: [B T C ...] to
// [B T Hidden ...].
type ConvLSTM struct {
	Named  `yaml:",inline"`
	Hidden int   `json:"hidden" yaml:"hidden"` // channels of the states
	Kernel []int `json:"kernel" yaml:"kernel"` // taps, as one number or one for each axis
	Stride []int `json:"stride" yaml:"stride"` // positions between results
	Same   bool  `json:"same" yaml:"same"`     // as much padding as keeps the extents; wants a stride of 1
	Bias   bool  `json:"bias" yaml:"bias"`
}

// DefaultConvLSTM has stride 1 and a bias.
func DefaultConvLSTM() ConvLSTM { return ConvLSTM{Stride: []int{1}, Bias: true} }

// Validate tells all that is wrong.
func (cfg ConvLSTM) Validate() error {
	return errors.Join(atLeast(1, "hidden", cfg.Hidden), atLeast(1, "kernel", cfg.Kernel...), atLeast(1, "stride", cfg.Stride...))
}

// Build makes the layer.
func (cfg ConvLSTM) Build(x Operand) (Module, error) {
	if err := x.wants("[B T C] and 1 to 3 axes behind them", 4, 5, 6); err != nil {
		return nil, err
	}
	kernel, err := spread("kernel", cfg.Kernel, x.Rank()-3)
	stride, errStride := spread("stride", cfg.Stride, x.Rank()-3)
	if err := errors.Join(err, errStride); err != nil {
		return nil, err
	}
	c := nn.ConvLSTMConfig{In: x.Dim(2), Hidden: cfg.Hidden, Kernel: kernel, Stride: stride, Same: cfg.Same, Bias: cfg.Bias}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return keeping(c.Build())
}
