package backend

import (
	"fmt"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// A Profiler is an [Executable] that can measure its kernels.
type Profiler interface {
	Executable
	// Kernels lists what a run does, in order.
	Kernels() []Kernel
	// Memory lists what the plan holds besides variables and arguments.
	Memory() []Held
	// Profile is Run, and fills spans, of the length of Kernels. Time between
	// two kernels counts to the later one.
	Profile(vars []Buffer, args, outs []*tensor.Tensor, spans []Span) error
}

// A Kernel is a part of a run that is measured as one: an op, or several that
// were fused.
type Kernel struct {
	Op       string   // the op that gives it its name: a product before what is fused to it
	Ops      []string // all ops in it, in order
	Path     string   // module path
	Site     string   // the user's line
	Backward bool     // part of a gradient
	Flops    int64    // floating-point operations
	Bytes    int64    // memory read and written, each value once
}

// Label names the kernel by its ops: "dot+add+tanh", at most four of them.
func (k Kernel) Label() string {
	const most = 4
	if len(k.Ops) > most {
		return strings.Join(k.Ops[:most-1], "+") + fmt.Sprintf("+%d more", len(k.Ops)-most+1)
	}
	return strings.Join(k.Ops, "+")
}

// Held is memory that a plan holds from one kernel to another: a value, or what
// a kernel works in.
type Held struct {
	Op       string // that made it first; later ones may have written over it
	Path     string // module path of that
	Backward bool
	Scratch  bool    // wanted by one kernel alone, no value
	Type     ir.Type // of the value
	Bytes    int64
	First    int // kernels, both included; outputs stay behind the last
	Last     int
}

// A Span is when something ran, from the start of its run.
type Span struct{ Start, End time.Duration }

// An AnomalyDetector is a [Backend] that can compile graphs whose runs stop at
// the first value that is not finite.
type AnomalyDetector interface {
	// CompileChecked is Compile without fusion. A run looks at each value as
	// it is made, and returns a [*NonFinite] for the first that is NaN or
	// infinite through no fault of its operands. Variables are unchanged then.
	CompileChecked(g *ir.Graph) (Executable, error)
}

// NonFinite is the first value of a run that was not finite.
type NonFinite struct {
	Value    float64 // NaN, +Inf or -Inf
	Index    []int   // of the element
	Type     ir.Type // of the whole value
	Source   string  // op, or "argument input 0", or "variable fc.weight"
	Op       bool    // made by an op, from operands that did not have it
	Result   int     // of the op, counted from 0
	Operands []string
	Path     string
	Site     string
	Backward bool
}

// Error names the value, what made it from what, and where.
func (e *NonFinite) Error() string {
	if !e.Op {
		return fmt.Sprintf("non-finite value: %s %v holds %v at element %v", e.Source, e.Type, e.Value, e.Index)
	}
	pass := "forward"
	if e.Backward {
		pass = "backward"
	}
	s := fmt.Sprintf("non-finite value: %s gives %v at element %v of %v", e.Source, e.Value, e.Index, e.Type)
	if e.Result > 0 {
		s += fmt.Sprintf(" (result %d)", e.Result)
	}
	if len(e.Operands) > 0 {
		s += ", from " + strings.Join(e.Operands, ", ")
	}
	s += "; in the " + pass + " pass"
	if e.Path != "" {
		s += ", at " + e.Path
	}
	if e.Site != "" {
		s += " (" + e.Site + ")"
	}
	return s
}
