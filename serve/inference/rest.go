package inference

import (
	"encoding/base64"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/serve/jsondoc"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// headerLength tells how many bytes of a body are JSON, where binary data of
// tensors follow.
const headerLength = "Inference-Header-Content-Length"

// infer answers a request for a prediction.
func (s *Service) infer(w http.ResponseWriter, r *http.Request) {
	model := r.PathValue("model")
	if err := engine.Allowed(r.Context(), model); err != nil {
		guard.Fail(w, r, err)
		return
	}
	body, free, err := guard.Body(r)
	if err != nil {
		guard.Fail(w, r, err)
		return
	}
	defer free()
	doc, c, err := decode(body, r.Header.Get(headerLength))
	if err != nil {
		guard.Fail(w, r, err)
		return
	}
	defer doc.Free()
	_, resp, answers, err := s.predict(r.Context(), model, r.PathValue("version"), c)
	if err != nil {
		guard.Fail(w, r, err)
		return
	}
	buf := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= 1<<20 {
			buffers.Put(buf)
		}
	}()
	text, header, err := appendAnswer((*buf)[:0], resp, c.id, answers)
	if err != nil {
		guard.Fail(w, r, err)
		return
	}
	*buf = text
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if header < len(text) {
		h.Set("Content-Type", "application/octet-stream")
		h.Set(headerLength, strconv.Itoa(header))
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.Write(text)
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// decode reads a body: JSON, and after it the binary data of inputs if the
// header says where the JSON ends. The document is to be freed when the call is
// over, which refers to it and to the body.
func decode(body []byte, header string) (*jsondoc.Document, *call, error) {
	var binary []byte
	if header != "" {
		n, err := strconv.ParseUint(header, 10, 63)
		if err != nil || n > uint64(len(body)) {
			return nil, nil, engine.Errorf(engine.Invalid, "%s is %.30q, want the length of the JSON, which is at most the %d bytes of the body", headerLength, header, len(body))
		}
		body, binary = body[:n], body[n:]
	}
	doc, err := jsondoc.Parse(body, jsondoc.DefaultLimits())
	if err != nil {
		return nil, nil, err
	}
	c, err := decodeCall(doc.Root(), binary)
	if err != nil {
		doc.Free()
		return nil, nil, err
	}
	return doc, c, nil
}

func decodeCall(v jsondoc.Value, binary []byte) (*call, error) {
	if v.Kind() != jsondoc.Object {
		return nil, v.Errorf(`want an object with "inputs", got %v`, v.Kind())
	}
	c := &call{}
	for key, m := range v.Members() {
		switch string(key) {
		case "id":
			if m.Kind() != jsondoc.String {
				return nil, m.Errorf("want a string, got %v", m.Kind())
			}
			c.id = m.Text()
		case "parameters":
			if err := c.parameters(m); err != nil {
				return nil, err
			}
		case "inputs":
			if m.Kind() != jsondoc.Array {
				return nil, m.Errorf("want an array, got %v", m.Kind())
			}
			for _, item := range m.Items() {
				in, rest, err := decodeInput(item, binary)
				if err != nil {
					return nil, err
				}
				c.inputs, binary = append(c.inputs, in), rest
			}
		case "outputs":
			if m.Kind() != jsondoc.Array {
				return nil, m.Errorf("want an array, got %v", m.Kind())
			}
			for _, item := range m.Items() {
				o, err := decodeOutput(item)
				if err != nil {
					return nil, err
				}
				c.outputs = append(c.outputs, o)
			}
		}
	}
	if len(binary) > 0 {
		return nil, engine.Errorf(engine.Invalid, "%d bytes follow the binary data of the inputs", len(binary))
	}
	return c, nil
}

// parameters reads those of a request. The ones that it does not know, it leaves
// alone: clients send others to other servers.
func (c *call) parameters(v jsondoc.Value) error {
	if v.Kind() != jsondoc.Object {
		return v.Errorf("want an object, got %v", v.Kind())
	}
	for key, m := range v.Members() {
		var err error
		switch name := string(key); name {
		case "preprocessed":
			c.preprocessed, err = boolean(m)
		case "binary_data_output":
			c.binary, err = boolean(m)
		case "timeout":
			var x uint64
			x, err = natural(m)
			c.timeout = microseconds(x)
		case "priority":
			_, err = natural(m)
		default:
			err = refused(name, m.Errorf)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// microseconds is a time that may be longer than any request takes.
func microseconds(x uint64) time.Duration {
	return time.Duration(min(x, uint64(time.Hour/time.Microsecond))) * time.Microsecond
}

// refused tells parameters that ask for what this server doesn't do.
func refused(name string, errorf func(string, ...any) *engine.Error) error {
	switch {
	case strings.HasPrefix(name, "sequence_"):
		return errorf("models of this server keep no state between requests; leave out the sequence")
	case strings.HasPrefix(name, "shared_memory_"):
		return errorf("this server shares no memory with clients; send the data")
	}
	return nil
}

func boolean(v jsondoc.Value) (bool, error) {
	if v.Kind() != jsondoc.Bool {
		return false, v.Errorf("want true or false, got %v", v.Kind())
	}
	return v.Bool(), nil
}

func natural(v jsondoc.Value) (uint64, error) {
	x, ok := v.Uint()
	if !ok {
		return 0, v.Errorf("want a whole number from 0 on")
	}
	return x, nil
}

// decodeInput reads an input, whose data may be the first of the binary data.
func decodeInput(v jsondoc.Value, binary []byte) (in input, rest []byte, err error) {
	if v.Kind() != jsondoc.Object {
		return in, nil, v.Errorf("want an object, got %v", v.Kind())
	}
	var (
		d       datatype
		dims    []int
		data    *jsondoc.Value
		size    = -1
		base64d bool
	)
	for key, m := range v.Members() {
		switch string(key) {
		case "name":
			in.name = m.Text()
		case "datatype":
			if d, err = parseDatatype(m.Text()); err != nil {
				return in, nil, m.Errorf("%v", err)
			}
		case "shape":
			if dims, err = extents(m); err != nil {
				return in, nil, err
			}
		case "data":
			data = &m
		case "parameters":
			if m.Kind() != jsondoc.Object {
				return in, nil, m.Errorf("want an object, got %v", m.Kind())
			}
			for key, p := range m.Members() {
				switch name := string(key); name {
				case "binary_data_size":
					x, err := natural(p)
					if err != nil {
						return in, nil, err
					}
					if x > uint64(len(binary)) {
						return in, nil, p.Errorf("is %d, and %d bytes of binary data are left after the JSON", x, len(binary))
					}
					size = int(x)
				case "content_type":
					base64d = p.Text() == "base64"
				default:
					if err := refused(name, p.Errorf); err != nil {
						return in, nil, err
					}
				}
			}
		}
	}
	switch {
	case in.name == "":
		return in, nil, v.Errorf("want a name")
	case d.name == "":
		return in, nil, v.Errorf("want a datatype")
	case dims == nil:
		return in, nil, v.Errorf("want a shape")
	case data == nil && size < 0:
		return in, nil, v.Errorf("want data, or binary data and their binary_data_size")
	case data != nil && size >= 0:
		return in, nil, v.Errorf("has data and binary data; want one or the other")
	}
	if size >= 0 {
		in.array, err = fromRaw(d, dims, binary[:size:size])
		rest = binary[size:]
	} else {
		err = in.fromJSON(d, dims, *data, base64d)
		rest = binary
	}
	var e *engine.Error
	if errors.As(err, &e) && !strings.Contains(e.Message, "inputs[") { // without a place yet
		err = v.Errorf("%s", e.Message)
	}
	return in, rest, err
}

// extents reads a shape.
func extents(v jsondoc.Value) ([]int, error) {
	if v.Kind() != jsondoc.Array || v.Len() == 0 || v.Len() > shape.MaxRank {
		return nil, v.Errorf("want 1 to %d extents", shape.MaxRank)
	}
	dims := make([]int, 0, v.Len())
	for _, item := range v.Items() {
		x, err := natural(item)
		if err != nil {
			return nil, err
		}
		if x > math.MaxInt32 {
			return nil, item.Errorf("is %d, which is too large", x)
		}
		dims = append(dims, int(x))
	}
	if _, err := count(dims); err != nil {
		return nil, v.Errorf("%v", err)
	}
	return dims, nil
}

// fromRaw makes an array of the memory of a tensor, and shares it where it can.
func fromRaw(d datatype, dims []int, b []byte) (columns.Array, error) {
	n, err := count(dims)
	if err != nil {
		return columns.Array{}, err
	}
	if d.name == bytesType.name {
		list, err := splitBytes(b, n)
		return columns.Array{Strings: list, Shape: dims}, err
	}
	s, err := shape.Make(dims...)
	if err != nil {
		return columns.Array{}, engine.Errorf(engine.Invalid, "%v", err)
	}
	t, err := d.fromBytes(s, b)
	return columns.Array{Numbers: t}, err
}

// fromJSON reads data, flat or nested.
func (in *input) fromJSON(d datatype, dims []int, v jsondoc.Value, base64d bool) error {
	n, err := count(dims)
	if err != nil {
		return err
	}
	if v.Kind() != jsondoc.Array {
		return v.Errorf("want an array, got %v", v.Kind())
	}
	if size := v.Size(); size != n {
		return v.Errorf("holds %d elements, and shape %v has %d", size, dims, n)
	}
	if nested, err := v.Shape(); err != nil {
		return err
	} else if len(nested) > 1 && !slices.Equal(nested, dims) {
		return v.Errorf("is nested as %v, want it flat or as shape %v", nested, dims)
	}
	if d.name == bytesType.name {
		in.array.Shape, in.text = dims, !base64d
		in.array.Strings = make([][]byte, 0, n)
		for leaf := range v.Leaves() {
			text := leaf.Bytes()
			if leaf.Kind() != jsondoc.String {
				return leaf.Errorf("want a string, got %v", leaf.Kind())
			}
			if base64d {
				file := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
				size, err := base64.StdEncoding.Decode(file, text)
				if err != nil {
					return leaf.Errorf("is no base64")
				}
				text = file[:size]
			}
			in.array.Strings = append(in.array.Strings, text)
		}
		return nil
	}
	t := tensor.New(d.dtype, shape.Of(dims...))
	in.array.Numbers = t
	if _, _, numbers := v.Numbers(); !numbers && d.dtype.IsFloat() {
		return in.withNulls(t, v)
	}
	if err := v.Fill(t); err != nil {
		return err
	}
	return d.check(t)
}

// withNulls fills a tensor of floats, with NaN for null.
func (in *input) withNulls(t *tensor.Tensor, v jsondoc.Value) error {
	one := tensor.New(t.DType(), shape.Of(1))
	i := 0
	for leaf := range v.Leaves() {
		if leaf.Kind() == jsondoc.Null {
			t.SetFloat(i, math.NaN())
			in.nulls = true
		} else {
			if err := leaf.Fill(one); err != nil {
				return err
			}
			t.SetFloat(i, one.Float(0))
		}
		i++
	}
	return nil
}

func decodeOutput(v jsondoc.Value) (o output, err error) {
	if v.Kind() != jsondoc.Object {
		return o, v.Errorf("want an object, got %v", v.Kind())
	}
	for key, m := range v.Members() {
		switch string(key) {
		case "name":
			o.name = m.Text()
		case "parameters":
			if m.Kind() != jsondoc.Object {
				return o, m.Errorf("want an object, got %v", m.Kind())
			}
			for key, p := range m.Members() {
				var err error
				switch name := string(key); name {
				case "binary_data":
					var b bool
					b, err = boolean(p)
					o.binary = &b
				case "classification":
					var k uint64
					k, err = natural(p)
					o.classes = int(min(k, math.MaxInt32))
				default:
					err = refused(name, p.Errorf)
				}
				if err != nil {
					return o, err
				}
			}
		}
	}
	if o.name == "" {
		return o, v.Errorf("want a name")
	}
	return o, nil
}

// appendAnswer writes an answer: JSON, of the returned length, and after it what
// is to be binary.
func appendAnswer(dst []byte, r *engine.Response, id string, answers []answer) (text []byte, header int, err error) {
	dst = append(dst, `{"model_name":`...)
	dst = jsondoc.AppendString(dst, r.Model)
	dst = append(dst, `,"model_version":`...)
	dst = jsondoc.AppendString(dst, r.Version)
	if id != "" {
		dst = append(dst, `,"id":`...)
		dst = jsondoc.AppendString(dst, id)
	}
	dst = append(dst, `,"outputs":[`...)
	for i := range answers {
		a := &answers[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":`...)
		dst = jsondoc.AppendString(dst, a.name)
		dst = append(dst, `,"datatype":"`...)
		dst = append(dst, a.datatype.name...)
		dst = append(dst, `","shape":`...)
		dst = appendInts(dst, a.shape)
		switch {
		case a.binary:
			dst = append(dst, `,"parameters":{"binary_data_size":`...)
			dst = strconv.AppendInt(dst, int64(a.size()), 10)
			dst = append(dst, '}')
		case a.tensor != nil:
			dst = append(dst, `,"data":`...)
			if dst, err = jsondoc.AppendFlat(dst, a.tensor); err != nil {
				return nil, 0, unwritable(a, err)
			}
		default:
			dst = append(dst, `,"data":[`...)
			for k, s := range a.strings {
				if k > 0 {
					dst = append(dst, ',')
				}
				dst = jsondoc.AppendString(dst, s)
			}
			dst = append(dst, ']')
		}
		dst = append(dst, '}')
	}
	dst = append(dst, "]}"...)
	header = len(dst)
	for i := range answers {
		if answers[i].binary {
			dst = answers[i].appendRaw(dst)
		}
	}
	return dst, header, nil
}

func unwritable(a *answer, err error) error {
	return engine.Errorf(engine.Internal, "output %s: %v; binary data can", a.name, err)
}

// appendInts appends an array of integers.
func appendInts(dst []byte, list []int) []byte {
	dst = append(dst, '[')
	for i, x := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(x), 10)
	}
	return append(dst, ']')
}

// size is the number of bytes of an answer as binary data.
func (a *answer) size() int {
	if a.tensor != nil {
		return len(a.tensor.Bytes())
	}
	n := 0
	for _, s := range a.strings {
		n += 4 + len(s)
	}
	return n
}

func (a *answer) appendRaw(dst []byte) []byte {
	if a.tensor != nil {
		return append(dst, a.tensor.Bytes()...)
	}
	return appendBytes(dst, a.strings)
}
