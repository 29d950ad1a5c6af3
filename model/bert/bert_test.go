package bert

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func tiny() Config {
	return Config{Vocabulary: 11, Context: 7, Types: 2, Layers: 2, Width: 8, Heads: 2, Hidden: 12, PaddingIdx: new(0), Eps: 1e-12}
}

func build(t *testing.T, cfg Config) *Model {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Loss, logits and all gradients of one step are PyTorch's.
func TestStep(t *testing.T) {
	m, err := NewMaskedLM(tiny())
	if err != nil {
		t.Fatal(err)
	}
	moduletest.Double(t, m)
	g := moduletest.Open(t, "testdata/masked_lm.safetensors")
	s := moduletest.NewStore(t, m, 0)
	g.Load(s)
	params := module.ParamList(s.Tree.Params)
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		logits := m.Guess(c.Train(), Input{Tokens: in[0], Types: in[2], Lengths: in[3]})
		l := loss.CrossEntropy(ops.Reshape(logits, -1, logits.Dim(2)), ops.Reshape(in[1], -1))
		return append([]*ir.Value{l, logits}, grad.Of(l, c.Params(params)...)...)
	}, g.Tensor("in/0"), g.Tensor("in/1"), g.Tensor("in/2"), g.Tensor("in/3"))
	moduletest.Near(t, "loss", out[0], g.Tensor("out/0"))
	moduletest.Near(t, "logits", out[1], g.Tensor("out/1"))
	for i, p := range params {
		want := g.Tensor("grad/" + p.Key)
		if strings.HasSuffix(p.Key, "self.key.bias") { // it moves all scores of a query alike
			for j := range want.Size() {
				if got := out[2+i].Float(j); math.Abs(got) > 1e-14 || math.Abs(want.Float(j)) > 1e-14 {
					t.Errorf("gradient of %s: element %d is %v, want 0", p.Key, j, got)
				}
			}
			continue
		}
		moduletest.Near(t, "gradient of "+p.Key, out[2+i], want)
	}
}

// States and pooled states are PyTorch's, and the same with a mask in place of
// lengths.
func TestPooled(t *testing.T) {
	m := build(t, tiny())
	moduletest.Double(t, m)
	g := moduletest.Open(t, "testdata/pooled.safetensors")
	s := moduletest.NewStore(t, m, 0)
	g.Load(s)
	lengths := g.Tensor("in/2")
	mask := tensor.New(dtype.Bool, g.Tensor("in/0").Shape())
	for i := range mask.Size() {
		if b, place := i/mask.Shape().Dim(1), i%mask.Shape().Dim(1); place < int(lengths.Int(b)) {
			mask.SetInt(i, 1)
		}
	}
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		x := m.Encode(c, Input{Tokens: in[0], Types: in[1], Lengths: in[2]})
		return []*ir.Value{x, m.Pooler.Forward(c, x), m.Encode(c, Input{Tokens: in[0], Types: in[1], Mask: in[3]})}
	}, g.Tensor("in/0"), g.Tensor("in/1"), lengths, mask)
	moduletest.Near(t, "states", out[0], g.Tensor("out/0"))
	moduletest.Near(t, "pooled", out[1], g.Tensor("out/1"))
	moduletest.Near(t, "states with a mask", out[2], g.Tensor("out/0"))
}

// Tokens without types are of type 0.
func TestTypes(t *testing.T) {
	m := build(t, tiny())
	moduletest.Double(t, m)
	s := moduletest.NewStore(t, m, 1)
	tokens, zeros := tensor.New(dtype.Int64, shape.Of(2, 5)), tensor.New(dtype.Int64, shape.Of(2, 5))
	for i := range tokens.Size() {
		tokens.SetInt(i, int64(i))
	}
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{m.Forward(c, in[0]), m.Encode(c, Input{Tokens: in[0], Types: in[1]})}
	}, tokens, zeros)
	moduletest.Near(t, "states", out[0], out[1])
}

// Base has the parameters of BertModel and BertForMaskedLM.
func TestBase(t *testing.T) {
	lm, err := NewMaskedLM(Base())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name         string
		model        any
		params, keys int
		shapes       map[string]shape.Shape
	}{
		{"model", build(t, Base()), 109482240, 199, map[string]shape.Shape{
			"embeddings.word_embeddings.weight":               shape.Of(30522, 768),
			"embeddings.position_embeddings.weight":           shape.Of(512, 768),
			"embeddings.token_type_embeddings.weight":         shape.Of(2, 768),
			"embeddings.LayerNorm.weight":                     shape.Of(768),
			"encoder.layer.0.attention.self.query.weight":     shape.Of(768, 768),
			"encoder.layer.11.attention.output.dense.bias":    shape.Of(768),
			"encoder.layer.3.attention.output.LayerNorm.bias": shape.Of(768),
			"encoder.layer.3.intermediate.dense.weight":       shape.Of(3072, 768),
			"encoder.layer.3.output.dense.weight":             shape.Of(768, 3072),
			"encoder.layer.11.output.LayerNorm.weight":        shape.Of(768),
			"pooler.dense.weight":                             shape.Of(768, 768),
		}},
		{"masked", lm, 109514298, 202, map[string]shape.Shape{
			"bert.encoder.layer.0.attention.self.key.weight": shape.Of(768, 768),
			"cls.predictions.bias":                           shape.Of(30522),
			"cls.predictions.transform.dense.weight":         shape.Of(768, 768),
			"cls.predictions.transform.LayerNorm.weight":     shape.Of(768),
		}},
	} {
		tree, err := module.Walk(tc.model)
		if err != nil {
			t.Fatal(err)
		}
		n, keys := 0, map[string]shape.Shape{}
		for _, p := range tree.Params {
			n += p.Shape.Size()
			keys[p.Key] = p.Shape
		}
		if n != tc.params || len(keys) != tc.keys {
			t.Errorf("%s: %d parameters under %d keys, want %d under %d", tc.name, n, len(keys), tc.params, tc.keys)
		}
		for key, want := range tc.shapes {
			if got, ok := keys[key]; !ok || got != want {
				t.Errorf("%s: %s is %v, want %v", tc.name, key, got, want)
			}
		}
	}
}

func TestInit(t *testing.T) {
	cfg := tiny()
	cfg.Width, cfg.Hidden, cfg.Vocabulary = 64, 128, 50
	s := moduletest.NewStore(t, build(t, cfg), 1)
	for key, want := range map[string]float64{ // standard deviations
		"embeddings.word_embeddings.weight":         0.02 * math.Sqrt(49./50), // one row is 0
		"embeddings.position_embeddings.weight":     0.02,
		"encoder.layer.1.attention.self.key.weight": 0.02,
		"encoder.layer.1.attention.self.key.bias":   0,
		"encoder.layer.0.output.dense.weight":       0.02,
		"pooler.dense.weight":                       0.02,
	} {
		v, sum := s.Values[key], 0.0
		for i := range v.Size() {
			sum += v.Float(i) * v.Float(i)
		}
		if got := math.Sqrt(sum / float64(v.Size())); math.Abs(got-want) > 0.1*want {
			t.Errorf("%s: standard deviation %v, want %v", key, got, want)
		}
	}
	words := s.Values["embeddings.word_embeddings.weight"]
	for i := range 64 {
		if words.Float(i) != 0 {
			t.Fatalf("the vector of padding starts with %v at %d", words.Float(i), i)
		}
	}
}

// Both dropouts work in training mode, and none in evaluation.
func TestDropout(t *testing.T) {
	for name, set := range map[string]func(c *Config){
		"attention": func(c *Config) { c.AttentionDropout = 0.5 },
		"other":     func(c *Config) { c.Dropout = 0.5 },
	} {
		cfg := tiny()
		set(&cfg)
		m := build(t, cfg)
		s := moduletest.NewStore(t, m, 3)
		tokens := tensor.New(dtype.Int64, shape.Of(2, 6))
		for i := range tokens.Size() {
			tokens.SetInt(i, int64(i%11))
		}
		run := func() []*tensor.Tensor {
			return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				return []*ir.Value{m.Forward(c.Train(), in[0]), m.Forward(c.Eval(), in[0])}
			}, tokens)
		}
		a, b := run(), run()
		moduletest.Near(t, name+": evaluation", a[1], b[1])
		if string(a[0].Bytes()) == string(b[0].Bytes()) || string(a[0].Bytes()) == string(a[1].Bytes()) {
			t.Errorf("%s dropout does nothing, or the same in every step", name)
		}
	}
}

func TestConfig(t *testing.T) {
	for i, tc := range []struct {
		edit func(c *Config)
		want []string
	}{
		{func(c *Config) { *c = Config{} }, []string{"vocabulary must be at least 1, got 0", "context must", "types must", "layers must", "width must", "heads must", "hidden must"}},
		{func(c *Config) { c.Heads = 3 }, []string{"bert: width 8 can't be split among 3 heads"}},
		{func(c *Config) { c.PaddingIdx = new(11) }, []string{"bert: padding index 11 is outside 0..10"}},
		{func(c *Config) { c.Dropout, c.AttentionDropout, c.Eps = 2, -1, -1 }, []string{"bert: dropout: probability 2", "attention dropout: probability -1", "eps must not be negative, got -1"}},
		{func(c *Config) { c.Vocabulary = 1 << 60 }, []string{"bert: shape"}},
	} {
		cfg := tiny()
		tc.edit(&cfg)
		_, err := New(cfg)
		_, err2 := NewMaskedLM(cfg)
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) || err2 == nil || err2.Error() != err.Error() {
				t.Errorf("case %d: %q is missing in %v and %v", i, want, err, err2)
			}
		}
	}
}

func TestWrongInput(t *testing.T) {
	i64 := func(dims ...int) *ir.Type { return &ir.Type{DType: dtype.Int64, Shape: shape.Of(dims...)} }
	for _, tc := range []struct {
		tokens               *ir.Type
		types, lengths, mask *ir.Type
		want                 string
	}{
		{tokens: i64(2, 8), want: "bert: wants tokens [B T] with T at most 7: input i64[2 8]"},
		{tokens: i64(14), want: "bert: wants tokens [B T]"},
		{tokens: i64(2, 6), types: i64(2, 5), want: "bert: wants types [2 6], got i64[2 5]"},
		{tokens: i64(2, 6), lengths: i64(2, 1), want: "bert: wants lengths [2], integers, got i64[2 1]"},
		{tokens: i64(2, 6), mask: i64(2, 6), want: "bert: wants a mask bool[2 6], got i64[2 6]"},
	} {
		m := build(t, tiny())
		tree, err := module.Walk(m)
		if err != nil {
			t.Fatal(err)
		}
		g := ir.NewGraph()
		input := func(name string, typ *ir.Type) *ir.Value {
			if typ == nil {
				return nil
			}
			return g.Input(ir.Arg, name, *typ)
		}
		c := module.NewCtx(g, tree, nil)
		m.Encode(c, Input{input("input", tc.tokens), input("types", tc.types), input("lengths", tc.lengths), input("mask", tc.mask)})
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
	if _, err := nn.Summarize(build(t, tiny()), *i64(2, 9)); err == nil {
		t.Error("nine tokens are no mistake")
	}
}

// The classifier is a linear layer on the pooled state, and padding is seen by
// nobody.
func TestClassifier(t *testing.T) {
	cfg := ClassifierConfig{tiny(), 3}
	cfg.PaddingIdx = new(0)
	m, err := NewClassifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 4)
	logits := func(text ...int64) *tensor.Tensor {
		return s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{m.Forward(c.Eval(), in[0])}
		}, tensor.Must(tensor.Of(text, 1, len(text))))[0]
	}
	got := logits(3, 1, 2)
	if got.String() != "f32[1 3]" {
		t.Errorf("logits %v", got)
	}
	moduletest.Near(t, "with padding", logits(3, 1, 2, 0, 0), got)
	want := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		pooled := m.Bert.Pooler.Forward(c, m.Bert.Encode(c, Input{Tokens: in[0]}))
		return []*ir.Value{ops.Linear(pooled, c.Param(m.Classifier.Weight), c.Param(m.Classifier.Bias))}
	}, tensor.Must(tensor.Of([]int64{3, 1, 2}, 1, 3)))[0]
	moduletest.Near(t, "logits", got, want)
	if err := (ClassifierConfig{tiny(), 0}).Validate(); err == nil || !strings.Contains(err.Error(), "classes must be at least 1") {
		t.Errorf("error %v", err)
	}
}
