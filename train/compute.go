package train

import (
	"context"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/tensor"
)

// What a step came to.
type computed struct {
	loss, norm   float64
	ok           bool // false when the step changed nothing
	rate         float64
	sums, counts []float64 // of the heads' losses
	metrics      []float64 // of the heads one after another, over the batch; nil for a mixed one
}

// compute runs a step on a batch of n examples.
func (r *run) compute(ctx context.Context, in []*tensor.Tensor, n int, mixed bool) (*computed, error) {
	heads := len(r.Heads)
	got := &computed{sums: make([]float64, heads), counts: make([]float64, heads)}
	numbers := r.numbers(got)
	var mix []*tensor.Tensor
	if r.Strategy.mixes() {
		mix = append(mix, tensor.Scalar(float32(r.share)))
	}
	pieces := r.Strategy.Accumulate
	if pieces == 1 {
		out, err := r.program.whole.Run(ctx, slices.Concat(in, mix, numbers)...)
		if err != nil {
			return nil, err
		}
		got.loss, got.norm, got.ok = out[0].Float(0), out[1].Float(0), out[2].Int(0) != 0
		return got, r.take(got, out[3:], in, true, mixed)
	}
	counted, err := r.program.counts.Run(ctx, slices.Concat(in, mix)...)
	if err != nil {
		return nil, err
	}
	counts := make([]*tensor.Tensor, heads)
	for i := range counts {
		counts[i] = counted[i].Clone()
	}
	if err := r.rememberStates(); err != nil {
		return nil, err
	}
	rows := (n + pieces - 1) / pieces
	for at := 0; at < n; at += rows {
		piece := make([]*tensor.Tensor, len(in))
		for i, t := range in {
			piece[i] = t.Rows(at, min(at+rows, n))
		}
		share := float32(min(rows, n-at)) / float32(n)
		out, err := r.program.piece.Run(ctx, slices.Concat(piece, mix, []*tensor.Tensor{tensor.Scalar(at == 0), tensor.Scalar(share)}, counts)...)
		if err != nil {
			return nil, err
		}
		got.loss += out[0].Float(0)
		if err := r.take(got, out[1:], piece, at == 0, mixed); err != nil {
			return nil, err
		}
	}
	out, err := r.program.update.Run(ctx, append([]*tensor.Tensor{tensor.Scalar(float32(got.loss))}, numbers...)...)
	if err != nil {
		return nil, err
	}
	got.norm, got.ok = out[0].Float(0), out[1].Int(0) != 0
	if !got.ok {
		return got, r.recallStates()
	}
	return got, nil
}

// numbers are those that a step takes: the rate, the limit of the loss, the
// decay of the moving average.
func (r *run) numbers(got *computed) []*tensor.Tensor {
	got.rate = r.rate.At(r.state.Step)
	list := []*tensor.Tensor{tensor.Scalar(float32(got.rate)), tensor.Scalar(float32(r.limit()))}
	if e := r.Strategy.EMA; e != nil {
		list = append(list, tensor.Scalar(e.decay(r.state.Step)))
	}
	return list
}

// take adds up what a piece of a batch came to: out begins with sum and count of
// each head, and then has the outputs that are judged. The metrics are those of
// the batch so far.
func (r *run) take(got *computed, out, in []*tensor.Tensor, first, mixed bool) error {
	for i := range r.Heads {
		got.sums[i] += out[2*i].Float(0)
		got.counts[i] += out[2*i+1].Float(0)
	}
	if mixed {
		return nil
	}
	outputs := out[2*len(r.Heads):]
	got.metrics = got.metrics[:0]
	for i, h := range r.Heads {
		if len(h.metrics()) == 0 {
			continue
		}
		output := outputs[0]
		outputs = outputs[1:]
		for _, m := range h.metrics() {
			if first {
				m.Reset()
			}
			if err := r.addMetric(m, i, output, in[r.Inputs+i]); err != nil {
				return err
			}
			got.metrics = append(got.metrics, m.Value())
		}
	}
	return nil
}

// addMetric counts a batch of a head.
func (t *Trainer) addMetric(m metric.Metric, head int, output, target *tensor.Tensor) error {
	h := t.Heads[head]
	if h.ClassesLast && target.Shape().Rank() > 1 {
		flat, err := target.Reshape(target.Size())
		if err != nil {
			return err
		}
		target = flat
	}
	if err := m.Add(output, target); err != nil {
		if h.Name != "" {
			return fmt.Errorf("train: output %s: %w", h.Name, err)
		}
		return fmt.Errorf("train: %w", err)
	}
	return nil
}
