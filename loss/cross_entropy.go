package loss

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// CrossEntropyConfig describes a cross-entropy.
type CrossEntropyConfig struct {
	IgnoreIndex    int64     `json:"ignore_index" yaml:"ignore_index"`       // label of positions that do not count
	LabelSmoothing float64   `json:"label_smoothing" yaml:"label_smoothing"` // part of the target spread evenly, 0..1
	ZLoss          float64   `json:"z_loss" yaml:"z_loss"`                   // factor of the square of the logarithm of the softmax's denominator
	Reduction      Reduction `json:"reduction" yaml:"reduction"`
	Weight         []float64 `json:"class_weights" yaml:"class_weights"` // factor of each class; none for ones
	Chunk          *int      `json:"chunk" yaml:"chunk"`                 // positions whose logits exist at once, of a model that ends in a linear layer; null for all
}

// DefaultCrossEntropy takes the mean, without smoothing; label -100 is ignored.
func DefaultCrossEntropy() CrossEntropyConfig { return CrossEntropyConfig{IgnoreIndex: -100} }

// Target is Either: labels or probabilities.
func (CrossEntropyConfig) Target() Target { return Either }

// Validate tells all that is wrong.
func (cfg CrossEntropyConfig) Validate() error {
	var errs []error
	if s := cfg.LabelSmoothing; !(s >= 0 && s <= 1) {
		errs = append(errs, fmt.Errorf("loss: label_smoothing is %v, want a number in 0..1", s))
	}
	return errors.Join(append(errs, notNegative("z_loss", cfg.ZLoss), cfg.validateChunk(), validateWeights("class_weights", cfg.Weight), cfg.Reduction.validate())...)
}

// CrossEntropy is the mean cross-entropy between the softmax of logits and
// targets, in nats: DefaultCrossEntropy().Apply(logits, target).
func CrossEntropy(logits, target *ir.Value) *ir.Value {
	return DefaultCrossEntropy().Apply(logits, target)
}

// Apply gives, for each position n with logits x over C classes,
//
//	loss[n] = -sum over c of Weight[c] * q[n,c] * log softmax(x[n])[c] + ZLoss z[n]^2
//	q[n,c]  = (1-s) p[n,c] + s/C
//	z[n]    = log(sum over c of e^x[n,c])
//
// with s for LabelSmoothing and p for the target; for labels with weights the
// second part is times Weight[label]. Logits are [B C] or
// [B C ...]. The target is either labels of an integer type, [B] or [B ...]
// (p is 1 at the label), or probabilities of the type of the logits.
//
// With labels, the positions of label IgnoreIndex have loss 0, and the mean
// divides by the sum of Weight[label] over the others; NaN where that is 0. A
// label that is neither a class nor IgnoreIndex gives NaN, or is an error where
// it is an argument of an exec.Func. With probabilities the mean divides by the number of positions. Without reduction the result is
// [B] or [B ...]. A logit of -Inf is a class that can't be: fine while its
// weight is in no loss.
//
// With Chunk the logits must be [B C], the result of a linear layer of which
// nothing else is read, and the target labels. They are then never computed as
// such, but chunk by chunk together with their gradients: see
// [ops.LinearCrossEntropyOp]. The loss is the same but for the order of sums.
//
// Source: torch.nn.functional.cross_entropy; ZLoss after Chowdhery and others,
// "PaLM" (2022), section 5.
func (cfg CrossEntropyConfig) Apply(logits, target *ir.Value) *ir.Value {
	if cfg.Chunk != nil {
		t := cfg.chunked(logits, target, nil)
		if cfg.Reduction == Sum {
			return t.Sum
		}
		return t.Mean()
	}
	logits, target = wide(logits), wide(target)
	if logits.Graph().Err() != nil {
		return logits
	}
	if err := cfg.check(logits, target); err != nil {
		return fail("cross_entropy", err.Error(), logits, target)
	}
	positions := logits.Shape().Dims() // [B ...]
	positions = append(positions[:1], positions[2:]...)
	losses, counts := cfg.each(logits, target)
	switch cfg.Reduction {
	case Mean:
		total := ops.Scalar(losses, float64(losses.Dim(0)))
		if counts != nil {
			total = ops.Sum(counts)
		}
		return ops.Div(ops.Sum(losses), total)
	case Sum:
		return ops.Sum(losses)
	}
	return ops.Reshape(losses, positions...)
}

// each is positions for logits [B C ...].
func (cfg CrossEntropyConfig) each(logits, target *ir.Value) (losses, counts *ir.Value) {
	if target.DType().IsInt() {
		bound("cross_entropy", logits, target, cfg.IgnoreIndex)
	}
	return cfg.positions(rows(logits), target)
}

// positions gives the loss of each position [N] for logits [N C], and what each
// counts in the mean; nil for 1.
func (cfg CrossEntropyConfig) positions(logits, target *ir.Value) (losses, counts *ir.Value) {
	switch {
	case target.DType().IsFloat():
		return cfg.probabilities(logits, rows(target), numbers(logits, cfg.Weight)), nil
	case len(cfg.Weight) == 0:
		target = ops.Reshape(target, logits.Dim(0))
		losses, _ = cfg.rows(logits, target, cfg.LabelSmoothing)
		return losses, ops.Cast(ops.Ne(target, cfg.ignored(target)), logits.DType())
	}
	return cfg.weighted(logits, ops.Reshape(target, logits.Dim(0)))
}

// Terms is the sum over positions and what their mean divides by, as Apply has
// them; the weight of an example is that of all its positions.
func (cfg CrossEntropyConfig) Terms(logits, target, weight *ir.Value) Terms {
	const name = "cross_entropy"
	if cfg.Chunk != nil {
		return cfg.chunked(logits, target, weight)
	}
	logits, target = wide(logits), wide(target)
	if logits.Graph().Err() != nil {
		return Terms{logits, logits}
	}
	if err := cfg.check(logits, target); err != nil {
		v := fail(name, err.Error(), logits, target)
		return Terms{v, v}
	}
	losses, counts := cfg.each(logits, target)
	return terms(name, losses, counts, logits.Dim(0), weight)
}

func (cfg CrossEntropyConfig) check(logits, target *ir.Value) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if !logits.DType().IsFloat() {
		return fmt.Errorf("wants logits of a floating-point type, got %v", logits.DType())
	}
	if logits.Rank() < 2 || logits.Dim(1) == 0 {
		return errors.New("wants logits [B C] or [B C ...] with at least one class")
	}
	dims := logits.Shape().Dims()
	switch labels := shape.Of(append(dims[:1:1], dims[2:]...)...); {
	case target.DType().IsFloat() && target.Type() != logits.Type():
		return errors.New("wants probabilities of the type of the logits")
	case target.DType().IsInt() && target.Shape() != labels:
		return fmt.Errorf("wants labels %v for these logits", labels)
	case target.DType() == dtype.Bool:
		return errors.New("wants labels of an integer type or probabilities")
	}
	return checkClassWeights(cfg.Weight, logits)
}

// rows turns [B C ...] into [positions C].
func rows(x *ir.Value) *ir.Value {
	if x.Rank() == 2 {
		return x
	}
	perm := []int{0}
	for a := 2; a < x.Rank(); a++ {
		perm = append(perm, a)
	}
	n := x.Shape().Size() / x.Dim(1)
	return ops.Reshape(ops.Transpose(x, append(perm, 1)...), n, x.Dim(1))
}

// rows gives the loss of each row by labels [N], and the logarithm of the sum of
// its exponentials.
func (cfg CrossEntropyConfig) rows(logits, labels *ir.Value, smoothing float64) (loss, lse *ir.Value) {
	return ops.CrossEntropy(logits, labels, ops.CrossEntropyOp{IgnoreIndex: cfg.IgnoreIndex, Smoothing: smoothing, ZLoss: cfg.ZLoss})
}

// ignored is IgnoreIndex as a scalar of the type of the labels.
func (cfg CrossEntropyConfig) ignored(labels *ir.Value) *ir.Value {
	return ops.FullInt(labels.Graph(), labels.DType(), shape.Shape{}, cfg.IgnoreIndex)
}

// probabilities is the loss of each row for p [N C].
func (cfg CrossEntropyConfig) probabilities(logits, p, weight *ir.Value) *ir.Value {
	if s := cfg.LabelSmoothing; s > 0 {
		p = ops.Add(ops.Mul(p, ops.Scalar(p, 1-s)), ops.Scalar(p, s/float64(logits.Dim(1))))
	}
	if weight != nil {
		p = ops.Mul(p, weight)
	}
	// Any labels do: lse does not depend on them.
	_, lse := cfg.rows(logits, ops.Full(logits.Graph(), dtype.Int64, shape.Of(logits.Dim(0)), 0), 0)
	losses := ops.Sum(ops.Mul(p, ops.Sub(ops.Unsqueeze(lse, 1), logits)), 1)
	if z := cfg.ZLoss; z > 0 {
		losses = ops.Add(losses, ops.Mul(ops.Mul(lse, lse), ops.Scalar(lse, z)))
	}
	return losses
}

// weighted gives the loss of each row for labels [N], and the weight of its
// label.
func (cfg CrossEntropyConfig) weighted(logits, labels *ir.Value) (losses, counts *ir.Value) {
	labels = ops.Cast(labels, dtype.Int64)
	_, w, skip := weigh(logits, labels, cfg.Weight, cfg.IgnoreIndex)
	zero := ops.Scalar(logits, 0)
	s := cfg.LabelSmoothing
	if s == 0 {
		losses, _ = cfg.rows(logits, labels, 0)
		return ops.Select(skip, zero, ops.Mul(losses, w)), w
	}
	nll, lse := CrossEntropyConfig{IgnoreIndex: cfg.IgnoreIndex}.rows(logits, labels, 0)
	losses = ops.Mul(nll, ops.Scalar(nll, 1-s))
	if z := cfg.ZLoss; z > 0 {
		losses = ops.Add(losses, ops.Mul(ops.Mul(lse, lse), ops.Scalar(lse, z)))
	}
	even := ops.Sum(ops.Mul(ops.Sub(ops.Unsqueeze(lse, 1), logits), numbers(logits, cfg.Weight)), 1)
	losses = ops.Add(ops.Mul(losses, w), ops.Mul(even, ops.Scalar(even, s/float64(logits.Dim(1)))))
	return ops.Select(skip, zero, losses), w
}
