package ops

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// PrintOp gives its operand unchanged and prints it when the graph runs. The
// gradient goes through unchanged and is not printed.
type PrintOp struct{ Label string }

// Print returns x and prints, whenever a graph that needs the result runs, one
// line: label, module path, type and shape, the least and largest element, the
// mean, the number of NaNs if there are any, and the first elements. Values are
// printed in the order of the calls of Print, in a loop in each iteration. They
// go to standard error, or where the backend's option says, such as
// cpu.WithPrint.
func Print(x *ir.Value, label string) *ir.Value { return ir.Apply1(PrintOp{label}, x) }

// Name is "print".
func (PrintOp) Name() string { return "print" }

func (op PrintOp) String() string { return op.Label }

// Infer returns the operand's type.
func (PrintOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	return in, nil
}

// Flops is 0.
func (PrintOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Eval copies.
func (PrintOp) Eval(in, out []*tensor.Tensor) { copy(out[0].Bytes(), in[0].Bytes()) }

// Grad goes through.
func (PrintOp) Grad(_, _, gout []*ir.Value) []*ir.Value { return gout }

// printed is the number of elements that Print shows.
const printed = 6

// Tell writes the line.
func (op PrintOp) Tell(w io.Writer, path string, x *tensor.Tensor) {
	var b strings.Builder
	b.WriteString(op.Label)
	if path != "" {
		b.WriteString(" at " + path)
	}
	fmt.Fprintf(&b, ": %v", x)
	lo, hi, sum, nans := math.Inf(1), math.Inf(-1), 0.0, 0
	for i := range x.Size() {
		v := x.Float(i)
		if math.IsNaN(v) {
			nans++
			continue
		}
		lo, hi, sum = min(lo, v), max(hi, v), sum+v
	}
	if n := x.Size() - nans; n > 0 {
		fmt.Fprintf(&b, " min %.6g max %.6g mean %.6g", lo, hi, sum/float64(n))
	}
	if nans > 0 {
		fmt.Fprintf(&b, " NaN %d", nans)
	}
	b.WriteString(" [")
	for i := range min(x.Size(), printed) {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch {
		case x.DType() == dtype.Bool:
			fmt.Fprint(&b, x.Int(i) != 0)
		case x.DType().IsFloat():
			fmt.Fprintf(&b, "%.6g", x.Float(i))
		default:
			fmt.Fprint(&b, x.Int(i))
		}
	}
	if x.Size() > printed {
		b.WriteString(" ...")
	}
	b.WriteString("]\n")
	io.WriteString(w, b.String())
}
