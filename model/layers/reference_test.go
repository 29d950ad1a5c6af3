package layers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/layers"
	"github.com/gradus-ml/gradus/model/layers/layertest"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/tensor"
)

// Keys, shapes, results, gradients, running statistics and results in
// evaluation mode are those of torch.nn.
func TestReferenceValues(t *testing.T) {
	for _, c := range layertest.Cases(t, "../..") {
		t.Run(c.Name, func(t *testing.T) { reference(t, c) })
	}
}

func reference(t *testing.T, c layertest.Case) {
	l, g := c.Build(t), c.Golden
	moduletest.Double(t, l)
	s := moduletest.NewStore(t, l, 0)
	g.Load(s)
	params := module.ParamList(s.Tree.Params)
	sums := make([]*tensor.Tensor, len(params))
	for i := range c.Calls {
		in := g.Tensor(fmt.Sprint("in/", i))
		out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			y := l.Forward(c.Train(), in[0])
			of := c.Params(params)
			if in[0].DType().IsFloat() {
				of = append(of, in[0])
			}
			return append(grad.VJP([]*ir.Value{y}, in[1:], of...), y)
		}, in, g.Tensor(fmt.Sprint("gout/", i)))
		for j := range params {
			if sums[j] == nil {
				sums[j] = tensor.New(out[j].DType(), out[j].Shape())
			}
			for k := range sums[j].Size() {
				sums[j].SetFloat(k, sums[j].Float(k)+out[j].Float(k))
			}
		}
		moduletest.Near(t, fmt.Sprint("result ", i), out[len(out)-1], g.Tensor(fmt.Sprint("out/", i)))
		if in.DType().IsFloat() {
			moduletest.Near(t, fmt.Sprint("gradient of operand ", i), out[len(params)], g.Tensor(fmt.Sprint("gin/", i)))
		}
	}
	for j, p := range params {
		if c.Calls > 0 {
			moduletest.Near(t, "gradient of "+p.Key, sums[j], g.Tensor("grad/"+p.Key))
		}
	}
	for _, st := range s.Tree.States {
		moduletest.Near(t, st.Key, s.Values[st.Key], g.Tensor("after/"+st.Key))
	}
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{l.Forward(c.Eval(), in[0])}
	}, g.Tensor("in/0"))
	moduletest.Near(t, "result in evaluation mode", out[0], g.Tensor("eval/0"))
	for _, st := range s.Tree.States {
		moduletest.Near(t, st.Key+" after evaluation", s.Values[st.Key], g.Tensor("after/"+st.Key))
	}
}

// Each kind of layer has reference values, or at least a row in the table of
// shapes; and each layer of package nn is one that a list can hold.
func TestEveryLayer(t *testing.T) {
	kinds, types := map[string]bool{}, map[string]bool{}
	for kind := range layers.Shaped() {
		kinds[kind] = true
		types[strings.ReplaceAll(kind, "_", "")] = true
	}
	for _, c := range layertest.Cases(t, "../..") {
		kinds[c.Kind] = true
		for _, name := range c.Types(t) {
			types[strings.ToLower(name)] = true
		}
	}
	for _, k := range layers.Kinds() {
		if !kinds[k.Name] {
			t.Errorf("%s has neither a case in tools/goldens/layers.py nor a row in the table of shapes", k.Name)
		}
	}
	files, err := filepath.Glob("../../nn/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`(?m)^func \(\w+ \*([A-Z]\w*)\) Forward\(`).FindAllStringSubmatch(string(text), -1) {
			if found++; !types[strings.ToLower(m[1])] {
				t.Errorf("no list in a test holds nn.%s", m[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d layers were found", found)
	}
}
