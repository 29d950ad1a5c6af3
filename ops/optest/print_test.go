package optest

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func TestPrintLine(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for want, x := range map[string]*tensor.Tensor{
		"x at head: f64[3] min -2 max 3.25 mean 0.75 [1 -2 3.25]\n":                          Floats(1, -2, 3.25),
		"x at head: f64[8] min 0 max 7 mean 3.5 [0 1 2 3 4 5 ...]\n":                         Floats(0, 1, 2, 3, 4, 5, 6, 7),
		"x at head: f64[3] min 1 max 2 mean 1.5 NaN 1 [1 NaN 2]\n":                           Floats(1, nan, 2),
		"x at head: f64[2] min 1 max +Inf mean +Inf [1 +Inf]\n":                              Floats(1, inf),
		"x at head: f64[2] NaN 2 [NaN NaN]\n":                                                Floats(nan, nan),
		"x at head: f64[0] []\n":                                                             Floats(),
		"x at head: f64[] min 0.333333 max 0.333333 mean 0.333333 [0.333333]\n":              tensor.Scalar(1.0 / 3),
		"x at head: i64[2] min 0 max 9.22337e+18 mean 4.61169e+18 [9223372036854775807 0]\n": tensor.Must(tensor.Of([]int64{math.MaxInt64, 0})),
		"x at head: bool[2] min 0 max 1 mean 0.5 [false true]\n":                             Convert(Floats(0, 1), dtype.Bool),
	} {
		g := ir.NewGraph()
		v := g.Input(ir.Arg, "in", tensorType(x))
		g.SetPath("head")
		g.SetOutputs(ops.Print(v, "x"))
		var out strings.Builder
		if _, err := interp.RunTo(&out, g, x); err != nil || out.String() != want {
			t.Errorf("got  %q, %v\nwant %q", out.String(), err, want)
		}
	}
}
