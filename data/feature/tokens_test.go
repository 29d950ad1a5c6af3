package feature_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/text"
	"github.com/gradus-ml/gradus/tensor"
)

// tokensOf fits bytes as tokens and what follows them; specials are padding 0,
// start 1, end 2 and mask 3, so that byte b is token 4+b.
func tokensOf(t *testing.T, table source.Table, change func(c *feature.Tokens)) (*feature.Set, error) {
	t.Helper()
	c := feature.DefaultTokens()
	c.Column, c.Length = "text", 4
	c.Tokenizer = text.Bytes{Specials: text.Specials{text.Padding, text.Start, text.End, text.Mask}}
	change(&c)
	inputs := []feature.Named{{Name: "text", Config: c}}
	var targets []feature.Named
	if c.Truncate == feature.AtEnd {
		targets = []feature.Named{{Name: "next", Config: feature.NextTokens{Input: "text"}}}
	}
	set, err := feature.Fit(ctx, inputs, targets, nil, table)
	if err != nil {
		return nil, err
	}
	file, err := set.Marshal() // everything holds of a set that was written and read
	if err != nil {
		return nil, err
	}
	return feature.Parse(file, "preprocess.json")
}

// letters shows tokens: a letter, _ for padding, ^ start, $ end, ? mask and .
// for a target that is ignored.
func letters(x *tensor.Tensor) string {
	var b strings.Builder
	for _, n := range tensor.Data[int64](x) {
		switch {
		case n == feature.Ignored:
			b.WriteByte('.')
		case n < 4:
			b.WriteByte("_^$?"[n])
		default:
			b.WriteByte(byte(n - 4))
		}
	}
	return b.String()
}

func TestTokens(t *testing.T) {
	table := rows(t, "text:text", []any{"abcdef"}, []any{"ab"}, []any{nil}, []any{"abcd"})
	for _, c := range []struct {
		name      string
		change    func(c *feature.Tokens)
		want, own []string // input and target, filled up and in their own length
	}{
		{"plain", func(c *feature.Tokens) {},
			[]string{"abcd bcde", "ab__ b...", "____ ....", "abcd bcd."}, nil},
		{"start and end", func(c *feature.Tokens) { c.Start, c.End = true, true },
			[]string{"^abc abcd", "^ab$ ab$.", "^$__ $...", "^abc abcd"}, nil},
		{"varying", func(c *feature.Tokens) { c.Varying, c.End = true, true },
			[]string{"abcd bcde", "ab$_ b$..", "$___ ....", "abcd bcd$"}, []string{"abcd bcde", "ab$ b$.", "$ .", "abcd bcd$"}},
		{"pad at start", func(c *feature.Tokens) { c.Pad = feature.AtStart },
			[]string{"abcd bcde", "__ab ..b.", "____ ....", "abcd bcd."}, nil},
		{"cut off at start", func(c *feature.Tokens) { c.Truncate, c.End = feature.AtStart, true },
			[]string{"def$", "ab$_", "$___", "bcd$"}, nil},
	} {
		set, err := tokensOf(t, table, c.change)
		if err != nil {
			t.Fatal(err)
		}
		ds, err := set.Dataset(table, 1, true)
		if err != nil {
			t.Fatal(err)
		}
		if c.own == nil {
			c.own = c.want
		}
		if p := ds.Padding(); (p != nil) != (c.name == "varying") || p != nil && (*p.Values[0] != 0 || *p.Values[1] != feature.Ignored) {
			t.Errorf("%s: padding %+v", c.name, p)
		}
		memory, err := ds.Memory(ctx, 2)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.want {
			item, err := ds.Item(i)
			if err != nil {
				t.Fatal(err)
			}
			full, err := memory.Item(i)
			if err != nil {
				t.Fatal(err)
			}
			show := func(x []*tensor.Tensor) string {
				s := letters(x[0])
				if len(x) > 1 {
					s += " " + letters(x[1])
				}
				return s
			}
			if show(item) != c.own[i] || show(full) != c.want[i] {
				t.Errorf("%s, row %d: %s, filled up %s; want %s, %s", c.name, i, show(item), show(full), c.own[i], c.want[i])
			}
		}
	}
}

// Batches of varying texts are filled up to their longest by a loader.
func TestVaryingBatches(t *testing.T) {
	table := rows(t, "text:text", []any{"abc"}, []any{"a"}, []any{"ab"}, []any{"b"})
	set, err := tokensOf(t, table, func(c *feature.Tokens) { c.Varying = true })
	if err != nil {
		t.Fatal(err)
	}
	ds, err := set.Dataset(table, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	loader, err := data.NewLoader(ds, data.LoaderConfig{Batch: 2, Pad: ds.Padding()}, data.WithWorkers(2))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for b, err := range loader.Epoch(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Inputs[0].String(), letters(b.Inputs[0]), letters(b.Inputs[1]))
	}
	if want := []string{"i64[2 3]", "abca__", "bc....", "i64[2 2]", "abb_", "b..."}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Augmentation draws the same for input and target, differs from epoch to
// epoch, and is left out of evaluation.
func TestTokensAugment(t *testing.T) {
	table := rows(t, "text:text", []any{"abcdefghijklmnopqrstuvwxyz"})
	set, err := tokensOf(t, table, func(c *feature.Tokens) {
		c.Length, c.Start, c.End, c.Augment = 30, true, true, []text.Augment{text.DropTokens{P: 0.3}, text.MaskTokens{P: 0.2, Mask: 1}}
	})
	if err != nil {
		t.Fatal(err)
	}
	train, err := set.Dataset(table, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	evaluation, err := set.Dataset(table, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for epoch := range 10 {
		item, err := train.ItemAt(0, epoch)
		if err != nil {
			t.Fatal(err)
		}
		x, y := strings.TrimRight(letters(item[0]), "_"), strings.TrimRight(letters(item[1]), ".")
		if x[1:] != y || x[0] != '^' || !strings.HasSuffix(x, "$") || len(x) > 26 || !strings.Contains(x, "?") {
			t.Errorf("epoch %d: %s before %s", epoch, x, y)
		}
		seen[x] = true
		if item, err = evaluation.ItemAt(0, epoch); err != nil || letters(item[0]) != "^abcdefghijklmnopqrstuvwxyz$__" {
			t.Errorf("evaluated: %s, %v", letters(item[0]), err)
		}
	}
	if len(seen) < 9 || !train.Augments() || evaluation.Augments() {
		t.Errorf("%d different texts in ten epochs; augments %t and %t", len(seen), train.Augments(), evaluation.Augments())
	}
	if _, err := train.Memory(ctx, 1); err == nil {
		t.Error("augmented examples are kept in memory")
	}
}

// Packed texts are one long list; data.Windows gives the same examples.
func TestPack(t *testing.T) {
	two := 2
	table := rows(t, "text:text", []any{"abc"}, []any{"de"}, []any{nil}, []any{"fghijk"})
	for _, stride := range []*int{nil, &two} {
		set, err := tokensOf(t, table, func(c *feature.Tokens) { c.Pack, c.Length = &feature.Pack{Separator: "|", Stride: stride}, 3 })
		if err != nil {
			t.Fatal(err)
		}
		ds, err := set.Dataset(table, 1, true)
		if err != nil {
			t.Fatal(err)
		}
		step := 3
		if stride != nil {
			step = *stride
		}
		want, err := data.Windows([]byte("abc|de||fghijk"), 3, step)
		if err != nil {
			t.Fatal(err)
		}
		if ds.Len() != want.Len() {
			t.Fatalf("%d examples, want %d", ds.Len(), want.Len())
		}
		for i := range want.Len() {
			got, err := ds.Item(i)
			if err != nil {
				t.Fatal(err)
			}
			item, err := want.Item(i)
			if err != nil {
				t.Fatal(err)
			}
			for c := range item {
				for k, n := range tensor.Data[int64](item[c]) {
					if tensor.Data[int64](got[c])[k] != n+4 {
						t.Errorf("example %d: %s before %s", i, letters(got[0]), letters(got[1]))
					}
				}
			}
		}
		if got := ds.Where(want.Len() - 1); got != "test: row 3" {
			t.Errorf("the last example is from %s", got)
		}
		x, err := set.Encode(map[string]any{"text": "xyz!"})
		if err != nil || letters(x[0]) != "xyz" {
			t.Errorf("a text by itself: %s, %v", letters(x[0]), err)
		}
		short := rows(t, "text:text", []any{"ab"})
		_, err = set.Dataset(short, 1, true)
		wrong(t, err, "the split has 2 tokens, too few for one example of 3 and the token that follows")
	}
	c := feature.DefaultTokens()
	c.Column, c.Pack = "text", &feature.Pack{}
	_, err := feature.Fit(ctx, named(c, feature.DefaultNGrams()), nil, nil, table)
	wrong(t, err, "input f1: column: a name is needed")
	grams := feature.DefaultNGrams()
	grams.Column = "text"
	_, err = feature.Fit(ctx, named(c, grams), nil, nil, table)
	wrong(t, err, "input f0 packs texts: rows are examples no more, so that there can be no other input, no target but its next_tokens, and no weight")
}

func TestTokensMistakes(t *testing.T) {
	table := rows(t, "text:text", []any{"abc"})
	_, err := tokensOf(t, table, func(c *feature.Tokens) { c.Tokenizer, c.Start = text.Bytes{}, true })
	wrong(t, err, "input text: the tokenizer has no start token; add start to its specials")
	_, err = feature.Fit(ctx, named(feature.Array{Column: "text"}), []feature.Named{{Name: "next", Config: feature.NextTokens{Input: "x"}}}, nil, rows(t, "text:array", []any{image(t, 1, 2)}))
	wrong(t, err, "target next: there is no input \"x\"; there are f0")
	set, err := tokensOf(t, table, func(c *feature.Tokens) { c.Tokenizer = text.Bytes{} })
	if err != nil {
		t.Fatal(err)
	}
	ds, err := set.Dataset(table, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	wrong(t, ds.Check(ctx), "test: row 0: column text: the text has 3 tokens, less than the length 4, and the tokenizer has no padding token; add padding to its specials")
	_, err = tokensOf(t, table, func(c *feature.Tokens) { c.Length, c.Varying, c.Pad, c.Tokenizer = 0, true, feature.AtStart, nil })
	wrong(t, err, "input text: tokenizer: one is needed\nlength: 0 is not in 1..1048576\npad: batches of varying length are filled up at the end")
	_, err = feature.Fit(ctx, named(feature.Class{Column: "text", Classes: []string{"abc", "d"}}), []feature.Named{{Name: "next", Config: feature.NextTokens{Input: "f0"}}}, nil, table)
	wrong(t, err, "target next: input f0 is not of type tokens")
}

func TestNextTokensDecode(t *testing.T) {
	table := rows(t, "text:text", []any{"abc"})
	set, err := tokensOf(t, table, func(c *feature.Tokens) { c.Tokenizer = text.DefaultCharacters() })
	if err != nil {
		t.Fatal(err)
	}
	next := set.Targets[0].Encoder.(feature.Target)
	if next.Outputs() != 5 { // padding, unknown, a, b, c
		t.Fatalf("%d outputs", next.Outputs())
	}
	scores := tensor.Must(tensor.Of([]float32{0, 0, 0, 0, 9, 0, 0, 9, 0, 0}, 2, 5))
	if got, err := next.Decode(scores); err != nil || got != "ca" {
		t.Errorf("decoded %v, %v", got, err)
	}
}

func TestNGrams(t *testing.T) {
	cfg := feature.DefaultNGrams()
	cfg.Column, cfg.Buckets, cfg.Most = "text", 1<<16, 1
	table := rows(t, "text:text", []any{"a b b"}, []any{nil})
	for _, c := range []struct {
		scale     feature.CountScale
		normalize bool
		want      []float64 // what is not zero, sorted
	}{
		{feature.PlainCount, false, []float64{1, 2}},
		{feature.AnyCount, false, []float64{1, 1}},
		{feature.PlainCount, true, f32(1/2.23606797749979, 2/2.23606797749979)},
		{feature.LogCount, false, f32(0.6931471805599453, 1.0986122886681098)},
	} {
		cfg.Scale, cfg.Normalize = c.scale, c.normalize
		_, got := fit(t, cfg, table)
		var some []float64
		for _, x := range got[0] {
			if x != 0 {
				some = append(some, x)
			}
		}
		slices.Sort(some)
		if !reflect.DeepEqual(some, c.want) || slices.Max(got[1]) != 0 {
			t.Errorf("%s: %v, want %v", c.scale, some, c.want)
		}
	}
}

func TestClasses(t *testing.T) {
	table := rows(t, "y:text", []any{"red, big"}, []any{nil}, []any{"big"})
	cfg := feature.DefaultClasses()
	cfg.Column = "y"
	e, got := fit(t, cfg, table)
	ce := e.(*feature.ClassesEncoder)
	if !reflect.DeepEqual(got, [][]float64{{1, 1}, {0, 0}, {1, 0}}) || !reflect.DeepEqual(ce.Classes, []string{"big", "red"}) || !reflect.DeepEqual(ce.Counts, []int{2, 1}) || ce.Rows != 3 {
		t.Errorf("got %v, %+v", got, ce)
	}
	r, err := ce.Decode(tensor.Must(tensor.Of([]float32{0, -1000})))
	if want := (feature.ClassesResult{Classes: []string{"big"}, Probabilities: map[string]float64{"big": 0.5, "red": 0}}); err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("decoded %v, %v", r, err)
	}
	cfg.Classes = []string{"red", "small"}
	_, err = feature.Fit(ctx, named(cfg), nil, nil, table)
	wrong(t, err, "test: row 0: column y: \"big\" is not one of the classes red, small (and in 1 more row)")
}

func TestTags(t *testing.T) {
	table := rows(t, "text:text tags:text", []any{"the cat sat", "D N V"}, []any{"cats", " N "}, []any{nil, nil})
	fit := func(table source.Table, change func(c *feature.Tokens)) (*feature.Set, error) {
		c := feature.DefaultTokens()
		fields := text.DefaultFields()
		fields.Specials = append(fields.Specials, text.Start, text.End)
		c.Column, c.Length, c.Tokenizer, c.Start, c.End = "text", 6, fields, true, true
		change(&c)
		targets := []feature.Named{{Name: "tags", Config: feature.Tags{Column: "tags", Input: "text"}}}
		return feature.Fit(ctx, []feature.Named{{Name: "text", Config: c}}, targets, nil, table)
	}
	const no = feature.Ignored
	for _, c := range []struct {
		change func(c *feature.Tokens)
		want   [][]int64
	}{
		{func(c *feature.Tokens) {}, [][]int64{{no, 0, 1, 2, no, no}, {no, 1, no, no, no, no}, {no, no, no, no, no, no}}},
		{func(c *feature.Tokens) { c.Pad = feature.AtStart }, [][]int64{{no, no, 0, 1, 2, no}, {no, no, no, no, 1, no}, {no, no, no, no, no, no}}},
		{func(c *feature.Tokens) { c.Length, c.Truncate = 3, feature.AtStart }, [][]int64{{1, 2, no}, {no, 1, no}, {no, no, no}}},
		{func(c *feature.Tokens) { c.Length = 3 }, [][]int64{{no, 0, 1}, {no, 1, no}, {no, no, no}}},
		{func(c *feature.Tokens) { c.Varying = true }, [][]int64{{no, 0, 1, 2, no}, {no, 1, no}, {no, no}}},
	} {
		set, err := fit(table, c.change)
		if err != nil {
			t.Fatal(err)
		}
		ds, err := set.Dataset(table, 1, true)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.want {
			item, err := ds.Item(i)
			if err != nil {
				t.Fatal(err)
			}
			if got := tensor.Data[int64](item[1]); !slices.Equal(got, c.want[i]) || item[0].Shape() != item[1].Shape() {
				t.Errorf("row %d: %v, want %v", i, got, c.want[i])
			}
		}
		if len(c.want[0]) == 6 {
			tags := set.Targets[0].Encoder.(feature.Target)
			got, err := tags.Decode(tensor.Must(tensor.Of([]float32{0, 1, 0, 0, 0, 5}, 2, 3)))
			if err != nil || !reflect.DeepEqual(got, []string{"N", "V"}) || tags.Outputs() != 3 {
				t.Errorf("decoded %v, %v", got, err)
			}
		}
	}
	set, err := fit(table, func(*feature.Tokens) {})
	if err != nil {
		t.Fatal(err)
	}
	ds, err := set.Dataset(rows(t, "text:text tags:text", []any{"a b", "N"}, []any{"a", "X"}), 1, false)
	if err != nil {
		t.Fatal(err)
	}
	wrong(t, ds.Check(ctx), "test: row 0: column tags: has 1 tags, and the text 2 tokens\ntest: row 1: column tags: \"X\" is not one of the classes D, N, V")
}
