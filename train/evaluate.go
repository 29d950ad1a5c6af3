package train

import (
	"context"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/runlog"
)

// compileEval describes a step that changes nothing: forward and losses, by the
// weights that a model is judged by. batch -> sum and count of each head,
// outputs that metrics read.
func (t *Trainer) compileEval(shadow string) *exec.Func {
	return t.newFunc(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		b := t.split(in)
		out, terms := t.forward(under(c.Eval(), shadow), b)
		return append(list(terms), t.judged(out, func(h Head) []Metric { return h.Metrics })...)
	})
}

// under reads parameters from their shadows, if there are any.
func under(c *module.Ctx, shadow string) *module.Ctx {
	if shadow == "" {
		return c
	}
	return c.Shadow(shadow)
}

// Score scores data with the present weights.
func (t *Trainer) Score(ctx context.Context, split string, feed data.Feed) (Score, error) {
	plain := *t
	plain.Strategy.Mixup, plain.Strategy.Cutmix = nil, nil
	return plain.scoreBy(ctx, plain.compileEval(""), split, feed, func(Event) error { return nil })
}

// scoreBy scores data by a function of compileEval.
func (t *Trainer) scoreBy(ctx context.Context, eval *exec.Func, split string, feed data.Feed, tell func(Event) error) (Score, error) {
	sums, counts := make([]float64, len(t.Heads)), make([]float64, len(t.Heads))
	for _, h := range t.Heads {
		for _, m := range h.Metrics {
			m.Reset()
		}
	}
	score := Score{}
	for b, err := range feed.From(ctx, 0, 0) {
		if err != nil {
			return score, fmt.Errorf("train: %s data: %w", split, err)
		}
		out, err := eval.Run(ctx, b.Inputs...)
		if err != nil {
			return score, err
		}
		score.Samples += b.N
		outputs := out[2*len(t.Heads):]
		for i, h := range t.Heads {
			sums[i] += out[2*i].Float(0)
			counts[i] += out[2*i+1].Float(0)
			if len(h.Metrics) == 0 {
				continue
			}
			for _, m := range h.Metrics {
				if err := t.addMetric(m, i, outputs[0], b.Inputs[t.Inputs+i]); err != nil {
					return score, err
				}
			}
			outputs = outputs[1:]
		}
		if err := tell(&Evaluated{Split: split, Batch: b, Samples: score.Samples}); err != nil {
			return score, err
		}
	}
	if score.Samples == 0 {
		return score, fmt.Errorf("train: the %s data has no example", split)
	}
	var metrics []float64
	for i, h := range t.Heads {
		sums[i] /= counts[i]
		for _, m := range h.Metrics {
			metrics = append(metrics, m.Value())
		}
	}
	score.fill(t.Heads, sums, metrics, func(h Head) []Metric { return h.Metrics })
	return score, nil
}

// evaluate scores a split by the weights that will be saved, and tells.
func (r *run) evaluate(ctx context.Context, split string, feed data.Feed) (Score, error) {
	if err := r.tell(&EvaluationStarted{Split: split, Step: r.state.Step}); err != nil {
		return Score{}, err
	}
	if r.eval == nil {
		plain := *r.Trainer
		plain.Strategy.Mixup, plain.Strategy.Cutmix = nil, nil
		r.eval = plain.compileEval(r.shadow())
	}
	score, err := r.scoreBy(ctx, r.eval, split, feed, r.tell)
	if err != nil {
		return score, err
	}
	epoch := r.epochNow()
	if err := r.tell(&Scored{Split: split, Step: r.state.Step, Epoch: epoch, Score: score}); err != nil {
		return score, err
	}
	return score, r.tell(&Logged{runlog.Record{Step: r.state.Step, Epoch: epoch, Split: split, Metrics: score.Values}})
}

// epochNow is the number of epochs begun.
func (r *run) epochNow() int {
	if r.state.Index > 0 || r.state.Epoch == 0 {
		return r.state.Epoch + 1
	}
	return r.state.Epoch
}

// validate scores the validation data and draws the conclusions: for schedules
// that observe, checkpoints, the end of the run.
func (r *run) validate(ctx context.Context) error {
	if r.Validation == nil {
		return nil
	}
	score, err := r.evaluate(ctx, "validation", r.Validation)
	if err != nil {
		return err
	}
	r.result.Validation = score
	if err := r.observe(score); err != nil {
		return err
	}
	if err := r.earlyStop(score); err != nil {
		return err
	}
	if err := r.judgeCheckpoint(score); err != nil {
		return err
	}
	r.state.EvaluatedAt, r.marked = r.state.Step, nil
	return nil
}

// log writes a line of split "train": means since the last one. The rate is that
// of the last step.
func (r *run) log(rate float64) error {
	score := r.state.LogTally.score(r.Heads)
	epoch := r.state.Epoch + 1
	rec := runlog.Record{Step: r.state.Step, Epoch: epoch, Split: "train", Metrics: append(score.Values, runlog.Metric{Name: "lr", Value: rate})}
	if r.Strategy.ClipNorm != nil || r.Strategy.Guard != nil {
		rec.Metrics = append(rec.Metrics, runlog.Metric{Name: "grad_norm", Value: float64(r.state.LogTally.Norm)})
	}
	r.state.LogTally = tally{}
	return r.tell(&Logged{rec})
}

// named returns a metric of a score, which must be there.
func named(score Score, name, who string) (float64, error) {
	v := score.Value(name)
	for _, m := range score.Values {
		if m.Name == name {
			return v, nil
		}
	}
	var names []string
	for _, m := range score.Values {
		names = append(names, m.Name)
	}
	return math.NaN(), fmt.Errorf("train: %s wants the metric %q of the validation data; there are %v (evaluate.metrics adds others)", who, name, names)
}
