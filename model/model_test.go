package model

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/layers"
	"github.com/gradus-ml/gradus/model/lenet"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/shape"
)

func item(name string, dt dtype.DType, values int, dims ...int) Input {
	return Input{Name: name, Item: ir.Type{DType: dt, Shape: shape.Of(dims...)}, Values: values}
}

// given is a family's config, and data that it fits.
type given struct {
	cfg  Config
	in   Input
	size int
	out  string // of a batch of 2
}

func families() map[string]given {
	image, row, text := item("image", dtype.Float32, 0, 3, 32, 32), item("row", dtype.Float32, 0, 5), item("text", dtype.Int64, 30, 8)
	all := map[string]given{}
	for _, k := range Kinds() {
		cfg := k.Default.(Config)
		if first, _ := kindOf(cfg); first.Name != k.Name {
			continue // a network of a family that is there already
		}
		switch c := cfg.(type) {
		case Layers:
			c.Layers = []layers.Layer{layers.DefaultLinear()}
			all[k.Name] = given{c, row, 3, "f32[2 3]"}
		case MLP:
			all[k.Name] = given{c, image, 3, "f32[2 3]"}
		case CharLSTM, GPT:
			all[k.Name] = given{c, text, 30, "f32[2 8 30]"}
		case UNet:
			all[k.Name] = given{c, image, 7, "f32[2 7 32 32]"}
		case Seq2Seq, RNNSeq2Seq: // read two inputs: TestPairs
		case BERT, TextCNN, LSTMClassifier, TCN:
			all[k.Name] = given{c, text, 4, "f32[2 4]"}
		default:
			all[k.Name] = given{c, image, 7, "f32[2 7]"}
		}
	}
	return all
}

// Every family builds from its default and what the data have; the completed
// config makes the same model without data, and fits the same data.
func TestFamilies(t *testing.T) {
	for name, f := range families() {
		outputs := []Output{{Name: "label", Size: f.size}}
		n, err := New(f.cfg, []Input{f.in}, outputs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n.Type != name {
			t.Errorf("%s calls itself %s", name, n.Type)
		}
		want := f.in.Item
		if name == "mlp" { // which merges the axes
			want.Shape = shape.Of(want.Shape.Size())
		}
		if len(n.Inputs) != 1 || n.Inputs[0].Item != want || n.Inputs[0].Values != f.in.Values {
			t.Errorf("%s reads %v, want %v", name, n.Inputs, f.in)
		}
		tree, err := module.Walk(n.Module)
		if err != nil {
			t.Fatal(err)
		}
		if len(tree.Params) == 0 {
			t.Errorf("%s has no parameters", name)
		}
		g := ir.NewGraph()
		x := ir.Type{DType: f.in.Item.DType, Shape: shape.Of(append([]int{2}, f.in.Item.Shape.Dims()...)...)}
		out := n.Map(module.NewCtx(g, tree, nil).Train(), []*ir.Value{g.Input(ir.Arg, "x", x)})
		if err := g.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(out) != 1 || out[0].Type().String() != f.out {
			t.Errorf("%s gives %v, want %s", name, out[0].Type(), f.out)
		}
		again, err := New(n.Config, []Input{f.in}, outputs)
		if err != nil || !reflect.DeepEqual(again.Config, n.Config) {
			t.Errorf("%s fitted twice: %+v, %v", name, again, err)
		}
		complete, err := Complete(n.Config)
		if err != nil || !reflect.DeepEqual(complete.Inputs, n.Inputs) {
			t.Errorf("%s completed: %v", name, err)
		}
	}
}

// What a config gives and the data have otherwise is an error, and so are data
// that a family can't read.
func TestMisfits(t *testing.T) {
	wide, numbers, pair := item("image", dtype.Float32, 0, 3, 24, 32), item("row", dtype.Float32, 0, 5), item("text", dtype.Int64, 30, 8)
	for name, f := range families() {
		two := []Output{{Name: "a", Size: 2}, {Name: "b", Size: 2}}
		if _, err := New(f.cfg, []Input{f.in}, two); err == nil {
			t.Errorf("%s gives two outputs", name)
		}
		n, err := New(f.cfg, []Input{f.in}, []Output{{Name: "label", Size: f.size}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(n.Config, []Input{f.in}, []Output{{Name: "label", Size: f.size + 1}}); err == nil {
			t.Errorf("%s of %d values is trained for one more", name, f.size)
		}
		for _, in := range []Input{wide, numbers, pair, item("scalar", dtype.Float32, 0)} {
			if in.Item == f.in.Item {
				continue
			}
			if _, err := New(n.Config, []Input{in}, []Output{{Name: "label", Size: f.size}}); err == nil && !strings.Contains("gpt bert", name) {
				t.Errorf("%s of %v is trained on %v", name, f.in.Item, in.Item)
			}
		}
	}
	lenet, gpt, bert := families()["lenet"], families()["gpt"], families()["bert"]
	l := lenet.cfg.(LeNet)
	l.Classes, l.Size = 10, [2]int{32, 28}
	g := gpt.cfg.(GPT)
	g.Context = 4
	b := bert.cfg.(BERT)
	b.Vocabulary = 31
	for _, tc := range []struct {
		cfg  Config
		in   []Input
		out  []Output
		want []string
	}{
		{l, []Input{lenet.in}, []Output{{Name: "label", Size: 7}}, []string{"lenet: classes is 10, and the data have 7; without this key the data decide", "lenet: size.1 is 28, and the data have 32"}},
		{l, []Input{pair}, []Output{{Name: "label", Size: 10}}, []string{"lenet reads images [C Y X], and input text is i64[8]"}},
		{l, []Input{lenet.in, pair}, []Output{{Name: "label", Size: 10}}, []string{"lenet reads one input and gives one output, and the data have inputs image, text and targets label; type layers can have several"}},
		{g, []Input{gpt.in}, []Output{{Name: "next", Size: 30}}, []string{"gpt: context is 4, and the data have pieces of 8 tokens"}},
		{gpt.cfg, []Input{gpt.in}, []Output{{Name: "next", Size: 29}}, []string{"gpt guesses the tokens that it reads, and the data have 30 of them and 29 to guess"}},
		{gpt.cfg, []Input{numbers}, []Output{{Name: "next", Size: 30}}, []string{"gpt reads tokens [T], and input row is f32[5]"}},
		{b, []Input{bert.in}, []Output{{Name: "label", Size: 2}}, []string{"bert: vocabulary is 31, and the data have 30"}},
		{families()["vit"].cfg, []Input{wide}, []Output{{Name: "label", Size: 2}}, []string{"vit reads images that are as high as wide, and those of the data are 24x32"}},
		{MLP{Hidden: []int{0}}, []Input{numbers}, []Output{{Name: "label", Size: 2}}, []string{"mlp: hidden must be at least 1, got 0"}},
		{MLP{}, []Input{pair}, []Output{{Name: "label", Size: 2}}, []string{"mlp reads numbers, and input text is i64[8]"}},
	} {
		_, err := New(tc.cfg, tc.in, tc.out)
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
	}
}

// A context may be longer than the texts at hand.
func TestLongerContext(t *testing.T) {
	for _, name := range []string{"gpt", "bert"} {
		f := families()[name]
		v := reflect.New(reflect.TypeOf(f.cfg)).Elem()
		v.Set(reflect.ValueOf(f.cfg))
		v.FieldByName("Context").SetInt(50)
		n, err := New(v.Interface().(Config), []Input{f.in}, []Output{{Name: "label", Size: f.size}})
		if err != nil || n.Inputs[0].Item.Shape != shape.Of(50) {
			t.Errorf("%s: %v, %v", name, n, err)
		}
	}
}

// BERT leaves out what is padding in the data.
func TestPadding(t *testing.T) {
	f := families()["bert"]
	f.in.Padding = new(3)
	n, err := New(f.cfg, []Input{f.in}, []Output{{Name: "label", Size: f.size}})
	if err != nil {
		t.Fatal(err)
	}
	if p := n.Config.(BERT).PaddingIdx; p == nil || *p != 3 {
		t.Errorf("padding index %v", p)
	}
}

// own is a config of no family.
type own struct{ Config }

func TestComplete(t *testing.T) {
	if _, err := Complete(own{}); err == nil || !strings.Contains(err.Error(), "model.own is the config of no family") {
		t.Errorf("error %v", err)
	}
	if _, err := Complete(LeNet{}); err == nil {
		t.Error("an empty config is complete")
	}
}

func TestMapOfWrongInputs(t *testing.T) {
	f := families()["mlp"]
	n, err := New(f.cfg, []Input{f.in}, []Output{{Name: "label", Size: f.size}})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := module.Walk(n.Module)
	if err != nil {
		t.Fatal(err)
	}
	g := ir.NewGraph()
	n.Map(module.NewCtx(g, tree, nil), nil)
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "wants 1 inputs, got 0") {
		t.Errorf("error %v", err)
	}
}

// Counted by hand: 2 x 24 x 24 x 32 x 25 and so on, a bias is one more an
// element.
func TestSummary(t *testing.T) {
	n, err := Complete(LeNet{lenet.MNIST()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.Summary()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		output   string
		params   int
		products int64
	}{
		"conv1": {"f32[1 32 24 24]", 32*25 + 32, 2 * 24 * 24 * 32 * 25},
		"conv2": {"f32[1 64 8 8]", 64*32*25 + 64, 2 * 8 * 8 * 64 * 32 * 25},
		"fc1":   {"f32[1 512]", 512*1024 + 512, 2 * 512 * 1024},
		"fc2":   {"f32[1 10]", 512*10 + 10, 2 * 512 * 10},
	}
	seen := 0
	for _, r := range s.Rows {
		w, ok := want[r.Path]
		if !ok {
			continue
		}
		seen++
		if r.Output.String() != w.output || r.Params != w.params {
			t.Errorf("%s: %v, %d parameters, want %s, %d", r.Path, r.Output, r.Params, w.output, w.params)
		}
		if bias := r.Flops - w.products; bias != int64(r.Output.Shape.Size()) {
			t.Errorf("%s: %d operations, want %d and one an element of the result", r.Path, r.Flops, w.products)
		}
	}
	if seen != len(want) {
		t.Errorf("%d layers of %d:\n%v", seen, len(want), s)
	}
	if s.Params != 582026 {
		t.Errorf("%d parameters, want 582026", s.Params)
	}
	for name, f := range families() {
		n, err := New(f.cfg, []Input{f.in}, []Output{{Name: "label", Size: f.size}})
		if err != nil {
			t.Fatal(err)
		}
		if s, err := n.Summary(); err != nil || s.Params == 0 || s.Flops == 0 {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// docs/models.md names every family and every layer, and its examples are valid.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/models.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range append(Kinds(), layers.Kinds()...) {
		if !strings.Contains(string(text), "`"+k.Name+"`") {
			t.Errorf("docs/models.md has no `%s`", k.Name)
		}
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	for _, b := range blocks {
		b, _, _ = strings.Cut(b, "```")
		var section struct{ Model Config }
		if err := config.Decode([]byte(b), "models.md", &section, kinds()); err != nil {
			t.Error(err)
		} else if err := section.Model.Validate(); err != nil {
			t.Errorf("%s: %v", b, err)
		}
	}
	if len(blocks) < 3 {
		t.Errorf("%d examples", len(blocks))
	}
}

// A source and a target complete a model of two inputs.
func TestPairs(t *testing.T) {
	source, target := item("german", dtype.Int64, 30, 8), item("english", dtype.Int64, 20, 6)
	source.Padding, target.Padding = new(0), new(0)
	next := []Output{{Name: "next", Size: 20}}
	other := target
	other.Padding = new(1)
	for _, k := range Kinds() {
		var want Config
		switch c := k.Default.(type) {
		case Seq2Seq:
			c.SourceVocabulary, c.TargetVocabulary, c.Context, c.PaddingIdx = 30, 20, 8, new(0)
			want = c
		case RNNSeq2Seq:
			c.SourceVocabulary, c.TargetVocabulary, c.Context, c.PaddingIdx = 30, 20, 8, new(0)
			want = c
		default:
			continue
		}
		cfg := k.Default.(Config)
		n, err := New(cfg, []Input{source, target}, next)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(n.Config, want) {
			t.Errorf("completed to %+v, want %+v", n.Config, want)
		}
		s, err := n.Summary()
		if err != nil || s.Rows[0].Output.String() != "f32[1 8 20]" {
			t.Errorf("%s: summary %v, %v", k.Name, s, err)
		}
		for _, tc := range []struct {
			in   []Input
			out  []Output
			want string
		}{
			{[]Input{source}, next, k.Name + " reads two inputs, a source and a target"},
			{[]Input{source, other}, next, "the same number for padding in inputs german and english"},
			{[]Input{source, item("row", dtype.Float32, 0, 5)}, next, k.Name + " reads tokens [T], and input row is f32[5]"},
			{[]Input{source, target}, []Output{{Name: "next", Size: 19}}, "the data have 20 of them and 19 to guess"},
		} {
			if _, err := New(cfg, tc.in, tc.out); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		}
	}
}
