package layers

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

func timeDistributedKinds() []config.Kind {
	return []config.Kind{
		{Name: "time_distributed", Default: TimeDistributed{}},
	}
}

// TimeDistributed applies a list of layers to each step of a sequence by itself,
// as if the steps were examples: [B T ...] to [B T ...].
type TimeDistributed struct {
	Named  `yaml:",inline"`
	Layers []Layer `json:"layers" yaml:"layers"`
}

// Validate tells all that is wrong.
func (cfg TimeDistributed) Validate() error {
	return errors.Join(some(cfg.Layers), validate(cfg.Layers, "layers"))
}

// Build makes the layers.
func (cfg TimeDistributed) Build(x Operand) (Module, error) {
	if x.Rank() < 2 {
		return nil, x.not("sequences [B T ...]")
	}
	step := x
	s, err := shape.Make(slices.Delete(slices.Clone(x.Type.Shape.Dims()), 1, 2)...)
	if err != nil {
		return nil, err
	}
	step.Type, step.Masked = ir.Type{DType: x.Type.DType, Shape: s}, false
	ch, _, err := build(cfg.Layers, "layers", step)
	return &distributed{ch}, err
}

type distributed struct{ body *chain }

// Children are the layers.
func (d *distributed) Children() []module.Child { return d.body.Children() }

// Apply makes steps into examples, and back.
func (d *distributed) Apply(c *module.Ctx, x Flow) Flow {
	defer c.Enter(d)()
	dims := x.Value.Shape().Dims()
	y := d.body.run(c, Flow{Value: ops.Reshape(x.Value, append([]int{dims[0] * dims[1]}, dims[2:]...)...)}).Value
	if c.Graph().Err() != nil {
		return x
	}
	if y.Rank() == 0 || y.Dim(0) != dims[0]*dims[1] {
		c.Graph().Fail("time_distributed", fmt.Sprintf("the layers make %v of %d steps", y.Type(), dims[0]*dims[1]), []*ir.Value{x.Value})
		return x
	}
	return Flow{ops.Reshape(y, append(dims[:2:2], y.Shape().Dims()[1:]...)...), x.Mask}
}
