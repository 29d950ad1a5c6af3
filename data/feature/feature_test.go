package feature_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	stdimage "image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	im "github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

var ctx = context.Background()

// rows makes a table; the header gives names and kinds: "age:number".
func rows(t testing.TB, header string, rows ...[]any) source.Table {
	t.Helper()
	var columns []source.Column
	for _, h := range strings.Fields(header) {
		name, kind, _ := strings.Cut(h, ":")
		var k source.Kind
		if err := k.UnmarshalText([]byte(kind)); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, source.Column{Name: name, Kind: k})
	}
	table, err := source.Rows("test", columns, rows...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func named(list ...feature.Config) []feature.Named {
	var out []feature.Named
	for i, c := range list {
		out = append(out, feature.Named{Name: fmt.Sprintf("f%d", i), Config: c})
	}
	return out
}

// fit fits one feature and returns its encodings of the table's rows.
func fit(t *testing.T, cfg feature.Config, table source.Table) (feature.Encoder, [][]float64) {
	t.Helper()
	set, err := feature.Fit(ctx, named(cfg), nil, nil, table)
	if err != nil {
		t.Fatal(err)
	}
	file, err := set.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	read, err := feature.Parse(file, "preprocess.json")
	if err != nil {
		t.Fatal(err)
	}
	out := encoded(t, set, table)
	if again := encoded(t, read, table); !reflect.DeepEqual(again, out) {
		t.Errorf("written and read, a set gives %v, before %v", again, out)
	}
	return set.Inputs[0].Encoder, out
}

// encoded returns the first tensor of each row.
func encoded(t *testing.T, set *feature.Set, table source.Table) [][]float64 {
	t.Helper()
	ds, err := set.Dataset(table, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float64
	for i := range ds.Len() {
		item, err := ds.Item(i)
		if err != nil {
			t.Fatal(err)
		}
		var x []float64
		for k := range item[0].Size() {
			x = append(x, item[0].Float(k))
		}
		out = append(out, x)
	}
	return out
}

func f32(x ...float64) []float64 {
	for i := range x {
		x[i] = float64(float32(x[i]))
	}
	return x
}

func TestNumeric(t *testing.T) {
	table := rows(t, "a:number b:integer c:boolean d:text",
		[]any{1.0, int64(10), false, "1e1"}, []any{2.0, int64(20), true, " -2 "}, []any{6.0, int64(60), true, "0.5"}, []any{3.0, int64(30), true, "7"})
	all := []string{"a", "b", "c", "d"}
	sd := math.Sqrt(3.5)
	for _, c := range []struct {
		cfg  feature.Numeric
		want [][]float64
	}{
		{feature.Numeric{Columns: all, Scale: feature.Unscaled, Missing: "error"}, [][]float64{{1, 10, 0, 10}, {2, 20, 1, -2}, {6, 60, 1, 0.5}, {3, 30, 1, 7}}},
		{feature.Numeric{Columns: []string{"a"}, Scale: feature.Standard, Missing: "error"}, [][]float64{f32(-2 / sd), f32(-1 / sd), f32(3 / sd), f32(0)}},
		{feature.Numeric{Columns: []string{"b"}, Scale: feature.MinMax, Missing: "error"}, [][]float64{{0}, f32(0.2), {1}, f32(0.4)}},
		// quartiles of 1 2 3 6, as numpy.percentile gives them: 1.75, 2.5, 3.75
		{feature.Numeric{Columns: []string{"a"}, Scale: feature.Robust, Missing: "error"}, [][]float64{{-0.75}, {-0.25}, {1.75}, {0.25}}},
		{feature.Numeric{Columns: []string{"a"}, Scale: feature.Unscaled, Log: true, Missing: "error"}, [][]float64{f32(math.Log(2)), f32(math.Log(3)), f32(math.Log(7)), f32(math.Log(4))}},
		{feature.Numeric{Columns: []string{"a", "c"}, Scale: feature.Unscaled, Missing: "error", Bins: &feature.Binning{Count: 2, By: "quantile"}},
			[][]float64{{1, 0, 1, 0}, {1, 0, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 0}}}, // c has the limit 1: none is above
		{feature.Numeric{Columns: []string{"a"}, Scale: feature.Unscaled, Missing: "error", Bins: &feature.Binning{Count: 5, By: "width"}},
			[][]float64{{1, 0, 0, 0, 0}, {1, 0, 0, 0, 0}, {0, 0, 0, 0, 1}, {0, 1, 0, 0, 0}}},
	} {
		if _, got := fit(t, c.cfg, table); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.cfg, got, c.want)
		}
	}
}

// What is missing is the mean, or zero, and may be told apart; a column of one
// number becomes zeros.
func TestNumericMissing(t *testing.T) {
	table := rows(t, "a:number", []any{1.0}, []any{nil}, []any{5.0})
	for _, c := range []struct {
		cfg  feature.Numeric
		want [][]float64
	}{
		{feature.Numeric{Columns: []string{"a"}, Scale: feature.Standard, Missing: "mean"}, [][]float64{{-1}, {0}, {1}}},
		{feature.Numeric{Columns: []string{"a"}, Scale: feature.Unscaled, Missing: "mean", Indicator: true}, [][]float64{{1, 0}, {3, 1}, {5, 0}}},
		{feature.Numeric{Columns: []string{"a"}, Scale: feature.MinMax, Missing: "zero", Indicator: true}, [][]float64{{0, 0}, {-0.25, 1}, {1, 0}}},
	} {
		if _, got := fit(t, c.cfg, table); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.cfg, got, c.want)
		}
	}
	one := rows(t, "a:number", []any{0.1}, []any{0.1}, []any{0.1})
	for _, scale := range []feature.Scale{feature.Standard, feature.MinMax, feature.Robust} {
		if _, got := fit(t, feature.Numeric{Columns: []string{"a"}, Scale: scale, Missing: "error"}, one); !reflect.DeepEqual(got, [][]float64{{0}, {0}, {0}}) {
			t.Errorf("%s of equal numbers: %v", scale, got)
		}
	}
}

func TestCategory(t *testing.T) {
	table := rows(t, "a:text b:integer", []any{"x", int64(7)}, []any{"y", int64(8)}, []any{"y", nil}, []any{"z", int64(8)})
	both := []string{"a", "b"}
	for _, c := range []struct {
		cfg     feature.Category
		want    [][]float64
		entries int
	}{
		{feature.Category{Columns: []string{"a"}, Encoding: feature.OneHot, MinCount: 1}, [][]float64{{0, 1, 0}, {1, 0, 0}, {1, 0, 0}, {0, 0, 1}}, 3},
		{feature.Category{Columns: []string{"a"}, Encoding: feature.OneHot, Unknown: true, MinCount: 2}, [][]float64{{1, 0}, {0, 1}, {0, 1}, {1, 0}}, 2},
		{feature.Category{Columns: both, Encoding: feature.ByIndex, Unknown: true, MinCount: 1}, [][]float64{{2, 6}, {1, 5}, {1, 4}, {3, 5}}, 7},
	} {
		e, got := fit(t, c.cfg, table)
		if !reflect.DeepEqual(got, c.want) || e.(feature.Indexed).Entries() != c.entries {
			t.Errorf("%+v: got %v of %d entries, want %v of %d", c.cfg, got, e.(feature.Indexed).Entries(), c.want, c.entries)
		}
	}
	e, got := fit(t, feature.Category{Columns: both, Encoding: feature.ByHash, MinCount: 1, Buckets: 100}, table)
	fnv64a := func(text string) float64 {
		h := fnv.New64a()
		h.Write([]byte(text))
		return float64(h.Sum64() % 100)
	}
	want := [][]float64{{fnv64a("x"), 100 + fnv64a("7")}, {fnv64a("y"), 100 + fnv64a("8")}, {fnv64a("y"), 100 + fnv64a("")}, {fnv64a("z"), 100 + fnv64a("8")}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("hashes %v, want %v", got, want)
	}
	if n := e.(feature.Indexed).Entries(); n != 200 {
		t.Errorf("%d entries, want 200", n)
	}
}

// One hash of all columns tells combinations apart.
func TestCategoryCross(t *testing.T) {
	table := rows(t, "a:text b:text", []any{"ab", "c"}, []any{"a", "bc"}, []any{"ab", nil}, []any{"ab", "c"})
	cfg := feature.Category{Columns: []string{"a", "b"}, Encoding: feature.ByHash, MinCount: 1, Buckets: 1 << 20, Cross: true}
	e, got := fit(t, cfg, table)
	h := fnv.New64a()
	h.Write([]byte("ab\x00c\x00"))
	if want := float64(h.Sum64() % (1 << 20)); got[0][0] != want || got[3][0] != want {
		t.Errorf("hashes %v, want %v first and last", got, want)
	}
	if len(got[0]) != 1 || got[0][0] == got[1][0] || got[0][0] == got[2][0] {
		t.Errorf("hashes %v", got)
	}
	if n := e.(feature.Indexed).Entries(); n != 1<<20 {
		t.Errorf("%d entries", n)
	}
	cfg.Encoding = feature.ByIndex
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "cross: ") {
		t.Errorf("error %v", err)
	}
}

func TestClass(t *testing.T) {
	for _, c := range []struct {
		table   source.Table
		given   []string
		want    []float64
		classes []string
		counts  []int
	}{
		{rows(t, "y:text", []any{"dog"}, []any{"cat"}, []any{"dog"}), nil, []float64{1, 0, 1}, []string{"cat", "dog"}, []int{1, 2}},
		{rows(t, "y:text", []any{"dog"}, []any{"cat"}), []string{"dog", "cat", "bird"}, []float64{0, 1}, []string{"dog", "cat", "bird"}, []int{1, 1, 0}},
		{rows(t, "y:integer", []any{int64(10)}, []any{int64(9)}, []any{int64(-1)}), nil, []float64{2, 1, 0}, []string{"-1", "9", "10"}, []int{1, 1, 1}},
		{rows(t, "y:number", []any{10.0}, []any{9.0}), nil, []float64{1, 0}, []string{"9", "10"}, []int{1, 1}},
		{rows(t, "y:boolean", []any{true}, []any{false}), nil, []float64{1, 0}, []string{"false", "true"}, []int{1, 1}},
	} {
		e, got := fit(t, feature.Class{Column: "y", Classes: c.given}, c.table)
		ce := e.(*feature.ClassEncoder)
		var flat []float64
		for _, x := range got {
			flat = append(flat, x...)
		}
		if !reflect.DeepEqual(flat, c.want) || !reflect.DeepEqual(ce.Classes, c.classes) || !reflect.DeepEqual(ce.Counts, c.counts) || ce.Outputs() != len(c.classes) {
			t.Errorf("got %v, classes %v, counts %v; want %v, %v, %v", flat, ce.Classes, ce.Counts, c.want, c.classes, c.counts)
		}
	}
	merge := feature.Class{Column: "y", Rename: map[string]string{"3": "few", "4": "few", "9": "many"}, Classes: []string{"many", "few", "5"}}
	encoder, got := fit(t, merge, rows(t, "y:integer", []any{int64(3)}, []any{int64(9)}, []any{int64(5)}, []any{int64(4)}))
	if !reflect.DeepEqual(got, [][]float64{{1}, {0}, {2}, {1}}) || !reflect.DeepEqual(encoder.(*feature.ClassEncoder).Counts, []int{1, 2, 1}) {
		t.Errorf("renamed: %v, %+v", got, encoder)
	}
	e := feature.ClassEncoder{Counts: []int{1, 3, 0}}
	if got := e.Balanced(); !reflect.DeepEqual(got, []float64{4.0 / 3, 4.0 / 9, 0}) {
		t.Errorf("balanced weights %v", got)
	}
}

func TestDecode(t *testing.T) {
	c := feature.ClassEncoder{Column: "y", Classes: []string{"a", "b", "c"}, Counts: []int{1, 1, 1}}
	got, err := c.Decode(tensor.Must(tensor.Of([]float32{0, 1000, 1000})))
	if want := (feature.ClassResult{Class: "b", Probability: 0.5, Probabilities: map[string]float64{"a": 0, "b": 0.5, "c": 0.5}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := c.Decode(tensor.Must(tensor.Of([]float32{0, 1}))); err == nil {
		t.Error("two scores for three classes")
	}
	if _, err := c.Decode(tensor.Must(tensor.Of([]float32{0, 1, float32(math.NaN())}))); err == nil {
		t.Error("a score that is NaN")
	}
	table := rows(t, "a:number b:number", []any{1.0, -100.0}, []any{3.0, 0.0})
	for _, log := range []bool{false, true} {
		set, err := feature.Fit(ctx, named(feature.Number{Columns: []string{"a", "b"}, Scale: feature.Standard, Log: log}), nil, nil, table)
		if err != nil {
			t.Fatal(err)
		}
		x := encoded(t, set, table)[0]
		if math.Abs(x[0]+1) > 1e-6 || math.Abs(x[1]+1) > 1e-6 { // of two numbers the lesser is one deviation below
			t.Errorf("log %t: encoded %v", log, x)
		}
		y, err := set.Inputs[0].Encoder.(feature.Target).Decode(tensor.Must(tensor.Of([]float32{float32(x[0]), float32(x[1])})))
		m, ok := y.(map[string]float64)
		if err != nil || !ok || math.Abs(m["a"]-1) > 1e-6 || math.Abs(m["b"]+100) > 1e-4 {
			t.Errorf("log %t: got %v, %v back", log, y, err)
		}
	}
}

func image(t *testing.T, seed uint8, dims ...int) *tensor.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	x := make([]uint8, n)
	for i := range x {
		x[i] = uint8(i)*37 + seed
	}
	return tensor.Must(tensor.Of(x, dims...))
}

// An image becomes, bit for bit, what data.Normalize makes of it; a PNG of it
// the same; with a size it is resized; in training it is augmented, in the same
// way for the same draw.
func TestImage(t *testing.T) {
	table := rows(t, "x:array", []any{image(t, 1, 3, 4, 5)}, []any{image(t, 2, 3, 4, 5)})
	cfg := feature.DefaultImage()
	cfg.Column, cfg.Mean, cfg.Std = "x", []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	set, err := feature.Fit(ctx, named(cfg), nil, nil, table)
	if err != nil {
		t.Fatal(err)
	}
	got, err := set.Encode(map[string]any{"x": image(t, 2, 3, 4, 5)})
	if err != nil {
		t.Fatal(err)
	}
	want, err := data.Normalize{Mean: cfg.Mean, Std: cfg.Std}.Apply(image(t, 2, 1, 3, 4, 5))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[0].Bytes(), want.Bytes()) {
		t.Errorf("got %v, want %v", got[0].F32(), want.F32())
	}
}

func TestImageFiles(t *testing.T) {
	rgb := image(t, 2, 3, 4, 5)
	picture := stdimage.NewNRGBA(stdimage.Rect(0, 0, 5, 4))
	for y := range 4 {
		for x := range 5 {
			at := func(c int) uint8 { return rgb.Bytes()[c*20+y*5+x] }
			picture.SetNRGBA(x, y, color.NRGBA{R: at(0), G: at(1), B: at(2), A: 255})
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		t.Fatal(err)
	}
	cfg := feature.DefaultImage()
	cfg.Column = "x"
	files := rows(t, "x:binary", []any{file.Bytes()})
	_, err := feature.Fit(ctx, named(cfg), nil, nil, files)
	wrong(t, err, "input f0: column x: holds files, whose sizes differ; give a size: [height, width]")
	cfg.Size = &[2]int{4, 5}
	flip := cfg
	flip.Augment = []im.Augmentation{im.Flip{Horizontal: 0.5}}
	for _, cfg := range []feature.Image{cfg, flip} {
		for _, table := range []source.Table{files, rows(t, "x:array", []any{rgb})} {
			set, err := feature.Fit(ctx, named(cfg), nil, nil, table)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := set.Encode(map[string]any{"x": rgb})
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := set.Encode(map[string]any{"x": file.Bytes()})
			if err != nil {
				t.Fatal(err)
			}
			want, err := data.Normalize{Mean: cfg.Mean, Std: cfg.Std}.Apply(image(t, 2, 1, 3, 4, 5))
			if err != nil || !bytes.Equal(plain[0].Bytes(), want.Bytes()) || !bytes.Equal(decoded[0].Bytes(), want.Bytes()) {
				t.Fatalf("array %v, file %v, want %v", plain[0].F32(), decoded[0].F32(), want.F32())
			}
			train, err := set.Dataset(table, 1, true)
			if err != nil {
				t.Fatal(err)
			}
			flipped := 0
			for epoch := range 40 {
				item, err := train.ItemAt(0, epoch)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(item[0].Bytes(), plain[0].Bytes()) {
					flipped++
					if item[0].F32()[0] != plain[0].F32()[4] {
						t.Errorf("epoch %d is not mirrored: %v", epoch, item[0].F32())
					}
				}
			}
			if train.Augments() != (len(cfg.Augment) > 0) || flipped > 0 != train.Augments() || flipped > 35 {
				t.Errorf("%d of 40 epochs are mirrored, augments: %t", flipped, train.Augments())
			}
		}
	}
	// Mean and deviation are learnt, the same of files and arrays, to within
	// the rounding of float32.
	learn := cfg
	learn.Learn = true
	for _, table := range []source.Table{files, rows(t, "x:array", []any{rgb})} {
		e, got := fit(t, learn, table)
		for c := range 3 {
			var sum, squares float64
			for _, x := range got[0][c*20 : (c+1)*20] {
				sum += x
				squares += x * x
			}
			if math.Abs(sum) > 1e-4 || math.Abs(squares-20) > 1e-4 || len(e.(*feature.ImageEncoder).Mean) != 3 {
				t.Errorf("channel %d of %+v: sum %v, squares %v", c, e, sum, squares)
			}
		}
	}
	learn.Mean = []float64{0.5}
	wrong(t, learn.Validate(), "learn: mean and std are given; leave out one or the other")
	cfg.Size = &[2]int{2, 2}
	mixed := rows(t, "x:array", []any{rgb}, []any{image(t, 1, 3, 9, 7)})
	set, err := feature.Fit(ctx, named(cfg), nil, nil, mixed)
	if err != nil {
		t.Fatal(err)
	}
	if got := encoded(t, set, mixed); len(got) != 2 || len(got[0]) != 12 || len(got[1]) != 12 {
		t.Errorf("two images of 2 x 2: %v", got)
	}
	_, err = set.Encode(map[string]any{"x": []byte("GIF89a")})
	if err == nil || !strings.HasPrefix(err.Error(), "column x: ") {
		t.Errorf("a broken file: %v", err)
	}
}

func TestSeries(t *testing.T) {
	a := tensor.Must(tensor.Of([]float64{1, 100, 3, 100}, 2, 2))
	b := tensor.Must(tensor.Of([]float64{3, 300, 5, 300}, 2, 2))
	table := rows(t, "x:array", []any{a}, []any{b})
	for _, log := range []bool{false, true} {
		cfg := feature.DefaultSeries()
		cfg.Column, cfg.Log = "x", log
		e, got := fit(t, cfg, table)
		if log == false && !reflect.DeepEqual(got, [][]float64{f32(-math.Sqrt2, -1, 0, -1), f32(0, 1, math.Sqrt2, 1)}) {
			t.Errorf("got %v", got)
		}
		y := tensor.Must(tensor.Of([]float32{float32(got[1][0]), float32(got[1][1]), float32(got[1][2]), float32(got[1][3])}, 2, 2))
		back, err := e.(feature.Target).Decode(y)
		steps, ok := back.([][]float64)
		if err != nil || !ok || len(steps) != 2 || math.Abs(steps[0][0]-3) > 1e-5 || math.Abs(steps[1][1]-300) > 1e-3 {
			t.Errorf("log %t: %v, %v back", log, back, err)
		}
	}
	cfg := feature.DefaultSeries()
	cfg.Column = "x"
	_, err := feature.Fit(ctx, named(cfg), nil, nil, rows(t, "x:array", []any{a}, []any{tensor.Must(tensor.Of([]float64{1, math.NaN()}, 1, 2))}))
	wrong(t, err, "test: row 1: column x: the array is [1 2], in the first row [2 2]")
	_, err = feature.Fit(ctx, named(cfg), nil, nil, rows(t, "x:array", []any{tensor.Must(tensor.Of([]float64{1, math.NaN()}, 1, 2))}))
	wrong(t, err, "test: row 0: column x: step 0 has NaN")
}

func TestArray(t *testing.T) {
	x := tensor.Must(tensor.Of([]float32{1.5, -2}))
	table := rows(t, "x:array", []any{x})
	f64 := "f64"
	for _, c := range []struct {
		dtype *string
		want  string
	}{{nil, "f32[2]"}, {&f64, "f64[2]"}} {
		set, err := feature.Fit(ctx, named(feature.Array{Column: "x", DType: c.dtype}), nil, nil, table)
		if err != nil {
			t.Fatal(err)
		}
		got, err := set.Encode(map[string]any{"x": x})
		if err != nil || got[0].String() != c.want || got[0].Float(0) != 1.5 || got[0].Float(1) != -2 {
			t.Errorf("got %v, %v, want %s", got, err, c.want)
		}
	}
}

// wrong is a word for word test of what people read.
func wrong(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestMistakesInData(t *testing.T) {
	table := rows(t, "age:number name:text y:text x:array w:number",
		[]any{1.0, "ann", "cat", image(t, 1, 3, 4), 1.0},
		[]any{math.NaN(), "bob", "dog", image(t, 1, 3, 4), -1.0},
		[]any{nil, "", nil, image(t, 1, 4, 3), 0.0},
		[]any{nil, "7", "bird", image(t, 1, 3, 4), nil})
	numeric := func(columns ...string) []feature.Named {
		c := feature.DefaultNumeric()
		c.Columns = columns
		return named(c)
	}
	label := func(classes ...string) []feature.Named {
		return []feature.Named{{Name: "label", Config: feature.Class{Column: "y", Classes: classes}}}
	}
	w := "w"
	_, err := feature.Fit(ctx, numeric("age"), nil, nil, table)
	wrong(t, err, "test: row 1: column age: NaN is not a finite number\ntest: row 2: column age: no value; set missing to mean or zero, or leave such rows out (and in 1 more row)")
	_, err = feature.Fit(ctx, numeric("size", "age"), label("a"), nil, table)
	wrong(t, err, "input f0: no column \"size\"; there are age, name, y, x, w\ntarget label: classes: 1 are too few, want at least 2")
	_, err = feature.Fit(ctx, numeric("x"), nil, nil, table)
	wrong(t, err, "input f0: column x: holds array, want numbers")
	_, err = feature.Fit(ctx, numeric("name"), label("cat", "dog"), &w, table)
	wrong(t, err, `test: row 0: column name: "ann" is not a number
test: row 1: column name: "bob" is not a number
test: row 1: column w: the weight -1 is negative
test: row 2: column name: no value; set missing to mean or zero, or leave such rows out
test: row 2: column y: no class
and 2 other problems`)
	_, err = feature.Fit(ctx, named(feature.DefaultImage()), nil, nil, table)
	wrong(t, err, "input f0: column: a name is needed")
	photo := feature.DefaultImage()
	photo.Column = "x"
	_, err = feature.Fit(ctx, named(photo), nil, nil, table)
	wrong(t, err, "test: row 2: column x: the image is [1 4 3], want [1 3 4]; images of several sizes need a size: [height, width]")
	empty, err := source.Subset(table, []int{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = feature.Fit(ctx, named(photo), nil, nil, empty)
	wrong(t, err, "the training split has no rows")
	one, err := source.Subset(table, []int{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	_, err = feature.Fit(ctx, numeric("age"), label(), nil, one)
	wrong(t, err, `target label: column y: all rows have the class "cat"; there is nothing to learn`)

	set, err := feature.Fit(ctx, numeric("age"), label("cat", "dog"), &w, one)
	if err != nil {
		t.Fatal(err)
	}
	_, err = set.Dataset(empty, 1, false)
	wrong(t, err, "the split has no rows")
	ds, err := set.Dataset(table, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	wrong(t, ds.Check(ctx), `test: row 1: column age: NaN is not a finite number
test: row 1: column w: the weight -1 is negative
test: row 2: column age: no value; set missing to mean or zero, or leave such rows out (and in 1 more row)
test: row 2: column y: no class
test: row 3: column y: "bird" is not one of the classes cat, dog
and 1 other problems`)
	_, err = ds.Memory(ctx, 2)
	wrong(t, err, "test: row 1: column age: NaN is not a finite number")
	_, err = set.Dataset(rows(t, "age:number", []any{1.0}), 1, false)
	wrong(t, err, "target label: no column \"y\"; there are age\nweight: no column \"w\"; there are age")
	if _, err = set.WithoutTargets().Dataset(rows(t, "age:number", []any{1.0}), 1, false); err != nil {
		t.Error(err)
	}
	_, err = set.Encode(map[string]any{"ages": 1.0})
	wrong(t, err, `input f0: the row has no column "age"`)
}

// people is a table with all that this package knows.
func people(t testing.TB, n int) (source.Table, []feature.Named, []feature.Named, *string) {
	r := rand.New(rand.NewPCG(3, 4))
	var list [][]any
	for range n {
		x := make([]uint8, 12)
		for k := range x {
			x[k] = uint8(r.Uint32())
		}
		row := []any{r.NormFloat64() * math.Exp(20*r.NormFloat64()), int64(r.IntN(100)), string(rune('a' + r.IntN(20))),
			tensor.Must(tensor.Of(x, 3, 2, 2)), []string{"cat", "dog", "bird"}[r.IntN(3)], r.NormFloat64(), r.Float64()}
		if r.IntN(5) == 0 {
			row[1] = nil
		}
		list = append(list, row)
	}
	table := rows(t, "income:number age:integer town:text photo:array pet:text height:number weight:number", list...)
	numeric := feature.DefaultNumeric()
	numeric.Columns, numeric.Missing, numeric.Indicator = []string{"income", "age"}, feature.MissingMean, true
	robust := numeric
	robust.Scale, robust.Log = feature.Robust, true
	bins := feature.Numeric{Columns: []string{"age"}, Scale: feature.Unscaled, Missing: feature.MissingZero, Bins: &feature.Binning{Count: 4, By: "quantile"}}
	town := feature.DefaultCategory()
	town.Columns, town.MinCount = []string{"town", "age"}, 3
	index := town
	index.Encoding = feature.ByIndex
	hash := town
	hash.Encoding = feature.ByHash
	photo := feature.DefaultImage()
	photo.Column = "photo"
	height := feature.DefaultNumber()
	height.Columns = []string{"height"}
	weight := "weight"
	targets := []feature.Named{{Name: "pet", Config: feature.Class{Column: "pet"}}, {Name: "height", Config: height}}
	grams := feature.DefaultNGrams()
	grams.Column, grams.Buckets, grams.Unit = "town", 16, "characters"
	tokens := feature.DefaultTokens()
	tokens.Column, tokens.Length = "town", 3
	return table, named(numeric, robust, bins, town, index, hash, photo, feature.Array{Column: "photo"}, grams, tokens), targets, &weight
}

func fitPeople(t testing.TB, table source.Table, inputs, targets []feature.Named, weight *string) *feature.Set {
	set, err := feature.Fit(ctx, inputs, targets, weight, table)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// What is fitted does not depend on the order of rows.
func TestOrderOfRows(t *testing.T) {
	table, inputs, targets, weight := people(t, 500)
	want := fitPeople(t, table, inputs, targets, weight)
	for seed := range uint64(5) {
		shuffled, err := source.Subset(table, rand.New(rand.NewPCG(seed, 1)).Perm(table.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if got := fitPeople(t, shuffled, inputs, targets, weight); !reflect.DeepEqual(got, want) {
			t.Fatalf("another order of rows gives another set: %+v, want %+v", got, want)
		}
	}
}

// Item, Gather, Memory with any number of workers, a loader with workers, and
// Encode of one row give the same bits.
func TestWaysAgree(t *testing.T) {
	table, inputs, targets, weight := people(t, 700)
	set := fitPeople(t, table, inputs, targets, weight)
	ds, err := set.Dataset(table, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	columns := table.Columns()
	all := make([]int, len(columns))
	for i := range all {
		all[i] = i
	}
	for _, workers := range []int{1, 2, 3} {
		memory, err := ds.Memory(ctx, workers)
		if err != nil {
			t.Fatal(err)
		}
		loader, err := data.NewLoader(ds, data.LoaderConfig{Batch: 64, Shuffle: true}, data.WithWorkers(workers))
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for b, err := range loader.Epoch(ctx, 3) {
			if err != nil {
				t.Fatal(err)
			}
			for k, i := range b.Items {
				item, err := ds.Item(i)
				if err != nil {
					t.Fatal(err)
				}
				kept, err := memory.Item(i)
				if err != nil {
					t.Fatal(err)
				}
				values := make([]any, len(columns))
				if err := table.Read(values, i, all); err != nil {
					t.Fatal(err)
				}
				row := map[string]any{}
				for c := range columns {
					row[columns[c].Name] = values[c]
				}
				alone, err := set.Encode(row)
				if err != nil {
					t.Fatal(err)
				}
				for c := range item {
					got := b.Inputs[c].Row(k)
					if !bytes.Equal(got.Bytes(), item[c].Bytes()) || !bytes.Equal(kept[c].Bytes(), item[c].Bytes()) || c < len(alone) && !bytes.Equal(alone[c].Bytes(), item[c].Bytes()) {
						t.Fatalf("item %d, tensor %d: %v in a batch, %v kept, %v alone", i, c, &got, kept[c], item[c])
					}
				}
				seen++
			}
		}
		if seen != table.Len() {
			t.Fatalf("%d items of %d", seen, table.Len())
		}
	}
}

// A set that was written and read encodes the same bits.
func TestFile(t *testing.T) {
	table, inputs, targets, weight := people(t, 200)
	set := fitPeople(t, table, inputs, targets, weight)
	file, err := set.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	read, err := feature.Parse(file, "preprocess.json")
	if err != nil {
		t.Fatal(err)
	}
	again, err := read.Marshal()
	if err != nil || !bytes.Equal(again, file) {
		t.Errorf("written again, a set is %s, %v; was %s", again, err, file)
	}
	a, err := set.Dataset(table, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	b, err := read.Dataset(table, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Len() {
		x, err := a.ItemAt(i, 2)
		if err != nil {
			t.Fatal(err)
		}
		y, err := b.ItemAt(i, 2)
		if err != nil {
			t.Fatal(err)
		}
		for c := range x {
			if !bytes.Equal(x[c].Bytes(), y[c].Bytes()) {
				t.Fatalf("row %d, tensor %d: %v, after reading %v", i, c, x[c], y[c])
			}
		}
	}
	newer := bytes.Replace(file, []byte(`"format": 1`), []byte(`"format": 2, "more": true`), 1)
	_, err = feature.Parse(newer, "preprocess.json")
	wrong(t, err, "preprocess.json: format 2 is newer than this program's, which is 1: use a newer version of gradus")
	_, err = feature.Parse([]byte(`{"format": 1, "inputs": [{"name": "x", "type": "numeric", "columns": ["a"], "shift": [0], "size": [0], "fill": [0], "missing": "error"}]}`), "preprocess.json")
	wrong(t, err, "preprocess.json: input x: size: a number can't be divided by 0")
}

// Whatever is in a file, reading it gives a set or an error, and a set encodes
// a row or gives an error.
func FuzzParse(f *testing.F) {
	table, inputs, targets, weight := people(f, 50)
	file, err := fitPeople(f, table, inputs, targets, weight).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte(`{"format": 1, "inputs": [{"name": "x", "type": "array", "column": "town", "dtype": "f32", "shape": [2, 3]}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		set, err := feature.Parse(file, "preprocess.json")
		if err != nil {
			return
		}
		for _, in := range set.Inputs {
			if dt, s := in.Encoder.Item(); s.Size()*dt.Size() > 1<<24 {
				return
			}
		}
		set.Encode(map[string]any{"income": 1.0, "age": nil, "town": "b", "photo": image(t, 1, 3, 2, 2)})
		if ds, err := set.Dataset(table, 1, true); err == nil {
			ds.Item(0)
		}
	})
}

// A batch costs no allocation a row where the table needs none.
func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	table, inputs, targets, weight := people(t, 300)
	set := fitPeople(t, table, inputs, targets, weight)
	ds, err := set.Dataset(table, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	items := []int{5, 7, 200, 3}
	var dst []*tensor.Tensor
	memory, err := ds.Memory(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	for c := range 13 {
		first, err := memory.Item(0)
		if err != nil {
			t.Fatal(err)
		}
		batch := tensor.Must(first[c].Clone().Reshape(append([]int{1}, first[c].Shape().Dims()...)...))
		dst = append(dst, tensor.New(batch.DType(), batch.Shape().With(0, len(items))))
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := ds.Gather(dst, items, 0); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

// BenchmarkGather makes batches of a table in memory with a hundred columns of
// numbers; the unit is a row.
func BenchmarkGather(b *testing.B) {
	header, cfg := "", feature.DefaultNumeric()
	for c := range 100 {
		cfg.Columns = append(cfg.Columns, fmt.Sprintf("c%d", c))
		header += fmt.Sprintf("c%d:number ", c)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var list [][]any
	for range 1000 {
		row := make([]any, 100)
		for c := range row {
			row[c] = r.NormFloat64()
		}
		list = append(list, row)
	}
	table := rows(b, header, list...)
	set := fitPeople(b, table, named(cfg), nil, nil)
	ds, err := set.Dataset(table, 1, true)
	if err != nil {
		b.Fatal(err)
	}
	dst := []*tensor.Tensor{tensor.New(dtype.Float32, shape.Of(1, 100))}
	items := []int{0}
	b.SetBytes(100 * 4)
	for i := 0; b.Loop(); i++ {
		items[0] = i % 1000
		if err := ds.Gather(dst, items, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFit learns from the same kind of table; the unit is a row of 100.
func BenchmarkFit(b *testing.B) {
	row := make([]any, 100)
	header, cfg := "", feature.DefaultNumeric()
	for c := range row {
		cfg.Columns = append(cfg.Columns, fmt.Sprintf("c%d", c))
		header += fmt.Sprintf("c%d:number ", c)
		row[c] = float64(c) + 0.1
	}
	list := make([][]any, b.N)
	for i := range list {
		list[i] = row
	}
	if len(list) == 0 {
		return
	}
	table := rows(b, header, list...)
	b.ResetTimer()
	fitPeople(b, table, named(cfg), nil, nil)
}
func BenchmarkParse(b *testing.B) {
	table, inputs, targets, weight := people(b, 50)
	file, err := fitPeople(b, table, inputs, targets, weight).Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := feature.Parse(file, "preprocess.json"); err != nil {
			b.Fatal(err)
		}
	}
}

// FitRest learns from the rows that are right, and tells of the others.
func TestFitRest(t *testing.T) {
	table := rows(t, "age:text label:text", []any{"1", "a"}, []any{"old", "b"}, []any{"5", "c"}, []any{"3", "b"})
	inputs := named(feature.Numeric{Columns: []string{"age"}, Scale: feature.MinMax, Missing: feature.MissingError})
	targets := []feature.Named{{Name: "label", Config: feature.Class{Column: "label", Classes: []string{"a", "b"}}}}
	var told []string
	set, err := feature.FitRest(ctx, inputs, targets, nil, table, func(row int, unread bool, err error) bool {
		told = append(told, fmt.Sprint(row, unread, " ", err))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`1 false column age: "old" is not a number`, `2 false column label: "c" is not one of the classes a, b`}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("told %q", told)
	}
	e := set.Inputs[0].Encoder.(*feature.NumericEncoder)
	if e.Shift[0] != 1 || e.Size[0] != 4 {
		t.Errorf("ages from %v over %v, want 1 over 4", e.Shift[0], e.Size[0])
	}

	// It ends where it is told to.
	if _, err := feature.FitRest(ctx, inputs, targets, nil, table, func(int, bool, error) bool { return false }); err != nil {
		t.Error(err)
	}
	if _, err := feature.FitRest(ctx, named(feature.Numeric{Columns: []string{"size"}}), nil, nil, table, nil); err == nil {
		t.Error("a column that is missing was found")
	}
}
