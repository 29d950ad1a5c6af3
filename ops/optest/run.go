package optest

import (
	"io"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/tensor"
)

// A Run runs a graph on a backend; inputs are in the order of g.Inputs.
type Run func(g *ir.Graph, in ...*tensor.Tensor) ([]*tensor.Tensor, error)

// RunAll is the test of a backend: it runs every table in every type of floats
// and compares with the interpreter.
func RunAll(t *testing.T, run Run) {
	for name, table := range Tables() {
		t.Run(name, func(t *testing.T) {
			for _, c := range table.Cases {
				t.Run(c.Name, func(t *testing.T) {
					for _, dt := range []dtype.DType{dtype.Float32, dtype.Float64, dtype.BFloat16, dtype.Float16} {
						if c := c.As(dt); !dt.IsHalf() || c.InHalf() {
							compareWithInterpreter(t, c, run)
						}
					}
				})
			}
		})
	}
}

// interpret returns what the interpreter makes of the case. It computes in
// float64 and rounds each op's results to their type; what it makes of floats of
// 16 bits is so rough that the same numbers are given to it as Float64.
func (c Case) interpret() ([]*tensor.Tensor, error) {
	if c.InHalf() {
		c = c.As(dtype.Float64)
	}
	g, _, _ := c.Graph()
	r, err := interp.RunTo(io.Discard, g, c.Inputs()...)
	if err != nil {
		return nil, err
	}
	return r.Outputs, nil
}

// compareWithInterpreter runs one case both ways.
func compareWithInterpreter(t *testing.T, c Case, run Run) {
	g, _, _ := c.Graph()
	if err := g.Err(); err != nil {
		t.Fatal(err)
	}
	want, err := c.interpret()
	if err != nil {
		t.Fatal(err)
	}
	before := clones(c.Inputs())
	got, err := run(g, c.Inputs()...)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("got %d results, want %d", len(got), len(want))
	}
	for i := range got {
		if c.InHalf() && got[i].DType().IsFloat() && got[i].DType() != want[i].DType() {
			want[i] = Convert(want[i], got[i].DType())
		}
		if err := c.Compare(got[i], want[i]); err != nil {
			t.Errorf("result %d of type %v: %v", i, want[i].DType(), err)
		}
	}
	for i, in := range c.Inputs() {
		if string(in.Bytes()) != string(before[i].Bytes()) {
			t.Errorf("input %d was changed", i)
		}
	}
}

func clones(list []*tensor.Tensor) []*tensor.Tensor {
	c := make([]*tensor.Tensor, len(list))
	for i, t := range list {
		c[i] = t.Clone()
	}
	return c
}
