package layers

import (
	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func cropKinds() []config.Kind {
	return []config.Kind{
		{Name: "crop", Default: Crop{}},
	}
}

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
