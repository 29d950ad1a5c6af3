package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// AdaptiveLogSoftmaxConfig describes an [AdaptiveLogSoftmax].
type AdaptiveLogSoftmaxConfig struct {
	In       int     // width of the operand
	Classes  int     // the most frequent first
	Cutoffs  []int   // where clusters of rarer classes begin, rising, below Classes
	DivValue float64 // by which the width of a cluster is less than that of the one before
	HeadBias bool
}

// Validate tells all that is wrong.
func (cfg AdaptiveLogSoftmaxConfig) Validate() error {
	errs := []error{positive("in", cfg.In, "classes", cfg.Classes)}
	if len(cfg.Cutoffs) == 0 {
		errs = append(errs, errors.New("cutoffs must name at least one"))
	}
	for i, c := range cfg.Cutoffs {
		if c < 1 || c >= cfg.Classes || i > 0 && c <= cfg.Cutoffs[i-1] {
			errs = append(errs, fmt.Errorf("cutoffs must rise and lie in 1..%d, got %v", cfg.Classes-1, cfg.Cutoffs))
			break
		}
	}
	if !(cfg.DivValue > 0 && cfg.DivValue-cfg.DivValue == 0) {
		errs = append(errs, fmt.Errorf("div_value must be a finite number above 0, got %v", cfg.DivValue))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i := range cfg.Cutoffs {
		if cfg.width(i) < 1 {
			return fmt.Errorf("cluster %d has no width: %d numbers divided by %v^%d", i, cfg.In, cfg.DivValue, i+1)
		}
	}
	return nil
}

// width is that of a cluster's projection.
func (cfg AdaptiveLogSoftmaxConfig) width(cluster int) int {
	return int(math.Floor(float64(cfg.In) / math.Pow(cfg.DivValue, float64(cluster+1))))
}

// AdaptiveLogSoftmax gives the logarithms of the probabilities of many classes of
// very different frequency with fewer weights than a linear layer: the frequent
// ones, below the first cutoff, stand in the head, beside one place for each
// cluster of rarer ones, which narrower layers tell apart.
//
//	y[class of the head]  = log_softmax(head x)[class]
//	y[class of cluster i] = log_softmax(head x)[place of i] + log_softmax(tail_i x)[class]
//
// x [B In], y [B Classes]. Negative log-likelihood of y, package loss has it, is the loss
// of PyTorch's class. Here all clusters are computed for all examples.
//
// Source: Grave and others, "Efficient softmax approximation for GPUs" (2016);
// torch.nn.AdaptiveLogSoftmaxWithLoss (2.15), its log_prob.
type AdaptiveLogSoftmax struct {
	Config AdaptiveLogSoftmaxConfig `param:"-"`
	Head   *Linear
	Tail   []*Sequential
	err    error
}

// Build makes the layer.
func (cfg AdaptiveLogSoftmaxConfig) Build() *AdaptiveLogSoftmax {
	l := &AdaptiveLogSoftmax{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	l.Head = LinearConfig{In: cfg.In, Out: cfg.Cutoffs[0] + len(cfg.Cutoffs), Bias: cfg.HeadBias}.Build()
	for i, first := range cfg.Cutoffs {
		end := cfg.Classes
		if i+1 < len(cfg.Cutoffs) {
			end = cfg.Cutoffs[i+1]
		}
		width := cfg.width(i)
		l.Tail = append(l.Tail, NewSequential(LinearConfig{In: cfg.In, Out: width}.Build(), LinearConfig{In: width, Out: end - first}.Build()))
	}
	return l
}

// Forward gives the logarithms.
func (l *AdaptiveLogSoftmax) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.err != nil {
		return refuse(c, "adaptive_log_softmax", l.err, x)
	}
	if c.Graph().Err() == nil && x.Rank() != 2 {
		return refuse(c, "adaptive_log_softmax", fmt.Errorf("wants x [B %d]", l.Config.In), x)
	}
	head := ops.LogSoftmax(l.Head.Forward(c, x), -1)
	if c.Graph().Err() != nil {
		return x
	}
	frequent := l.Config.Cutoffs[0]
	parts := []*ir.Value{ops.Narrow(head, 1, 0, frequent)}
	for i, tail := range l.Tail {
		place := ops.Narrow(head, 1, frequent+i, 1)
		parts = append(parts, ops.Add(ops.LogSoftmax(tail.Forward(c, x), -1), place))
	}
	return ops.Concat(1, parts...)
}
