package exec_test

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// Numbers outside a bound are told with place and value where they are an
// argument, also one that is cast or reshaped before; what the graph makes
// itself is not looked at.
func TestBounds(t *testing.T) {
	s, err := exec.NewStore(cpu.New(cpu.WithThreads(1)), &struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows := tensor.Must(tensor.Of([]uint8{0, 4, 1, 255, 3, 2}, 2, 3))
	wide := tensor.Must(tensor.Of([]int64{0, 4, 1, -1, 3, 2}, 2, 3))
	for _, c := range []struct {
		name   string
		in     *tensor.Tensor
		end    int64
		also   int64
		behind func(x *ir.Value) *ir.Value
		want   string
	}{
		{"inside", wide, 5, -1, nil, ""},
		{"above", wide, 4, -1, nil, "op: label 4 at [0 1] of input 0 is outside 0..3, and is not -1; at (bound_test.go:"},
		{"below", wide, 5, 7, nil, "op: label -1 at [1 0] of input 0 is outside 0..4, and is not 7"},
		{"another", wide, 5, 0, nil, "op: label -1 at [1 0] of input 0 is outside 0..4; at"},
		{"bytes", rows, 5, -1, nil, "op: label 255 at [1 0] of input 0 is outside 0..4, and is not -1"},
		{"also", rows, 5, 255, nil, ""},
		{"cast and reshaped", rows, 5, -1, func(x *ir.Value) *ir.Value { return ops.Reshape(ops.Cast(x, dtype.Int64), 6) }, "op: label 255 at [1 0] of input 0"},
		{"made", wide, 1, 0, func(x *ir.Value) *ir.Value { return ops.Add(x, x) }, ""},
	} {
		f := exec.NewFunc(s, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
			x := in[0]
			if c.behind != nil {
				x = c.behind(x)
			}
			x.Graph().Bound("op", "label", x, c.end, c.also)
			return []*ir.Value{ops.Sum(ops.Cast(x, dtype.Float32))}
		})
		_, err := f.Run(t.Context(), c.in)
		if c.want == "" && err == nil {
			continue
		}
		if err == nil || c.want == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}
