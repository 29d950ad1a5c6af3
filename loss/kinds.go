package loss

import (
	"slices"

	"github.com/gradus-ml/gradus/config"
)

// Kinds lists what a field of type Config can hold.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "cross_entropy", Default: DefaultCrossEntropy()},
		{Name: "bce_with_logits", Default: BCEWithLogitsConfig{}},
		{Name: "mse", Default: MSEConfig{}},
		{Name: "l1", Default: L1Config{}},
	}
}

// Values lists the reductions.
func (Reduction) Values() []string { return slices.Clone(reductions[:]) }
