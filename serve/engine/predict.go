package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Predict answers a request. The error is an *Error.
func (e *Engine) Predict(ctx context.Context, r *Request) (*Response, error) {
	v, err := e.acquire(ctx, r.Model, r.Version)
	if err != nil {
		return nil, AsError(err)
	}
	defer v.release()
	if r.Fill != nil {
		if err := r.Fill(v.spec.Version, &v.signature); err != nil {
			return nil, AsError(err)
		}
	}
	a, err := v.predict(ctx, r)
	if err != nil {
		return nil, AsError(err)
	}
	return a, nil
}

// predict encodes, computes and decodes.
func (v *version) predict(ctx context.Context, r *Request) (*Response, error) {
	outputs, err := v.wanted(r.Outputs)
	if err != nil {
		return nil, err
	}
	a := &Response{Model: v.spec.Name, Version: v.spec.Version, N: r.N, Times: Times{Start: time.Now()}}
	in, err := v.encode(r)
	if err != nil {
		return nil, err
	}
	a.Times.Encode = time.Since(a.Times.Start)
	raw, err := v.runner.run(ctx, in, r.N, &a.Times)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	for _, o := range outputs {
		answer, err := v.answer(o, raw, r.N)
		if err != nil {
			return nil, err
		}
		a.Outputs = append(a.Outputs, answer)
	}
	if r.Results {
		for k := range r.N {
			results, err := v.runner.decode(raw, k)
			if err != nil {
				return nil, err
			}
			a.Results = append(a.Results, results)
		}
	}
	a.Times.Decode = time.Since(start)
	return a, nil
}

// wanted lists the outputs of an answer.
func (v *version) wanted(names []string) ([]Output, error) {
	var list []Output
	for _, o := range v.signature.Outputs {
		if len(names) == 0 && !o.Asked || slices.Contains(names, o.Name) {
			list = append(list, o)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(list, func(o Output) bool { return o.Name == name }) {
			return nil, Errorf(Invalid, "model %s has no output %q", v.spec.Name, name)
		}
	}
	return list, nil
}

// encode makes the tensors of a request, [N ...] each.
func (v *version) encode(r *Request) ([]*tensor.Tensor, error) {
	if r.N < 1 {
		return nil, Errorf(Invalid, "the request has no examples")
	}
	if r.Tensors != nil {
		return v.tensors(r)
	}
	for name, values := range r.Columns {
		if !slices.ContainsFunc(v.signature.Columns, func(c feature.Raw) bool { return c.Name == name }) {
			return nil, Errorf(Invalid, "model %s reads no column %q", v.spec.Name, name)
		}
		if len(values) != r.N {
			return nil, Errorf(Invalid, "column %s has %d values, want %d", name, len(values), r.N)
		}
	}
	var in []*tensor.Tensor
	for _, f := range v.runner.inputs() {
		columns := make([][]any, len(f.Encoder.Reads()))
		for i, c := range f.Encoder.Reads() {
			values, ok := r.Columns[c]
			if !ok {
				k := slices.IndexFunc(v.signature.Columns, func(raw feature.Raw) bool { return raw.Name == c })
				if !v.signature.Columns[k].Missing {
					return nil, Errorf(Invalid, "column %s is missing", c)
				}
				values = make([]any, r.N)
			}
			columns[i] = values
		}
		dt, item := f.Encoder.Item()
		t := tensor.New(dt, batch(r.N, item))
		values := make([]any, len(columns))
		for k := range r.N {
			for i := range columns {
				values[i] = columns[i][k]
			}
			row := t.Row(k)
			if err := f.Encoder.Encode(&row, values, data.Draw{}); err != nil {
				return nil, &Error{Code: Invalid, Message: fmt.Sprintf("example %d: input %s: %v", k, f.Name, err), Cause: &ExampleError{k, err}}
			}
		}
		in = append(in, t)
	}
	return in, nil
}

// batch is the shape of n examples.
func batch(n int, item shape.Shape) shape.Shape {
	return shape.Of(append([]int{n}, item.Dims()...)...)
}

// tensors takes those of a request whose client has done the preprocessing.
func (v *version) tensors(r *Request) ([]*tensor.Tensor, error) {
	if len(r.Columns) > 0 {
		return nil, errors.New("engine: a request has columns and tensors")
	}
	for name := range r.Tensors {
		if !slices.ContainsFunc(v.signature.Tensors, func(t Tensor) bool { return t.Name == name }) {
			return nil, Errorf(Invalid, "model %s has no input tensor %q", v.spec.Name, name)
		}
	}
	var in []*tensor.Tensor
	for _, want := range v.signature.Tensors {
		t, ok := r.Tensors[want.Name]
		if !ok {
			return nil, Errorf(Invalid, "input tensor %s is missing", want.Name)
		}
		if full := batch(r.N, want.Shape); t.DType() != want.DType || t.Shape() != full {
			return nil, Errorf(Invalid, "input tensor %s is %v, want %v%v", want.Name, t, want.DType, full)
		}
		in = append(in, t)
	}
	return in, nil
}

// answer makes one output of what the network gave, a tensor for each target.
func (v *version) answer(o Output, raw []*tensor.Tensor, n int) (Answer, error) {
	targets := v.runner.targets()
	i := slices.IndexFunc(targets, func(f feature.Fitted) bool { return f.Name == o.Target })
	t := raw[i]
	a := Answer{Output: o}
	switch o.Role {
	case Logits:
		a.Tensor = t
	case Class:
		for k := range n {
			row := t.Row(k)
			a.Strings = append(a.Strings, o.labels(targets[i])[argmax(&row)])
		}
	case Probabilities:
		a.Tensor = tensor.New(dtype.Float32, t.Shape())
		_, exclusive := targets[i].Encoder.(*feature.ClassEncoder)
		for k := range n {
			src, dst := t.Row(k), a.Tensor.Row(k)
			probabilities(dst.F32(), &src, exclusive)
		}
	case Value:
		a.Tensor = tensor.New(dtype.Float64, t.Shape())
		u := targets[i].Encoder.(feature.InUnits).Unscale(t)
		for k := range u.Size() {
			a.Tensor.SetFloat(k, u.Float(k))
		}
	}
	return a, nil
}

// labels are the classes of a target.
func (o Output) labels(f feature.Fitted) []string { return f.Encoder.(*feature.ClassEncoder).Classes }

// argmax is the place of the largest element, the first of equal ones.
func argmax(t *tensor.Tensor) int {
	best := 0
	for i := range t.Size() {
		if t.Float(i) > t.Float(best) {
			best = i
		}
	}
	return best
}

// probabilities is the softmax of scores where classes exclude each other,
// otherwise the logistic function of each.
func probabilities(dst []float32, scores *tensor.Tensor, exclusive bool) {
	if !exclusive {
		for i := range dst {
			dst[i] = float32(1 / (1 + math.Exp(-scores.Float(i))))
		}
		return
	}
	most, sum := scores.Float(argmax(scores)), 0.0
	for i := range dst {
		sum += math.Exp(scores.Float(i) - most)
	}
	for i := range dst {
		dst[i] = float32(math.Exp(scores.Float(i)-most) / sum)
	}
}
