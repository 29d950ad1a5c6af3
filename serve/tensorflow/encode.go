package tensorflow

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/jsondoc"
	"github.com/gradus-ml/gradus/tensor"
)

// predictionsJSON is the answer to a request in rows: an example's only output,
// or an object of them.
func predictionsJSON(a *engine.Response) []byte {
	b := []byte(`{"predictions":[`)
	for k := range a.N {
		if k > 0 {
			b = append(b, ',')
		}
		b = appendOutputs(b, a.Outputs, func(b []byte, o *engine.Answer) []byte { return appendExample(b, o, k) })
	}
	return append(b, "]}\n"...)
}

// outputsJSON is the answer to a request in columns: the only output of all
// examples, or an object of them.
func outputsJSON(a *engine.Response) []byte {
	b := []byte(`{"outputs":`)
	b = appendOutputs(b, a.Outputs, func(b []byte, o *engine.Answer) []byte {
		b = append(b, '[')
		for k := range a.N {
			if k > 0 {
				b = append(b, ',')
			}
			b = appendExample(b, o, k)
		}
		return append(b, ']')
	})
	return append(b, "}\n"...)
}

// appendOutputs writes outputs by name, or the only one without its name.
func appendOutputs(b []byte, outputs []engine.Answer, write func([]byte, *engine.Answer) []byte) []byte {
	if len(outputs) == 1 {
		return write(b, &outputs[0])
	}
	b = append(b, '{')
	for i := range outputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jsondoc.AppendString(b, outputs[i].Name), ':')
		b = write(b, &outputs[i])
	}
	return append(b, '}')
}

// appendExample writes what an output has for example k. Strings of an output
// whose name ends with _bytes are bytes.
func appendExample(b []byte, o *engine.Answer, k int) []byte {
	if o.Tensor == nil {
		if strings.HasSuffix(o.Name, "_bytes") {
			b = append(b, `{"b64":"`...)
			b = base64.StdEncoding.AppendEncode(b, []byte(o.Strings[k]))
			return append(b, `"}`...)
		}
		return jsondoc.AppendString(b, o.Strings[k])
	}
	t := o.Tensor.Row(k)
	b, _ = appendTensor(b, &t, t.Shape().Dims(), 0)
	return b
}

// appendTensor writes the elements from place i on that extents ask for, and
// returns the place behind them.
func appendTensor(b []byte, t *tensor.Tensor, dims []int, i int) ([]byte, int) {
	if len(dims) == 0 {
		switch dt := t.DType(); {
		case dt == dtype.Bool:
			return strconv.AppendBool(b, t.Int(i) != 0), i + 1
		case dt == dtype.Uint64:
			return strconv.AppendUint(b, tensor.Data[uint64](t)[i], 10), i + 1
		case dt.IsInt():
			return strconv.AppendInt(b, t.Int(i), 10), i + 1
		case dt == dtype.Float64:
			return appendFloat(b, t.Float(i), 64), i + 1
		}
		return appendFloat(b, t.Float(i), 32), i + 1
	}
	b = append(b, '[')
	for k := range dims[0] {
		if k > 0 {
			b = append(b, ',')
		}
		b, i = appendTensor(b, t, dims[1:], i)
	}
	return append(b, ']'), i
}

// appendFloat writes the shortest decimal that is read as the same number, and
// never a whole number, so that a reader takes all of a list for floats.
func appendFloat(b []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(b, "NaN"...)
	case math.IsInf(x, 1):
		return append(b, "Infinity"...)
	case math.IsInf(x, -1):
		return append(b, "-Infinity"...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, x, 'g', -1, bits)
	if !slices.ContainsFunc(b[start:], func(c byte) bool { return c == '.' || c == 'e' }) {
		b = append(b, ".0"...)
	}
	return b
}

// classesJSON is the answer of classify.
func classesJSON(all [][]class) []byte {
	b := []byte(`{"results":[`)
	for k, classes := range all {
		if k > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		for i, c := range classes {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(jsondoc.AppendString(append(b, '['), c.label), ',')
			b = append(appendFloat(b, float64(c.score), 32), ']')
		}
		b = append(b, ']')
	}
	return append(b, "]}\n"...)
}

// valuesJSON is the answer of regress.
func valuesJSON(values []float64) []byte {
	b := []byte(`{"results":[`)
	for k, x := range values {
		if k > 0 {
			b = append(b, ',')
		}
		b = appendFloat(b, x, 64)
	}
	return append(b, "]}\n"...)
}
