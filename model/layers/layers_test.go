package layers

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// numbers and tokens are inputs of one example.
func numbers(dims ...int) module.Input {
	return module.Input{Name: "x", Item: ir.Type{DType: dtype.Float32, Shape: shape.Of(dims...)}}
}

func tokens(t, values int) module.Input {
	return module.Input{Name: "text", Item: ir.Type{DType: dtype.Int64, Shape: shape.Of(t)}, Values: values}
}

func fit(cfg Config, outputs int, in ...module.Input) (*Model, error) {
	cfg, err := cfg.Fit(in, []module.Output{{Name: "label", Size: outputs}})
	if err != nil {
		return nil, err
	}
	return New(cfg)
}

func list(ls ...Layer) Config {
	cfg := Default()
	cfg.Layers = ls
	return cfg
}

// drawn is a batch of numbers, or of tokens.
func drawn(seed uint64, in module.Input, b int) *tensor.Tensor {
	r := rng.NewStream(seed, "test", 0)
	x := tensor.New(in.Item.DType, shape.Of(append([]int{b}, in.Item.Shape.Dims()...)...))
	for i := range x.Size() {
		if in.Values > 0 {
			x.SetInt(i, int64(r.IntN(in.Values)))
		} else {
			x.SetFloat(i, r.Float64()*2-1)
		}
	}
	return x
}

func keysOf(t *testing.T, m any) string {
	t.Helper()
	tree, err := module.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, p := range tree.Params {
		keys = append(keys, p.Key)
	}
	return strings.Join(keys, " ")
}

// run gives the outputs of a model for equal initial weights of equal keys.
func run(t *testing.T, m any, train bool, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	return moduletest.NewStore(t, m, 5).Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		c = c.Eval()
		if train {
			c = c.Train()
		}
		if f, ok := m.(module.Mapper); ok {
			return f.Map(c, in)
		}
		return []*ir.Value{m.(nn.Forwarder).Forward(c, in[0])}
	}, in...)
}

func conv(out, kernel, padding int) Conv2d {
	c := DefaultConv()
	c.Out, c.Kernel, c.Padding = out, []int{kernel}, []int{padding}
	return Conv2d{c}
}

func linear(out int) Linear { return Linear{Out: &out, Bias: true} }

// A list is the nn.Sequential of its layers: keys, initial values and results
// are equal bit by bit, in both modes.
func TestEqualsSequential(t *testing.T) {
	padded := func(in, out int) *nn.Conv2d {
		c := nn.DefaultConv2d(in, out, 3)
		c.Padding = [2]int{1, 1}
		return c.Build()
	}
	pool := DefaultMaxPool()
	pool.Kernel = []int{2}
	m, err := fit(list(
		conv(4, 3, 1), DefaultBatchNorm(), ReLU{}, pool, Dropout{P: 0.5},
		Sequential{Layers: []Layer{conv(6, 3, 1), GELU{}}},
		AdaptiveAvgPool{Out: []int{2, 1}}, Flatten{Start: 1}, DefaultLayerNorm(), linear(8), Tanh{}, DefaultLinear(),
	), 3, numbers(2, 6, 8))
	if err != nil {
		t.Fatal(err)
	}
	want := nn.NewSequential(
		padded(2, 4), nn.NewBatchNorm2d(4), &nn.ReLU{}, nn.NewMaxPool2d(2), nn.NewDropout(0.5),
		nn.NewSequential(padded(4, 6), &nn.GELU{}),
		nn.NewAdaptiveAvgPool2d(2, 1), nn.NewFlatten(), nn.NewLayerNorm(12), nn.NewLinear(12, 8), &nn.Tanh{}, nn.NewLinear(8, 3),
	)
	if got, want := keysOf(t, m), keysOf(t, want); got != want {
		t.Fatalf("keys\n%s\nwant\n%s", got, want)
	}
	x := drawn(1, numbers(2, 6, 8), 3)
	for _, train := range []bool{false, true} {
		a, b := run(t, m, train, x), run(t, want, train, x)
		if string(a[0].Bytes()) != string(b[0].Bytes()) {
			t.Errorf("training %v: %v, want %v", train, a[0].F32(), b[0].F32())
		}
	}
}

// Names stand in the place of numbers, branches and repetitions have theirs
// before them.
func TestKeys(t *testing.T) {
	head := DefaultLinear()
	head.Name = "head"
	m, err := fit(list(
		Residual{Named: Named{"block"}, Layers: []Layer{linear(4), ReLU{}}, Shortcut: []Layer{linear(4)}},
		Repeat{Times: 2, Layers: []Layer{Residual{Layers: []Layer{linear(4)}}}},
		Parallel{Join: Concat, Branches: [][]Layer{{linear(2)}, {}, {linear(3), SELU{}}}},
		head,
	), 2, numbers(6))
	if err != nil {
		t.Fatal(err)
	}
	want := "block.0.weight block.0.bias block.shortcut.0.weight block.shortcut.0.bias" +
		" 1.0.0.0.weight 1.0.0.0.bias 1.1.0.0.weight 1.1.0.0.bias" +
		" 2.0.0.weight 2.0.0.bias 2.2.0.weight 2.2.0.bias head.weight head.bias"
	if got := keysOf(t, m); got != want {
		t.Errorf("keys\n%s\nwant\n%s", got, want)
	}
	s, err := nn.Summarize(m, ir.Type{DType: dtype.Float32, Shape: shape.Of(1, 6)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.String(), "block.shortcut.0") || !strings.Contains(s.String(), "Linear") {
		t.Errorf("summary:\n%s", s)
	}
}

// shaped are kinds with an operand, and the shape of what they give: those that
// have no reference values, and those with settings that PyTorch's layers lack.
type shaped struct {
	set  func(l Layer) Layer
	in   module.Input
	want string // "" for that of the operand
}

// Shaped lists the kinds by name.
func Shaped() map[string][]shaped {
	image, seq, channels, row := numbers(4, 6, 8), numbers(5, 4), numbers(4, 6), numbers(8)
	volume := numbers(2, 4, 4, 4)
	two := []int{2}
	kernel := func(l Layer) Layer {
		v := reflect.New(reflect.TypeOf(l)).Elem()
		v.Set(reflect.ValueOf(l))
		v.FieldByName("Kernel").Set(reflect.ValueOf(two))
		if f := v.FieldByName("Out"); f.IsValid() {
			f.SetInt(6)
		}
		return v.Interface().(Layer)
	}
	same := func(l Layer) Layer { return l }
	hidden := func(l Layer) Layer {
		v := reflect.New(reflect.TypeOf(l)).Elem()
		v.Set(reflect.ValueOf(l))
		v.FieldByName("Hidden").SetInt(6)
		return v.Interface().(Layer)
	}
	heads := func(l Layer) Layer {
		v := reflect.New(reflect.TypeOf(l)).Elem()
		v.Set(reflect.ValueOf(l))
		v.FieldByName("Heads").SetInt(2)
		return v.Interface().(Layer)
	}
	return map[string][]shaped{
		"linear":              {{same, row, "f32[3 7]"}, {same, seq, "f32[3 5 7]"}},
		"conv1d":              {{kernel, channels, "f32[3 6 5]"}, {func(l Layer) Layer { c := kernel(l).(Conv1d); c.ChannelsLast = true; return c }, seq, "f32[3 4 6]"}},
		"conv2d":              {{kernel, image, "f32[3 6 5 7]"}},
		"conv3d":              {{kernel, volume, "f32[3 6 3 3 3]"}},
		"conv_transpose1d":    {{kernel, channels, "f32[3 6 7]"}},
		"conv_transpose2d":    {{kernel, image, "f32[3 6 7 9]"}},
		"conv_transpose3d":    {{kernel, volume, "f32[3 6 5 5 5]"}},
		"batch_norm":          {{same, image, ""}, {same, channels, ""}, {same, row, ""}, {func(l Layer) Layer { c := l.(BatchNorm); c.ChannelsLast = true; return c }, seq, ""}},
		"layer_norm":          {{same, seq, ""}, {func(l Layer) Layer { c := l.(LayerNorm); c.Axes = 3; return c }, image, ""}},
		"rms_norm":            {{same, seq, ""}},
		"group_norm":          {{func(l Layer) Layer { c := l.(GroupNorm); c.Groups = 2; return c }, image, ""}},
		"instance_norm":       {{same, image, ""}, {same, channels, ""}},
		"local_response_norm": {{func(l Layer) Layer { c := l.(LocalResponseNorm); c.Size = 2; return c }, image, ""}},
		"dropout":             {{same, image, ""}}, "drop_path": {{same, image, ""}}, "activity_regularization": {{same, image, ""}},
		"prelu":             {{same, image, ""}, {func(Layer) Layer { return PReLU{PerChannel: true} }, image, ""}},
		"max_pool":          {{kernel, image, "f32[3 4 3 4]"}, {kernel, channels, "f32[3 4 3]"}, {func(l Layer) Layer { c := kernel(l).(MaxPool); c.ChannelsLast = true; return c }, seq, "f32[3 2 4]"}},
		"avg_pool":          {{kernel, image, "f32[3 4 3 4]"}, {kernel, channels, "f32[3 4 3]"}},
		"lp_pool":           {{kernel, image, "f32[3 4 3 4]"}, {kernel, channels, "f32[3 4 3]"}},
		"adaptive_avg_pool": {{same, image, "f32[3 4 1 1]"}, {func(Layer) Layer { return AdaptiveAvgPool{Out: []int{3, 2}} }, image, "f32[3 4 3 2]"}, {same, channels, "f32[3 4 1]"}},
		"adaptive_max_pool": {{same, image, "f32[3 4 1 1]"}, {same, channels, "f32[3 4 1]"}},
		"upsample":          {{func(Layer) Layer { return Upsample{ScaleFactor: two} }, image, "f32[3 4 12 16]"}, {func(Layer) Layer { return Upsample{Size: []int{3, 5}, Mode: nn.UpsampleLinear} }, image, "f32[3 4 3 5]"}},
		"pixel_shuffle":     {{same, image, "f32[3 1 12 16]"}}, "pixel_unshuffle": {{same, image, "f32[3 16 3 4]"}},
		"flatten":             {{same, image, "f32[3 192]"}, {func(Layer) Layer { return Flatten{Start: 2} }, image, "f32[3 4 48]"}},
		"reshape":             {{func(Layer) Layer { return Reshape{Shape: []int{-1, 2}} }, row, "f32[3 4 2]"}, {func(Layer) Layer { return Reshape{Shape: []int{8}} }, row, "f32[3 8]"}},
		"permute":             {{func(Layer) Layer { return Permute{Axes: []int{0, 2, 1}} }, seq, "f32[3 4 5]"}},
		"embedding":           {{func(Layer) Layer { return Embedding{Width: 3} }, tokens(5, 11), "f32[3 5 3]"}, {func(Layer) Layer { return Embedding{Width: 3, Count: new(20), PaddingIdx: new(0)} }, tokens(5, 11), "f32[3 5 3]"}},
		"learned_position":    {{same, seq, ""}, {func(Layer) Layer { return LearnedPosition{Context: new(9)} }, seq, ""}},
		"sinusoidal_position": {{same, seq, ""}}, "rope": {{same, seq, ""}, {func(l Layer) Layer { c := l.(RoPE); c.Heads, c.Scaling = 2, nn.DefaultLlama3RoPE(); return c }, seq, ""}}, "class_token": {{same, seq, "f32[3 6 4]"}},
		"lstm": {{hidden, seq, "f32[3 5 6]"}, {func(l Layer) Layer { c := hidden(l).(LSTM); c.ProjSize, c.Bidirectional = 2, true; return c }, seq, "f32[3 5 4]"}}, "gru": {{hidden, seq, "f32[3 5 6]"}},
		"rnn": {{func(l Layer) Layer { c := hidden(l).(RNN); c.Bidirectional, c.Layers = true, 2; return c }, seq, "f32[3 5 12]"}},
		"multihead_attention": {{heads, seq, ""}, {func(l Layer) Layer {
			c := heads(l).(MultiheadAttention)
			c.AddBiasKV, c.AddZeroAttn, c.Causal = true, true, true
			return c
		}, seq, ""}},
		"grouped_query_attention": {{heads, seq, ""}, {func(l Layer) Layer {
			c := heads(l).(GroupedQueryAttention)
			c.KVHeads, c.HeadWidth, c.Window, c.SoftCap = new(1), new(6), new(3), new(5.0)
			c.RoPE, c.ALiBi, c.RelativePosition = new(nn.DefaultRoPE()), true, new(nn.DefaultRelativePosition())
			return c
		}, seq, ""}},
		"mixture_of_experts": {{func(l Layer) Layer { c := l.(MixtureOfExperts); c.Experts = 3; return c }, seq, ""}, {func(l Layer) Layer {
			c := l.(MixtureOfExperts)
			c.Experts, c.TopK, c.Gated, c.Hidden, c.CapacityFactor = 2, 1, false, new(5), new(1.25)
			return c
		}, row, ""}},
		"transformer_encoder_layer": {{heads, seq, ""}},
		"transformer_encoder":       {{func(l Layer) Layer { c := heads(l).(TransformerEncoder); c.Layers, c.Norm = 2, true; return c }, seq, ""}},
		"time_pool":                 {{same, seq, "f32[3 4]"}, {func(Layer) Layer { return TimePool{By: LastInTime} }, seq, "f32[3 4]"}},
		"time_distributed":          {{func(Layer) Layer { return TimeDistributed{Layers: []Layer{Linear{Out: new(2)}}} }, image, "f32[3 4 6 2]"}},
		"residual":                  {{func(Layer) Layer { return Residual{Layers: []Layer{ReLU{}}} }, image, ""}},
		"parallel":                  {{func(l Layer) Layer { c := l.(Parallel); c.Branches = [][]Layer{{}, {ReLU{}}}; return c }, image, "f32[3 8 6 8]"}, {func(Layer) Layer { return Parallel{Join: Mul, Branches: [][]Layer{{Sigmoid{}}, {}}} }, seq, ""}},
		"sequential":                {{func(Layer) Layer { return Sequential{Layers: []Layer{ReLU{}}} }, row, ""}},
		"repeat":                    {{func(Layer) Layer { return Repeat{Times: 3, Layers: []Layer{ReLU{}}} }, row, ""}},
	}
}

// A kind gives the shape that it promises.
func TestShapes(t *testing.T) {
	table := Shaped()
	for _, k := range Kinds() {
		for _, c := range table[k.Name] {
			l := c.set(k.Default.(Layer))
			if err := l.Validate(); err != nil {
				t.Errorf("%s: %v", k.Name, err)
				continue
			}
			x := drawn(2, c.in, 3)
			m, err := fit(list(l), 7, c.in)
			if err != nil && !strings.Contains(err.Error(), "target label wants 7") {
				t.Errorf("%s: %v", k.Name, err)
				continue
			}
			if m == nil {
				t.Errorf("%s: no model", k.Name)
				continue
			}
			want := c.want
			if want == "" {
				want = x.String()
			}
			if got := run(t, m, true, x)[0].String(); got != want {
				t.Errorf("%s: %v becomes %s, want %s", k.Name, x, got, want)
			}
		}
	}
}

// What a padded sequence gives does not depend on how much padding it has, in
// whatever layers keep its places.
func TestPaddingCountsNowhere(t *testing.T) {
	recurrent := DefaultRecurrent()
	recurrent.Hidden, recurrent.Bidirectional = 6, true
	encoder := TransformerEncoder{Transformer: DefaultTransformer(), Layers: 2}
	encoder.Heads, encoder.Dropout = 2, 0
	attention := MultiheadAttention{Heads: 2, Bias: true}
	same := DefaultConv()
	same.Out, same.Kernel, same.Same = 4, []int{3}, true
	for _, by := range []OverTime{MeanOverTime, MaxOverTime, LastInTime, FirstInTime} {
		for name, inner := range map[string][]Layer{
			"nothing":     {},
			"lstm":        {LSTM{Recurrent: recurrent}},
			"gru":         {GRU{recurrent}, DefaultLayerNorm()},
			"rnn":         {RNN{Recurrent: recurrent, Nonlinearity: nn.TanhNonlinearity}},
			"transformer": {SinusoidalPosition{Context: new(20)}, encoder},
			"class token": {ClassToken{}, encoder},
			"attention":   {Residual{Layers: []Layer{attention}}, linear(4), ReLU{}},
			"grouped":     {GroupedQueryAttention{Heads: 2, KVHeads: new(1), ALiBi: true}},
			"textcnn":     {Parallel{Join: Concat, Branches: [][]Layer{{Conv1d{same, Last{true}}, ReLU{}}, {linear(3)}}}},
		} {
			layers := append([]Layer{Embedding{Width: 4, PaddingIdx: new(0), Mask: true}}, inner...)
			m, err := fit(list(append(layers, TimePool{By: by}, DefaultLinear())...), 3, tokens(9, 10))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text := []int64{3, 1, 9, 4}
			var first *tensor.Tensor
			for _, n := range []int{4, 5, 9} {
				row := make([]int64, 2*n) // the second sequence is one shorter
				copy(row, text)
				copy(row[n:], text[:3])
				out := run(t, m, false, tensor.Must(tensor.Of(row, 2, n)))[0]
				if first == nil {
					first = out
					continue
				}
				for i := range out.Size() {
					if d := math.Abs(out.Float(i) - first.Float(i)); !(d < 1e-5) {
						t.Errorf("%s, %s over time: %v with %d places, %v without padding", name, by, out.F32(), n, first.F32())
						break
					}
				}
			}
		}
	}
}

// A sequence of padding alone gives 0.
func TestNothingButPadding(t *testing.T) {
	for _, by := range []OverTime{MeanOverTime, MaxOverTime, LastInTime} {
		m, err := fit(list(Embedding{Width: 4, PaddingIdx: new(0), Mask: true}, linear(4), TimePool{By: by}), 4, tokens(3, 10))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range run(t, m, false, tensor.Must(tensor.Of(make([]int64, 3), 1, 3)))[0].F32() {
			if v != 0 {
				t.Errorf("%s: element %d is %v", by, i, v)
			}
		}
	}
}

func TestSeveralInputsAndOutputs(t *testing.T) {
	image, age := numbers(1, 6, 6), numbers(2)
	image.Name, age.Name = "image", "age"
	word := tokens(4, 10)
	kind := module.Input{Name: "kind", Item: ir.Type{DType: dtype.Int64}, Values: 5}
	cfg := Config{
		Inputs: map[string][]Layer{
			"image": {conv(3, 3, 0), Flatten{Start: 1}, linear(5)},
			"text":  {Embedding{Width: 4}, TimePool{By: MaxOverTime}},
			"kind":  {Embedding{Width: 3}},
		},
		Join:   Concat,
		Layers: []Layer{linear(6), ReLU{}},
		Outputs: map[string][]Layer{
			"label": {DefaultLinear()},
			"price": {linear(3), ReLU{}, DefaultLinear()},
		},
	}
	inputs := []module.Input{image, age, word, kind}
	outputs := []module.Output{{Name: "label", Size: 7}, {Name: "price", Size: 1}}
	full, err := cfg.Fit(inputs, outputs)
	if err != nil {
		t.Fatal(err)
	}
	again, err := full.Fit(inputs, outputs)
	if err != nil || !reflect.DeepEqual(again, full) {
		t.Errorf("fitted twice: %+v, %v", again, err)
	}
	m, err := New(full)
	if err != nil {
		t.Fatal(err)
	}
	want := "inputs.image.0.weight inputs.image.0.bias inputs.image.2.weight inputs.image.2.bias inputs.text.0.weight inputs.kind.0.weight" +
		" 0.weight 0.bias outputs.label.0.weight outputs.label.0.bias outputs.price.0.weight outputs.price.0.bias outputs.price.2.weight outputs.price.2.bias"
	if got := keysOf(t, m); got != want {
		t.Errorf("keys\n%s\nwant\n%s", got, want)
	}
	var in []*tensor.Tensor
	for i, input := range inputs {
		in = append(in, drawn(uint64(i), input, 3))
	}
	out := run(t, m, true, in...)
	if len(out) != 2 || out[0].String() != "f32[3 7]" || out[1].String() != "f32[3 1]" {
		t.Errorf("outputs %v", out)
	}

	for want, change := range map[string]func(c *Config, in *[]module.Input, out *[]module.Output){
		"inputs.img: the data have no such input; they have image, age, text, kind": func(c *Config, _ *[]module.Input, _ *[]module.Output) {
			c.Inputs = map[string][]Layer{"img": {ReLU{}}}
		},
		"outputs.prize: the data have no such target; they have label, price": func(c *Config, _ *[]module.Input, _ *[]module.Output) {
			c.Outputs = map[string][]Layer{"label": {}, "price": {}, "prize": {}}
		},
		"outputs: wants layers for each of the targets label, price; there are none for price": func(c *Config, _ *[]module.Input, _ *[]module.Output) {
			c.Outputs = map[string][]Layer{"label": {}}
		},
		"can't be joined: f32[B 1 6 6] of the first and f32[B 2] of number 1 can't be concatenated along axis 1; layers under inputs": func(c *Config, _ *[]module.Input, _ *[]module.Output) {
			c.Inputs = map[string][]Layer{}
		},
		"the last layer gives f32[B 3], and the target price wants 1 values": func(c *Config, _ *[]module.Input, _ *[]module.Output) {
			c.Outputs = map[string][]Layer{"label": {DefaultLinear()}, "price": {linear(3)}}
		},
		"at least one input": func(_ *Config, in *[]module.Input, _ *[]module.Output) { *in = nil },
	} {
		c, in, out := cfg, slices.Clone(inputs), slices.Clone(outputs)
		change(&c, &in, &out)
		c, err := c.Fit(in, out)
		if err == nil {
			_, err = New(c)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v\nwant %q", err, want)
		}
	}
	other := slices.Clone(inputs)
	other[1] = numbers(3)
	if _, err := full.Fit(other, outputs); err == nil || !strings.Contains(err.Error(), "the model reads image f32[1 6 6], age f32[2]") {
		t.Errorf("error %v", err)
	}
	if _, err := full.Fit(inputs, outputs[:1]); err == nil || !strings.Contains(err.Error(), "the model gives") {
		t.Errorf("error %v", err)
	}
}

// Mistakes name the layer by its place, what it wants and what it gets.
func TestMistakes(t *testing.T) {
	image, text := numbers(3, 8, 8), tokens(5, 10)
	deep := Sequential{Layers: []Layer{ReLU{}, Parallel{Join: Concat, Branches: [][]Layer{{ReLU{}}, {linear(3)}}}}}
	kernel9 := conv(4, 9, 0)
	odd := conv(4, 3, 0)
	odd.Kernel = []int{3, 3, 3}
	grouped := conv(4, 3, 0)
	grouped.Groups = 2
	heads := MultiheadAttention{Heads: 3, Bias: true}
	for _, tc := range []struct {
		in   module.Input
		cfg  Config
		want string
	}{
		{image, list(ReLU{}, linear(3)), "layers.1: linear: wants [B D] or [B T D]; a flatten before it may help, got f32[B 3 8 8]"},
		{image, list(deep), "layers.0.layers.1.branches.1.0: linear: wants [B D]"},
		{numbers(9), list(conv(4, 3, 0)), "layers.0: conv2d: wants images [B C Y X], got f32[B 9]"},
		{image, list(kernel9), "layers.0: conv2d: conv: a kernel of 9"},
		{image, list(odd), "layers.0: kernel wants one number, or one for each of 2 axes, got [3 3 3]"},
		{image, list(grouped), "layers.0: "},
		{text, list(ReLU{}), "layers.0: relu: wants floating-point numbers, got i64[B 5]"},
		{text, list(linear(3)), "layers.0: linear: wants floating-point numbers, got i64[B 5]; an embedding makes vectors of whole numbers"},
		{numbers(), list(DefaultLayerNorm()), "layers.0: layer_norm: wants at least 1 axes besides the batch's, got f32[B]"},
		{image, list(Embedding{Width: 3}), "layers.0: embedding: wants whole numbers such as tokens, got f32[B 3 8 8]"},
		{tokens(5, 0), list(Embedding{Width: 3}), "layers.0: embedding: count must be given"},
		{text, list(Embedding{Width: 3, Count: new(9)}), "layers.0: embedding: count must be at least 10"},
		{text, list(Embedding{Width: 3, PaddingIdx: new(10)}), "layers.0: embedding: padding index 10 is outside 0..9"},
		{text, list(Embedding{Width: 4}, heads), "layers.1: "},
		{text, list(Embedding{Width: 4}, SinusoidalPosition{Context: new(3)}), "layers.1: sinusoidal_position: sinusoidal_position: wants [B T 4] with T at most 3; got f32[B 5 4]"},
		{image, list(Flatten{Start: 1}, linear(7)), "the last layer gives f32[B 7], and the target label wants 2 values"},
		{image, list(Flatten{Start: 4}), "layers.0: flatten: there is no axis 4 in f32[B 3 8 8]"},
		{image, list(Reshape{Shape: []int{5, -1}}), "layers.0: reshape: f32[B 3 8 8] can't take the shape [5 -1]"},
		{image, list(Permute{Axes: []int{0, 2, 1}}), "layers.0: permute: f32[B 3 8 8] has 4 axes, and axes names 3"},
		{image, list(Residual{Layers: []Layer{conv(4, 3, 1)}}), "layers.0: residual: layers give f32[B 4 8 8], which can't be added to f32[B 3 8 8]; a shortcut"},
		{image, list(Residual{Layers: []Layer{conv(4, 3, 1)}, Shortcut: []Layer{conv(5, 1, 0)}}), "and the shortcut f32[B 5 8 8], which can't be added"},
		{image, list(Repeat{Times: 2, Layers: []Layer{Flatten{Start: 1}, Reshape{Shape: []int{3, 64}}, Flatten{Start: 2}, conv(1, 1, 0)}}), "layers.0.layers.3: conv2d: wants images"},
		{image, list(Softmax{Axis: 4}), "layers.0: softmax: there is no axis 4 besides the batch's"},
		{image, list(PixelUnshuffle{Factor: 3}), "layers.0: pixel_unshuffle: f32[B 3 8 8] can't be cut in squares of 3"},
		{image, list(Parallel{Join: Add, Branches: [][]Layer{{}, {conv(1, 1, 0)}}}), "can't be added"},
	} {
		_, err := fit(tc.cfg, 2, tc.in)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v\nwant %q", err, tc.want)
		}
	}
	none := DefaultLinear()
	cfg, err := list(Flatten{Start: 1}, none).Fit([]module.Input{image}, []module.Output{{Name: "label"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "layers.1: linear: out must be given") {
		t.Errorf("error %v", err)
	}
}

// All problems of the settings are told, each with its key.
func TestValidate(t *testing.T) {
	recurrent := DefaultRecurrent()
	for _, tc := range []struct {
		cfg  Config
		want []string
	}{
		{Config{}, []string{`join: there is no ""`, "layers must name at least one"}},
		{list(linear(0), nil, Dropout{P: 2}), []string{"layers.0: out must be at least 1, got 0", "layers.1: is no layer", "layers.2: p must be in 0..1, got 2"}},
		{list(ReLU{Named{"a"}}, ReLU{Named{"a"}}, ReLU{Named{"1.b"}}, ReLU{Named{"3"}}),
			[]string{`layers.1: layers.0 has the name "a" too`, `layers.2: a name has no dots and is no number, got "1.b"`, `layers.3: a name has`}},
		{list(Sequential{}, Repeat{}, Residual{}, Parallel{}),
			[]string{"layers.0: layers must name", "layers.1: times must", "layers.1: layers must name", "layers.2: layers must name", `layers.3: join: there is no ""`, "layers.3: branches must have"}},
		{list(Residual{Layers: []Layer{Sequential{Layers: []Layer{ELU{Alpha: math.NaN()}}}}}), []string{"layers.0.layers.0.layers.0: alpha must be a finite number"}},
		{list(Conv2d{Conv{}}), []string{"layers.0: kernel wants one number", "layers.0: stride wants", "layers.0: padding wants", "layers.0: dilation wants"}},
		{list(LSTM{Recurrent: recurrent}, TransformerEncoder{}, MultiheadAttention{}, TimePool{}, Softmax{}, Reshape{Shape: []int{-1, -1}}, Permute{Axes: []int{1, 0}}),
			[]string{"layers.0: hidden must", "layers.1: heads must", "layers.1: there is no activation", "layers.1: layers must be", "layers.2: heads must", "layers.3: by: there is no", "layers.4: axis 0 is that of the batch", "layers.5: shape wants", "layers.6: axes wants"}},
		{list(Repeat{Times: 1001, Layers: []Layer{ReLU{}}}), []string{"layers.0: times must be at most 1000"}},
		{list(Repeat{Times: 1000, Layers: []Layer{Repeat{Times: 1000, Layers: []Layer{Repeat{Times: 1000, Layers: []Layer{ReLU{}}}}}}}),
			[]string{"layers: a model has at most 10000 of them"}},
		{list(LSTM{Recurrent: Recurrent{Hidden: 1, Layers: 1 << 40, Merge: ConcatDirections}}), []string{"layers.0: layers must be at most 1000"}},
		{Config{Join: Concat, Inputs: map[string][]Layer{"a.b": {linear(-1)}}, Reads: []Read{{Name: "x", DType: "f33"}}},
			[]string{`inputs: a name is not empty and has no dots, got "a.b"`, "inputs.a.b.0: out must", `reads.0: dtype: no element type "f33"`}},
	} {
		err := tc.cfg.Validate()
		if err == nil {
			t.Errorf("%+v is valid", tc.cfg)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("it lacks %q:\n%v", want, err)
			}
		}
		if n := strings.Count(err.Error(), "\n") + 1; n != len(tc.want) {
			t.Errorf("%d problems, want %d:\n%v", n, len(tc.want), err)
		}
	}
}

func TestForwardOfSeveralOutputs(t *testing.T) {
	cfg, err := Config{Join: Concat, Outputs: map[string][]Layer{"a": {DefaultLinear()}, "b": {DefaultLinear()}}}.Fit(
		[]module.Input{numbers(3)}, []module.Output{{Name: "a", Size: 2}, {Name: "b", Size: 1}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := moduletest.NewStore(t, m, 0).Trace(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{m.Forward(c, in[0])}
	}, drawn(0, numbers(3), 2))
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "gives 2 outputs, which Map returns") {
		t.Errorf("error %v", err)
	}
	g = moduletest.NewStore(t, m, 0).Trace(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return m.Map(c, append(in, in...))
	}, drawn(0, numbers(3), 2))
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "wants 1 inputs, got 2") {
		t.Errorf("error %v", err)
	}
}

// The data's own padding is left out unless the layer says otherwise, and may
// stand on either side.
func TestPaddingOfTheData(t *testing.T) {
	in := tokens(6, 10)
	in.Padding = new(0)
	embed := DefaultEmbedding()
	embed.Width = 4
	model := func(e Embedding, by OverTime) *Model {
		m, err := fit(list(e, MultiheadAttention{Heads: 2, Bias: true}, TimePool{By: by}, DefaultLinear()), 3, in)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, by := range []OverTime{MeanOverTime, MaxOverTime, LastInTime} {
		m := model(embed, by)
		plain := run(t, m, false, tensor.Must(tensor.Of([]int64{3, 1, 9}, 1, 3)))[0]
		for _, text := range [][]int64{{3, 1, 9, 0, 0}, {0, 0, 3, 1, 9}, {0, 3, 1, 9, 0}} {
			got := run(t, m, false, tensor.Must(tensor.Of(text, 1, len(text))))[0]
			for i := range got.Size() {
				if d := math.Abs(got.Float(i) - plain.Float(i)); !(d < 1e-5) {
					t.Errorf("%s of %v: %v, without padding %v", by, text, got.F32(), plain.F32())
					break
				}
			}
		}
	}
	seen := embed
	seen.Mask = false
	m := model(seen, MeanOverTime)
	plain := run(t, m, false, tensor.Must(tensor.Of([]int64{3, 1, 9}, 1, 3)))[0]
	if got := run(t, m, false, tensor.Must(tensor.Of([]int64{3, 1, 9, 0}, 1, 4)))[0]; got.Float(0) == plain.Float(0) {
		t.Error("padding is left out although mask is false")
	}
	other := in
	other.Padding = nil
	if in.Equal(other) || other.Equal(in) || !in.Equal(in) {
		t.Error("inputs with and without padding are equal")
	}
	if _, err := m.Config.Fit([]module.Input{other}, []module.Output{{Name: "label", Size: 3}}); err == nil {
		t.Error("a model of padded data fits data without padding")
	}
}

// States over time, counted by hand: the vector of token i is (i, -i).
func TestTimePool(t *testing.T) {
	for _, tc := range []struct {
		by   OverTime
		want []float32 // of 7 2 5 and of 1 4 and padding
	}{
		{MeanOverTime, []float32{14. / 3, -14. / 3, 2.5, -2.5}},
		{MaxOverTime, []float32{7, -2, 4, -1}},
		{LastInTime, []float32{5, -5, 4, -4}},
		{FirstInTime, []float32{7, -7, 1, -1}},
	} {
		for _, padding := range []bool{true, false} {
			in := tokens(3, 10)
			text := []int64{7, 2, 5, 1, 4, 0}
			want := tc.want
			if padding {
				in.Padding = new(0)
			} else { // without padding the second sequence is another one
				text[5] = 4
				want = slices.Clone(want)
				if tc.by == MeanOverTime {
					want[2], want[3] = 3, -3
				}
			}
			embed := DefaultEmbedding()
			embed.Width = 2
			m, err := fit(list(embed, TimePool{By: tc.by}), 2, in)
			if err != nil {
				t.Fatal(err)
			}
			s := moduletest.NewStore(t, m, 0)
			w := s.Values["0.weight"]
			for i := range 10 {
				w.SetFloat(2*i, float64(i))
				w.SetFloat(2*i+1, -float64(i))
			}
			out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value { return m.Map(c, in) }, tensor.Must(tensor.Of(text, 2, 3)))
			moduletest.Near(t, fmt.Sprintf("%s, padding %v", tc.by, padding), out[0], tensor.Must(tensor.Of(want, 2, 2)))
		}
	}
}

// Branches are joined along the channels, wherever these are.
func TestJoins(t *testing.T) {
	double := func(n int) []Layer { return []Layer{Parallel{Join: Add, Branches: make([][]Layer, n)}} }
	for _, tc := range []struct {
		cfg  Parallel
		dims []int
		want []float32
	}{
		{Parallel{Join: Concat, Branches: [][]Layer{{}, double(2)}}, []int{2}, []float32{1, 2, 2, 4}},
		{Parallel{Join: Concat, Branches: [][]Layer{{}, double(3)}}, []int{2, 1}, []float32{1, 3, 2, 6}},
		{Parallel{Join: Concat, Branches: [][]Layer{{}, double(3)}, Axis: new(1)}, []int{2, 1}, []float32{1, 2, 3, 6}},
		{Parallel{Join: Concat, Branches: [][]Layer{{}, double(2)}}, []int{1, 2, 1}, []float32{1, 2, 2, 4}},
		{Parallel{Join: Mul, Branches: [][]Layer{{}, double(3)}}, []int{2}, []float32{3, 12}},
	} {
		m, err := fit(list(tc.cfg), 0, numbers(tc.dims...))
		if err != nil {
			t.Fatal(err)
		}
		x := tensor.Must(tensor.Of([]float32{1, 2}, append([]int{1}, tc.dims...)...))
		if got := run(t, m, false, x)[0].F32(); !slices.Equal(got, tc.want) {
			t.Errorf("%+v: %v, want %v", tc.cfg, got, tc.want)
		}
	}
}

// Directions are merged as they stand side by side.
func TestMerge(t *testing.T) {
	both := func(merge Merge) []float32 {
		cfg := DefaultRecurrent()
		cfg.Hidden, cfg.Bidirectional, cfg.Merge = 2, true, merge
		m, err := fit(list(GRU{cfg}), 0, numbers(3, 4))
		if err != nil {
			t.Fatal(err)
		}
		return run(t, m, false, drawn(1, numbers(3, 4), 2))[0].F32()
	}
	wide := both(ConcatDirections)
	for merge, f := range map[Merge]func(a, b float32) float32{
		AddDirections:    func(a, b float32) float32 { return a + b },
		MulDirections:    func(a, b float32) float32 { return a * b },
		MeanOfDirections: func(a, b float32) float32 { return (a + b) / 2 },
	} {
		for i, got := range both(merge) {
			at := i/2*4 + i%2
			if want := f(wide[at], wide[at+2]); got != want {
				t.Errorf("%s: element %d is %v, want %v", merge, i, got, want)
			}
		}
	}
	cfg := DefaultRecurrent()
	cfg.Hidden, cfg.Merge = 2, "max"
	if err := (GRU{cfg}).Validate(); err == nil || !strings.Contains(err.Error(), `merge: there is no "max"; there are concat`) {
		t.Errorf("error %v", err)
	}
}

// What balances experts reaches the loss of training from any depth, and padding
// does not count in it.
func TestExpertsAddToTheLoss(t *testing.T) {
	experts := DefaultMixtureOfExperts()
	experts.Experts, experts.BalanceLoss = 3, 1
	m, err := fit(list(Embedding{Width: 4, PaddingIdx: new(0), Mask: true}, Repeat{Times: 2, Layers: []Layer{Residual{Layers: []Layer{experts}}}},
		TimePool{By: MeanOverTime}, DefaultLinear()), 2, tokens(5, 10))
	if err != nil {
		t.Fatal(err)
	}
	added := func(text ...int64) []*tensor.Tensor {
		return moduletest.NewStore(t, m, 5).Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			m.Map(c.Train(), in)
			return c.AddedLosses()
		}, tensor.Must(tensor.Of(text, 1, len(text))))
	}
	short, padded := added(3, 1, 9), added(3, 1, 9, 0, 0)
	if len(short) != 2 || len(padded) != 2 {
		t.Fatalf("%d and %d terms, want one of each layer", len(short), len(padded))
	}
	for i := range short {
		moduletest.Near(t, fmt.Sprint("layer ", i), padded[i], short[i])
	}
}
