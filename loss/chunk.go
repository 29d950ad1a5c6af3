package loss

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// validateChunk tells what is wrong with a loss that is computed chunk by chunk.
func (cfg CrossEntropyConfig) validateChunk() error {
	if cfg.Chunk == nil {
		return nil
	}
	var errs []error
	if n := *cfg.Chunk; n < 1 {
		errs = append(errs, fmt.Errorf("loss: chunk must be at least 1, got %d", n))
	}
	if cfg.Reduction == None {
		errs = append(errs, errors.New("loss: chunk adds up losses: reduction must be mean or sum, not none"))
	}
	if len(cfg.Weight) > 0 && cfg.LabelSmoothing != 0 {
		errs = append(errs, errors.New("loss: class_weights and label_smoothing together can't be computed by chunk"))
	}
	return errors.Join(errs...)
}

// chunked is Terms where the logits of the whole batch never exist: in their
// place come the operands of the linear map that would make them.
func (cfg CrossEntropyConfig) chunked(logits, target, weight *ir.Value) Terms {
	const name = "cross_entropy"
	if logits.Graph().Err() != nil {
		return Terms{logits, logits}
	}
	wrong := func(err error) Terms {
		v := fail(name, err.Error(), logits, target)
		return Terms{v, v}
	}
	if err := cfg.check(logits, target); err != nil {
		return wrong(err)
	}
	if logits.Rank() != 2 || !target.DType().IsInt() {
		return wrong(errors.New("wants logits [B C] and labels [B] where it is computed by chunk"))
	}
	h, w, bias, ok := ops.LinearOf(logits)
	if !ok {
		return wrong(errors.New("can't be computed by chunk: the logits are not those of a linear layer; leave chunk out"))
	}
	dt := wide(h).DType()
	if weight != nil {
		weight = wide(weight)
		if want := (ir.Type{DType: dt, Shape: shape.Of(logits.Dim(0))}); weight.Type() != want {
			return wrong(fmt.Errorf("wants a weight %v, one for each example", want))
		}
		target = ops.Select(ops.Eq(weight, ops.Scalar(weight, 0)), cfg.ignored(target), target)
	}
	counts := ops.Cast(ops.Ne(target, cfg.ignored(target)), dt) // [B]
	if classes := numbers(counts, cfg.Weight); classes != nil {
		labels := ops.Cast(target, dtype.Int64)
		// One that is ignored need not be a class.
		known := ops.Select(ops.Eq(labels, cfg.ignored(labels)), ops.Scalar(labels, 0), labels)
		counts = ops.Mul(counts, ops.Take(classes, known, 0))
	}
	if weight != nil {
		counts = ops.Mul(counts, weight)
	}
	rows := ops.CrossEntropyOp{IgnoreIndex: cfg.IgnoreIndex, Smoothing: cfg.LabelSmoothing, ZLoss: cfg.ZLoss}
	return Terms{ops.LinearCrossEntropy(h, w, bias, target, counts, rows, *cfg.Chunk), ops.Sum(counts)}
}
