package columns

import (
	"bytes"
	"encoding/base64"
	"slices"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/jsondoc"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Base64 is the content of {"b64": "..."}, which is how bytes stand in JSON. It
// tells whether v is one; the error is that of its text.
func Base64(v jsondoc.Value) (b []byte, is bool, err error) {
	if v.Kind() != jsondoc.Object || v.Len() != 1 {
		return nil, false, nil
	}
	text, ok := v.Get("b64")
	if !ok || text.Kind() != jsondoc.String {
		return nil, false, nil
	}
	src := bytes.TrimRight(text.Bytes(), "=") // padding may be left out
	b = make([]byte, base64.RawStdEncoding.DecodedLen(len(src)))
	n, err := base64.RawStdEncoding.Decode(b, src)
	if err != nil {
		return nil, true, text.Errorf("is not base64")
	}
	return b[:n], true, nil
}

// Addressed is the advice to those who send the address of a file. Nothing is
// ever fetched for a request.
const Addressed = `files are sent, not addresses: the content, as {"b64": "..."} in JSON`

// IsAddress reports whether a text looks like the address of a file: it begins
// with a scheme, ":" and "//", or is a "data:" or "file:" address. No file does
// that is read here.
func IsAddress(text []byte) bool {
	scheme, rest, ok := bytes.Cut(text[:min(len(text), 24)], []byte(":"))
	if !ok || len(scheme) < 2 {
		return false
	}
	for i, b := range scheme {
		switch lower := b | ' '; {
		case lower >= 'a' && lower <= 'z':
		case i > 0 && (b >= '0' && b <= '9' || b == '+' || b == '-' || b == '.'):
		default:
			return false
		}
	}
	return bytes.HasPrefix(rest, []byte("//")) || bytes.EqualFold(scheme, []byte("data")) || bytes.EqualFold(scheme, []byte("file"))
}

// JSON makes of a JSON value one of a column, of the types that [Values] makes.
// A number has no type in JSON: 1 is a number, a category or a pixel as the
// column wants it. null is a value that is missing. An array of one value is that
// value, where the column has no arrays. The error is an *engine.Error, with the
// value's path.
func JSON(c feature.Raw, v jsondoc.Value) (any, error) {
	switch v.Kind() {
	case jsondoc.Null:
		if !c.Missing {
			return nil, v.Errorf("column %s needs a value", c.Name)
		}
		return nil, nil
	case jsondoc.Array:
		return arrayOf(c, v)
	case jsondoc.Object:
		b, is, err := Base64(v)
		if err != nil {
			return nil, err
		}
		switch {
		case !is || c.Kind == feature.RawNumber || c.Kind == feature.RawArray:
			return nil, unwanted(c, v)
		case c.Kind == feature.RawImage || c.Kind == feature.RawAudio:
			return b, nil
		}
		return string(b), nil
	case jsondoc.String:
		switch c.Kind {
		case feature.RawImage, feature.RawAudio:
			if IsAddress(v.Bytes()) {
				return nil, v.Errorf("column %s: %s", c.Name, Addressed)
			}
			return nil, unwanted(c, v)
		case feature.RawArray:
			return nil, unwanted(c, v)
		}
		return v.Text(), nil
	case jsondoc.Bool:
		if c.Kind != feature.RawNumber && c.Kind != feature.RawCategory {
			return nil, unwanted(c, v)
		}
		return v.Bool(), nil
	}
	switch c.Kind {
	case feature.RawNumber:
		if i, ok := v.Int(); ok {
			return i, nil
		}
		return v.Float(), nil
	case feature.RawCategory:
		if i, ok := v.Int(); ok {
			return i, nil
		}
	}
	return nil, unwanted(c, v)
}

// unwanted tells of a value that its column does not take.
func unwanted(c feature.Raw, v jsondoc.Value) error {
	want := "text"
	switch c.Kind {
	case feature.RawNumber:
		want = "a number"
	case feature.RawCategory:
		want = "text, a whole number or a boolean"
	case feature.RawTime:
		want = "a time as text"
	case feature.RawImage:
		want = `the file as {"b64": "..."}, or rows of pixels from 0 to 255`
	case feature.RawAudio:
		want = `the file as {"b64": "..."}`
	case feature.RawArray:
		return v.Errorf("column %s wants numbers %v, got %v", c.Name, c.Shape, v.Kind())
	}
	return v.Errorf("column %s wants %s, got %v", c.Name, want, v.Kind())
}

// arrayOf makes of an array an image, an array, or its only value.
func arrayOf(c feature.Raw, v jsondoc.Value) (any, error) {
	switch c.Kind {
	case feature.RawImage:
		t, err := numbers(dtype.Uint8, v)
		if err == nil && t.Shape().Rank() == 1 && t.Size() == c.Pixels[0]*c.Pixels[1]*c.Pixels[2] {
			return t.Reshape(c.Pixels[:]...) // row by row
		}
		if err != nil {
			return nil, engine.Errorf(engine.Invalid, "%v; column %s wants the file, or rows of pixels from 0 to 255; %s", err, c.Name, Preprocessed)
		}
		if t, err = Image(c, t); err != nil {
			return nil, v.Errorf("column %s: %v", c.Name, err)
		}
		return t, nil
	case feature.RawArray:
		t, err := numbers(c.DType, v)
		if err != nil {
			return nil, engine.Errorf(engine.Invalid, "%v; column %s wants %v%v", err, c.Name, c.DType, c.Shape)
		}
		return t, nil
	}
	if v.Len() == 1 {
		for _, item := range v.Items() {
			return JSON(c, item)
		}
	}
	return nil, unwanted(c, v)
}

// numbers makes a tensor of an array.
func numbers(dt dtype.DType, v jsondoc.Value) (*tensor.Tensor, error) {
	dims, err := v.Shape()
	if err != nil {
		return nil, err
	}
	s, err := shape.Make(dims...)
	if err != nil {
		return nil, v.Errorf("%d axes are too many", len(dims))
	}
	t := tensor.New(dt, s)
	return t, v.Fill(t)
}

// JSONTensor makes of the numbers of N examples, nested as the input of the
// network is, that input [N ...]. The error is an *engine.Error.
func JSONTensor(want engine.Tensor, values []jsondoc.Value) (*tensor.Tensor, error) {
	var first []int
	for k, v := range values {
		dims, err := v.Shape()
		switch {
		case err != nil:
			return nil, err
		case k == 0:
			first = dims
		case !slices.Equal(dims, first):
			return nil, v.Errorf("input tensor %s has shape %v here, and %v in the first example", want.Name, dims, first)
		}
	}
	s, err := shape.Make(append([]int{len(values)}, first...)...)
	if err != nil {
		return nil, values[0].Errorf("input tensor %s has %d axes too many", want.Name, len(first)-want.Shape.Rank())
	}
	t := tensor.New(want.DType, s)
	for k, v := range values {
		row := t.Row(k)
		if err := v.Fill(&row); err != nil {
			return nil, err
		}
	}
	return t, nil
}
