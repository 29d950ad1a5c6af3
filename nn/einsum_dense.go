package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// EinsumDenseConfig describes an [EinsumDense].
type EinsumDenseConfig struct {
	Equation string // of the operand and the kernel, such as "abc,cd->abd"; see ops.Einsum
	Kernel   []int  // extents of the kernel
	Bias     []int  // extents of the bias, which broadcasts to the result; none without a bias
}

// Validate tells all that is wrong but for the equation, which needs an operand.
func (cfg EinsumDenseConfig) Validate() error {
	var errs []error
	if cfg.Equation == "" {
		errs = append(errs, errors.New("equation must be given"))
	}
	for _, n := range cfg.Kernel {
		errs = append(errs, positive("kernel", n))
	}
	for _, n := range cfg.Bias {
		errs = append(errs, positive("bias", n))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return errors.Join(fits(cfg.Kernel...), fits(cfg.Bias...))
}

// EinsumDense multiplies by a kernel as an equation says, and adds a bias:
//
//	y = einsum(Equation, x, kernel) + bias
//
// The kernel is drawn by Xavier's uniform rule, of the last two axes and the
// product of those before them; the bias starts as zeros.
//
// Source: keras.layers.EinsumDense (3.15), without an activation.
type EinsumDense struct {
	Config EinsumDenseConfig `param:"-"`
	Kernel *Param
	Bias   *Param // nil without
	err    error
}

// Build makes the layer.
func (cfg EinsumDenseConfig) Build() *EinsumDense {
	l := &EinsumDense{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	fans, field := 0, 1
	for i, n := range cfg.Kernel {
		if i < len(cfg.Kernel)-2 {
			field *= n
		} else {
			fans += n
		}
	}
	if len(cfg.Kernel) == 1 {
		fans *= 2
	}
	bound := math.Sqrt(6 / float64(max(fans*field, 1)))
	l.Kernel = newParam(Uniform(-bound, bound), cfg.Kernel...)
	if len(cfg.Bias) > 0 {
		l.Bias = newParam(Zeros(), cfg.Bias...)
	}
	return l
}

// Forward multiplies x by the kernel.
func (l *EinsumDense) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.err != nil {
		return refuse(c, "einsum_dense", l.err, x)
	}
	y := ops.Einsum(l.Config.Equation, x, c.Param(l.Kernel))
	if l.Bias == nil || c.Graph().Err() != nil {
		return y
	}
	if b := c.Param(l.Bias); b.Rank() > y.Rank() {
		return refuse(c, "einsum_dense", fmt.Errorf("a bias %v does not fit to results %v", b.Shape(), y.Type()), x)
	}
	return ops.Add(y, c.Param(l.Bias))
}
