package loss

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// CTCConfig describes a connectionist temporal classification: labels in order
// without their times.
type CTCConfig struct {
	Blank        int       `json:"blank" yaml:"blank"`                 // class that stands for no label
	ZeroInfinity bool      `json:"zero_infinity" yaml:"zero_infinity"` // targets that can't be told in the time count 0, not +Inf
	Reduction    Reduction `json:"reduction" yaml:"reduction"`
}

// CTC is the mean loss of sequences: CTCConfig{}.Apply(x, target, nil, nil).
func CTC(x, target *ir.Value) *ir.Value { return CTCConfig{}.Apply(x, target, nil, nil) }

// Apply gives, for each example, minus the logarithm of the probability that the
// classes of its times tell the target, in nats: that of all sequences of times
// that become the target when repeated classes become one, and blanks nothing.
//
// x is [B T C], logits or logarithms of probabilities of C classes at T times;
// targets are [B S], labels of an integer type. inputLengths [B] are the times
// of each example that count, nil for all; targetLengths [B] the labels that
// do; nil for those before the first blank or negative label, so that targets
// of several lengths are filled up with either.
//
// The mean divides each loss by its number of labels, 1 where there is none, and
// then takes the mean of the examples; the sum and [B], without reduction, are of
// undivided losses. A target that can't be told, because times are fewer than
// labels and the blanks that repeated ones need between them, has loss +Inf,
// or 0 with ZeroInfinity, and gradient 0. A label that is no class gives NaN.
//
// The forward variables are added up in logarithms by a scan over the times.
//
// Source: Graves and others, "Connectionist temporal classification" (2006),
// section 4.1; torch.nn.functional.ctc_loss, which has times first, takes
// logarithms alone, and has gradient NaN where the loss is +Inf.
func (cfg CTCConfig) Apply(x, target, inputLengths, targetLengths *ir.Value) *ir.Value {
	return cfg.Reduction.apply("ctc", cfg.each(x, target, inputLengths, targetLengths))
}

// Terms is the sum over the examples, divided by their labels unless the
// reduction is the sum, and their number.
func (cfg CTCConfig) Terms(x, target, weight *ir.Value) Terms {
	return elementTerms("ctc", cfg.each(x, target, nil, nil), weight)
}

// impossible is the logarithm of no probability: -Inf would make gradients NaN.
const impossible = -1e30

func (cfg CTCConfig) each(x, target, inputLengths, targetLengths *ir.Value) *ir.Value {
	const name = "ctc"
	x = wide(x)
	if !valid(name, cfg, x, target) {
		return x
	}
	if !x.DType().IsFloat() || x.Rank() != 3 || !target.DType().IsInt() || target.Rank() != 2 || target.Dim(0) != x.Dim(0) {
		return fail(name, "wants logits [B T C], and targets [B S] of an integer type", x, target)
	}
	b, times, classes := x.Dim(0), x.Dim(1), x.Dim(2)
	if cfg.Blank >= classes {
		return fail(name, fmt.Sprintf("blank is %d, and there are %d classes", cfg.Blank, classes), x, target)
	}
	for _, n := range []*ir.Value{inputLengths, targetLengths} {
		if n != nil && (!n.DType().IsInt() || n.Shape() != shape.Of(b)) {
			return fail(name, fmt.Sprintf("wants lengths [%d] of an integer type", b), x, target, n)
		}
	}
	whole := func(v int64) *ir.Value { return ops.FullInt(x.Graph(), dtype.Int64, shape.Shape{}, v) }
	target = ops.Cast(target, dtype.Int64)
	lengths := cfg.lengths(target, targetLengths, whole) // [B]

	// States: a blank before, between and behind the labels.
	s := target.Dim(1)
	states := 2*s + 1
	counts := ops.Lt(ops.Iota(x.Graph(), dtype.Int64, target.Shape(), 1), ops.Unsqueeze(lengths, 1))
	target = ops.Select(counts, target, whole(int64(cfg.Blank)))
	blanks := ops.FullInt(x.Graph(), dtype.Int64, shape.Of(b, s), int64(cfg.Blank))
	labels := ops.Concat(1, ops.Reshape(ops.Stack(2, blanks, target), b, 2*s), ops.FullInt(x.Graph(), dtype.Int64, shape.Of(b, 1), int64(cfg.Blank))) // [B states]
	each := ops.Broadcast(ops.Unsqueeze(labels, 1), shape.Of(b, times, states))
	emitted := ops.Transpose(ops.Gather(ops.LogSoftmax(x, 2), each, 2), 1, 0, 2) // [T B states]
	none := func(n int) *ir.Value { return ops.Full(x.Graph(), x.DType(), shape.Of(b, n), impossible) }
	var jump *ir.Value // to a label from another one before, past the blank
	if s > 0 {
		before := ops.Concat(1, ops.FullInt(x.Graph(), dtype.Int64, shape.Of(b, 2), int64(cfg.Blank)), ops.Narrow(labels, 1, 0, states-2))
		may := ops.And(ops.Ne(labels, before), ops.Ne(labels, whole(int64(cfg.Blank))))
		jump = ops.Select(may, ops.Scalar(x, 0), ops.Scalar(x, impossible))
	}
	first := ops.Full(x.Graph(), x.DType(), shape.Of(b, 1), 0) // before the first time: in front of the first blank
	if s > 0 {
		first = ops.Concat(1, first, none(states-1))
	}
	last, _ := ops.Scan([]*ir.Value{first}, []*ir.Value{emitted, ops.Iota(x.Graph(), dtype.Int64, shape.Of(times), 0)}, func(carry, in []*ir.Value) (next, ys []*ir.Value) {
		ways := []*ir.Value{carry[0]}
		if s > 0 {
			ways = append(ways, ops.Concat(1, none(1), ops.Narrow(carry[0], 1, 0, states-1)),
				ops.Add(ops.Concat(1, none(2), ops.Narrow(carry[0], 1, 0, states-2)), jump))
		}
		sum := ops.Add(logAddExp(ways...), in[0])
		if inputLengths != nil {
			sum = ops.Select(ops.Unsqueeze(ops.Lt(in[1], ops.Cast(inputLengths, dtype.Int64)), 1), sum, carry[0])
		}
		return []*ir.Value{sum}, nil
	})
	// It ends in the last label or the blank behind.
	end := ops.Mul(lengths, whole(2))
	ends := func(at *ir.Value) *ir.Value { return ops.Squeeze(ops.Gather(last[0], ops.Unsqueeze(at, 1), 1), 1) }
	told := ends(end)
	if s > 0 {
		label := ends(ops.Maximum(ops.Sub(end, whole(1)), whole(0)))
		told = logAddExp(told, ops.Select(ops.Eq(lengths, whole(0)), ops.Scalar(x, impossible), label))
	}
	losses := ops.Neg(told)
	infinite := math.Inf(1)
	if cfg.ZeroInfinity {
		infinite = 0
	}
	losses = ops.Select(ops.Gt(losses, ops.Scalar(x, -impossible/2)), ops.Scalar(x, infinite), losses)
	if cfg.Reduction == Mean {
		losses = ops.Div(losses, ops.Cast(ops.Maximum(lengths, whole(1)), x.DType()))
	}
	return losses
}

// lengths are the labels of each target that count.
func (cfg CTCConfig) lengths(target, given *ir.Value, whole func(int64) *ir.Value) *ir.Value {
	if given != nil {
		return ops.Cast(given, dtype.Int64)
	}
	real := ops.And(ops.Ge(target, whole(0)), ops.Ne(target, whole(int64(cfg.Blank))))
	up := ops.CumProd(ops.Cast(real, dtype.Int64), 1)
	return ops.Sum(up, 1)
}

// logAddExp is the logarithm of the sum of exponentials.
func logAddExp(xs ...*ir.Value) *ir.Value {
	top := xs[0]
	for _, x := range xs[1:] {
		top = ops.Maximum(top, x)
	}
	top = ops.StopGradient(top)
	var sum *ir.Value
	for _, x := range xs {
		if e := ops.Exp(ops.Sub(x, top)); sum == nil {
			sum = e
		} else {
			sum = ops.Add(sum, e)
		}
	}
	return ops.Add(ops.Log(sum), top)
}

// Target is Labels.
func (CTCConfig) Target() Target { return Labels }

// Validate tells all that is wrong.
func (cfg CTCConfig) Validate() error {
	if cfg.Blank < 0 {
		return fmt.Errorf("loss: blank is %d, want a class", cfg.Blank)
	}
	return cfg.Reduction.validate()
}
