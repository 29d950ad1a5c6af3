package tensorflow

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/jsondoc"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// An example is what classify and regress take: lists by name, as in
// tensorflow.Example.
type example map[string]list

// A list holds values of one kind. An empty one is a value that is missing.
type list struct {
	bytes  [][]byte
	floats []float64
	ints   []int64
}

func (l list) len() int { return len(l.bytes) + len(l.floats) + len(l.ints) }

// Examples are those of a request. What they share is there once: copied into each
// of them, a short request would become a long one.
type examples struct {
	list   []example
	shared example // the context
}

// mostExamples bounds the memory of examples, which the size of their text does
// not: an example may be {}. No engine takes as many at a time.
const mostExamples = 1 << 16

// examplesOf reads the body of a classify or regress call.
func examplesOf(root jsondoc.Value) (*examples, error) {
	v, ok := root.Get("examples")
	switch {
	case !ok:
		return nil, root.Errorf(`want "examples", a list of objects`)
	case v.Kind() != jsondoc.Array:
		return nil, v.Errorf("want a list of examples, got %v", v.Kind())
	case v.Len() == 0:
		return nil, v.Errorf("has no examples")
	case v.Len() > mostExamples:
		return nil, engine.Errorf(engine.TooLarge, "the request has %d examples, at most %d are taken at a time", v.Len(), mostExamples)
	}
	all := &examples{}
	if v, ok := root.Get("context"); ok {
		var err error
		if all.shared, err = exampleOf(v); err != nil {
			return nil, err
		}
	}
	for _, item := range v.Items() {
		e, err := exampleOf(item)
		if err != nil {
			return nil, err
		}
		if err := all.add(e); err != nil {
			return nil, item.Errorf("%v", err)
		}
	}
	return all, nil
}

// add takes an example, which has none of the features that all share.
func (all *examples) add(e example) error {
	for name := range e {
		if _, ok := all.shared[name]; ok {
			return fmt.Errorf("feature %.100q is in the context and in an example", name)
		}
	}
	all.list = append(all.list, e)
	return nil
}

// exampleOf reads the features of an example: {"name": VALUE or [VALUE, ...]}.
func exampleOf(v jsondoc.Value) (example, error) {
	if v.Kind() != jsondoc.Object {
		return nil, v.Errorf("want an object, got %v", v.Kind())
	}
	e := make(example, v.Len())
	for key, value := range v.Members() {
		var l list
		var err error
		if value.Kind() == jsondoc.Array {
			for _, item := range value.Items() {
				if err = l.append(item); err != nil {
					break
				}
			}
		} else {
			err = l.append(value)
		}
		if err != nil {
			return nil, err
		}
		e[string(key)] = l
	}
	return e, nil
}

// append reads a value. Whole numbers of a list that has others too are floats.
func (l *list) append(v jsondoc.Value) error {
	var b []byte
	switch v.Kind() {
	case jsondoc.String:
		b = v.Bytes()
	case jsondoc.Number, jsondoc.Bool:
		if len(l.bytes) > 0 {
			return v.Errorf("a list holds values of one kind")
		}
		i, whole := v.Int()
		if v.Kind() == jsondoc.Bool {
			whole = true
			if v.Bool() {
				i = 1
			}
		}
		switch {
		case whole && len(l.floats) == 0:
			l.ints = append(l.ints, i)
		case whole:
			l.floats = append(l.floats, float64(i))
		default:
			for _, i := range l.ints {
				l.floats = append(l.floats, float64(i))
			}
			l.ints = nil
			l.floats = append(l.floats, v.Float())
		}
		return nil
	default:
		var is bool
		var err error
		if b, is, err = columns.Base64(v); err != nil {
			return err
		}
		if !is {
			return v.Errorf(`want a number, a string or {"b64": "..."}, got %v`, v.Kind())
		}
	}
	if len(l.ints)+len(l.floats) > 0 {
		return v.Errorf("a list holds values of one kind")
	}
	l.bytes = append(l.bytes, b)
	return nil
}

// fill completes a request by examples.
func (g *signature) fill(all *examples, r *engine.Request) error {
	if err := r.Enter(len(all.list)); err != nil {
		return err
	}
	known := map[string]bool{}
	if g.preprocessed {
		r.Tensors = map[string]*tensor.Tensor{}
		for _, want := range g.Tensors {
			known[want.Name] = true
			t, err := all.tensor(want)
			if err != nil {
				return err
			}
			r.Tensors[want.Name] = t
		}
	} else {
		r.Columns = map[string][]any{}
		for _, c := range g.Columns {
			known[c.Name] = true
			values, err := all.values(c)
			if err != nil {
				return err
			}
			r.Columns[c.Name] = values
		}
	}
	for name := range all.shared {
		if !known[name] {
			return engine.Errorf(engine.Invalid, "context: there is no feature %.100q; the model has %q", name, g.inputs())
		}
	}
	for k, e := range all.list {
		for name := range e {
			if !known[name] {
				return engine.Errorf(engine.Invalid, "example %d: there is no feature %.100q; the model has %q", k, name, g.inputs())
			}
		}
	}
	return nil
}

// values are those of a column. One that all examples share is made once.
func (all *examples) values(c feature.Raw) ([]any, error) {
	var shared any
	l, is := all.shared[c.Name]
	if is {
		var err error
		if shared, err = l.value(c); err != nil {
			return nil, engine.Errorf(engine.Invalid, "context: column %s: %v", c.Name, err)
		}
	}
	values := make([]any, len(all.list))
	for k, e := range all.list {
		if is {
			values[k] = shared
			continue
		}
		var err error
		if values[k], err = e[c.Name].value(c); err != nil {
			return nil, engine.Errorf(engine.Invalid, "example %d: column %s: %v", k, c.Name, err)
		}
	}
	return values, nil
}

// mostShared bounds the bytes of a tensor whose examples all come from the
// context, which the size of the message does not.
const mostShared = 64 << 20

// tensor is an input of the network.
func (all *examples) tensor(want engine.Tensor) (*tensor.Tensor, error) {
	n := len(all.list)
	stacked := shape.Of(append([]int{n}, want.Shape.Dims()...)...)
	if l, ok := all.shared[want.Name]; ok {
		one, err := l.array(want.DType, want.Shape)
		if err != nil {
			return nil, engine.Errorf(engine.Invalid, "context: input tensor %s: %v", want.Name, err)
		}
		if size := len(one.Bytes()); n > mostShared/max(size, 1) {
			return nil, engine.Errorf(engine.TooLarge, "context: input tensor %s has %d bytes for each of %d examples; at most %d bytes are made of the context", want.Name, size, n, mostShared)
		}
		t := tensor.New(want.DType, stacked)
		for k := range n {
			row := t.Row(k)
			copy(row.Bytes(), one.Bytes())
		}
		return t, nil
	}
	var rows []byte
	for k, e := range all.list {
		t, err := e[want.Name].array(want.DType, want.Shape)
		if err != nil {
			return nil, engine.Errorf(engine.Invalid, "example %d: input tensor %s: %v", k, want.Name, err)
		}
		rows = append(rows, t.Bytes()...)
	}
	t := tensor.New(want.DType, stacked)
	copy(t.Bytes(), rows)
	return t, nil
}

// value makes of a list the value of a column: its only one, or all of an array
// or an image.
func (l list) value(c feature.Raw) (any, error) {
	switch {
	case l.len() == 0 && !c.Missing:
		return nil, fmt.Errorf("is missing")
	case l.len() == 0:
		return nil, nil
	case c.Kind == feature.RawArray:
		return l.array(c.DType, c.Shape)
	case c.Kind == feature.RawImage && len(l.bytes) == 0:
		t, err := l.array(dtype.Uint8, shape.Of(c.Pixels[:]...))
		if err != nil {
			return nil, fmt.Errorf("want a file, or all pixels, the channels one after the other: %v", err)
		}
		return t, nil
	case l.len() != 1:
		return nil, fmt.Errorf("want one value, got %d", l.len())
	}
	switch c.Kind {
	case feature.RawImage, feature.RawAudio:
		if len(l.bytes) == 1 {
			return l.bytes[0], nil
		}
	case feature.RawNumber:
		if len(l.floats) == 1 {
			return l.floats[0], nil
		}
	}
	switch {
	case len(l.bytes) == 1:
		return string(l.bytes[0]), nil
	case len(l.ints) == 1 && (c.Kind == feature.RawNumber || c.Kind == feature.RawCategory):
		return l.ints[0], nil
	case c.Kind == feature.RawCategory:
		return nil, fmt.Errorf("want text or a whole number, got %v", l.floats[0])
	}
	return nil, fmt.Errorf("want bytes, got a number")
}

// array makes of a list all numbers of a tensor, row by row.
func (l list) array(dt dtype.DType, s shape.Shape) (*tensor.Tensor, error) {
	if n := len(l.ints) + len(l.floats); n != s.Size() || len(l.bytes) > 0 {
		return nil, fmt.Errorf("want %d numbers, those of %v%v, got %d values", s.Size(), dt, s, l.len())
	}
	t := tensor.New(dt, s)
	for i, x := range l.floats {
		if !dt.IsFloat() {
			return nil, fmt.Errorf("want whole numbers, got %v", x)
		}
		if t.SetFloat(i, x); math.IsInf(t.Float(i), 0) {
			return nil, fmt.Errorf("%v is too large for %v", x, dt)
		}
	}
	for i, x := range l.ints {
		if dt.IsFloat() {
			t.SetFloat(i, float64(x))
		} else if t.SetInt(i, x); t.Int(i) != x || x < 0 && dt.IsUnsigned() {
			return nil, fmt.Errorf("%d does not fit into %v", x, dt)
		}
	}
	return t, nil
}
