package loss_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/loss/losstest"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

const goldens = "testdata/*.safetensors"

// run builds values out of arguments and computes them.
func run(t *testing.T, f func(in []*ir.Value) []*ir.Value, args ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	return moduletest.NewStore(t, &struct{}{}, 0).Run(t, func(_ *module.Ctx, in []*ir.Value) []*ir.Value { return f(in) }, args...)
}

// Values and gradients of each case are the reference's, in each reduction; the
// mean and the sum that training is made of are so too.
func TestGoldens(t *testing.T) {
	for _, c := range losstest.Cases(t, goldens) {
		t.Run(c.Name, func(t *testing.T) {
			golden(t, c, c.Apply)
			if c.HasTerms() && c.Reduction != loss.None {
				golden(t, c, func(in []*ir.Value) *ir.Value {
					output, target := c.Output(in)
					if c.Reduction == loss.Sum {
						return c.Config.Terms(output, target, nil).Sum
					}
					return c.Config.Terms(output, target, nil).Mean()
				})
			}
		})
	}
}

func golden(t *testing.T, c losstest.Case, f func(in []*ir.Value) *ir.Value) {
	g := c.Golden
	args, at := c.Args()
	args = append(args, g.Tensor("gout/0"))
	var wanted []string // gradients
	out := run(t, func(vs []*ir.Value) []*ir.Value {
		var xs []*ir.Value
		for j, i := range at {
			if c.Differentiable(i) {
				xs, wanted = append(xs, vs[j]), append(wanted, "gin/"+strconv.Itoa(i))
			}
		}
		y := f(c.Place(vs[:len(at)]))
		return append([]*ir.Value{y}, grad.VJP([]*ir.Value{y}, vs[len(at):], xs...)...)
	}, args...)
	moduletest.Near(t, "loss", out[0], g.Tensor("out/0"))
	for i, key := range wanted {
		moduletest.Near(t, key, out[1+i], g.Tensor(key))
	}
}

// Weights of examples choose: with 1 for all, sum and count are those without
// weights; with 0 for some, those of the others alone. Sum and count of a batch
// are the sums of those of its halves.
func TestWeightsOfExamples(t *testing.T) {
	for _, c := range losstest.Cases(t, goldens) {
		if c.Reduction != loss.Mean || !c.HasTerms() {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			n := c.In[0].Shape().Dim(0)
			args, _ := c.Args()
			terms := func(vs []*ir.Value, weight *ir.Value) []*ir.Value {
				output, target := c.Output(c.Place(vs))
				terms := c.Config.Terms(output, target, weight)
				return []*ir.Value{terms.Sum, terms.Count}
			}
			plain := run(t, func(in []*ir.Value) []*ir.Value { return terms(in, nil) }, args...)
			weighted := func(of func(i int) float64) []*tensor.Tensor {
				w := tensor.New(c.In[0].DType(), shape.Of(n))
				for i := range n {
					w.SetFloat(i, of(i))
				}
				last := len(args)
				return run(t, func(in []*ir.Value) []*ir.Value { return terms(in[:last], in[last]) }, append(args[:last:last], w)...)
			}
			rows := func(from, to int) []*tensor.Tensor {
				var part []*tensor.Tensor
				for _, x := range args {
					part = append(part, x.Rows(from, to))
				}
				return run(t, func(in []*ir.Value) []*ir.Value { return terms(in, nil) }, part...)
			}
			ones := weighted(func(int) float64 { return 1 })
			if c.Together { // half a batch is another one
				for i, what := range []string{"sum", "count"} {
					moduletest.Near(t, what+" weighted by ones", ones[i], plain[i])
				}
				return
			}
			first := weighted(func(i int) float64 {
				if i < n/2 {
					return 1
				}
				return 0
			})
			head, tail := rows(0, n/2), rows(n/2, n)
			for i, what := range []string{"sum", "count"} {
				moduletest.Near(t, what+" weighted by ones", ones[i], plain[i])
				moduletest.Near(t, what+" of the first half", first[i], head[i])
				both := tensor.Scalar(head[i].Float(0) + tail[i].Float(0))
				moduletest.Near(t, what+" of two halves", both, plain[i])
			}
		})
	}
}

// Floats of 16 bits are computed as the float32 numbers that they are.
func TestHalves(t *testing.T) {
	for _, c := range losstest.Cases(t, goldens) {
		args, at := c.Args()
		for _, half := range []dtype.DType{dtype.BFloat16, dtype.Float16} {
			out := run(t, func(vs []*ir.Value) []*ir.Value {
				narrow, wide := make([]*ir.Value, len(c.In)), make([]*ir.Value, len(c.In))
				for j, i := range at {
					narrow[i], wide[i] = vs[j], vs[j]
					if vs[j].DType().IsFloat() {
						narrow[i] = ops.Cast(ops.Cast(vs[j], dtype.Float32), half)
						wide[i] = ops.Cast(narrow[i], dtype.Float32)
					}
				}
				return []*ir.Value{c.Apply(narrow), c.Apply(wide)}
			}, args...)
			if out[0].DType() != dtype.Float32 {
				t.Errorf("%s: the loss of %v is %v", c.Name, half, out[0].DType())
			}
			for i := range out[1].Size() {
				if got, want := out[0].Float(i), out[1].Float(i); got != want && (got == got || want == want) {
					t.Errorf("%s: loss %d of %v is %v, want %v", c.Name, i, half, got, want)
					break
				}
			}
		}
	}
}

// Nothing is stretched to fit: an argument of another shape than the reference
// has is a mistake, told when the graph is built, under the loss's name.
func TestMismatches(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range losstest.Cases(t, goldens) {
		args, _ := c.Args()
		if seen[c.Kind] || !c.HasTerms() || len(args) < 2 || c.In[0].Shape().Dim(0) < 2 {
			continue
		}
		seen[c.Kind] = true
		for i, x := range args {
			for what, s := range map[string]shape.Shape{
				"another batch":   x.Shape().With(0, x.Shape().Dim(0)+1),
				"a batch of 1":    x.Shape().With(0, 1),
				"one more axis":   shape.Of(append(x.Shape().Dims(), 1)...),
				"one axis before": shape.Of(append([]int{1}, x.Shape().Dims()...)...),
			} {
				for _, terms := range []bool{false, true} {
					if terms && (i < c.Stack || what == "one more axis" && c.Config.Target() == loss.Relation) {
						continue // stacking itself refuses; a recipe's number is [B 1]
					}
					g := ir.NewGraph()
					var vs []*ir.Value
					for j, y := range args {
						typ := ir.Type{DType: y.DType(), Shape: y.Shape()}
						if j == i {
							typ.Shape = s
						}
						vs = append(vs, g.Input(ir.Arg, "in"+strconv.Itoa(j), typ))
					}
					if terms {
						output, target := c.Output(c.Place(vs))
						c.Config.Terms(output, target, nil)
					} else {
						c.Apply(c.Place(vs))
					}
					if err := g.Err(); err == nil || !strings.HasPrefix(err.Error(), c.Kind+": ") || !strings.Contains(err.Error(), s.String()) {
						t.Errorf("%s, argument %d of %s, terms %v: error %v", c.Name, i, what, terms, err)
					}
				}
			}
		}
	}
	for _, k := range loss.Kinds() {
		if !seen[k.Name] {
			t.Errorf("%s: no case has two arguments and two examples", k.Name)
		}
	}
}

// Settings that are no numbers are refused under their keys, and so are
// reductions that there aren't; a graph with such settings is a mistake.
func TestSettings(t *testing.T) {
	cases := losstest.Cases(t, goldens)
	for _, k := range loss.Kinds() {
		i := slices.IndexFunc(cases, func(c losstest.Case) bool { return c.Kind == k.Name })
		if i < 0 {
			continue // TestEveryLossHasGoldens
		}
		typ := reflect.TypeOf(k.Default)
		for f := range typ.NumField() {
			cfg := reflect.New(typ).Elem()
			cfg.Set(reflect.ValueOf(k.Default))
			field := cfg.Field(f)
			key, want := typ.Field(f).Tag.Get("yaml"), ""
			switch {
			case field.Kind() == reflect.Float64:
				field.SetFloat(math.NaN())
				want = key
			case field.Type() == reflect.TypeFor[[]float64]():
				field.Set(reflect.ValueOf([]float64{1, math.NaN()}))
				want = key
			case key == "reduction":
				field.SetUint(99)
				want = "reduction(99)"
			case field.Kind() == reflect.Uint8:
				field.SetUint(99)
				want = key
			default:
				continue
			}
			c := cases[i]
			c.Config = cfg.Interface().(loss.Config)
			if err := c.Config.Validate(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %s of %v: error %v", k.Name, key, field, err)
			}
			g := ir.NewGraph()
			args, _ := c.Args()
			var vs []*ir.Value
			for _, x := range args {
				vs = append(vs, g.Input(ir.Arg, "in", ir.Type{DType: x.DType(), Shape: x.Shape()}))
			}
			c.Apply(c.Place(vs))
			if err := g.Err(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: a graph with %s of %v: error %v", k.Name, key, field, err)
			}
		}
	}
}

// Each loss that is there can be named in a recipe, and has reference values in
// each reduction, with an empty batch among them.
func TestEveryLossHasGoldens(t *testing.T) {
	reductions, empty, named := map[string]map[loss.Reduction]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range losstest.Cases(t, goldens) {
		if reductions[c.Kind] == nil {
			reductions[c.Kind] = map[loss.Reduction]bool{}
		}
		reductions[c.Kind][c.Reduction] = true
		empty[c.Kind] = empty[c.Kind] || c.Empty()
	}
	for _, k := range loss.Kinds() {
		named[reflect.TypeOf(k.Default).Name()] = true
		if len(reductions[k.Name]) < 3 || !empty[k.Name] {
			t.Errorf("%s: reductions %v, an empty batch %v; add cases to a script in tools/goldens", k.Name, reductions[k.Name], empty[k.Name])
		}
		if err := k.Default.(loss.Config).Validate(); err != nil {
			t.Errorf("%s: default settings: %v", k.Name, err)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			m, ok := d.(*ast.FuncDecl)
			if !ok || m.Recv == nil || m.Name.Name != "Terms" || strings.HasSuffix(file, "_test.go") {
				continue
			}
			if name := m.Recv.List[0].Type.(*ast.Ident).Name; !named[name] {
				t.Errorf("%s: %s is not among the Kinds", file, name)
			}
		}
	}
}
