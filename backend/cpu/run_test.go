package cpu_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/tensor"
)

// sets are the kernel sets that this machine can run.
func sets() (list []*kernel.Set) {
	for _, s := range kernel.Sets() {
		if s.Available {
			list = append(list, s)
		}
	}
	return list
}

// newBackend makes a backend that ends with the test.
func newBackend(t testing.TB, opts ...cpu.Option) *cpu.Backend {
	t.Helper()
	b := cpu.New(append([]cpu.Option{cpu.WithPrint(io.Discard)}, opts...)...)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// result is what one run gives: outputs, and the new values of variables.
type result struct {
	outputs []*tensor.Tensor
	updates map[string]*tensor.Tensor
	stats   backend.Stats
}

// run compiles g and runs it three times from the same inputs: the second run
// finds an arena full of the first one's values, the third what was kept of
// variables, and all must give the same bits.
func run(b *cpu.Backend, g *ir.Graph, in ...*tensor.Tensor) (*result, error) {
	x, err := b.Compile(g)
	if err != nil {
		return nil, err
	}
	var types []ir.Type
	var args []*tensor.Tensor
	var names []string
	var start []*tensor.Tensor
	for i, v := range g.Inputs() {
		if op := v.Node().Op().(ir.Input); op.Kind == ir.Variable {
			types, names, start = append(types, v.Type()), append(names, op.Label), append(start, in[i])
		} else {
			args = append(args, in[i])
		}
	}
	vars, err := b.Alloc(types)
	if err != nil {
		return nil, err
	}
	var first *result
	for again := range 3 {
		r := &result{updates: map[string]*tensor.Tensor{}, stats: x.Stats()}
		for i, v := range vars {
			if again == 2 && len(g.Updates()) == 0 {
				break // the variables are as they were
			}
			if err := v.Write(start[i]); err != nil {
				return nil, err
			}
		}
		for _, v := range g.Outputs() {
			r.outputs = append(r.outputs, tensor.New(v.DType(), v.Shape()))
		}
		if err := x.Run(vars, args, r.outputs); err != nil {
			return nil, err
		}
		for i, v := range vars {
			t := tensor.New(types[i].DType, types[i].Shape)
			if err := v.Read(t); err != nil {
				return nil, err
			}
			r.updates[names[i]] = t
		}
		if first == nil {
			first = r
		} else if err := sameBits(first, r); err != nil {
			return nil, fmt.Errorf("run %d differs: %w", again+1, err)
		}
	}
	return first, nil
}

func sameBits(a, b *result) error {
	for i := range a.outputs {
		if string(a.outputs[i].Bytes()) != string(b.outputs[i].Bytes()) {
			return fmt.Errorf("output %d has other bits", i)
		}
	}
	for k := range a.updates {
		if string(a.updates[k].Bytes()) != string(b.updates[k].Bytes()) {
			return fmt.Errorf("variable %s has other bits", k)
		}
	}
	return nil
}

// check runs g on the backend and through the interpreter and compares outputs
// and variables.
func check(b *cpu.Backend, g *ir.Graph, in ...*tensor.Tensor) (*result, error) {
	want, err := interp.Run(g, in...)
	if err != nil {
		return nil, err
	}
	got, err := run(b, g, in...)
	if err != nil {
		return nil, err
	}
	for i := range got.outputs {
		if err := closeTo(got.outputs[i], want.Outputs[i]); err != nil {
			return nil, fmt.Errorf("output %d: %w", i, err)
		}
	}
	for i, v := range g.Inputs() {
		op := v.Node().Op().(ir.Input)
		if op.Kind != ir.Variable {
			continue
		}
		w := want.Updates[op.Label]
		if w == nil {
			w = in[i] // not updated
		}
		if err := closeTo(got.updates[op.Label], w); err != nil {
			return nil, fmt.Errorf("variable %s: %w", op.Label, err)
		}
	}
	return got, nil
}

func closeTo(got, want *tensor.Tensor) error { return optest.Case{}.Compare(got, want) }
