package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// An input is a tensor of the network and the columns that it is made of.
type input struct {
	feature.Fitted
	dt       dtype.DType
	item     shape.Shape // of an example, at the largest length
	columns  []string
	missing  []bool          // the column may be left out
	varying  feature.Varying // nil where all examples have one length
	pictures *pictures       // nil where it reads none
}

// inputsOf lists the inputs of a set.
func inputsOf(set *feature.Set) []input {
	may := map[string]bool{}
	for _, c := range set.Raw() {
		may[c.Name] = c.Missing
	}
	var list []input
	for _, f := range set.Inputs {
		in := input{Fitted: f, columns: f.Encoder.Reads()}
		in.dt, in.item = f.Encoder.Item()
		for _, c := range in.columns {
			in.missing = append(in.missing, may[c])
		}
		if v, ok := f.Encoder.(feature.Varying); ok && v.Varies() {
			in.varying = v
		}
		list = append(list, in)
	}
	return list
}

// batchOf is the type of n examples that are filled up to a length.
func (in *input) batchOf(n, length int) ir.Type {
	item := in.item
	if in.varying != nil {
		item = item.With(0, min(length, item.Dim(0)))
	}
	return ir.Type{DType: in.dt, Shape: stacked(n, item)}
}

// stacked is the shape of n examples.
func stacked(n int, item shape.Shape) shape.Shape {
	var dims [shape.MaxRank]int
	dims[0] = n
	for a := range item.Rank() {
		dims[1+a] = item.Dim(a)
	}
	return shape.Of(dims[:1+item.Rank()]...)
}

// An encoded request is the jobs for its examples.
type encoded struct {
	jobs   []*job
	places [][]int // of the examples of each job in the request; nil where there is one job
	own    []int   // the length of each example before it was filled up; nil where all have one length
}

// encode makes the tensors of a request.
func (v *version) encode(ctx context.Context, r *Request) (*encoded, error) {
	if r.Tensors != nil {
		if err := v.checkTensors(r); err != nil {
			return nil, err
		}
	} else if err := v.checkColumns(r); err != nil {
		return nil, err
	}
	if v.runner.lengths == nil {
		j, err := v.encodeAll(ctx, r)
		if err != nil {
			return nil, err
		}
		return &encoded{jobs: []*job{j}}, nil
	}
	return v.encodeVarying(ctx, r)
}

// checkColumns makes sure that a request has columns that the model reads, and
// all it needs.
func (v *version) checkColumns(r *Request) error {
	for name, values := range r.Columns {
		if !slices.ContainsFunc(v.signature.Columns, func(c feature.Raw) bool { return c.Name == name }) {
			return Errorf(Invalid, "model %s reads no column %.40q", v.spec.Name, name)
		}
		if len(values) != r.N {
			return Errorf(Invalid, "column %s has %d values, want %d", name, len(values), r.N)
		}
	}
	for _, c := range v.signature.Columns {
		if _, ok := r.Columns[c.Name]; !ok && !c.Missing {
			return Errorf(Invalid, "column %s is missing", c.Name)
		}
	}
	return nil
}

// checkTensors makes sure that a request has the tensors that the network takes.
func (v *version) checkTensors(r *Request) error {
	if len(r.Columns) > 0 {
		return errors.New("engine: a request has columns and tensors")
	}
	for name := range r.Tensors {
		if !slices.ContainsFunc(v.signature.Tensors, func(t Tensor) bool { return t.Name == name }) {
			return Errorf(Invalid, "model %s has no input tensor %.40q", v.spec.Name, name)
		}
	}
	for _, want := range v.signature.Tensors {
		t, ok := r.Tensors[want.Name]
		if !ok {
			return Errorf(Invalid, "input tensor %s is missing", want.Name)
		}
		full := stacked(r.N, want.Shape)
		fits := t.DType() == want.DType && t.Shape() == full
		if s := t.Shape(); want.Varies && s.Rank() == full.Rank() && s.Dim(1) >= 1 && s.Dim(1) <= full.Dim(1) {
			fits = t.DType() == want.DType && s == full.With(1, s.Dim(1))
		}
		if !fits {
			return Errorf(Invalid, "input tensor %s is %v, want %v%v", want.Name, t, want.DType, full)
		}
	}
	for i := range v.runner.inputs {
		if err := v.runner.inputs[i].checkEntries(r.Tensors[v.runner.inputs[i].Name]); err != nil {
			return err
		}
	}
	return nil
}

// checkEntries makes sure that numbers of entries of a table are such.
func (in *input) checkEntries(t *tensor.Tensor) error {
	table, ok := in.Encoder.(feature.Indexed)
	if !ok || !in.dt.IsInt() {
		return nil
	}
	for i := range t.Size() {
		if n := t.Int(i); uint64(n) >= uint64(table.Entries()) {
			k := i * t.Shape().Dim(0) / t.Size()
			return in.wrong(k, fmt.Errorf("%d is not in 0..%d", n, table.Entries()-1))
		}
	}
	return nil
}

// encodeAll makes the job of a request whose examples have one length.
func (v *version) encodeAll(ctx context.Context, r *Request) (*job, error) {
	if r.Tensors == nil && r.N == 1 {
		j := v.runner.oneJob(ctx)
		for i := range v.runner.inputs {
			in := &v.runner.inputs[i]
			row := j.in[i].Row(0)
			if err := in.encode(ctx, &row, r, 0, make([]any, len(in.columns))); err != nil {
				return nil, err
			}
		}
		return j, nil
	}
	j := v.runner.newJob(ctx, 0, r.N)
	for i := range v.runner.inputs {
		in := &v.runner.inputs[i]
		if r.Tensors != nil {
			j.in[i] = r.Tensors[in.Name]
			continue
		}
		typ := in.batchOf(r.N, 0)
		j.in[i] = tensor.New(typ.DType, typ.Shape)
		values := make([]any, len(in.columns))
		for k := range r.N {
			row := j.in[i].Row(k)
			if err := in.encode(ctx, &row, r, k, values); err != nil {
				return nil, err
			}
		}
	}
	return j, nil
}

// values are those of the columns of example k.
func (in *input) values(r *Request, k int, values []any) {
	for i, c := range in.columns {
		values[i] = nil
		if list, ok := r.Columns[c]; ok {
			values[i] = list[k]
		}
	}
}

// encode makes the tensor of example k, of columns, unless the request has ended:
// a thousand pictures take seconds.
func (in *input) encode(ctx context.Context, dst *tensor.Tensor, r *Request, k int, values []any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	in.values(r, k, values)
	if in.pictures != nil {
		if file, ok := values[0].([]byte); ok {
			leave, err := in.pictures.enter(ctx, file)
			if err != nil && ctx.Err() != nil {
				return err
			}
			if err != nil {
				return in.wrong(k, fmt.Errorf("column %s: %w", in.columns[0], err))
			}
			defer leave()
		}
	}
	return in.wrong(k, in.Encoder.Encode(dst, values, data.Draw{}))
}

// wrong is the error of an example, if there is one.
func (in *input) wrong(k int, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: Invalid, Message: fmt.Sprintf("example %d: input %s: %v", k, in.Name, err), Cause: &ExampleError{k, err}}
}

// encodeVarying makes a job for all examples of a request that are filled up to
// one length. The length of an example alone says which.
func (v *version) encodeVarying(ctx context.Context, r *Request) (*encoded, error) {
	inputs := v.runner.inputs
	e := &encoded{own: make([]int, r.N)}
	made := make([][]*tensor.Tensor, len(inputs)) // of inputs that vary, each example in its own length
	for i := range inputs {
		in := &inputs[i]
		if in.varying == nil {
			continue
		}
		made[i] = make([]*tensor.Tensor, r.N)
		values := make([]any, len(in.columns))
		for k := range r.N {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if r.Tensors != nil {
				row := r.Tensors[in.Name].Row(k)
				made[i][k] = in.trim(&row)
			} else {
				in.values(r, k, values)
				t, err := in.varying.Make(values, data.Draw{})
				if err := in.wrong(k, err); err != nil {
					return nil, err
				}
				made[i][k] = t
			}
			e.own[k] = max(e.own[k], made[i][k].Shape().Dim(0))
		}
	}
	places := make([][]int, len(v.runner.lengths))
	for k, n := range e.own {
		rung := v.runner.lengths.up(n)
		places[rung] = append(places[rung], k)
	}
	for rung, list := range places {
		if list == nil {
			continue
		}
		j := v.runner.newJob(ctx, rung, len(list))
		for i := range inputs {
			in := &inputs[i]
			if in.varying != nil {
				var own []*tensor.Tensor
				for _, k := range list {
					own = append(own, made[i][k])
				}
				j.in[i] = feature.Stack(in.varying, own, v.runner.lengths[rung])
				continue
			}
			typ := in.batchOf(len(list), 0)
			j.in[i] = tensor.New(typ.DType, typ.Shape)
			values := make([]any, len(in.columns))
			for at, k := range list {
				row := j.in[i].Row(at)
				if r.Tensors != nil {
					from := r.Tensors[in.Name].Row(k)
					copy(row.Bytes(), from.Bytes())
				} else if err := in.encode(ctx, &row, r, k, values); err != nil {
					return nil, err
				}
			}
		}
		e.jobs, e.places = append(e.jobs, j), append(e.places, list)
	}
	if len(e.jobs) == 1 {
		e.places = nil
	}
	return e, nil
}

// trim leaves out what is padding at the end of an example that a client has
// filled up, so that it is computed as if the server had encoded it.
func (in *input) trim(t *tensor.Tensor) *tensor.Tensor {
	step := t.Shape().Tail().Size()
	n := t.Shape().Dim(0)
	for padding := in.varying.Padding(); n > 1; n-- {
		for i := (n - 1) * step; i < n*step; i++ {
			if t.Float(i) != padding {
				return t.Rows(0, n)
			}
		}
	}
	return t.Rows(0, n)
}
