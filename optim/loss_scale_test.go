package optim_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/pass"
	"github.com/gradus-ml/gradus/tensor"
)

// Scales, counts and steps that are left out are those of torch.amp.GradScaler.
func TestLossScaleGolden(t *testing.T) {
	g := moduletest.Open(t, "testdata/loss_scale.safetensors")
	var cases map[string]struct {
		Initial, Growth, Backoff float64
		Every                    int
	}
	g.Cases(&cases)
	if len(cases) < 12 {
		t.Errorf("%d cases", len(cases))
	}
	for name, cfg := range cases {
		t.Run(name, func(t *testing.T) {
			g := g.In(t, name)
			model := &struct{ W *module.Param }{module.NewParam(nil, 3)}
			s, err := exec.NewStore(cpu.New(cpu.WithThreads(1)), model)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			opt, err := optim.DefaultSGD().Build(s.Params())
			if err != nil {
				t.Fatal(err)
			}
			scaler, err := optim.LossScale(cfg).Build()
			if err != nil {
				t.Fatal(err)
			}
			r := &rig{store: s}
			f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				l := ops.Sum(ops.Mul(c.Param(model.W), in[0]))
				grads, norm := scaler.Unscale(c, grad.Of(scaler.Scale(c, l), c.Params(opt)...))
				opt.Update(c, grads, ops.Scalar(l, 0.1))
				return []*ir.Value{norm}
			})
			grads, scales, good, weights := g.Tensor("in/0"), g.Tensor("out/0"), g.Tensor("out/1"), g.Tensor("out/2")
			for step := range scales.Size() {
				x, err := grads.Rows(step, step+1).Reshape(3)
				if err != nil {
					t.Fatal(err)
				}
				norm, square := r.run(t, f, x)[0].Float(0), 0.0
				if got, want := r.get(t, "loss_scale.scale").Float(0), scales.Float(step); got != want {
					t.Fatalf("step %d: the scale is %v, want %v", step, got, want)
				}
				if got, want := r.get(t, "loss_scale.good").Int(0), good.Int(step); got != want {
					t.Fatalf("step %d: %d good steps, want %d", step, got, want)
				}
				w, err := weights.Rows(step, step+1).Reshape(3)
				if err != nil {
					t.Fatal(err)
				}
				moduletest.Near(t, fmt.Sprintf("parameter after step %d", step), r.get(t, "w"), w)
				for i := range 3 {
					square += x.Float(i) * x.Float(i)
				}
				if want := math.Sqrt(square); want-want == 0 && math.Abs(norm-want) > 1e-5*want || (want-want == 0) != (norm-norm == 0) {
					t.Errorf("step %d: the norm is %v, want %v", step, norm, want)
				}
			}
		})
	}
}

// float16 trains a net whose gradients vanish without a scale: they do so by the
// factor of the loss that this test puts in. An overflow leaves all values as
// they are, and the bits are those of any number of threads.
func TestLossScaleFloat16(t *testing.T) {
	final := map[string]string{}
	for threads := 1; threads <= 3; threads++ {
		r := newRig(t, threads)
		cfg := optim.DefaultLossScale()
		cfg.Initial, cfg.Every = 1<<30, 5 // overflows at first
		scaler, err := cfg.Build()
		if err != nil {
			t.Fatal(err)
		}
		f := exec.NewFunc(r.store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			leave := pass.Autocast(c.Graph(), dtype.Float16)
			l := loss.CrossEntropy(r.net.Forward(c.Train(), in[0]), in[1])
			leave()
			grads, norm := scaler.Unscale(c, grad.Of(scaler.Scale(c, l), c.Params(r.opt)...))
			r.opt.Update(c, optim.ClipTo(grads, norm, 1), ops.Scalar(l, 0.01))
			return []*ir.Value{l, norm}
		})
		labels := tensor.Must(tensor.Of([]int64{0, 3, 7, 1, 29, 5, 6, 7}))
		plan, err := f.Plan(ir.Type{DType: r.x.DType(), Shape: r.x.Shape()}, ir.Type{DType: labels.DType(), Shape: labels.Shape()})
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Interpreted) > 0 {
			t.Errorf("interpreted: %v", plan.Interpreted)
		}
		skipped, first, last := 0, 0.0, 0.0
		for step := range 40 {
			before := r.get(t, "0.weight")
			out := r.run(t, f, r.x, labels)
			if same := string(before.Bytes()) == string(r.get(t, "0.weight").Bytes()); same == (out[1].Float(0)-out[1].Float(0) == 0) {
				t.Errorf("step %d: the norm is %v, the weight stayed: %v", step, out[1].Float(0), same)
			} else if same {
				skipped++
			}
			if step == 0 {
				first = out[0].Float(0)
			}
			last = out[0].Float(0)
		}
		if skipped < 5 || skipped > 25 || last > 0.2*first {
			t.Errorf("%d of 40 steps left out, loss %v → %v", skipped, first, last)
		}
		if n := r.get(t, "optim.step").Int(0); n != int64(40-skipped) {
			t.Errorf("the optimizer counts %d steps, %d were taken", n, 40-skipped)
		}
		for _, key := range r.store.Keys() {
			v := string(r.get(t, key).Bytes())
			if threads > 1 && final[key] != v {
				t.Errorf("%d threads: %s differs", threads, key)
			}
			final[key] = v
		}
	}
}

func TestLossScaleValidate(t *testing.T) {
	err := optim.LossScale{Initial: math.Inf(1), Growth: 1, Backoff: 1, Every: 0}.Validate()
	for _, want := range []string{"initial must", "growth must be above 1, got 1", "backoff must", "every must be at least 1, got 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	if _, err := (optim.LossScale{}).Build(); err == nil {
		t.Error("a scale of 0 is built")
	}
}

func ExampleLossScale_Build() {
	scaler, err := optim.DefaultLossScale().Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range scaler.States() {
		fmt.Println(s.Key, s.Type())
	}
	// Output:
	// loss_scale.scale f32[]
	// loss_scale.good i64[]
}
