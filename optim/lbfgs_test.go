package optim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// Steps of LBFGS are those of PyTorch: parameters, losses, and how often the
// loss is evaluated.
func TestLBFGS(t *testing.T) {
	g := moduletest.Open(t, "testdata/lbfgs.safetensors")
	var cases map[string]struct {
		Problem       string
		Steps, Params int
		Config        json.RawMessage
	}
	g.Cases(&cases)
	if len(cases) < 12 {
		t.Errorf("%d cases", len(cases))
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := g.In(t, name)
			cfg := DefaultLBFGS()
			if err := config.Decode(c.Config, "case.json", &cfg, nil); err != nil {
				t.Fatal(err)
			}
			at := func(i, step int) *tensor.Tensor {
				all := g.Tensor(fmt.Sprint("x/", i))
				row, err := all.Rows(step, step+1).Reshape(all.Shape().Dims()[1:]...)
				if err != nil {
					t.Fatal(err)
				}
				return row.Clone()
			}
			var params []*tensor.Tensor
			for i := range c.Params {
				params = append(params, at(i, 0))
			}
			search, err := cfg.Build(params)
			if err != nil {
				t.Fatal(err)
			}
			s := moduletest.NewStore(t, &struct{}{}, 0)
			evaluate := func() (float64, []*tensor.Tensor, error) {
				args := params
				if !strings.HasPrefix(c.Problem, "rosenbrock") {
					args = append(args[:len(args):len(args)], g.Tensor("in"), g.Tensor("out"))
				}
				out := s.Run(t, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
					l := objective(c.Problem, in)
					return append([]*ir.Value{l}, grad.Of(l, in[:len(params)]...)...)
				}, args...)
				return out[0].Float(0), out[1:], nil
			}
			for step := range c.Steps {
				loss, err := search.Step(evaluate)
				if err != nil {
					t.Fatal(err)
				}
				if want := g.Tensor("loss").Float(step); math.Abs(loss-want) > 1e-6*math.Abs(want)+1e-12 {
					t.Errorf("loss before step %d is %v, want %v", step+1, loss, want)
				}
				if want := g.Tensor("evals").Int(step); int64(search.Evaluations()) != want {
					t.Errorf("%d evaluations after step %d, want %d", search.Evaluations(), step+1, want)
				}
				for i, p := range params {
					moduletest.Near(t, fmt.Sprintf("parameter %d after step %d", i, step+1), p, at(i, step+1))
				}
			}
		})
	}
}

func objective(problem string, in []*ir.Value) *ir.Value {
	if problem == "rosenbrock" {
		n := in[0].Dim(0)
		x, next := ops.Narrow(in[0], 0, 0, n-1), ops.Narrow(in[0], 0, 1, n-1)
		one, hundred := ops.Scalar(x, 1), ops.Scalar(x, 100)
		return ops.Sum(ops.Add(ops.Mul(hundred, ops.Square(ops.Sub(next, ops.Square(x)))), ops.Square(ops.Sub(one, x))))
	}
	l := ops.Mean(ops.Square(ops.Sub(ops.Add(ops.MatMul(in[2], in[0]), in[1]), in[3])))
	if problem == "negative regression" {
		return ops.Neg(l)
	}
	return l
}

// A search finds the minimum that it is known for.
func TestLBFGSConverges(t *testing.T) {
	cfg := DefaultLBFGS()
	cfg.LineSearch, cfg.ToleranceChange = StrongWolfe, 1e-14
	x := tensor.Must(tensor.Of([]float64{-1.2, 1}))
	search, err := cfg.Build([]*tensor.Tensor{x})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := search.Step(func() (float64, []*tensor.Tensor, error) {
			a, b := x.Float(0), x.Float(1)
			e := b - a*a
			return 100*e*e + (1-a)*(1-a), []*tensor.Tensor{tensor.Must(tensor.Of([]float64{-400*a*e - 2*(1-a), 200 * e}))}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if math.Abs(x.Float(0)-1) > 1e-6 || math.Abs(x.Float(1)-1) > 1e-6 {
		t.Errorf("the minimum of Rosenbrock's function is %v, %v", x.Float(0), x.Float(1))
	}
	if n := search.Iterations(); n > 60 {
		t.Errorf("it took %d iterations", n)
	}
}

func TestLBFGSMistakes(t *testing.T) {
	x := tensor.Must(tensor.Of([]float32{1, 2}))
	wrong := LBFGS{LR: -1, MaxEval: new(int), ToleranceGrad: -1, ToleranceChange: math.NaN(), LineSearch: "other"}
	_, err := wrong.Build([]*tensor.Tensor{x})
	for _, want := range []string{"lr must", "max_iter must", "max_eval must", "tolerance_grad must", "tolerance_change must", "history_size must", "line_search must"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := DefaultLBFGS().Build(nil); err == nil || !strings.Contains(err.Error(), "no parameter") {
		t.Errorf("without parameters: %v", err)
	}
	if _, err := DefaultLBFGS().Build([]*tensor.Tensor{tensor.Scalar[int64](1)}); err == nil || !strings.Contains(err.Error(), "has no gradient") {
		t.Errorf("of integers: %v", err)
	}
	broken := errors.New("broken")
	for _, search := range []LineSearch{FixedStep, StrongWolfe} {
		for _, tc := range []struct {
			name  string
			fails int // the call that goes wrong
			grads []*tensor.Tensor
			err   error
			want  string
		}{
			{"at once", 1, nil, broken, "broken"},
			{"later", 3, nil, broken, "broken"},
			{"too few gradients", 2, nil, nil, "0 gradients for 1 parameters"},
			{"another shape", 2, []*tensor.Tensor{tensor.Scalar[float32](1)}, nil, "gradient 0 is f32[], the parameter f32[2]"},
		} {
			cfg := DefaultLBFGS()
			cfg.LineSearch, cfg.LR = search, 0.01
			run, err := cfg.Build([]*tensor.Tensor{x.Clone()})
			if err != nil {
				t.Fatal(err)
			}
			calls := 0
			_, err = run.Step(func() (float64, []*tensor.Tensor, error) {
				if calls++; calls == tc.fails {
					return 0, tc.grads, tc.err
				}
				a, b := run.params[0].Float(0), run.params[0].Float(1)
				return a*a*a*a + b*b, []*tensor.Tensor{tensor.Must(tensor.Of([]float32{float32(4 * a * a * a), float32(2 * b)}))}, nil
			})
			if err == nil || !strings.Contains(err.Error(), tc.want) || calls != tc.fails {
				t.Errorf("%s, %s: error %v after %d calls, want %q", search, tc.name, err, calls, tc.want)
			}
		}
	}
}
