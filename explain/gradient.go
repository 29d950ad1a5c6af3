// Package explain tells what a prediction rests on: how a score changes with the
// input that it was computed from, as a picture over an image, or as shares of
// columns and words.
package explain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// A Method is what is told of each number x of an input, by the gradient
// g = d score / d x.
type Method string

// The methods.
const (
	// Plain is g: where a small change matters most.
	Plain Method = "gradient"
	// TimesInput is g x: what the number adds to the score. For a network that is
	// linear these shares and its bias add up to the score; for others they are
	// the first-order part of it.
	TimesInput Method = "gradient_times_input"
)

// Values lists the methods.
func (Method) Values() []string { return []string{string(Plain), string(TimesInput)} }

// An InputGradient explains by the gradient of a score with respect to the
// encoded input, computed with the model in evaluation mode, float32.
//
// What the score is depends on the target, see [Score]. An input of whole numbers
// has no gradient of its own; where embeddings look them up, each gets the sum
// of g x over its vectors, by either method.
//
// The result is a function of model, input and settings alone. The memory of the
// model's backend grows to what a forward and backward pass of one example need.
//
// Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks"
// (2014), with log-odds in the place of the logit; Shrikumar et al., "Not Just a
// Black Box" (2016), for the product.
type InputGradient struct {
	Method Method  `json:"method" yaml:"method"`
	Smooth *Smooth `json:"smooth" yaml:"smooth"` // null takes the gradient at the input alone
}

// A Smooth is SmoothGrad: the mean of the gradients at several noisy copies of
// the input, which leaves less of what changes from pixel to pixel. The noise is
// normal, of a deviation of Noise times the distance of the input's greatest
// and least number, and drawn by Philox. Inputs of whole numbers get none.
//
// Source: Smilkov et al., "SmoothGrad: removing noise by adding noise" (2017).
type Smooth struct {
	Samples int     `json:"samples" yaml:"samples"` // noisy copies
	Noise   float64 `json:"noise" yaml:"noise"`     // deviation, as a share of the input's range
	Seed    uint64  `json:"seed" yaml:"seed"`
}

// DefaultInputGradient is the gradient itself.
func DefaultInputGradient() InputGradient { return InputGradient{Method: Plain} }

// DefaultSmooth has 25 copies with a noise of 0.15, as its paper finds good.
func DefaultSmooth() Smooth { return Smooth{Samples: 25, Noise: 0.15} }

// maxSamples bounds the work of one explanation.
const maxSamples = 1000

// Validate tells all that is wrong with the settings.
func (c InputGradient) Validate() error {
	var errs []error
	if !slices.Contains(c.Method.Values(), string(c.Method)) {
		errs = append(errs, fmt.Errorf("method: %q is not %s or %s", c.Method, Plain, TimesInput))
	}
	if s := c.Smooth; s != nil {
		if s.Samples < 1 || s.Samples > maxSamples {
			errs = append(errs, fmt.Errorf("smooth.samples: %d is not in 1..%d", s.Samples, maxSamples))
		}
		if !(s.Noise > 0 && s.Noise <= 10) {
			errs = append(errs, fmt.Errorf("smooth.noise: %v is not above 0 and at most 10", s.Noise))
		}
	}
	return errors.Join(errs...)
}

// A Question is what is to be explained. The zero value asks for the class that
// the first target gets, or for the first of its numbers.
type Question struct {
	Target string // "" is the first
	Class  string // of a class or number; "" is the predicted class, or the first number
}

// An Explanation is what a prediction rests on.
type Explanation struct {
	Target string
	Kind   ScoreKind
	Class  string  // whose score it is, or the name of the number
	Score  float64 // log-odds, or the number in its own unit
	// Inputs has a tensor for each input of the model, of the shape of an
	// example: float32 [...], what the method tells of each number. For a number
	// that is predicted it is in units of that.
	Inputs []*tensor.Tensor
}

// Explain explains one prediction; the inputs are encoded, [1 ...] each. It
// computes with the model's own store, which must not be in use.
func (c InputGradient) Explain(ctx context.Context, s *recipe.Saved, q Question, in ...*tensor.Tensor) (*Explanation, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	score, err := newScore(s.Set, q)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	step := exec.NewFunc(s.Store, func(m *module.Ctx, in []*ir.Value) []*ir.Value {
		return c.trace(m, s.Network.Map, score, in)
	})
	out, err := step.Run(ctx, in...)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	z, best := out[0].Clone(), int(out[1].Int(0))
	if x := z.Float(best); math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, fmt.Errorf("explain: the model's output is %v", x)
	}
	e := &Explanation{Target: score.target.Name, Kind: score.kind, Class: score.classes[best]}
	var unit float64
	e.Score, unit = score.of(z, best)
	sums := make([][]float64, len(in))
	for i, g := range out[2:] {
		sums[i] = make([]float64, g.Size())
	}
	n := 1
	if c.Smooth == nil {
		accumulate(sums, out[2:])
	} else {
		// The noise must not change what is explained.
		score.place = &best
		smooth := exec.NewFunc(s.Store, func(m *module.Ctx, in []*ir.Value) []*ir.Value {
			return c.trace(m, s.Network.Map, score, in)
		})
		n = c.Smooth.Samples
		for k := range n {
			if out, err = smooth.Run(ctx, c.Smooth.noisy(in, k)...); err != nil {
				return nil, fmt.Errorf("explain: %w", err)
			}
			accumulate(sums, out[2:])
		}
	}
	for i, x := range in {
		t := tensor.New(dtype.Float32, x.Shape().Tail())
		for k, g := range sums[i] {
			g = g * unit / float64(n)
			if c.Method == TimesInput && x.DType().IsFloat() {
				g *= x.Float(k)
			}
			t.F32()[k] = float32(g)
		}
		e.Inputs = append(e.Inputs, t)
	}
	return e, nil
}

func accumulate(sums [][]float64, out []*tensor.Tensor) {
	for i, g := range out {
		for k := range g.Size() {
			sums[i][k] += g.Float(k)
		}
	}
}

// noisy makes copy k of the inputs.
func (c Smooth) noisy(in []*tensor.Tensor, k int) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(in))
	for i, x := range in {
		out[i] = x
		if !x.DType().IsFloat() {
			continue
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		for j := range x.Size() {
			lo, hi = min(lo, x.Float(j)), max(hi, x.Float(j))
		}
		y, r := tensor.New(x.DType(), x.Shape()), rng.NewStream(c.Seed, fmt.Sprintf("explain/%d", i), uint64(k))
		for j := range x.Size() {
			y.SetFloat(j, x.Float(j)+float64(c.Noise*(hi-lo)*r.Normal()))
		}
		out[i] = y
	}
	return out
}

// trace builds the outputs of the target [C], the place that is explained [1],
// and for each input the gradient, of the input's shape.
func (c InputGradient) trace(m *module.Ctx, forward func(*module.Ctx, []*ir.Value) []*ir.Value, s *score, in []*ir.Value) []*ir.Value {
	out := forward(m.Eval(), in)
	g := m.Graph()
	if g.Err() != nil {
		return in
	}
	n := len(s.classes)
	z := out[s.output]
	if z.Shape().Size() != n {
		g.Fail("explain", fmt.Sprintf("wants one example and %d outputs of target %s", n, s.target.Name), []*ir.Value{z})
		return in
	}
	z = ops.Reshape(ops.Cast(z, dtype.Float32), n)
	place := s.choose(z)
	y := s.value(z, ops.OneHot(place, n, dtype.Float32))

	// What gradients are taken by: an input itself, or what embeddings made of it.
	var xs []*ir.Value
	var of []int // the input of each of xs
	for i, x := range in {
		found := []*ir.Value{x}
		if !x.DType().IsFloat() {
			found = embedded(g, x)
		}
		for _, v := range found {
			xs, of = append(xs, v), append(of, i)
		}
	}
	results := []*ir.Value{z, place}
	grads := grad.Of(y, xs...)
	sums := make([]*ir.Value, len(in))
	for k, x := range xs {
		i := of[k]
		v := grads[k]
		if x != in[i] {
			v = ops.Mul(v, x)
			for v.Rank() > in[i].Rank() {
				v = ops.Sum(v, v.Rank()-1)
			}
		}
		if v = ops.Cast(v, dtype.Float32); sums[i] != nil {
			v = ops.Add(sums[i], v)
		}
		sums[i] = v
	}
	for i, v := range sums {
		if v == nil {
			g.Fail("explain", fmt.Sprintf("input %d holds whole numbers that no embedding looks up: they have no gradient", i), in[i:i+1])
			return in
		}
		results = append(results, v)
	}
	return results
}

// embedded lists the vectors [... W] that embeddings look up by the whole
// numbers x.
func embedded(g *ir.Graph, x *ir.Value) []*ir.Value {
	from := map[*ir.Value]bool{x: true} // made of x, and whole numbers still
	var list []*ir.Value
	for _, n := range g.Nodes() {
		if n.Backward() {
			break
		}
		if op, ok := n.Op().(ops.TakeOp); ok && op.Axis == 0 && from[n.In()[1]] {
			v := n.Outs()[0]
			if v.DType().IsFloat() && v.Rank() > x.Rank() && slices.Equal(v.Shape().Dims()[:x.Rank()], x.Shape().Dims()) {
				list = append(list, v)
			}
			continue
		}
		if slices.ContainsFunc(n.In(), func(v *ir.Value) bool { return from[v] }) {
			for _, v := range n.Outs() {
				from[v] = v.DType().IsInt()
			}
		}
	}
	return list
}
