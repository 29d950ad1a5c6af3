package columns_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/jsondoc"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func Example() {
	ages, err := columns.Values(
		feature.Raw{Name: "age", Kind: feature.RawNumber},
		columns.Array{Numbers: numbers([]int32{31, 5}, 2, 1)})
	fmt.Println(ages, err)
	_, err = columns.Values(
		feature.Raw{Name: "text", Kind: feature.RawText},
		columns.Array{Numbers: numbers([]float32{1}, 1)})
	fmt.Println(err)
	// Output:
	// [31 5] <nil>
	// column text: want strings, got f32[1]
}

func numbers[T dtype.Go](data []T, dims ...int) *tensor.Tensor {
	return tensor.Must(tensor.Of(data, dims...))
}

func strs(s ...string) columns.Array {
	a := columns.Array{Shape: []int{len(s)}}
	for _, s := range s {
		a.Strings = append(a.Strings, []byte(s))
	}
	return a
}

var (
	age   = feature.Raw{Name: "x", Kind: feature.RawNumber}
	maybe = feature.Raw{Name: "x", Kind: feature.RawNumber, Missing: true}
	kind  = feature.Raw{Name: "x", Kind: feature.RawCategory}
	text  = feature.Raw{Name: "x", Kind: feature.RawText}
	day   = feature.Raw{Name: "x", Kind: feature.RawTime}
	grey  = feature.Raw{Name: "x", Kind: feature.RawImage, Pixels: [3]int{1, 2, 2}}
	color = feature.Raw{Name: "x", Kind: feature.RawImage, Pixels: [3]int{3, 2, 2}}
	sound = feature.Raw{Name: "x", Kind: feature.RawAudio}
	array = feature.Raw{Name: "x", Kind: feature.RawArray, DType: dtype.Float32, Shape: shape.Of(2)}
)

func TestValues(t *testing.T) {
	column := strs("a", "b")
	column.Shape = []int{2, 1}
	for i, c := range []struct {
		raw  feature.Raw
		a    columns.Array
		want []any
	}{
		{age, columns.Array{Numbers: numbers([]float32{0.5, -1}, 2)}, []any{0.5, -1.0}},
		{age, columns.Array{Numbers: numbers([]int64{1 << 60}, 1, 1)}, []any{int64(1) << 60}},
		{age, columns.Array{Numbers: numbers([]uint64{7}, 1)}, []any{int64(7)}},
		{age, columns.Array{Numbers: numbers([]bool{true}, 1)}, []any{true}},
		{age, strs("4"), []any{"4"}},
		{maybe, columns.Array{Numbers: numbers([]float32{1, float32(math.NaN())}, 2)}, []any{1.0, nil}},
		{kind, strs("a", "b"), []any{"a", "b"}},
		{kind, column, []any{"a", "b"}},
		{kind, columns.Array{Numbers: numbers([]int32{3}, 1)}, []any{int64(3)}},
		{kind, columns.Array{Numbers: numbers([]bool{false}, 1)}, []any{false}},
		{text, strs("hello"), []any{"hello"}},
		{day, strs("2024-01-02"), []any{"2024-01-02"}},
		{sound, strs("RIFF"), []any{[]byte("RIFF")}},
		{grey, strs("PNG"), []any{[]byte("PNG")}},
	} {
		got, err := columns.Values(c.raw, c.a)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d: got %#v, %v, want %#v", i, got, err, c.want)
		}
	}
}

func TestPixels(t *testing.T) {
	for _, c := range []struct {
		raw   feature.Raw
		a     *tensor.Tensor
		shape shape.Shape
		want  []byte
	}{
		{grey, numbers([]uint8{1, 2, 3, 4}, 1, 2, 2), shape.Of(2, 2), []byte{1, 2, 3, 4}},
		{grey, numbers([]int64{1, 2, 3, 255}, 1, 1, 2, 2), shape.Of(1, 2, 2), []byte{1, 2, 3, 255}},
		{grey, numbers([]uint8{1, 2, 3, 4}, 1, 4), shape.Of(1, 2, 2), []byte{1, 2, 3, 4}},
		{grey, numbers([]uint8{1, 2, 3, 4}, 1, 2, 2, 1), shape.Of(1, 2, 2), []byte{1, 2, 3, 4}},
		{color, numbers([]uint8{1, 2, 3, 4, 5, 6}, 1, 3, 1, 2), shape.Of(3, 1, 2), []byte{1, 2, 3, 4, 5, 6}},
		{color, numbers([]uint8{1, 2, 3, 4, 5, 6}, 1, 1, 2, 3), shape.Of(3, 1, 2), []byte{1, 4, 2, 5, 3, 6}},
		{color, numbers([]uint8{1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 3, 1, 3), shape.Of(3, 1, 3), []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		got, err := columns.Values(c.raw, columns.Array{Numbers: c.a})
		if err != nil {
			t.Errorf("%v: %v", c.a, err)
			continue
		}
		if x := got[0].(*tensor.Tensor); x.Shape() != c.shape || string(x.Bytes()) != string(c.want) {
			t.Errorf("%v: got %v %v, want %v %v", c.a, x, x.Bytes(), c.shape, c.want)
		}
	}
}

func TestArrays(t *testing.T) {
	got, err := columns.Values(array, columns.Array{Numbers: numbers([]float32{1, 2, 3, 4}, 2, 2)})
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	if x := got[1].(*tensor.Tensor); x.Shape() != array.Shape || x.Float(0) != 3 || x.Float(1) != 4 {
		t.Errorf("got %v %v", x, x.F32())
	}
}

func TestValuesErrors(t *testing.T) {
	for i, c := range []struct {
		raw  feature.Raw
		a    columns.Array
		want string
	}{
		{age, columns.Array{}, "column x: want a value for each example, got strings[]"},
		{age, columns.Array{Numbers: tensor.Scalar[float32](1)}, "column x: want a value for each example, got f32[]"},
		{age, columns.Array{Numbers: numbers([]float32{}, 0)}, "column x: want a value for each example, got f32[0]"},
		{age, columns.Array{Numbers: numbers([]float32{}, 1<<40, 0)}, "column x: want a value for each example, got f32[1099511627776 0]"},
		{maybe, columns.Array{Numbers: numbers([]float32{}, math.MaxInt32, 0)}, "column x: want a value for each example, got f32[2147483647 0]"},
		{kind, columns.Array{Numbers: numbers([]int64{}, math.MaxInt32, 0)}, "column x: want a value for each example, got i64[2147483647 0]"},
		{grey, columns.Array{Numbers: numbers([]uint8{}, math.MaxInt32, 0, 0)}, "column x: want a value for each example, got u8[2147483647 0 0]"},
		{array, columns.Array{Numbers: numbers([]float32{}, math.MaxInt32, 0)}, "column x: want a value for each example, got f32[2147483647 0]"},
		{text, columns.Array{Shape: []int{math.MaxInt32, 0}}, "column x: want a value for each example, got strings[2147483647 0]"},
		{array, columns.Array{Numbers: numbers([]float32{}, 0, math.MaxInt32)}, "column x: want a value for each example, got f32[0 2147483647]"},
		{age, columns.Array{Numbers: numbers([]float32{1, 2}, 1, 2)}, "column x: want one value for each example, got f32[1 2]"},
		{age, columns.Array{Numbers: numbers([]uint64{math.MaxUint64}, 1)}, "column x: example 0: 18446744073709551615 is too large, want at most 9223372036854775807"},
		{kind, columns.Array{Numbers: numbers([]float64{1}, 1)}, "column x: want text or whole numbers, got f64[1]"},
		{text, columns.Array{Strings: [][]byte{{1}, {2}}, Shape: []int{1, 2}}, "column x: want one string for each example, got strings[1 2]"},
		{day, columns.Array{Numbers: numbers([]int64{1}, 1)}, "column x: want strings, got i64[1]"},
		{array, strs("1"), "column x: want f32[2] for each example, got strings[1]"},
		{grey, columns.Array{Numbers: numbers([]float32{0}, 1, 1, 1)}, "column x: want files, or pixels as whole numbers from 0 to 255, got f32[1 1 1]; " + columns.Preprocessed},
		{grey, columns.Array{Numbers: numbers([]int32{-1}, 1, 1, 1)}, "column x: pixels are whole numbers from 0 to 255, got -1"},
		{grey, columns.Array{Numbers: numbers([]uint64{math.MaxUint64}, 1, 1, 1)}, "column x: 18446744073709551615 is too large, want at most 9223372036854775807"},
		{grey, columns.Array{Numbers: numbers([]uint8{1, 2}, 1, 2)}, "column x: example 0: want the pixels of an image of 1 channels, [1 Y X] or [Y X 1], got [2]"},
		{grey, columns.Array{Numbers: numbers([]uint8{}, 1, 0, 4)}, "column x: want a value for each example, got u8[1 0 4]"},
		{color, columns.Array{Numbers: numbers([]uint8{1, 2, 3, 4}, 1, 2, 1, 2)}, "column x: example 0: want the pixels of an image of 3 channels, [3 Y X] or [Y X 3], got [2 1 2]"},
	} {
		_, err := columns.Values(c.raw, c.a)
		if err == nil || err.Error() != c.want {
			t.Errorf("%d: got %v, want %s", i, err, c.want)
		} else if engine.AsError(err).Code != engine.Invalid {
			t.Errorf("%d: code %v", i, engine.AsError(err).Code)
		}
	}
}

func TestTensor(t *testing.T) {
	want := func(dt dtype.DType) engine.Tensor {
		return engine.Tensor{Name: "x", DType: dt, Shape: shape.Of(2)}
	}
	same := numbers([]float32{1, 2}, 1, 2)
	if got, err := columns.Tensor(want(dtype.Float32), columns.Array{Numbers: same}); got != same || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	for _, c := range []struct {
		dt dtype.DType
		a  *tensor.Tensor
	}{
		{dtype.Float32, numbers([]float64{0.5, math.Inf(1)}, 1, 2)},
		{dtype.Float32, numbers([]int64{-3, 4}, 1, 2)},
		{dtype.Int64, numbers([]int32{-3, 4}, 1, 2)},
		{dtype.Int32, numbers([]int64{-3, 4}, 1, 2)},
		{dtype.Uint8, numbers([]int64{0, 255}, 1, 2)},
	} {
		got, err := columns.Tensor(want(c.dt), columns.Array{Numbers: c.a})
		if err != nil || got.DType() != c.dt || got.Shape() != c.a.Shape() || got.Float(0) != c.a.Float(0) || got.Float(1) != c.a.Float(1) {
			t.Errorf("%v of %v: got %v, %v", c.dt, c.a, got, err)
		}
	}
	for _, c := range []struct {
		dt   dtype.DType
		a    columns.Array
		want string
	}{
		{dtype.Float32, strs("1"), "want numbers of type f32 for each example, got strings[1]"},
		{dtype.Float32, columns.Array{Numbers: tensor.Scalar[float32](1)}, "want numbers of type f32 for each example, got f32[]"},
		{dtype.Float32, columns.Array{Numbers: numbers([]float32{}, math.MaxInt32, 0)}, "want numbers of type f32 for each example, got f32[2147483647 0]"},
		{dtype.Float32, columns.Array{Numbers: numbers([]float64{1e39}, 1)}, "1e+39 is too large for f32"},
		{dtype.Float32, columns.Array{Numbers: numbers([]bool{true}, 1)}, "want numbers of type f32, got bool"},
		{dtype.Int64, columns.Array{Numbers: numbers([]float64{1}, 1)}, "want numbers of type i64, got f64"},
		{dtype.Int64, columns.Array{Numbers: numbers([]uint64{1 << 63}, 1)}, "9223372036854775808 is too large, want at most 9223372036854775807"},
		{dtype.Int32, columns.Array{Numbers: numbers([]int64{1 << 31}, 1)}, "2147483648 does not fit into i32"},
		{dtype.Uint64, columns.Array{Numbers: numbers([]int64{-1}, 1)}, "-1 does not fit into u64"},
	} {
		_, err := columns.Tensor(want(c.dt), c.a)
		if err == nil || !strings.HasSuffix(err.Error(), "input tensor x: "+c.want) {
			t.Errorf("%v of %v: got %v, want %s", c.dt, c.a, err, c.want)
		}
	}
}

func value(t *testing.T, text string) jsondoc.Value {
	t.Helper()
	doc, err := jsondoc.Parse([]byte(text), jsondoc.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root()
}

func TestJSON(t *testing.T) {
	missing := age
	missing.Missing = true
	for _, c := range []struct {
		raw  feature.Raw
		text string
		want any
	}{
		{age, "3", int64(3)}, {age, "0.5", 0.5}, {age, "true", true}, {age, `"4.5"`, "4.5"}, {age, "[7]", int64(7)}, {missing, "null", nil},
		{kind, "3", int64(3)}, {kind, `"a"`, "a"}, {kind, "false", false}, {kind, `{"b64":"YWI="}`, "ab"}, {kind, `["a"]`, "a"},
		{text, `"hello"`, "hello"}, {text, `{"b64":"aGk"}`, "hi"}, {day, `"2024-01-02"`, "2024-01-02"},
		{grey, `{"b64":"UE5H"}`, []byte("PNG")}, {sound, `{"b64":"UklGRg=="}`, []byte("RIFF")},
	} {
		got, err := columns.JSON(c.raw, value(t, c.text))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s of %s: got %#v, %v, want %#v", c.text, c.raw.Kind, got, err, c.want)
		}
	}
	for text, want := range map[string]shape.Shape{"[[1,2],[3,255]]": shape.Of(2, 2), "[[[1,2]]]": shape.Of(1, 1, 2), "[[[1],[2]]]": shape.Of(1, 2, 1), "[1,2,3,4]": shape.Of(1, 2, 2)} {
		got, err := columns.JSON(grey, value(t, text))
		if x, ok := got.(*tensor.Tensor); err != nil || !ok || x.Shape() != want || x.Bytes()[0] != 1 {
			t.Errorf("%s: got %v, %v, want u8%v", text, got, err, want)
		}
	}
	got, err := columns.JSON(array, value(t, "[0.5,2]"))
	if x, ok := got.(*tensor.Tensor); err != nil || !ok || x.String() != "f32[2]" || x.Float(0) != 0.5 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestJSONErrors(t *testing.T) {
	for _, c := range []struct {
		raw        feature.Raw
		text, want string
	}{
		{age, "null", "column x needs a value"},
		{age, "{}", "column x wants a number, got an object"},
		{age, `{"b64":"MQ=="}`, "column x wants a number, got an object"},
		{age, "[1,2]", "column x wants a number, got an array"},
		{age, "[]", "column x wants a number, got an array"},
		{kind, "1.5", "column x wants text, a whole number or a boolean, got a number"},
		{kind, "1e300", "column x wants text, a whole number or a boolean, got a number"},
		{text, "1", "column x wants text, got a number"},
		{text, "true", "column x wants text, got a boolean"},
		{text, `{"b64":"*"}`, "b64: is not base64"},
		{text, `{"b64":"YQ==","c":1}`, "column x wants text, got an object"},
		{day, "5", "column x wants a time as text, got a number"},
		{sound, `"RIFF"`, `column x wants the file as {"b64": "..."}, got a string`},
		{grey, `"PNG"`, `column x wants the file as {"b64": "..."}, or rows of pixels from 0 to 255, got a string`},
		{grey, "7", `column x wants the file as {"b64": "..."}, or rows of pixels from 0 to 255, got a number`},
		{grey, "[[-1]]", "[0][0]: -1 is no u8; column x wants the file, or rows of pixels from 0 to 255; " + columns.Preprocessed},
		{grey, "[1,2]", "column x: want the pixels of an image of 1 channels, [1 Y X] or [Y X 1], got [2]"},
		{grey, "[]", "column x: want the pixels of an image of 1 channels, [1 Y X] or [Y X 1], got [0]"},
		{grey, "[[[[[[[[[1]]]]]]]]]", "9 axes are too many; column x wants the file, or rows of pixels from 0 to 255; " + columns.Preprocessed},
		{array, `"a"`, "column x wants numbers [2], got a string"},
		{array, `[1,"a"]`, "[1]: want a number, got a string; column x wants f32[2]"},
		{array, `[1,1e39]`, "[1]: 1e+39 is no f32; column x wants f32[2]"},
	} {
		_, err := columns.JSON(c.raw, value(t, c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s of %s: got %v, want %s", c.text, c.raw.Kind, err, c.want)
		} else if engine.AsError(err).Code != engine.Invalid {
			t.Errorf("%s: code %v", c.text, engine.AsError(err).Code)
		}
	}
}

func TestJSONTensor(t *testing.T) {
	want := engine.Tensor{Name: "x", DType: dtype.Float32, Shape: shape.Of(2)}
	values := func(text string) []jsondoc.Value {
		var list []jsondoc.Value
		for _, v := range value(t, text).Items() {
			list = append(list, v)
		}
		return list
	}
	got, err := columns.JSONTensor(want, values("[[0.5,2],[3,4]]"))
	if err != nil || got.String() != "f32[2 2]" || got.Float(0) != 0.5 || got.Float(3) != 4 {
		t.Errorf("got %v, %v", got, err)
	}
	got, err = columns.JSONTensor(engine.Tensor{Name: "x", DType: dtype.Int64}, values("[9007199254740993,-2]"))
	if err != nil || got.String() != "i64[2]" || got.Int(0) != 9007199254740993 || got.Int(1) != -2 {
		t.Errorf("got %v, %v", got, err)
	}
	for text, message := range map[string]string{
		"[[1,2],[3]]":             "[1]: input tensor x has shape [1] here, and [2] in the first example",
		`[["a",2]]`:               "[0][0]: want a number, got a string",
		"[[[[[[[[[[1,2]]]]]]]]]]": "[0]: input tensor x has 8 axes too many",
		"[[[1],[1,2]]]":           "[0][1]: has shape [2], want [1] as the one before; arrays must be nested regularly",
	} {
		if _, err := columns.JSONTensor(want, values(text)); err == nil || err.Error() != message {
			t.Errorf("%s: got %v, want %s", text, err, message)
		}
	}
}

func TestIsAddress(t *testing.T) {
	for text, want := range map[string]bool{
		"http://x": true, "HTTPS://x": true, "s3://bucket": true, "file:///etc/passwd": true, "file:/etc/passwd": true, "data:image/png;base64,": true, "git+ssh://x": true,
		"": false, "http": false, "/etc/passwd": false, "C:\\x": false, "GIF89a:\x00\x01\x00": false, "\x89PNG://": false, "RIFF\x00://": false, "3com://x": false, "://x": false,
	} {
		if got := columns.IsAddress([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = columns.JSON(grey, value(t, string(quoted)))
		if err == nil || strings.Contains(err.Error(), columns.Addressed) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}
