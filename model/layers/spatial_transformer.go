package layers

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

func spatialTransformerKinds() []config.Kind {
	return []config.Kind{
		{Name: "spatial_transformer", Default: SpatialTransformer{}},
	}
}

// SpatialTransformer moves images by affine maps that layers find out: the six
// numbers that they give for each image are added to those of the map that leaves
// all where it is. [B C Y X] to the same. With init and bias_init zeros the last
// layer starts from that map. See [ops.AffineGrid] and [ops.GridSample].
//
// Source: Jaderberg and others, "Spatial transformer networks" (2015).
type SpatialTransformer struct {
	Named        `yaml:",inline"`
	Layers       []Layer `json:"layers" yaml:"layers"`               // a last linear layer without out gives six numbers
	Nearest      bool    `json:"nearest" yaml:"nearest"`             // the nearest pixel; false for the four around
	Border       bool    `json:"border" yaml:"border"`               // the nearest pixel stands for those outside; false for 0
	AlignCorners bool    `json:"align_corners" yaml:"align_corners"` // the edges of an image are the middles of its last pixels
}

// Validate tells all that is wrong.
func (cfg SpatialTransformer) Validate() error {
	return errors.Join(some(cfg.Layers), validate(cfg.Layers, "layers"))
}

// Build makes the layers.
func (cfg SpatialTransformer) Build(x Operand) (Module, error) {
	if err := x.wants(images(2), 4); err != nil {
		return nil, err
	}
	in := x
	in.Size = 6
	body, y, err := build(cfg.Layers, "layers", in)
	if err != nil {
		return nil, err
	}
	if y.Rank() != 2 || y.Dim(1) != 6 {
		return nil, fmt.Errorf("layers must give six numbers [B 6], got %v", y)
	}
	return &spatialTransformer{body, ops.GridSampleOptions{Nearest: cfg.Nearest, Border: cfg.Border, AlignCorners: cfg.AlignCorners}}, nil
}

type spatialTransformer struct {
	body    *chain
	options ops.GridSampleOptions
}

// Children are the layers.
func (s *spatialTransformer) Children() []module.Child { return s.body.Children() }

// Apply moves images.
func (s *spatialTransformer) Apply(c *module.Ctx, x Flow) Flow {
	defer c.Enter(s)()
	y := s.body.run(c, x).Value
	if c.Graph().Err() != nil {
		return x
	}
	theta := ops.Reshape(y, y.Dim(0), 2, 3)
	stays := ops.Broadcast(ops.Narrow(eye(theta), 0, 0, 2), theta.Shape())
	grid := ops.AffineGrid(ops.Add(theta, stays), x.Value.Dim(2), x.Value.Dim(3), s.options.AlignCorners)
	return Flow{Value: ops.GridSample(x.Value, grid, s.options)}
}

// eye is the identity of three axes in the type of v.
func eye(v *ir.Value) *ir.Value { return ops.Eye(v.Graph(), v.DType(), 3) }
