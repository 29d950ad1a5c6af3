package jsondoc

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/tensor"
)

// AppendFloat32 appends the shortest decimal that is read back as the same
// float32. JSON has no NaN and no infinity, and neither have the protocols that
// are built on it: they are an error of code Internal, since a model that gives
// them is at fault, and no client.
func AppendFloat32(dst []byte, x float32) ([]byte, error) {
	return finite(dst, float64(x), 32)
}

// AppendFloat64 is AppendFloat32 for a float64.
func AppendFloat64(dst []byte, x float64) ([]byte, error) { return finite(dst, x, 64) }

func finite(dst []byte, x float64, bits int) ([]byte, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, engine.Errorf(engine.Internal, "the model gave %v, which JSON can't hold", x)
	}
	return appendFloat(dst, x, bits), nil
}

// appendFloat writes digits as they are up to 21 of them, as JavaScript does.
func appendFloat(dst []byte, x float64, bits int) []byte {
	format := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, x, format, -1, bits)
}

// AppendInt appends an integer.
func AppendInt(dst []byte, x int64) []byte { return strconv.AppendInt(dst, x, 10) }

// AppendUint appends an integer.
func AppendUint(dst []byte, x uint64) []byte { return strconv.AppendUint(dst, x, 10) }

// AppendBool appends true or false.
func AppendBool(dst []byte, x bool) []byte { return strconv.AppendBool(dst, x) }

// AppendString appends a string in quotes. What is not UTF-8 becomes U+FFFD.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	begin := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[begin:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
			}
			i++
			begin = i
			continue
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && n <= 1 {
			dst = append(dst, s[begin:i]...)
			dst = append(dst, "\ufffd"...)
			i += n
			begin = i
			continue
		}
		i += n
	}
	dst = append(dst, s[begin:]...)
	return append(dst, '"')
}

// AppendTensor appends arrays that are nested as a tensor's shape says, and a
// bare value for one of rank 0.
func AppendTensor(dst []byte, t *tensor.Tensor) ([]byte, error) {
	i := 0
	return appendAxes(dst, t, t.Shape().Dims(), &i)
}

func appendAxes(dst []byte, t *tensor.Tensor, dims []int, i *int) ([]byte, error) {
	var err error
	if len(dims) == 0 {
		dst, err = appendElement(dst, t, *i)
		*i++
		return dst, err
	}
	dst = append(dst, '[')
	for k := range dims[0] {
		if k > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendAxes(dst, t, dims[1:], i); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// AppendFlat appends one array of all elements, row by row.
func AppendFlat(dst []byte, t *tensor.Tensor) ([]byte, error) {
	var err error
	dst = append(dst, '[')
	for i := range t.Size() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendElement(dst, t, i); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendElement(dst []byte, t *tensor.Tensor, i int) ([]byte, error) {
	switch t.DType() {
	case dtype.Float32, dtype.BFloat16, dtype.Float16:
		return AppendFloat32(dst, float32(t.Float(i)))
	case dtype.Float64:
		return AppendFloat64(dst, t.Float(i))
	case dtype.Bool:
		return AppendBool(dst, t.Int(i) != 0), nil
	case dtype.Uint64:
		return AppendUint(dst, uint64(t.Int(i))), nil
	}
	return AppendInt(dst, t.Int(i)), nil
}
