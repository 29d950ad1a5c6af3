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

	"github.com/gradus-ml/gradus/data/feature"
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

// ErrWhole is the error of a model that reads whole numbers and has no embedding
// look them up.
var ErrWhole = errors.New("the model reads whole numbers that no embedding looks up: they have no gradient")

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
	r, err := c.Start(s.Set, q, in...)
	if err != nil {
		return nil, err
	}
	for !r.Done() {
		if err := r.Step(ctx, s); err != nil {
			return nil, err
		}
	}
	return r.Explanation(), nil
}

// A Run is an explanation under way, one backward pass a step, for models that
// serve others in between. It is not safe for concurrent use.
type Run struct {
	config InputGradient
	score  *score
	in     []*tensor.Tensor
	class  *tensor.Tensor // int64 []: the place of the score, -1 for the greatest

	saved *recipe.Saved // that step is of
	step  *exec.Func
	taken int            // steps
	z     *tensor.Tensor // outputs of the target at the input
	sums  [][]float64    // of gradients, by input
}

// Start begins an explanation; nothing is computed yet.
func (c InputGradient) Start(set *feature.Set, q Question, in ...*tensor.Tensor) (*Run, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	score, err := newScore(set, q)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	r := &Run{config: c, score: score, in: in, class: tensor.Scalar(int64(score.place))}
	for _, x := range in {
		r.sums = append(r.sums, make([]float64, x.Size()))
	}
	return r, nil
}

// Done reports whether there is no step left: the first is at the input itself,
// the others are at its noisy copies.
func (r *Run) Done() bool { return r.taken == 1+r.config.samples() }

func (c InputGradient) samples() int {
	if c.Smooth == nil {
		return 0
	}
	return c.Smooth.Samples
}

// Step takes the next step with a model, which may be another copy of the same
// from step to step.
func (r *Run) Step(ctx context.Context, s *recipe.Saved) error {
	if r.saved != s {
		r.saved, r.step = s, exec.NewFunc(s.Store, func(m *module.Ctx, in []*ir.Value) []*ir.Value {
			return r.score.trace(m, s.Network.Map, in)
		})
	}
	in := r.in
	if r.taken > 0 {
		in = r.config.Smooth.noisy(in, r.taken-1)
	}
	out, err := r.step.Run(ctx, append(slices.Clip(in), r.class)...)
	if r.score.whole {
		return fmt.Errorf("explain: %w", ErrWhole)
	}
	if err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	if r.taken == 0 {
		r.z = out[0].Clone()
		r.class.SetInt(0, out[1].Int(0)) // noise must not change what is explained
		if x := r.z.Float(int(r.class.Int(0))); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("explain: the model's output is %v", x)
		}
	}
	if r.taken > 0 || r.config.Smooth == nil {
		for i, g := range out[2:] {
			for k := range g.Size() {
				r.sums[i][k] += g.Float(k)
			}
		}
	}
	r.taken++
	return nil
}

// Explanation is what the steps have found.
func (r *Run) Explanation() *Explanation {
	place := int(r.class.Int(0))
	e := &Explanation{Target: r.score.target.Name, Kind: r.score.kind, Class: r.score.classes[place]}
	var unit float64
	e.Score, unit = r.score.of(r.z, place)
	for i, x := range r.in {
		t := tensor.New(dtype.Float32, x.Shape().Tail())
		for k, g := range r.sums[i] {
			g = g * unit / float64(max(1, r.config.samples()))
			if r.config.Method == TimesInput && x.DType().IsFloat() {
				g *= x.Float(k)
			}
			t.F32()[k] = float32(g)
		}
		e.Inputs = append(e.Inputs, t)
	}
	return e
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

// trace builds the outputs of the target [C], the place that is explained [],
// and for each input the gradient, of the input's shape. The last of in is the
// place, or -1.
func (s *score) trace(m *module.Ctx, forward func(*module.Ctx, []*ir.Value) []*ir.Value, in []*ir.Value) []*ir.Value {
	in, class := in[:len(in)-1], in[len(in)-1]
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
	place := ops.Select(ops.Lt(class, ops.Scalar(class, 0)), ops.ArgMax(z, 0), class)
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
			s.whole = true
			g.Fail("explain", ErrWhole.Error(), in[i:i+1])
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
