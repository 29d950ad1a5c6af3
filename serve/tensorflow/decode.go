package tensorflow

import (
	"slices"

	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/jsondoc"
	"github.com/gradus-ml/gradus/tensor"
)

// predict completes a request by the body of a predict call, and tells whether
// the answer is to be in rows.
func (g *signature) predict(root jsondoc.Value, r *engine.Request) (rows bool, err error) {
	instances, rows := root.Get("instances")
	inputs, columnar := root.Get("inputs")
	var f *filling
	switch {
	case rows && columnar:
		return false, root.Errorf(`want "instances" or "inputs", got both`)
	case rows:
		f, err = g.rows(instances, r)
	case columnar:
		f, err = g.columns(inputs, r)
	default:
		return false, root.Errorf(`want "instances", a list of examples, or "inputs", a list of values for each input`)
	}
	if err != nil {
		return rows, err
	}
	return rows, f.complete(r)
}

// rows reads "instances": a list of objects, or of values where there is one
// input.
func (g *signature) rows(v jsondoc.Value, r *engine.Request) (*filling, error) {
	f, err := g.examples(v, r)
	if err != nil {
		return nil, err
	}
	for k, item := range v.Items() {
		if !named(item) {
			if len(f.names) > 1 {
				return nil, item.Errorf("want an object with the inputs %q, got %v", f.names, item.Kind())
			}
			if err := f.set(0, k, item); err != nil {
				return nil, err
			}
			continue
		}
		for key, value := range item.Members() {
			i, err := f.input(key, value)
			if err == nil {
				err = f.set(i, k, value)
			}
			if err != nil {
				return nil, err
			}
		}
		if i := f.lacks(k); i >= 0 {
			return nil, item.Errorf("input %s is missing", f.names[i])
		}
	}
	return f, nil
}

// columns reads "inputs": an object of lists, or a list where there is one input.
func (g *signature) columns(v jsondoc.Value, r *engine.Request) (*filling, error) {
	if !named(v) {
		f, err := g.examples(v, r)
		if err != nil {
			return nil, err
		}
		if len(f.names) > 1 {
			return nil, v.Errorf("want an object with the inputs %q, got %v", f.names, v.Kind())
		}
		if err := f.column(0, v); err != nil {
			return nil, err
		}
		return f, nil
	}
	var f *filling
	for key, list := range v.Members() {
		if f == nil {
			var err error
			if f, err = g.examples(list, r); err != nil {
				return nil, err
			}
		}
		i, err := f.input(key, list)
		if err != nil {
			return nil, err
		}
		if list.Kind() != jsondoc.Array || list.Len() != f.n {
			return nil, list.Errorf("want a list of %d examples, as many as the first input has", f.n)
		}
		if err := f.column(i, list); err != nil {
			return nil, err
		}
	}
	if f == nil {
		return nil, v.Errorf("want the inputs %q", g.inputs())
	}
	if i := f.lacks(f.n - 1); i >= 0 {
		return nil, v.Errorf("input %s is missing", f.names[i])
	}
	return f, nil
}

// named tells whether a value is an object of inputs, and not one of bytes.
func named(v jsondoc.Value) bool {
	if v.Kind() != jsondoc.Object {
		return false
	}
	text, ok := v.Get("b64")
	return !(ok && v.Len() == 1 && text.Kind() == jsondoc.String)
}

// A filling is a request whose values are being read.
type filling struct {
	*signature
	n       int
	names   []string
	last    []int             // by input: the examples that have a value end here
	values  [][]any           // of columns, by example
	tensors [][]jsondoc.Value // of tensors, by example
}

// examples begins to fill a request for a list of examples. It enters the queue,
// which bounds the memory of values as the size of the text does not: an example
// may be {}.
func (g *signature) examples(v jsondoc.Value, r *engine.Request) (*filling, error) {
	switch {
	case v.Kind() != jsondoc.Array:
		return nil, v.Errorf("want a list of examples, got %v", v.Kind())
	case v.Len() == 0:
		return nil, v.Errorf("has no examples")
	}
	if err := r.Enter(v.Len()); err != nil {
		return nil, err
	}
	names := g.inputs()
	return &filling{
		signature: g,
		n:         v.Len(),
		names:     names,
		last:      make([]int, len(names)),
		values:    make([][]any, len(names)),
		tensors:   make([][]jsondoc.Value, len(names)),
	}, nil
}

// input is the place of a key.
func (f *filling) input(key []byte, v jsondoc.Value) (int, error) {
	i := slices.IndexFunc(f.names, func(name string) bool { return name == string(key) })
	if i < 0 {
		return 0, v.Errorf("there is no such input; the model has %q", f.names)
	}
	return i, nil
}

// set gives input i its value of example k. Examples come in order.
func (f *filling) set(i, k int, v jsondoc.Value) error {
	f.last[i] = k + 1
	if f.preprocessed {
		f.tensors[i] = append(f.tensors[i], v)
		return nil
	}
	if f.values[i] == nil {
		f.values[i] = make([]any, f.n)
	}
	x, err := columns.JSON(f.Columns[i], v)
	f.values[i][k] = x
	return err
}

// column gives input i its values of all examples.
func (f *filling) column(i int, list jsondoc.Value) error {
	for k, v := range list.Items() {
		if err := f.set(i, k, v); err != nil {
			return err
		}
	}
	return nil
}

// lacks is an input that example k must have and has not, or -1.
func (f *filling) lacks(k int) int {
	for i, last := range f.last {
		if last <= k && (f.preprocessed || !f.Columns[i].Missing) {
			return i
		}
	}
	return -1
}

// complete puts what was read into a request.
func (f *filling) complete(r *engine.Request) error {
	if !f.preprocessed {
		r.Columns = map[string][]any{}
		for i, name := range f.names {
			if f.values[i] != nil {
				r.Columns[name] = f.values[i]
			}
		}
		return nil
	}
	r.Tensors = map[string]*tensor.Tensor{}
	for i, want := range f.Tensors {
		t, err := columns.JSONTensor(want, f.tensors[i])
		if err != nil {
			return err
		}
		r.Tensors[want.Name] = t
	}
	return nil
}
