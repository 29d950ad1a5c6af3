package train

import (
	"context"

	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/module"
)

// compileTest describes a step that changes nothing: forward and loss.
func (t *Trainer) compileTest() *exec.Func {
	return exec.NewFunc(t.Store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		y := t.Model.Forward(c.Eval(), in[0])
		return []*ir.Value{t.Loss(y, in[1]), y}
	})
}

// evaluate scores the test data.
func (r *run) evaluate(ctx context.Context) (Score, error) {
	var sum sums
	for b, err := range r.Test.Epoch(ctx, 0) {
		if err != nil {
			return Score{}, err
		}
		out, err := r.testStep.Run(ctx, b.Inputs[0], b.Inputs[1])
		if err != nil {
			return Score{}, err
		}
		right := metric.Accuracy{K: 1}
		if err := right.Add(out[1], b.Inputs[1]); err != nil {
			return Score{}, err
		}
		sum.add(b.N, out[0].Float(0), int(right.Correct()))
	}
	return sum.score(), nil
}

// Evaluate scores the test data with the present weights.
func (t *Trainer) Evaluate(ctx context.Context) (Score, error) {
	r := &run{Trainer: t, testStep: t.compileTest()}
	return r.evaluate(ctx)
}

// sums gather a score batch by batch.
type sums struct {
	samples, correct int
	loss             float64 // of all samples
}

func (s *sums) add(samples int, meanLoss float64, correct int) {
	s.samples += samples
	s.loss += meanLoss * float64(samples)
	s.correct += correct
}

// score is the mean over the samples so far, of which there is at least one.
func (s *sums) score() Score {
	n := float64(s.samples)
	return Score{Samples: s.samples, Loss: s.loss / n, Accuracy: float64(s.correct) / n}
}
