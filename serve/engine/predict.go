package engine

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/tensor"
)

// Predict answers a request. The error is an *Error.
func (e *Engine) Predict(ctx context.Context, r *Request) (*Response, error) {
	a := &Response{Times: Times{Start: time.Now()}}
	err := e.predict(ctx, r, a)
	if t := traceOf(ctx); t != nil {
		t.add(a, e.known(r.Model), err)
	}
	if err == nil {
		return a, nil
	}
	failed := AsError(err)
	switch failed.Code {
	case Exhausted, TooLarge, Deadline, Canceled, Unavailable:
		if a.Version != "" {
			e.observer.Rejected(a.Model, a.Version, failed.Code)
		}
	}
	return nil, failed
}

// predict answers by the version that the request means. What is known of the
// answer when an error ends it is of use too.
func (e *Engine) predict(ctx context.Context, r *Request, a *Response) (err error) {
	v, err := e.acquire(ctx, r.Model, r.Version, r.Key)
	if err != nil {
		return err
	}
	defer v.release()
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("a request failed", "model", v.spec.Name, "version", v.spec.Version, "error", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	a.Model, a.Version = v.spec.Name, v.spec.Version
	p := entry{queue: v.runner.scheduler}
	defer p.leave()
	if r.Fill != nil {
		r.enter = p.enter
		defer func() { r.enter = nil }()
		if err := r.Fill(v.spec.Version, &v.signature); err != nil {
			return err
		}
	}
	a.N = r.N
	return v.predict(ctx, r, a, &p)
}

// An entry is the places that a request has in a queue, until its jobs are
// submitted.
type entry struct {
	queue scheduler
	n     int // examples; 0 outside
}

func (p *entry) enter(n int) error {
	if p.n > 0 {
		return fmt.Errorf("engine: a request of %d examples enters again, with %d", p.n, n)
	}
	err := p.queue.enter(n)
	if err == nil {
		p.n = n
	}
	return err
}

// leave gives the places up, if there are any.
func (p *entry) leave() {
	if p.n > 0 {
		p.queue.leave(p.n)
		p.n = 0
	}
}

// predict encodes, computes and decodes.
func (v *version) predict(ctx context.Context, r *Request, a *Response, p *entry) error {
	start := time.Now()
	outputs, err := v.wanted(r.Outputs)
	if err != nil {
		return err
	}
	if r.N < 1 {
		return Errorf(Invalid, "the request has no examples")
	}
	if p.n == 0 {
		if err := p.enter(r.N); err != nil {
			return err
		}
	}
	if p.n != r.N {
		return fmt.Errorf("engine: a request entered with %d examples and has %d", p.n, r.N)
	}
	in, err := v.encode(ctx, r)
	if err != nil {
		return err
	}
	p.n = 0 // run submits the jobs
	a.Times.Encode = time.Since(start)
	raw, err := v.runner.run(ctx, in, r.N, &a.Times)
	if err != nil {
		return err
	}
	start = time.Now()
	for _, o := range outputs {
		answer, err := v.answer(o, raw, r.N)
		if err != nil {
			return err
		}
		a.Outputs = append(a.Outputs, answer)
	}
	if r.Results {
		for k := range r.N {
			results, err := v.runner.decode(in, raw, k)
			if err != nil {
				return err
			}
			a.Results = append(a.Results, results)
		}
	}
	a.Times.Decode = time.Since(start)
	return nil
}

// wanted lists the outputs of an answer.
func (v *version) wanted(names []string) ([]Output, error) {
	var list []Output
	for _, o := range v.signature.Outputs {
		if names == nil && !o.Asked || slices.Contains(names, o.Name) {
			list = append(list, o)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(list, func(o Output) bool { return o.Name == name }) {
			return nil, Errorf(Invalid, "model %s has no output %.40q", v.spec.Name, name)
		}
	}
	return list, nil
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
