package layers

import (
	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func cropKinds() []config.Kind {
	return []config.Kind{
		{Name: "unit_norm", Default: UnitNorm{UnitNorm: nn.UnitNorm{Axis: -1}}},
		{Name: "crop", Default: Crop{}},
	}
}

// UnitNorm divides vectors along an axis by their length; see [nn.UnitNorm].
type UnitNorm struct {
	Named       `yaml:",inline"`
	nn.UnitNorm `yaml:",inline"`
}

// Validate has nothing to tell before there is an operand.
func (UnitNorm) Validate() error { return nil }

// Build makes the layer.
func (cfg UnitNorm) Build(x Operand) (Module, error) { return each(x, &cfg.UnitNorm) }

// Crop leaves out positions at the ends of the spatial axes: [B C ...]; see
// [nn.Crop].
type Crop struct {
	Named   `yaml:",inline"`
	nn.Crop `yaml:",inline"`
}

// Build makes the layer.
func (cfg Crop) Build(x Operand) (Module, error) {
	if !x.Type.DType.IsFloat() {
		return nil, x.whole()
	}
	return losing(&cfg.Crop)
}
