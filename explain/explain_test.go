package explain

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// models are those that the tests of serving have.
const models = "../serve/engine/enginetest/testdata"

func saved(t *testing.T, kind string, threads int) *recipe.Saved {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(models, kind, "preprocess.json"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := feature.Parse(text, kind)
	if err != nil {
		t.Fatal(err)
	}
	m := recipe.ThisMachine()
	m.Threads = threads
	return drawn(t, set, network(t, kind), m)
}

func network(t *testing.T, kind string) *model.Network {
	t.Helper()
	n, err := model.ReadConfig(filepath.Join(models, kind, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// drawn gives a network weights that are drawn.
func drawn(t *testing.T, set *feature.Set, n *model.Network, m recipe.Machine) *recipe.Saved {
	t.Helper()
	b, err := m.Backend()
	if err != nil {
		t.Fatal(err)
	}
	store, err := exec.NewStore(b, n.Module, exec.Seed(3))
	if err != nil {
		t.Fatal(err)
	}
	s := recipe.NewSaved(set, n, store)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// rows are what the models are asked about.
var rows = map[string]map[string]any{
	"digits":   {"image": digit()},
	"penguins": bird,
	"masses":   bird,
	"mail":     {"text": "Free money, free for you: money!"},
}

var bird = map[string]any{"bill_length_mm": 39.1, "bill_depth_mm": "18.7", "flipper_length_mm": int64(181), "body_mass_g": 3750.0, "island": "Torgersen", "sex": nil}

func digit() *tensor.Tensor {
	im := tensor.New(dtype.Uint8, shape.Of(1, 28, 28))
	r := rng.NewStream(1, "digit", 0)
	for i := range im.Bytes() {
		im.Bytes()[i] = uint8(r.IntN(20)) // where pixels are equal, pooling has no gradient
	}
	for y := 4; y < 24; y++ {
		for x := 12; x < 16; x++ {
			im.Bytes()[y*28+x] = uint8(100 + r.IntN(156))
		}
	}
	return im
}

// encoded are the inputs of a row, [1 ...].
func encoded(t *testing.T, s *recipe.Saved, row map[string]any) []*tensor.Tensor {
	t.Helper()
	in, err := s.Set.Encode(row)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range in {
		in[i] = tensor.Must(x.Reshape(append([]int{1}, x.Shape().Dims()...)...))
	}
	return in
}

// double is a network in float64 with the values of a store, for the
// interpreter.
func double(t *testing.T, n *model.Network, from *exec.Store) *moduletest.Store {
	t.Helper()
	moduletest.Double(t, n.Module)
	s := moduletest.NewStore(t, n.Module, 0)
	for _, key := range from.Model() {
		v, err := from.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		for i := range v.Size() {
			s.Values[key].SetFloat(i, v.Float(i))
		}
	}
	return s
}

// logOdds is the score of class k, in plain Go.
func logOdds(z []float64, k int) float64 {
	sum := 0.0
	for j := range z {
		if j != k {
			sum += math.Exp(z[j])
		}
	}
	return z[k] - math.Log(sum)
}

// TestGradients holds gradients to central differences in float64 by the
// interpreter.
func TestGradients(t *testing.T) {
	for kind, row := range rows {
		t.Run(kind, func(t *testing.T) {
			s := saved(t, kind, 1)
			in := encoded(t, s, row)
			classes, _ := s.Set.Targets[0].Encoder.(*feature.ClassEncoder)
			q := Question{}
			if classes != nil {
				q.Class = classes.Classes[1]
			}
			e, err := DefaultInputGradient().Explain(t.Context(), s, q, in...)
			if err != nil {
				t.Fatal(err)
			}
			n := network(t, kind)
			reference := double(t, n, s.Store)
			score := func(in ...*tensor.Tensor) []float64 {
				z := reference.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value { return n.Map(c.Eval(), in) }, in...)[0]
				scores := make([]float64, z.Shape().Dim(0))
				for b := range scores {
					row := z.Row(b)
					var list []float64
					for k := range row.Size() {
						list = append(list, row.Float(k))
					}
					if classes != nil {
						scores[b] = logOdds(list, 1)
					} else {
						scores[b] = 4200 + 800*list[0]
					}
				}
				return scores
			}
			if want := score(repeated(in, 1)...)[0]; math.Abs(e.Score-want) > 1e-4*max(1, math.Abs(want)) {
				t.Errorf("the score is %v, want %v", e.Score, want)
			}
			const h = 1e-5
			for i, x := range in {
				var places []int
				for k := 0; k < x.Size(); k += 1 + x.Size()/150 {
					places = append(places, k)
				}
				moved := repeated(in, 2*len(places))
				for p, k := range places {
					at := moved[i].Row(2 * p)
					at.SetFloat(k, at.Float(k)+h)
					at = moved[i].Row(2*p + 1)
					at.SetFloat(k, at.Float(k)-h)
				}
				scores := score(moved...)
				most := 0.0
				for k := range x.Size() {
					most = max(most, math.Abs(e.Inputs[i].Float(k)))
				}
				if most == 0 {
					t.Errorf("input %d has no gradient at all", i)
				}
				for p, k := range places {
					want := (scores[2*p] - scores[2*p+1]) / (2 * h)
					if got := e.Inputs[i].Float(k); math.Abs(got-want) > 2e-5*most {
						t.Errorf("input %d, number %d: %v, by differences %v", i, k, got, want)
					}
				}
			}
		})
	}
}

// repeated has n rows in float64, each as the one of in.
func repeated(in []*tensor.Tensor, n int) []*tensor.Tensor {
	var out []*tensor.Tensor
	for _, x := range in {
		y := tensor.New(dtype.Float64, x.Shape().With(0, n))
		for k := range y.Size() {
			y.SetFloat(k, x.Float(k%x.Size()))
		}
		out = append(out, y)
	}
	return out
}

// TestShares: for a network that is linear, what the words of a text add is the
// score, but for the bias. All columns of a row are told of.
func TestShares(t *testing.T) {
	s := saved(t, "mail", 1)
	in := encoded(t, s, rows["mail"])
	c := InputGradient{Method: TimesInput}
	e, err := c.Explain(t.Context(), s, Question{}, in...)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := e.Columns(s.Set, rows["mail"])
	if err != nil {
		t.Fatal(err)
	}
	empty, err := c.Explain(t.Context(), s, Question{Class: e.Class}, encoded(t, s, map[string]any{"text": ""})...)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	sum := 0.0
	for _, w := range columns[0].Words {
		text += w.Text
		sum += w.Share
	}
	if text != rows["mail"]["text"] || columns[0].Name != "text" || len(columns) != 1 {
		t.Errorf("columns %+v", columns)
	}
	if e.Score < 0 || math.Abs(sum-(e.Score-empty.Score)) > 1e-4 || math.Abs(sum-columns[0].Share) > 1e-6 {
		t.Errorf("words add %v, the column %v, the score is %v and %v without them", sum, columns[0].Share, e.Score, empty.Score)
	}

	s = saved(t, "penguins", 1)
	in = encoded(t, s, bird)
	if e, err = c.Explain(t.Context(), s, Question{}, in...); err != nil {
		t.Fatal(err)
	}
	if columns, err = e.Columns(s.Set, bird); err != nil {
		t.Fatal(err)
	}
	plain, err := DefaultInputGradient().Explain(t.Context(), s, Question{}, in...)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i, c := range columns {
		names = append(names, c.Name)
		if want := in[0].Float(min(i, 3)) * plain.Inputs[0].Float(min(i, 3)); i < 4 && math.Abs(c.Share-want) > 1e-6 {
			t.Errorf("column %s adds %v, want %v", c.Name, c.Share, want)
		}
	}
	if want := []string{"bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "island", "sex"}; !reflect.DeepEqual(names, want) {
		t.Errorf("columns %q", names)
	}
}

// TestSmooth is the mean of gradients at noisy inputs, the same every time and
// with any number of threads.
func TestSmooth(t *testing.T) {
	s := saved(t, "digits", 1)
	in := encoded(t, s, rows["digits"])
	smooth := DefaultSmooth()
	smooth.Samples, smooth.Seed = 3, 5
	c := InputGradient{Method: Plain, Smooth: &smooth}
	e, err := c.Explain(t.Context(), s, Question{}, in...)
	if err != nil {
		t.Fatal(err)
	}
	var want [784]float64
	for k := range 3 {
		one, err := DefaultInputGradient().Explain(t.Context(), s, Question{Class: e.Class}, smooth.noisy(in, k)...)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i] += one.Inputs[0].Float(i) / 3
		}
	}
	for i := range want {
		if math.Abs(e.Inputs[0].Float(i)-want[i]) > 1e-6 {
			t.Fatalf("number %d is %v, want %v", i, e.Inputs[0].Float(i), want[i])
		}
	}
	again, err := c.Explain(t.Context(), saved(t, "digits", 2), Question{}, in...)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Inputs[0].Bytes(), e.Inputs[0].Bytes()) || again.Score != e.Score {
		t.Error("with two threads it is something else")
	}
	// The noise has the size that is asked for.
	lo, hi, squares := math.Inf(1), math.Inf(-1), 0.0
	noisy := smooth.noisy(in, 0)[0]
	for i := range noisy.Size() {
		x := in[0].Float(i)
		lo, hi, squares = min(lo, x), max(hi, x), squares+math.Pow(noisy.Float(i)-x, 2)
	}
	if got, want := math.Sqrt(squares/784), smooth.Noise*(hi-lo); math.Abs(got-want) > 0.1*want {
		t.Errorf("noise of %v, want %v", got, want)
	}
}

// TestEmbedding: a whole number has the share of its vector.
func TestEmbedding(t *testing.T) {
	text := `{"format": 1, "inputs": [{"type": "category", "name": "words", "columns": ["a", "b"], "encoding": "index", "unknown": false,
		"buckets": 0, "cross": false, "values": [["x", "y"], ["x", "y", "z"]]}],
		"targets": [{"type": "class", "name": "kind", "column": "kind", "classes": ["no", "yes"], "counts": [1, 1]}], "weight": null}`
	set, err := feature.Parse([]byte(text), "set")
	if err != nil {
		t.Fatal(err)
	}
	config := `{"model_type": "layers", "inputs": {}, "join": "concat", "layers": [
		{"type": "embedding", "name": "table", "count": null, "width": 3, "padding_idx": null, "mask": false, "max_norm": null, "scale_grad_by_freq": false, "init": null, "bias_init": null}, {"type": "flatten", "name": "", "start": 1},
		{"type": "linear", "name": "out", "out": null, "bias": true, "init": null, "bias_init": null}], "outputs": {},
		"reads": [{"name": "words", "dtype": "i64", "shape": [2], "values": 5, "padding": null}], "gives": [{"name": "kind", "size": 2}]}`
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	n, err := model.ReadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	m := recipe.ThisMachine()
	m.Threads = 1
	s := drawn(t, set, n, m)
	row := map[string]any{"a": "y", "b": "z"}
	e, err := DefaultInputGradient().Explain(t.Context(), s, Question{Class: "yes"}, encoded(t, s, row)...)
	if err != nil {
		t.Fatal(err)
	}
	get := func(part string) *tensor.Tensor {
		for _, key := range s.Store.Model() {
			if strings.HasSuffix(key, part) {
				v, err := s.Store.Get(key)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
		}
		t.Fatalf("no %s in %q", part, s.Store.Model())
		return nil
	}
	table, out := get("table.weight"), get("out.weight") // [5 3], [2 6]
	for i, place := range []int{1, 4} {
		want := 0.0
		for d := range 3 {
			want += table.Float(3*place+d) * (out.Float(6+3*i+d) - out.Float(3*i+d))
		}
		if got := e.Inputs[0].Float(i); math.Abs(got-want) > 1e-6 {
			t.Errorf("number %d has %v, want %v", i, got, want)
		}
	}
}

// TestMistakes are told.
func TestMistakes(t *testing.T) {
	s := saved(t, "penguins", 1)
	in := encoded(t, s, bird)
	for _, c := range []struct {
		cfg  InputGradient
		q    Question
		want string
	}{
		{InputGradient{Method: "slope", Smooth: &Smooth{Samples: 0, Noise: math.NaN()}}, Question{},
			"explain: method: \"slope\" is not gradient or gradient_times_input\nsmooth.samples: 0 is not in 1..1000\nsmooth.noise: NaN is not above 0 and at most 10"},
		{DefaultInputGradient(), Question{Target: "kind"}, `explain: there is no target "kind"; there are species`},
		{DefaultInputGradient(), Question{Class: "Emperor"}, `explain: target species has no class "Emperor"; there are Adelie, Chinstrap, Gentoo`},
	} {
		if _, err := c.cfg.Explain(t.Context(), s, c.q, in...); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	two := []*tensor.Tensor{tensor.New(dtype.Float32, shape.Of(2, 4)), tensor.New(dtype.Float32, shape.Of(2, 7))}
	if _, err := DefaultInputGradient().Explain(t.Context(), s, Question{}, two...); err == nil || !strings.Contains(err.Error(), "wants one example") {
		t.Errorf("two examples: %v", err)
	}
}

// TestPicture draws what matters over what the model was shown.
func TestPicture(t *testing.T) {
	s := saved(t, "digits", 1)
	in := encoded(t, s, rows["digits"])
	row := in[0].Row(0)
	im := Levels(s.Set.Inputs[0].Encoder.(*feature.ImageEncoder), &row)
	if !bytes.Equal(im.Pix, digit().Bytes()) {
		t.Error("the levels are not those of the image")
	}
	values := tensor.New(dtype.Float32, shape.Of(2, 28, 28))
	values.F32()[5*28+3], values.F32()[784+5*28+3] = -1, 2
	values.F32()[784+20*28+13] = 1.5
	heat, err := Heat(values)
	if err != nil {
		t.Fatal(err)
	}
	if heat.Shape() != shape.Of(28, 28) || heat.Float(5*28+3) != 3 || heat.Float(20*28+13) != 1.5 || heat.Float(0) != 0 {
		t.Errorf("heat %v", heat)
	}
	file, err := Picture(im, heat)
	if err != nil {
		t.Fatal(err)
	}
	p, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if b := p.Bounds(); b.Dx() != 280 || b.Dy() != 280 {
		t.Errorf("the picture is %v", b)
	}
	light := func(y, x int) float64 {
		r, g, b, _ := p.At(10*x+9, 10*y).RGBA()
		return 0.21*float64(r) + 0.72*float64(g) + 0.07*float64(b)
	}
	if black, hot := light(0, 0), light(5, 3); black > 4000 || hot < 40000 {
		t.Errorf("nothing is as light as %v, what matters most %v", black, hot)
	}
	if r, g, b, _ := p.At(130, 100).RGBA(); r != g || g != b || r < 10000 || r > 33000 {
		t.Errorf("the image is %v %v %v where nothing matters", r, g, b)
	}
	if _, err := Picture(image.New(3, 3, 1), heat); err == nil {
		t.Error("a heat map of another size")
	}
	if _, err := Heat(tensor.New(dtype.Float32, shape.Of(3))); err == nil {
		t.Error("heat of a row")
	}
	flat, err := Picture(im, tensor.New(dtype.Float32, shape.Of(28, 28)))
	if err != nil || len(flat) == 0 {
		t.Errorf("nothing matters: %v", err)
	}
}

// TestColors rise in lightness by even steps.
func TestColors(t *testing.T) {
	linear := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	list := colors()
	for i, c := range list {
		r, g, b := linear(c.R), linear(c.G), linear(c.B)
		light := 0.2104542553*math.Cbrt(0.4122214708*r+0.5363325363*g+0.0514459929*b) +
			0.7936177850*math.Cbrt(0.2119034982*r+0.6806995451*g+0.1073969566*b) -
			0.0040720468*math.Cbrt(0.0883024619*r+0.2817188376*g+0.6299787005*b)
		if want := 0.2 + 0.73*float64(i)/255; math.Abs(light-want) > 0.01 {
			t.Errorf("colour %d has lightness %.3f, want %.3f", i, light, want)
		}
	}
	if fmt.Sprint(list[0]) == fmt.Sprint(list[255]) {
		t.Error("all colours are one")
	}
}
