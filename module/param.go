// Package module is what a model is, before any layer: plain structs that hold
// specifications of parameters and state, found by walking exported fields,
// and the [Ctx] through which a forward pass reaches their values.
//
// No value is kept here. A store owns the values; package nn has the layers
// and gives these types the names that programs use: nn.Param, nn.State, nn.Ctx.
package module

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// An Init fills a new tensor. It draws from r alone, which is keyed by seed
// and parameter name: adding a layer elsewhere moves no other layer's weights.
// A store runs several at a time, so it writes nothing but t.
type Init func(r *rng.Stream, t *tensor.Tensor)

// A Param specifies a value that is trained.
// Two fields that hold the same *Param share one value.
type Param struct {
	DType    dtype.DType
	Shape    shape.Shape
	Init     Init
	Sharding ir.Sharding
}

// Type is element type and shape.
func (p *Param) Type() ir.Type { return ir.Type{DType: p.DType, Shape: p.Shape} }

// NewParam specifies a float32 parameter.
func NewParam(init Init, dims ...int) *Param {
	return &Param{DType: dtype.Float32, Shape: shape.Of(dims...), Init: init}
}

// A State specifies a value that lives between steps and is not trained by
// gradient: running statistics, an optimizer's moments, a random generator's
// position.
type State struct {
	// Key names the value where no field path does, as for optimizer state.
	// Walk overrides it.
	Key   string
	DType dtype.DType
	Shape shape.Shape
	Init  Init   // nil fills with zeros
	Like  string // the key of a value of the model that this one starts as a copy of, in place of Init; "" for none
}

// Type is element type and shape.
func (s *State) Type() ir.Type { return ir.Type{DType: s.DType, Shape: s.Shape} }

// A Named parameter is one with the key that a model's fields give it.
type Named struct {
	Key string
	*Param
}

// Trains is implemented by what updates parameters: an optimizer, a list.
type Trains interface {
	// Params lists the parameters, in the order in which gradients are given.
	Params() []Named
}

// ParamList is a plain list that Trains.
type ParamList []Named

// Params returns the list.
func (l ParamList) Params() []Named { return l }

// A Forwarder is a module of one operand and one result.
type Forwarder interface {
	Forward(c *Ctx, x *ir.Value) *ir.Value
}

// A Mapper is a module of several operands and results.
type Mapper interface {
	Map(c *Ctx, in []*ir.Value) []*ir.Value
}

// A Container is a module whose children are named when it is made, not by its
// fields. Walk asks it for them, and looks at no field.
type Container interface {
	Children() []Child
}

// A Child is a module in a [Container].
type Child struct {
	Name   string // its part of the key
	Module any    // what Walk takes
}

// An Input is what a model reads of each example.
type Input struct {
	Name   string
	Item   ir.Type // of one example, without the axis of the batch
	Values int     // how many whole numbers there are, from 0 on, if it holds such: of tokens, categories; else 0
	// Padding is the number that stands where a sequence has no token; nil if
	// there is none.
	Padding *int
}

// Equal compares what two inputs are.
func (in Input) Equal(other Input) bool {
	same := (in.Padding == nil) == (other.Padding == nil) && (in.Padding == nil || *in.Padding == *other.Padding)
	return same && in.Name == other.Name && in.Item == other.Item && in.Values == other.Values
}

// An Output is what a model is to give for each example.
type Output struct {
	Name string
	Size int // values for each position: classes, or numbers
}
