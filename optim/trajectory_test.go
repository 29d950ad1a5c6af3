package optim

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// attrs are the attributes of a trajectory.
type attrs struct {
	DType         string
	Steps, Params int
	Half          int // the step with whose state there is a handover; 0 for none
	Groups        []struct {
		Params []int
		Config json.RawMessage
	}
}

// config reads the settings of group i as a recipe would.
func (a attrs) config(t *testing.T, i int) Config {
	t.Helper()
	var o struct {
		Config Config `yaml:",inline"`
	}
	err := config.Decode(a.Groups[i].Config, "case.json", &o, config.Kinds{reflect.TypeFor[Config](): Kinds()})
	if err != nil {
		t.Fatal(err)
	}
	return o.Config
}

// Ten steps are those of a reference: parameters after each, state at the end.
// Each kind of optimizer has a case with a schedule, and one of two groups with
// different settings.
func TestTrajectories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	type coverage struct{ scheduled, grouped bool }
	covered := map[reflect.Type]coverage{}
	for _, file := range files {
		g := moduletest.Open(t, file)
		var cases map[string]attrs
		g.Cases(&cases)
		for name, a := range cases {
			if len(a.Groups) == 0 {
				continue // of another test
			}
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) { trajectory(t, g.In(t, name), a) })
			cfg := a.config(t, 0)
			of := covered[reflect.TypeOf(cfg)]
			of.scheduled = of.scheduled || varies(g.In(t, name).Tensor("lr"))
			of.grouped = of.grouped || len(a.Groups) > 1 && !reflect.DeepEqual(a.config(t, 1), cfg)
			covered[reflect.TypeOf(cfg)] = of
		}
	}
	for _, k := range Kinds() {
		if of := covered[reflect.TypeOf(k.Default)]; !of.scheduled || !of.grouped {
			t.Errorf("%s: testdata has a case with a schedule: %v; one of two groups: %v", k.Name, of.scheduled, of.grouped)
		}
	}
}

// varies reports whether the rate [steps groups] changes.
func varies(lr *tensor.Tensor) bool {
	for i := range lr.Size() {
		if lr.Float(i) != lr.Float(i%lr.Shape().Dim(1)) {
			return true
		}
	}
	return false
}

func trajectory(t *testing.T, g *moduletest.Golden, a attrs) {
	// at is row i of a tensor.
	at := func(i int, format string, args ...any) *tensor.Tensor {
		t.Helper()
		all := g.Tensor(fmt.Sprintf(format, args...))
		row, err := all.Rows(i, i+1).Reshape(all.Shape().Dims()[1:]...)
		if err != nil {
			t.Fatal(err)
		}
		return row.Clone()
	}
	m := &weights{}
	for i := range a.Params {
		init := at(0, "param/%d", i)
		m.List = append(m.List, &module.Param{DType: init.DType(), Shape: init.Shape()})
	}
	params := named(t, m)
	rate := at(0, "lr")
	var groups []Group
	var order []int // parameter that each gradient belongs to
	for i, own := range a.Groups {
		grp := Group{Rule: a.config(t, i), LRScale: 1}
		if rate.Float(i) != rate.Float(0) {
			grp.LRScale = rate.Float(i) / rate.Float(0)
		}
		for _, j := range own.Params {
			grp.Params = append(grp.Params, params[j])
			order = append(order, j)
		}
		groups = append(groups, grp)
	}
	opt, err := Build("optim", groups...)
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 0)
	for i, p := range params {
		s.Values[p.Key] = at(0, "param/%d", i)
	}
	run := func(from, to int) {
		t.Helper()
		for step := from; step < to; step++ {
			lr := at(step, "lr").Float(0)
			args := []*tensor.Tensor{tensor.Scalar(lr)}
			if a.DType == "float32" {
				args[0] = tensor.Scalar(float32(lr))
			}
			for _, j := range order {
				args = append(args, at(step, "grad/%d", j))
			}
			s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				opt.Update(c, in[1:], in[0])
				return nil
			}, args...)
			for i, p := range params {
				moduletest.Near(t, fmt.Sprintf("parameter %d after step %d", i, step+1), s.Values[p.Key], at(step+1, "param/%d", i))
			}
		}
	}
	run(0, a.Half)
	if a.Half > 0 { // what is there is what the reference would go on with, and the other way round
		for i, p := range params {
			for _, name := range g.Names() {
				slot, ok := strings.CutPrefix(name, fmt.Sprintf("half/%d/", i))
				key := "optim." + p.Key + "." + slot
				switch {
				case !ok || slot == "mu": // of ASGD, which follows from the step
				case slot == "step":
					if n := s.Values["optim.step"]; n != nil && n.Float(0) != g.Tensor(name).Float(0) {
						t.Errorf("step %v halfway", n.Float(0))
					}
				case s.Values[key] == nil:
					t.Errorf("there is no state %s halfway", key)
				default:
					moduletest.Near(t, key+" halfway", s.Values[key], g.Tensor(name))
					s.Values[key] = g.Tensor(name)
				}
			}
			s.Values[p.Key] = at(a.Half, "param/%d", i)
		}
	}
	run(a.Half, a.Steps)
	for i, p := range params {
		for _, name := range g.Names() {
			slot, ok := strings.CutPrefix(name, fmt.Sprintf("state/%d/", i))
			if !ok {
				continue
			}
			got := s.Values["optim."+p.Key+"."+slot]
			if slot == "x" {
				got = s.Values[JudgedPrefix+p.Key]
			}
			if got == nil {
				t.Errorf("there is no state %s of parameter %d", slot, i)
				continue
			}
			moduletest.Near(t, fmt.Sprintf("%s of parameter %d", slot, i), got, g.Tensor(name))
		}
	}
	if n := s.Values["optim.step"]; n != nil && n.Int(0) != int64(a.Steps) {
		t.Errorf("step %d, want %d", n.Int(0), a.Steps)
	}
}

func TestClipNorm(t *testing.T) {
	g := moduletest.Open(t, "testdata/clip_norm.safetensors")
	var cases map[string]struct {
		Params   int
		DType    string
		MaxNorm  float64 `json:"max_norm"`
		NormType any     `json:"norm_type"`
	}
	g.Cases(&cases)
	if len(cases) < 12 {
		t.Errorf("%d cases", len(cases))
	}
	for name, a := range cases {
		t.Run(name, func(t *testing.T) {
			g := g.In(t, name)
			p, ok := a.NormType.(float64)
			if !ok {
				p = math.Inf(1)
			}
			var args []*tensor.Tensor
			for i := range a.Params {
				args = append(args, g.Tensor(fmt.Sprint("in/", i)))
			}
			out := moduletest.NewStore(t, &struct{}{}, 0).Run(t, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
				if p == 2 {
					clipped, norm := ClipNorm(in, a.MaxNorm)
					return append(clipped, norm)
				}
				clipped, norm := ClipNormOf(in, a.MaxNorm, p)
				return append(clipped, norm)
			}, args...)
			for i := range a.Params {
				moduletest.Near(t, fmt.Sprint("gradient ", i), out[i], g.Tensor(fmt.Sprint("out/", i)))
			}
			moduletest.Near(t, "norm", out[a.Params], g.Tensor("norm"))
		})
	}
}

func TestClipValue(t *testing.T) {
	nan := float32(math.NaN())
	x := tensor.Must(tensor.Of([]float32{-3, -0.5, 0, 0.5, 3, float32(math.Inf(1)), nan}))
	out := moduletest.NewStore(t, &struct{}{}, 0).Run(t, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
		return ClipValue(in, 0.5)
	}, x)
	moduletest.Near(t, "clipped", out[0], tensor.Must(tensor.Of([]float32{-0.5, -0.5, 0, 0.5, 0.5, 0.5, nan})))
}

// A parameter of 16 bits is that of float32, rounded; its state is float32.
func TestHalfParameters(t *testing.T) {
	m := &weights{List{{DType: dtype.Float32}, {DType: dtype.BFloat16}, {DType: dtype.Float16}}}
	opt, err := DefaultAdamW().Build(named(t, m))
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 0)
	s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		opt.Update(c, []*ir.Value{in[1], ops.Cast(in[1], dtype.BFloat16), ops.Cast(in[1], dtype.Float16)}, in[0])
		return nil
	}, tensor.Scalar[float32](0.123), tensor.Scalar[float32](2))
	want := s.Values["0"].Float(0)
	if got := s.Values["1"]; got.String() != "bf16[]" || got.Float(0) != dtype.NewBF16(want).Float() {
		t.Errorf("%v is %v, in float32 %v", got, got.Float(0), want)
	}
	if got := s.Values["2"]; got.String() != "f16[]" || got.Float(0) != dtype.NewF16(want).Float() {
		t.Errorf("%v is %v, in float32 %v", got, got.Float(0), want)
	}
	for _, key := range []string{"optim.1.exp_avg", "optim.2.exp_avg_sq"} {
		if v := s.Values[key]; v == nil || v.DType() != dtype.Float32 {
			t.Errorf("%s is %v", key, v)
		}
	}
}

// Two types in one optimizer: the scalars are computed for each.
func TestMixedTypes(t *testing.T) {
	m := &weights{List{{DType: dtype.Float32}, {DType: dtype.Float64}}}
	opt, err := DefaultAdamW().Build(named(t, m))
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 0)
	s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		opt.Update(c, in[1:], in[0])
		return nil
	}, tensor.Scalar[float32](0.125), tensor.Scalar[float32](2), tensor.Scalar[float64](2))
	if a, b := s.Values["0"].Float(0), s.Values["1"].Float(0); a-b > 1e-7 || b-a > 1e-7 || a > -0.12 {
		t.Errorf("one step gives %v in float32 and %v in float64", a, b)
	}
}
