package inference

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/tensor"
)

// A call is a request for a prediction, in whichever form it came.
type call struct {
	id           string
	inputs       []input
	outputs      []output      // that the answer is to hold; none for all
	preprocessed bool          // inputs are the network's
	timeout      time.Duration // 0 for none
	binary       bool          // outputs come as binary data unless they say otherwise
}

// An input is a tensor of a call.
type input struct {
	name  string
	array columns.Array
	text  bool // strings as JSON has them, which no file can be
	nulls bool // NaN stand for null
}

// An output is what is wanted of one.
type output struct {
	name    string
	classes int   // the best of them, as text; 0 for the output as it is
	binary  *bool // of REST
}

// An answer is a tensor that goes out.
type answer struct {
	name     string
	datatype datatype
	shape    []int
	tensor   *tensor.Tensor // nil for BYTES
	strings  []string
	binary   bool
}

// predict asks the engine. The version that answered is in ran even if it did
// not go well.
func (s *Service) predict(ctx context.Context, model, version string, c *call) (ran string, r *engine.Response, answers []answer, err error) {
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	req := &engine.Request{Model: model, Version: version}
	seen := make(map[string]bool, len(c.outputs))
	for _, o := range c.outputs {
		// Each costs what it takes to write it: a short request asks for no long answer.
		if seen[o.name] {
			return "", nil, nil, engine.Errorf(engine.Invalid, "output %.40q is asked for twice", o.name)
		}
		seen[o.name] = true
		req.Outputs = append(req.Outputs, o.name)
	}
	req.Fill = func(v string, sig *engine.Signature) error {
		ran = v
		return c.fill(req, sig)
	}
	start := time.Now()
	r, err = s.engine.Predict(ctx, req)
	if err == nil {
		answers, err = c.answers(r)
	}
	if ran != "" {
		s.statistics.add(model, ran, r, err, time.Since(start))
	}
	return ran, r, answers, err
}

// fill puts the inputs where the engine wants them.
func (c *call) fill(r *engine.Request, sig *engine.Signature) error {
	if len(c.inputs) == 0 {
		return engine.Errorf(engine.Invalid, "the request has no inputs")
	}
	r.N = c.inputs[0].array.N()
	seen := make(map[string]bool, len(c.inputs))
	for _, in := range c.inputs {
		if n := in.array.N(); n != r.N {
			return engine.Errorf(engine.Invalid, "input %.40q has %d examples, and input %.40q has %d; the first axis is that of examples", in.name, n, c.inputs[0].name, r.N)
		}
		if seen[in.name] {
			return engine.Errorf(engine.Invalid, "input %.40q is there twice", in.name)
		}
		seen[in.name] = true
	}
	if err := r.Enter(r.N); err != nil {
		return err
	}
	if c.preprocessed {
		r.Tensors = make(map[string]*tensor.Tensor, len(c.inputs))
		for _, in := range c.inputs {
			t, err := in.tensor(sig)
			if err != nil {
				return err
			}
			r.Tensors[in.name] = t
		}
		return nil
	}
	r.Columns = make(map[string][]any, len(c.inputs))
	for _, in := range c.inputs {
		k := slices.IndexFunc(sig.Columns, func(f feature.Raw) bool { return f.Name == in.name })
		if k < 0 {
			return engine.Errorf(engine.Invalid, "the model has no input %.40q; its inputs are %s", in.name, columnNames(sig))
		}
		column := sig.Columns[k]
		if in.text && (column.Kind == feature.RawImage || column.Kind == feature.RawAudio) {
			return engine.Errorf(engine.Invalid, `input %s: files are no text; send them as binary data, or in base64 with "parameters": {"content_type": "base64"}`, in.name)
		}
		values, err := columns.Values(column, in.array)
		if err != nil {
			return err
		}
		r.Columns[in.name] = values
	}
	return nil
}

func columnNames(sig *engine.Signature) string {
	var list []byte
	for i, c := range sig.Columns {
		if i == 20 {
			return string(append(list, ", ..."...))
		}
		if i > 0 {
			list = append(list, ", "...)
		}
		list = append(list, c.Name...)
	}
	return string(list)
}

// tensor makes an input of the network of an input. What the engine computes
// with may outlive the request, and so is no memory of its body.
func (in *input) tensor(sig *engine.Signature) (*tensor.Tensor, error) {
	k := slices.IndexFunc(sig.Tensors, func(t engine.Tensor) bool { return t.Name == in.name })
	if k < 0 {
		return nil, engine.Errorf(engine.Invalid, "the model has no preprocessed input %.40q", in.name)
	}
	if in.nulls {
		return nil, engine.Errorf(engine.Invalid, "input tensor %s: null is no number", in.name)
	}
	t, err := columns.Tensor(sig.Tensors[k], in.array)
	if err != nil {
		return nil, err
	}
	if i := notFinite(t); i >= 0 {
		return nil, engine.Errorf(engine.Invalid, "input tensor %s: element %d is %v, want finite numbers", in.name, i, t.Float(i))
	}
	if t == in.array.Numbers {
		t = t.Clone()
	}
	return t, nil
}

// notFinite is the first element that is NaN or infinite, -1 if there is none.
func notFinite(t *tensor.Tensor) int {
	switch dt := t.DType(); {
	case dt == dtype.Float32:
		return slices.IndexFunc(t.F32(), func(x float32) bool { return x-x != 0 })
	case dt.IsFloat():
		for i := range t.Size() {
			if x := t.Float(i); x-x != 0 {
				return i
			}
		}
	}
	return -1
}

// answers makes what goes out of what the engine gave.
func (c *call) answers(r *engine.Response) ([]answer, error) {
	list := make([]answer, 0, len(r.Outputs))
	if len(c.outputs) == 0 {
		for i := range r.Outputs {
			list = append(list, plainAnswer(&r.Outputs[i], r.N, c.binary))
		}
		return list, nil
	}
	for _, o := range c.outputs { // in the order in which they were asked for
		i := slices.IndexFunc(r.Outputs, func(a engine.Answer) bool { return a.Name == o.name })
		a := &r.Outputs[i]
		binary := c.binary
		if o.binary != nil {
			binary = *o.binary
		}
		if o.classes == 0 {
			list = append(list, plainAnswer(a, r.N, binary))
			continue
		}
		best, err := classify(a, r.N, o.classes)
		if err != nil {
			return nil, err
		}
		best.binary = binary
		list = append(list, best)
	}
	return list, nil
}

func plainAnswer(a *engine.Answer, n int, binary bool) answer {
	if a.Text {
		return answer{name: a.Name, datatype: bytesType, shape: []int{n}, strings: a.Strings, binary: binary}
	}
	return answer{name: a.Name, datatype: datatypeOf(a.Tensor.DType()), shape: a.Tensor.Shape().Dims(), tensor: a.Tensor, binary: binary}
}

// classify makes of scores by class the k best of each example, as Triton
// writes them: "score:index:label".
func classify(a *engine.Answer, n, k int) (answer, error) {
	if a.Text || a.Labels == nil || a.Tensor.Shape().Rank() != 2 || a.Tensor.Shape().Dim(1) != len(a.Labels) {
		return answer{}, engine.Errorf(engine.Invalid, "output %s has no scores by class, and can't be asked for classification", a.Name)
	}
	k = min(k, len(a.Labels))
	best := answer{name: a.Name, datatype: bytesType, shape: []int{n, k}}
	order := make([]int, len(a.Labels))
	for i := range n {
		row := a.Tensor.Row(i)
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(x, y int) int {
			switch a, b := row.Float(x), row.Float(y); {
			case a > b:
				return -1
			case a < b:
				return 1
			}
			return 0
		})
		bits := 32
		if row.DType() == dtype.Float64 {
			bits = 64
		}
		for _, j := range order[:k] {
			text := strconv.AppendFloat(nil, row.Float(j), 'f', -1, bits)
			text = strconv.AppendInt(append(text, ':'), int64(j), 10)
			text = append(append(text, ':'), a.Labels[j]...)
			best.strings = append(best.strings, string(text))
		}
	}
	return best, nil
}
