package module

import (
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
)

type layer struct {
	Weight, Bias *Param
	Size         int
	cache        *Param
}

func newLayer() *layer {
	return &layer{Weight: NewParam(nil, 2), Bias: NewParam(nil, 3), cache: NewParam(nil, 1)}
}

type norm struct {
	Weight *Param
	Mean   *State `param:"running_mean"`
}

type Wide struct{ norm2 }
type norm2 struct{ Scale *Param }

type Base struct{ Scale *Param }
type wrapped struct {
	Base
	Inner layer
}

type chain struct{ List }
type List []any

type nothing struct{}

func keys(t *testing.T, model any) []string {
	t.Helper()
	tree, err := Walk(model)
	if err != nil {
		t.Fatal(err)
	}
	var ks []string
	for _, p := range tree.Params {
		ks = append(ks, p.Key)
	}
	for _, s := range tree.States {
		ks = append(ks, s.Key)
	}
	return ks
}

func TestKeys(t *testing.T) {
	shared := NewParam(nil, 1)
	for _, tc := range []struct {
		name  string
		model any
		want  string
	}{
		{"snake case", &struct {
			Fc1, QProj, BNRelu, FC2 *layer
		}{newLayer(), newLayer(), newLayer(), nil}, "fc1.weight fc1.bias q_proj.weight q_proj.bias bn_relu.weight bn_relu.bias"},
		{"tags", &struct {
			Head   *layer `param:"classifier"`
			Hidden *layer `param:"-"`
		}{newLayer(), newLayer()}, "classifier.weight classifier.bias"},
		{"states", &norm{NewParam(nil, 1), &State{DType: dtype.Float32}}, "weight running_mean"},
		{"slice", &struct{ Layers []*layer }{[]*layer{newLayer(), newLayer()}}, "layers.0.weight layers.0.bias layers.1.weight layers.1.bias"},
		{"slice of structs", &struct{ Layers []layer }{[]layer{*newLayer()}}, "layers.0.weight layers.0.bias"},
		{"slice of slices", &struct{ Stages [][]*layer }{[][]*layer{{newLayer()}, {newLayer()}}},
			"stages.0.0.weight stages.0.0.bias stages.1.0.weight stages.1.0.bias"},
		{"numbered", &struct {
			Layers []*layer `param:"fc#1"`
		}{[]*layer{newLayer(), newLayer()}}, "fc1.weight fc1.bias fc2.weight fc2.bias"},
		{"numbered slices", &struct {
			Stages [][]*layer `param:"layer#3"`
		}{[][]*layer{{newLayer()}, {newLayer()}}}, "layer3.0.weight layer3.0.bias layer4.0.weight layer4.0.bias"},
		{"number in the middle", &struct {
			Weights []*Param `param:"weight_l#10_reverse"`
		}{[]*Param{NewParam(nil, 1), NewParam(nil, 1)}}, "weight_l10_reverse weight_l11_reverse"},
		{"embedded", &wrapped{Base{NewParam(nil, 1)}, *newLayer()}, "scale inner.weight inner.bias"},
		{"embedded unexported", &Wide{norm2{NewParam(nil, 1)}}, ""},
		{"embedded slice", &chain{List{newLayer(), nothing{}, newLayer()}}, "0.weight 0.bias 2.weight 2.bias"},
		{"shared", &struct{ A, B *Param }{shared, shared}, "a"},
		{"nil", &struct {
			A *layer
			B *Param
			C any
		}{}, ""},
		{"top slice", []*layer{newLayer()}, "0.weight 0.bias"},
	} {
		if got := strings.Join(keys(t, tc.model), " "); got != tc.want {
			t.Errorf("%s: keys %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestWalkErrors(t *testing.T) {
	for _, tc := range []struct {
		name  string
		model any
		want  string
	}{
		{"struct", layer{}, "must be a pointer"},
		{"nothing", nil, "must be a pointer"},
		{"one key twice", &struct {
			A *Param `param:"w"`
			B *Param `param:"w"`
		}{NewParam(nil, 1), NewParam(nil, 1)}, `two parameters have the key "w"`},
		{"number without slice", &struct {
			A *Param `param:"w#1"`
		}{NewParam(nil, 1)}, "which is for slices"},
	} {
		_, err := Walk(tc.model)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestPaths(t *testing.T) {
	a, b := &nothing{}, &nothing{}
	m := &struct {
		L    *layer
		A, B *nothing
		W    wrapped
	}{newLayer(), a, b, wrapped{Inner: *newLayer()}}
	tree, err := Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		module any
		path   string
		known  bool
	}{{m, "", true}, {m.L, "l", true}, {&m.W.Inner, "w.inner", true}, {&m.W.Base, "w", true}, {a, "", false}, {newLayer(), "", false}} {
		if path, ok := tree.Path(tc.module); path != tc.path || ok != tc.known {
			t.Errorf("path of %T is %q, %v; want %q, %v", tc.module, path, ok, tc.path, tc.known)
		}
	}
	if got, want := tree.Modules(), []string{"a", "b", "l", "w", "w.inner"}; !slices.Equal(got, want) {
		t.Errorf("modules %q, want %q", got, want)
	}
}

func TestSnake(t *testing.T) {
	for name, want := range map[string]string{"Weight": "weight", "Conv1": "conv1", "QProj": "q_proj", "BNRelu": "bn_relu", "BN1": "bn1",
		"FC": "fc", "FC2": "fc2", "RunningMean": "running_mean", "NumBatchesTracked": "num_batches_tracked", "A_B": "a_b"} {
		if got := snake(name); got != want {
			t.Errorf("snake(%s) = %s, want %s", name, got, want)
		}
	}
}

func TestParamType(t *testing.T) {
	p := NewParam(nil, 2, 3)
	if p.Type().Shape != shape.Of(2, 3) || p.Type().DType != dtype.Float32 {
		t.Errorf("NewParam is %v", p.Type())
	}
	list := ParamList{{"a", p}}
	if !slices.Equal(list.Params(), []Named{{"a", p}}) {
		t.Errorf("Params is %v", list.Params())
	}
}

// named is a container of layers.
type named struct {
	Hidden *Param // no child
	names  []string
	layers []*layer
}

func (n *named) Children() []Child {
	var all []Child
	for i, name := range n.names {
		all = append(all, Child{name, n.layers[i]})
	}
	return all
}

func TestContainer(t *testing.T) {
	shared := newLayer()
	m := &struct{ Body, Empty *named }{
		&named{NewParam(nil, 1), []string{"0", "head", "again"}, []*layer{newLayer(), shared, shared}}, &named{},
	}
	if got, want := strings.Join(keys(t, m), " "), "body.0.weight body.0.bias body.head.weight body.head.bias"; got != want {
		t.Errorf("keys %s, want %s", got, want)
	}
	tree, err := Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	if path, ok := tree.Path(shared); !ok || path != "body.head" {
		t.Errorf("path %q", path)
	}
	twice := &named{names: []string{"a", "a"}, layers: []*layer{newLayer(), newLayer()}}
	if _, err := Walk(twice); err == nil || !strings.Contains(err.Error(), `two parameters have the key "a.weight"`) {
		t.Errorf("error %v", err)
	}
}
