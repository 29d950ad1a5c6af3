// Package columns turns the arrays of a request, as a protocol brings them,
// into what an engine takes: values of columns, or the network's own tensors.
package columns

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// An Array holds numbers or strings for each of N examples.
type Array struct {
	Numbers *tensor.Tensor // [N ...]; nil where there are strings
	Strings [][]byte       // row-major
	Shape   []int          // of the strings, [N ...]
}

// N is the number of examples, 0 for an array without axes.
func (a Array) N() int {
	if a.Numbers == nil {
		if len(a.Shape) == 0 {
			return 0
		}
		return a.Shape[0]
	}
	if a.Numbers.Shape().Rank() == 0 {
		return 0
	}
	return a.Numbers.Shape().Dim(0)
}

// whole tells whether there is an element for each example at least. A shape has
// extents without elements where another one is 0, which nothing is to be made by.
func (a Array) whole() bool {
	have := len(a.Strings)
	if a.Numbers != nil {
		have = a.Numbers.Size()
	}
	return a.N() > 0 && a.N() <= have
}

// String tells type and shape.
func (a Array) String() string {
	if a.Numbers == nil {
		return fmt.Sprint("strings", a.Shape)
	}
	return a.Numbers.String()
}

// Preprocessed is the advice of errors to clients that send finished tensors
// where data are expected.
const Preprocessed = `a client that does the preprocessing itself says so, ` +
	`by the parameter "preprocessed" of the Open Inference Protocol or by signature_name "preprocessed" of TensorFlow Serving`

// Values makes of an array the values of a column, one an example: float64 for
// numbers; int64, bool or string for categories; string for texts and times;
// []byte, which share the array's memory, for files; *tensor.Tensor, which share
// it where they can, for pixels and arrays. Axes of extent 1 do not matter where
// an example has one value. The error is an *engine.Error.
func Values(c feature.Raw, a Array) ([]any, error) {
	values, err := valuesOf(c, a)
	if err != nil {
		return nil, engine.Errorf(engine.Invalid, "column %s: %v", c.Name, err)
	}
	return values, nil
}

func valuesOf(c feature.Raw, a Array) ([]any, error) {
	n := a.N()
	if !a.whole() {
		return nil, fmt.Errorf("want a value for each example, got %v", a)
	}
	values := make([]any, n)
	if a.Numbers == nil {
		if len(a.Strings) != n {
			return nil, fmt.Errorf("want one string for each example, got %v", a)
		}
		if c.Kind == feature.RawArray {
			return nil, fmt.Errorf("want %v%v for each example, got %v", c.DType, c.Shape, a)
		}
		for k, s := range a.Strings {
			if c.Kind == feature.RawImage || c.Kind == feature.RawAudio {
				values[k] = s
			} else {
				values[k] = string(s)
			}
		}
		return values, nil
	}

	t := a.Numbers
	switch c.Kind {
	case feature.RawNumber, feature.RawCategory:
		if t.Size() != n {
			return nil, fmt.Errorf("want one value for each example, got %v", a)
		}
		if c.Kind == feature.RawCategory && t.DType().IsFloat() {
			return nil, fmt.Errorf("want text or whole numbers, got %v", a)
		}
		for k := range values {
			v, err := number(t, k)
			if err != nil {
				return nil, fmt.Errorf("example %d: %v", k, err)
			}
			if x, ok := v.(float64); ok && math.IsNaN(x) && c.Missing {
				v = nil // which is how arrays leave one out
			}
			values[k] = v
		}
	case feature.RawImage:
		pixels, err := Pixels(t)
		if err != nil {
			return nil, err
		}
		if p := c.Pixels; t.Shape().Rank() == 2 && t.Shape().Dim(1) == p[0]*p[1]*p[2] {
			if pixels, err = pixels.Reshape(n, p[0], p[1], p[2]); err != nil { // a row of them for each example
				return nil, err
			}
		}
		for k := range values {
			row := pixels.Row(k)
			if values[k], err = Image(c, &row); err != nil {
				return nil, fmt.Errorf("example %d: %v", k, err)
			}
		}
	case feature.RawArray:
		for k := range values {
			row := t.Row(k)
			values[k] = &row
		}
	default:
		return nil, fmt.Errorf("want strings, got %v", a)
	}
	return values, nil
}

// number is an element as columns of numbers and categories take it.
func number(t *tensor.Tensor, k int) (any, error) {
	switch dt := t.DType(); {
	case dt == dtype.Bool:
		return t.Int(k) != 0, nil
	case dt.IsFloat():
		return t.Float(k), nil
	case dt == dtype.Uint64:
		if u := tensor.Data[uint64](t)[k]; u > math.MaxInt64 {
			return nil, fmt.Errorf("%d is too large, want at most %d", u, int64(math.MaxInt64))
		}
	}
	return t.Int(k), nil
}

// Pixels makes bytes of whole numbers from 0 to 255.
func Pixels(t *tensor.Tensor) (*tensor.Tensor, error) {
	if t.DType() == dtype.Uint8 {
		return t, nil
	}
	if !t.DType().IsInt() {
		return nil, fmt.Errorf("want files, or pixels as whole numbers from 0 to 255, got %v; %s", t, Preprocessed)
	}
	bytes := tensor.New(dtype.Uint8, t.Shape())
	for i := range bytes.Bytes() {
		v, err := number(t, i)
		if err != nil {
			return nil, err
		}
		x := v.(int64)
		if x < 0 || x > 255 {
			return nil, fmt.Errorf("pixels are whole numbers from 0 to 255, got %d", x)
		}
		bytes.Bytes()[i] = byte(x)
	}
	return bytes, nil
}

// Image is an image of bytes in the order that columns take: [Y X] and [C Y X]
// as they are; [Y X C], by which TensorFlow's clients go, is transposed. An image
// that can be read both ways has its channels first.
func Image(c feature.Raw, t *tensor.Tensor) (*tensor.Tensor, error) {
	s, channels := t.Shape(), c.Pixels[0]
	switch {
	case s.Size() == 0:
	case s.Rank() == 2, s.Rank() == 3 && s.Dim(0) == channels:
		return t, nil
	case s.Rank() == 3 && s.Dim(2) == channels:
		y := tensor.New(dtype.Uint8, shape.Of(channels, s.Dim(0), s.Dim(1)))
		src, dst := t.Bytes(), y.Bytes()
		plane := s.Dim(0) * s.Dim(1)
		for i, x := range src {
			dst[i%channels*plane+i/channels] = x
		}
		return y, nil
	}
	return nil, fmt.Errorf("want the pixels of an image of %d channels, [%d Y X] or [Y X %d], got %v", channels, channels, channels, s)
}

// Tensor makes of an array an input of the network, [N ...]. Whole numbers and
// floats are converted where the network wants another type of the kind and the
// numbers fit. The error is an *engine.Error.
func Tensor(want engine.Tensor, a Array) (*tensor.Tensor, error) {
	t, err := tensorOf(want, a)
	if err != nil {
		return nil, engine.Errorf(engine.Invalid, "input tensor %s: %v", want.Name, err)
	}
	return t, nil
}

func tensorOf(want engine.Tensor, a Array) (*tensor.Tensor, error) {
	t := a.Numbers
	if t == nil || !a.whole() {
		return nil, fmt.Errorf("want numbers of type %v for each example, got %v", want.DType, a)
	}
	if t.DType() == want.DType {
		return t, nil
	}
	if want.DType == dtype.Bool || t.DType() == dtype.Bool || !want.DType.IsFloat() && t.DType().IsFloat() {
		return nil, fmt.Errorf("want numbers of type %v, got %v", want.DType, t.DType())
	}
	y := tensor.New(want.DType, t.Shape())
	for i := range y.Size() {
		v, err := number(t, i)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case float64:
			y.SetFloat(i, v)
			if math.IsInf(y.Float(i), 0) && !math.IsInf(v, 0) {
				return nil, fmt.Errorf("%v is too large for %v", v, want.DType)
			}
		case int64:
			if want.DType.IsFloat() {
				y.SetFloat(i, float64(v))
			} else if y.SetInt(i, v); y.Int(i) != v || v < 0 && want.DType.IsUnsigned() {
				return nil, fmt.Errorf("%d does not fit into %v", v, want.DType)
			}
		}
	}
	return y, nil
}
