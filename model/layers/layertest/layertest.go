// Package layertest has the reference values of torch.nn's layers, each as the
// layer of a list that they belong to. A new layer is in all the tests that run
// over them once tools/goldens/layers.py has a case of it.
package layertest

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/layers"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/tensor"
)

// files are those of nn/testdata that tools/goldens/layers.py makes.
var files = []string{"layers", "pools", "activations", "shapes", "weights", "keras"}

// A Case is a layer with reference values.
type Case struct {
	Name   string
	Kind   string // of the layer, as a recipe names it
	Layer  layers.Layer
	Calls  int // in training mode
	Golden *moduletest.Golden
}

// Cases reads all cases, given the path of the repository from the test.
func Cases(t testing.TB, root string) (cases []Case) {
	t.Helper()
	kinds := layers.Nested()
	for _, file := range files {
		g := moduletest.Open(t, filepath.Join(root, "nn/testdata", file+".safetensors"))
		var attrs map[string]struct {
			Calls int
			Layer json.RawMessage
		}
		g.Cases(&attrs)
		for name, a := range attrs {
			var in struct {
				Layer layers.Layer `yaml:"layer"`
			}
			text := `{"layer": ` + string(a.Layer) + `}`
			if err := config.Decode([]byte(text), name+".json", &in, kinds); err != nil {
				t.Fatal(err)
			}
			var kind struct{ Type string }
			if err := json.Unmarshal(a.Layer, &kind); err != nil {
				t.Fatal(err)
			}
			cases = append(cases, Case{name, kind.Type, in.Layer, a.Calls, g.In(t, name)})
		}
	}
	slices.SortFunc(cases, func(a, b Case) int { return strings.Compare(a.Name, b.Name) })
	return cases
}

// Net is a layer that was built, as a module of one operand and one result.
type Net struct{ layers.Module }

// Forward applies the layer to x.
func (n *Net) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	return n.Apply(c, layers.Flow{Value: x}).Value
}

// Build makes the layer for the operand of the first call.
func (c Case) Build(t testing.TB) *Net {
	t.Helper()
	if err := c.Layer.Validate(); err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	x := ir.Type{DType: c.In().DType(), Shape: c.In().Shape()}
	if x.DType.IsFloat() {
		x.DType = dtype.Float32 // as parameters are
	}
	m, err := c.Layer.Build(layers.Operand{Type: x})
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return &Net{m}
}

// In is the operand of the first call.
func (c Case) In() *tensor.Tensor { return c.Golden.Tensor("in/0") }

// Types are the names of the types of package nn that the layer is made of.
func (c Case) Types(t testing.TB) (names []string) {
	t.Helper()
	n := c.Build(t)
	moduletest.Double(t, n)
	moduletest.NewStore(t, n, 0).Trace(func(ctx *module.Ctx, in []*ir.Value) []*ir.Value {
		ctx.Watch(func(v module.Visit) {
			if typ := reflect.TypeOf(v.Module).Elem(); strings.HasSuffix(typ.PkgPath(), "/nn") && !v.Left {
				names = append(names, typ.Name())
			}
		})
		return []*ir.Value{n.Forward(ctx, in[0])}
	}, c.In())
	return names
}
