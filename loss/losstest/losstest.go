// Package losstest reads the reference values of losses, for tests of whatever
// computes them.
//
// A file of package loss's testdata holds cases of one or several losses. The
// attributes of a case are its settings, as a recipe has them, and how many of
// the arguments lie in one output of a model; tools/goldens/loss.py makes them.
package losstest

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// A Case is a loss with arguments.
type Case struct {
	Name      string         // FILE/CASE
	Kind      string         // type of the loss in a recipe
	Reduction loss.Reduction // as in the config; Mean where that is batchmean
	Config    loss.Config
	In        []*tensor.Tensor   // arguments of the config's Apply, in its order; nil where one is absent
	Stack     int                // so many of them, the first ones, are one output in a recipe
	Together  bool               // each example is judged by the others of its batch
	Golden    *moduletest.Golden // in, out, gout and gin of the case
}

// Cases reads the files of a pattern such as "testdata/*.safetensors", in the
// order of names.
func Cases(t testing.TB, pattern string) (cases []Case) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no files, %v", pattern, err)
	}
	for _, file := range files {
		g := moduletest.Open(t, file)
		attrs := map[string]struct {
			Loss     json.RawMessage
			Stack    int
			Together bool
		}{}
		g.Cases(&attrs)
		for _, name := range slices.Sorted(maps.Keys(attrs)) {
			a := attrs[name]
			c := Case{Name: strings.TrimSuffix(filepath.Base(file), ".safetensors") + "/" + name, Stack: max(1, a.Stack), Together: a.Together, Golden: g.In(t, name)}
			c.settings(t, a.Loss)
			c.In = make([]*tensor.Tensor, c.apply().Type().NumIn())
			for i := range 10 {
				if key := "in/" + strconv.Itoa(i); c.Golden.Has(key) {
					if i >= len(c.In) {
						t.Fatalf("%s: has input %d, Apply takes %d arguments", c.Name, i, len(c.In))
					}
					c.In[i] = c.Golden.Tensor(key)
				}
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// settings decodes a loss as a recipe does.
func (c *Case) settings(t testing.TB, text []byte) {
	t.Helper()
	var named struct {
		Type      string
		Reduction loss.BatchReduction
	}
	kinds := config.Kinds{reflect.TypeFor[loss.Config](): loss.Kinds()}
	err := json.Unmarshal(text, &named)
	if err == nil {
		err = config.Decode(bytes.TrimSpace(text), c.Name+".json", &c.Config, kinds)
	}
	if err == nil {
		err = c.Config.Validate()
	}
	if err != nil {
		t.Fatalf("%s: loss %s: %v", c.Name, text, err)
	}
	c.Kind = named.Type
	if c.Reduction = loss.Reduction(named.Reduction); named.Reduction == loss.BatchMean {
		c.Reduction = loss.Mean
	}
}

func (c *Case) apply() reflect.Value { return reflect.ValueOf(c.Config).MethodByName("Apply") }

// Apply is the config's Apply; nil stays nil.
func (c Case) Apply(in []*ir.Value) *ir.Value {
	args := make([]reflect.Value, len(in))
	for i, v := range in {
		args[i] = reflect.ValueOf(v)
	}
	return c.apply().Call(args)[0].Interface().(*ir.Value)
}

// Args are the arguments that are there, and the places where Apply wants them.
func (c Case) Args() (args []*tensor.Tensor, at []int) {
	for i, x := range c.In {
		if x != nil {
			args, at = append(args, x), append(at, i)
		}
	}
	return args, at
}

// Place puts values of the arguments that are there where Apply wants them.
func (c Case) Place(vs []*ir.Value) []*ir.Value {
	in := make([]*ir.Value, len(c.In))
	_, at := c.Args()
	for j, i := range at {
		in[i] = vs[j]
	}
	return in
}

// Empty reports whether the case is a batch without examples.
func (c Case) Empty() bool {
	s := c.In[0].Shape()
	return s.Rank() > 0 && s.Dim(0) == 0
}

// Differentiable reports whether there is a gradient by argument i.
func (c Case) Differentiable(i int) bool { return c.Golden.Has("gin/" + strconv.Itoa(i)) }

// HasTerms reports whether a recipe can say the same: an output that has a
// first axis, a target, and nothing else.
func (c Case) HasTerms() bool {
	if c.In[0].Shape().Rank() == 0 {
		return false
	}
	for _, x := range c.In[min(len(c.In), c.Stack+1):] {
		if x != nil {
			return false
		}
	}
	return true
}

// Output is what a model would give, of the arguments of Apply, and the target.
func (c Case) Output(in []*ir.Value) (output, target *ir.Value) {
	if c.Stack < len(in) {
		target = in[c.Stack]
	}
	if c.Stack == 1 {
		return in[0], target
	}
	return ops.Stack(1, in[:c.Stack]...), target
}
