package train

import (
	"context"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/pass"
	"github.com/gradus-ml/gradus/shape"
)

// A program is the step as it is compiled while the same parameters are
// trained. A batch runs through whole; where it is computed in pieces, through
// counts, then piece after piece, then update.
type program struct {
	t      *Trainer
	opt    optim.Optimizer
	scaler *optim.Scaler   // of float16; nil otherwise
	grads  []*module.State // sums of the gradients of pieces
	whole  *exec.Func      // batch, numbers -> loss, norm, ok, sum and count of each head, outputs that are judged
	counts *exec.Func      // batch -> count of each head
	piece  *exec.Func      // batch, first, share, counts -> loss, sum and count of each head, outputs that are judged
	update *exec.Func      // loss, numbers -> norm, ok
}

// compile describes the step. Each function is traced once for each shape of
// batch.
func (t *Trainer) compile(opt optim.Optimizer, scaler *optim.Scaler) *program {
	p := &program{t: t, opt: opt, scaler: scaler}
	p.whole = t.newFunc(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		b := t.split(in)
		out, terms, total, grads := p.descent(c, b, nil, nil)
		norm, ok := p.finish(c, grads, total, b.numbers)
		return slices.Concat([]*ir.Value{total, norm, ok}, list(terms), t.judged(out, Head.metrics))
	})
	p.whole.Recompute(t.Strategy.Recompute...)
	if t.Strategy.Accumulate == 1 {
		return p
	}
	for _, n := range opt.Params() {
		p.grads = append(p.grads, &module.State{Key: "accumulate." + n.Key, DType: n.DType, Shape: n.Shape})
	}
	p.counts = t.newFunc(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		_, terms := t.forward(c.Eval(), t.split(in))
		counts := make([]*ir.Value, len(terms)) // of which the targets decide; the model is not computed
		for i, term := range terms {
			counts[i] = term.Count
		}
		return counts
	})
	p.piece = t.newFunc(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		b := t.split(in)
		first, share, counts := b.numbers[0], b.numbers[1], b.numbers[2:]
		out, terms, total, grads := p.descent(c, b, counts, share)
		for i, g := range grads {
			before := c.State(p.grads[i])
			c.SetState(p.grads[i], ops.Select(first, g, ops.Add(before, g)))
		}
		return slices.Concat([]*ir.Value{total}, list(terms), t.judged(out, Head.metrics))
	})
	p.piece.Recompute(t.Strategy.Recompute...)
	p.update = t.newFunc(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		grads := make([]*ir.Value, len(p.grads))
		for i, s := range p.grads {
			grads[i] = c.State(s)
		}
		norm, ok := p.finish(c, grads, in[0], in[1:])
		return []*ir.Value{norm, ok}
	})
	return p
}

// newFunc is a function over the store, in the precision that is asked for.
func (t *Trainer) newFunc(trace func(c *module.Ctx, in []*ir.Value) []*ir.Value) *exec.Func {
	f := exec.NewFunc(t.Store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		switch t.Strategy.Precision {
		case BFloat16:
			defer pass.Autocast(c.Graph(), dtype.BFloat16)()
		case Float16:
			defer pass.Autocast(c.Graph(), dtype.Float16)()
		}
		return trace(c, in)
	})
	f.DetectAnomaly(t.DetectAnomaly)
	return f
}

// A batch as values of a graph.
type batch struct {
	inputs, targets []*ir.Value
	others          []*ir.Value // targets of the examples that are mixed in; nil without mixing
	weight          *ir.Value   // nil for ones
	share           *ir.Value   // of the first example in a mixed one; nil without mixing
	numbers         []*ir.Value // what else a function takes
}

// tensors is the number of tensors of a batch: inputs, targets, the targets of
// examples that are mixed in, weights.
func (t *Trainer) tensors() int {
	n := t.Inputs + len(t.Heads)
	if t.Strategy.mixes() {
		n += len(t.Heads)
	}
	if t.Weighted {
		n++
	}
	return n
}

// split sorts the arguments of a function.
func (t *Trainer) split(in []*ir.Value) batch {
	n, targets := t.tensors(), t.Inputs+len(t.Heads)
	b := batch{inputs: in[:t.Inputs], targets: in[t.Inputs:targets], numbers: in[n:]}
	if t.Strategy.mixes() {
		b.others = in[targets : targets+len(t.Heads)]
		b.share, b.numbers = b.numbers[0], b.numbers[1:]
	}
	if t.Weighted {
		b.weight = in[n-1]
	}
	return b
}

// forward builds outputs and losses.
func (t *Trainer) forward(c *module.Ctx, b batch) ([]*ir.Value, []loss.Terms) {
	g := c.Graph()
	out := t.Forward(c, b.inputs)
	t.penalise(c)
	if len(out) != len(t.Heads) && g.Err() == nil {
		g.Fail("train", fmt.Sprintf("the model gives %d outputs, there are %d losses", len(out), len(t.Heads)), out)
	}
	out = slices.Clone(out)
	terms := make([]loss.Terms, len(t.Heads))
	for i, h := range t.Heads {
		if g.Err() != nil {
			wrong := g.Poison(dtype.Float32)
			terms[i] = loss.Terms{Sum: wrong, Count: wrong}
			continue
		}
		terms[i] = h.terms(&out[i], b.targets[i], b.weight)
		if b.others != nil {
			terms[i] = blend(b.share, terms[i], h.terms(&out[i], b.others[i], b.weight))
		}
	}
	return out, terms
}

// terms is the loss of an output, which it brings to the form that losses want.
func (h Head) terms(out **ir.Value, target, weight *ir.Value) loss.Terms {
	if h.ClassesLast {
		*out, target, weight = positions(*out, target, weight)
	}
	return h.Loss.Terms(*out, target, weight)
}

// blend is share x + (1-share) y.
func blend(share *ir.Value, x, y loss.Terms) loss.Terms {
	rest := ops.Sub(ops.Scalar(share, 1), share)
	return loss.Terms{
		Sum:   ops.Add(ops.Mul(share, x.Sum), ops.Mul(rest, y.Sum)),
		Count: ops.Add(ops.Mul(share, x.Count), ops.Mul(rest, y.Count)),
	}
}

// positions turns outputs [B T V] into [B*T V], and labels and weights with them.
func positions(out, target, weight *ir.Value) (o, t, w *ir.Value) {
	if out.Graph().Err() != nil || target.Rank() < 2 {
		return out, target, weight
	}
	classes := out.Dim(out.Rank() - 1)
	n := target.Shape().Size()
	if weight != nil {
		b := weight.Dim(0)
		weight = ops.Reshape(ops.Broadcast(ops.Reshape(weight, b, 1), shape.Of(b, n/b)), n)
	}
	return ops.Reshape(out, n, classes), ops.Reshape(target, n), weight
}

// total is the weighted sum of the heads' means, and what layers add. Counts, if
// given, are what the heads' sums are divided by, and share is that of the piece
// in the batch.
func (t *Trainer) total(c *module.Ctx, terms []loss.Terms, counts []*ir.Value, share *ir.Value) *ir.Value {
	var total *ir.Value
	for i, h := range t.Heads {
		term := terms[i]
		if counts != nil {
			term.Count = counts[i]
		}
		l := term.Mean()
		if h.Weight != 1 {
			l = ops.Mul(l, ops.Scalar(l, h.Weight))
		}
		if total == nil {
			total = l
		} else {
			total = ops.Add(total, l)
		}
	}
	for _, l := range c.AddedLosses() {
		if share != nil {
			l = ops.Mul(l, ops.Cast(share, l.DType()))
		}
		total = ops.Add(total, ops.Cast(l, total.DType()))
	}
	return total
}

// metrics are those that each batch of training is judged by: none for a
// language model, whose outputs are large and whose loss says as much.
func (h Head) metrics() []Metric {
	if h.ClassesLast {
		return nil
	}
	return h.Metrics
}

// judged are the outputs of heads with metrics; others need not leave the step.
func (t *Trainer) judged(out []*ir.Value, metrics func(h Head) []Metric) []*ir.Value {
	var read []*ir.Value
	for i, h := range t.Heads {
		if len(metrics(h)) > 0 && i < len(out) {
			read = append(read, out[i])
		}
	}
	return read
}

// list is the sum and the count of each head.
func list(terms []loss.Terms) []*ir.Value {
	var values []*ir.Value
	for _, t := range terms {
		values = append(values, t.Sum, t.Count)
	}
	return values
}

// descent builds the forward pass, the loss, and the gradients that weights are
// updated with: with SAM those of a second pass at other weights.
func (p *program) descent(c *module.Ctx, b batch, counts []*ir.Value, share *ir.Value) (out []*ir.Value, terms []loss.Terms, total *ir.Value, grads []*ir.Value) {
	gradients := func() []*ir.Value {
		o, ts := p.t.forward(c.Train(), b)
		l := p.t.total(c, ts, counts, share)
		if total == nil {
			out, terms, total = o, ts, l
		}
		return p.gradients(c, l)
	}
	if sam := p.t.Strategy.SAM; sam != nil {
		grads = sam.Gradients(c, p.opt, p.t.Store.States(), gradients)
	} else {
		grads = gradients()
	}
	return out, terms, total, grads
}

// gradients are those of the loss, times its scale, by the parameters that are
// trained.
func (p *program) gradients(c *module.Ctx, total *ir.Value) []*ir.Value {
	if p.scaler != nil {
		total = p.scaler.Scale(c, total)
	}
	return grad.Of(total, c.Params(p.opt)...)
}

// finish clips the gradients and updates the weights, unless a guard finds the
// loss or the gradients bad. It returns the norm of the gradients before
// clipping, 0 where nobody wants it, and whether all was good.
//
// numbers are the rate, the limit of the loss, and the decay of the moving
// average if there is one.
func (p *program) finish(c *module.Ctx, grads []*ir.Value, total *ir.Value, numbers []*ir.Value) (norm, ok *ir.Value) {
	g, s := c.Graph(), p.t.Strategy
	if g.Err() != nil {
		return g.Poison(dtype.Float32), g.Poison(dtype.Bool)
	}
	rate, limit := numbers[0], numbers[1]
	ok = ops.Le(total, limit) // NaN is not
	switch {
	case p.scaler != nil:
		grads, norm = p.scaler.Unscale(c, grads)
	case s.ClipNorm != nil || s.Guard != nil:
		norm = optim.Norm(grads)
	}
	if norm != nil {
		ok = ops.And(ok, ops.IsFinite(norm))
	} else {
		norm = ops.Scalar(total, 0)
	}
	if s.Guard != nil {
		c.Gate(ok)
	}
	if s.ClipValue != nil {
		grads = optim.ClipValue(grads, *s.ClipValue)
		if s.ClipNorm != nil {
			norm = optim.Norm(grads)
		}
	}
	if s.ClipNorm != nil {
		grads = optim.ClipTo(grads, norm, *s.ClipNorm)
	}
	p.opt.Update(c, grads, rate)
	if p.t.scheduleFree() {
		p.t.judgeStatistics(c)
	}
	if s.EMA != nil {
		optim.Average(c, emaPrefix, p.opt.Params(), p.t.Store.States(), numbers[2])
	}
	return norm, ok
}

// step trains on a batch and says what came of it.
func (r *run) step(ctx context.Context, b *data.Batch, last bool) error {
	e := &Stepped{Step: r.state.Step + 1, Epoch: b.Epoch + 1, Last: last, Samples: b.N}
	if err := r.tell(&StepStarted{Step: e.Step, Epoch: e.Epoch, Batch: b}); err != nil {
		return err
	}
	in, mixed, err := r.mix(ctx, b)
	if err != nil {
		return err
	}
	r.copied = false
	got, err := r.compute(ctx, in, b.N, mixed)
	if err != nil {
		return fmt.Errorf("train: step %d (batch %d of epoch %d): %w", e.Step, b.Index+1, e.Epoch, err)
	}
	e.Loss, e.GradNorm, e.LR, e.Metrics = got.loss, got.norm, got.rate, got.metrics
	r.state.Step, r.state.Index = e.Step, b.Index+1
	if err := r.judge(e, b, got); err != nil || e.Refused {
		return err
	}
	r.state.EpochTally.add(b.N, got)
	r.state.LogTally.add(b.N, got)
	if err := r.tell(e); err != nil {
		return err
	}
	if e.Step%r.LogEvery == 0 || last {
		return r.log(e.LR)
	}
	return nil
}
