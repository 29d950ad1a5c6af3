package layers

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

func similarityKinds() []config.Kind {
	return []config.Kind{
		{Name: "cosine_similarity", Default: CosineSimilarity{Eps: 1e-8}},
		{Name: "pairwise_distance", Default: PairwiseDistance{P: 2, Eps: 1e-6}},
	}
}

// CosineSimilarity compares two vectors of an example that lie one above the
// other by the cosine of their angle: [B 2 D] to [B]; see [nn.CosineSimilarity].
type CosineSimilarity struct {
	Named `yaml:",inline"`
	Eps   float64 `json:"eps" yaml:"eps"` // least length of a vector
}

// Validate tells all that is wrong.
func (cfg CosineSimilarity) Validate() error { return smallest("eps", cfg.Eps) }

// Build makes the layer.
func (cfg CosineSimilarity) Build(x Operand) (Module, error) {
	l := &nn.CosineSimilarity{Axis: -1, Eps: cfg.Eps}
	return pairs(x, l, l.Compare)
}

// PairwiseDistance is the norm of the difference of two vectors of an example that
// lie one above the other: [B 2 D] to [B]; see [nn.PairwiseDistance].
type PairwiseDistance struct {
	Named   `yaml:",inline"`
	P       float64 `json:"p" yaml:"p"`             // of the norm
	Eps     float64 `json:"eps" yaml:"eps"`         // added to each difference
	Keepdim bool    `json:"keepdim" yaml:"keepdim"` // [B 1]
}

// Validate tells all that is wrong.
func (cfg PairwiseDistance) Validate() error {
	return errors.Join(smallest("p", cfg.P), finite("eps", cfg.Eps))
}

// Build makes the layer.
func (cfg PairwiseDistance) Build(x Operand) (Module, error) {
	l := &nn.PairwiseDistance{P: cfg.P, Eps: cfg.Eps, Keepdim: cfg.Keepdim}
	return pairs(x, l, l.Compare)
}

func smallest(name string, v float64) error {
	if !(v > 0 && v-v == 0) {
		return fmt.Errorf("%s must be a finite number above 0, got %v", name, v)
	}
	return nil
}

// pairs makes a module of a comparison.
func pairs(x Operand, layer any, compare func(c *nn.Ctx, a, b *ir.Value) *ir.Value) (Module, error) {
	if err := x.wants("pairs of vectors [B 2 D]", 3); err != nil {
		return nil, err
	}
	if x.Dim(1) != 2 {
		return nil, x.not("pairs of vectors [B 2 D]")
	}
	return &pair{layer, compare}, nil
}

type pair struct {
	Layer   any `param:"layer"`
	compare func(c *nn.Ctx, a, b *ir.Value) *ir.Value
}

// Apply compares the first with the second.
func (p *pair) Apply(c *module.Ctx, x Flow) Flow {
	defer c.Enter(p)()
	of := func(i int) *ir.Value { return ops.Squeeze(ops.Narrow(x.Value, 1, i, 1), 1) }
	return Flow{Value: p.compare(c, of(0), of(1))}
}
