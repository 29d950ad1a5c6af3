package feature

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Named is a feature or target under the name that the model knows it by.
type Named struct {
	Name   string `json:"name" yaml:"name"`
	Config Config `json:",inline" yaml:",inline"`
}

// Format is the version of the format that a Set is written in.
const Format = 1

// A Set is all that turns a row into the tensors of an example. It is plain
// data, saved with the model, and safe for concurrent use.
type Set struct {
	Format  int      `json:"format" yaml:"format"`
	Inputs  []Fitted `json:"inputs" yaml:"inputs"`
	Targets []Fitted `json:"targets" yaml:"targets"` // all of them Target
	Weight  *Weight  `json:"weight" yaml:"weight"`   // null without
}

// A Fitted is a Named that was fitted.
type Fitted struct {
	Name    string  `json:"name" yaml:"name"`
	Encoder Encoder `json:",inline" yaml:",inline"`
}

// Fit learns from the rows of the training split what features and targets
// need to know, in one pass that reads the columns they name and no others. The
// order of rows has no influence. weight names the column of the examples'
// weights, if there is one.
//
// Mistakes in the data are Problems; each tells the place of the first row that
// has it.
func Fit(ctx context.Context, inputs, targets []Named, weight *string, table source.Table) (*Set, error) {
	var found finder
	return fitSet(ctx, inputs, targets, weight, table, &found, func(p *part, i int, err error) bool {
		if p == nil {
			found.add("", err) // it names the place
		} else {
			p.wrong = true
			found.add(table.Where(i), err)
		}
		return true
	})
}

// FitRest is as Fit, and leaves out what is wrong with single rows: it tells
// wrong of each, those that can't be read and those that a feature refuses, and
// goes on as long as wrong returns true. It serves a look through data that are
// not in order yet.
func FitRest(ctx context.Context, inputs, targets []Named, weight *string, table source.Table, wrong func(row int, unread bool, err error) bool) (*Set, error) {
	return fitSet(ctx, inputs, targets, weight, table, &finder{}, func(p *part, i int, err error) bool { return wrong(i, p == nil, err) })
}

// A refusal is told of a row that a part refuses, or, without a part, that
// can't be read. It returns whether to go on.
type refusal func(p *part, i int, err error) bool

// fitSet fits the parts.
func fitSet(ctx context.Context, inputs, targets []Named, weight *string, table source.Table, found *finder, wrong refusal) (*Set, error) {
	parts, err := fitters(inputs, targets, weight, table.Columns())
	if err != nil {
		return nil, err
	}
	if table.Len() == 0 {
		return nil, errors.New("the training split has no rows")
	}
	if err := fit(ctx, parts, table, found, wrong); err != nil {
		return nil, err
	}
	s := &Set{Format: Format}
	for k, p := range parts {
		if p.wrong {
			continue
		}
		var e Encoder
		var err error
		if f, ok := p.fitter.(follower); ok {
			if len(s.Inputs) < len(inputs) {
				continue // what is wrong with the others is known
			}
			e, err = f.follow(s.Inputs)
		} else {
			e, err = p.fitter.Encoder()
		}
		if err != nil {
			found.add("", fmt.Errorf("%s: %w", p.name, err))
			continue
		}
		switch {
		case k < len(inputs):
			s.Inputs = append(s.Inputs, Fitted{inputs[k].Name, e})
		case k < len(inputs)+len(targets):
			s.Targets = append(s.Targets, Fitted{targets[k-len(inputs)].Name, e})
		default:
			s.Weight = e.(*Weight)
		}
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	return s, s.Validate()
}

// A follower is made of what an input has learnt.
type follower interface {
	follow(inputs []Fitted) (Encoder, error)
}

// A part is a feature, target or weight that is being fitted.
type part struct {
	name    string // "input age", for messages
	fitter  Fitter
	columns []int // of the table
	wrong   bool  // it refused a row
}

// fitters makes the parts.
func fitters(inputs, targets []Named, weight *string, columns []source.Column) ([]part, error) {
	var parts []part
	var errs []error
	names := map[string]bool{}
	add := func(role string, list []Named) {
		for _, n := range list {
			p := part{name: role + " " + n.Name}
			if names[n.Name] {
				errs = append(errs, fmt.Errorf("%s: the name is there twice", p.name))
			}
			names[n.Name] = true
			var err error
			if n.Config == nil {
				err = errors.New("a type is needed")
			} else if err = n.Config.Validate(); err == nil {
				p.columns, err = source.Index(columns, n.Config.Reads()...)
			}
			if err == nil {
				var of []source.Column
				for _, c := range p.columns {
					of = append(of, columns[c])
				}
				p.fitter, err = n.Config.Fitter(of)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
				continue
			}
			parts = append(parts, p)
		}
	}
	add("input", inputs)
	add("target", targets)
	if len(inputs) == 0 {
		errs = append(errs, errors.New("inputs: at least one is needed"))
	}
	if weight != nil {
		at, err := source.Index(columns, *weight)
		if err == nil {
			err = wantNumbers([]source.Column{columns[at[0]]})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("weight: %w", err))
		}
		parts = append(parts, part{name: "weight", fitter: &weightFitter{column: *weight}, columns: at})
	}
	return parts, errors.Join(errs...)
}

// fit reads the rows. A part that knows enough is left out from then on, and so
// are its columns.
func fit(ctx context.Context, parts []part, table source.Table, found *finder, wrong refusal) error {
	var r *rowReader
	var hungry []int
	for i := range table.Len() {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if r == nil {
			hungry = hungry[:0]
			var lists [][]int
			for k, p := range parts {
				if b, ok := p.fitter.(Brief); ok && b.Enough() {
					continue
				}
				hungry = append(hungry, k)
				lists = append(lists, p.columns)
			}
			if len(hungry) == 0 {
				return nil
			}
			r = newRowReader(lists)
		}
		if err := r.read(table, i); err != nil {
			if !wrong(nil, i, err) {
				return nil
			}
		} else {
			values := r.values
			for j, k := range hungry {
				p := &parts[k]
				if err := p.fitter.Add(values[j]); err != nil {
					if !wrong(p, i, err) {
						return nil
					}
				}
				if b, ok := p.fitter.(Brief); ok && b.Enough() {
					r = nil // the next row is read with fewer columns
				}
			}
		}
		if found.full() {
			return found.err()
		}
	}
	return nil
}

// A rowReader reads the columns of several encoders, each column once.
type rowReader struct {
	columns []int   // of the table
	row     []any   // their values
	places  [][]int // of each encoder's values in row
	values  [][]any // of each encoder
}

func newRowReader(lists [][]int) *rowReader {
	r := &rowReader{}
	at := map[int]int{}
	for _, list := range lists {
		places := make([]int, len(list))
		for k, c := range list {
			place, ok := at[c]
			if !ok {
				place = len(r.columns)
				at[c] = place
				r.columns = append(r.columns, c)
			}
			places[k] = place
		}
		r.places = append(r.places, places)
		r.values = append(r.values, make([]any, len(list)))
	}
	r.row = make([]any, len(r.columns))
	return r
}

// read fills values.
func (r *rowReader) read(table source.Table, i int) error {
	if err := table.Read(r.row, i, r.columns); err != nil {
		return err
	}
	for e, places := range r.places {
		for k, p := range places {
			r.values[e][k] = r.row[p]
		}
	}
	return nil
}

// Validate tells all that is wrong with a set that was read from a file.
func (s *Set) Validate() error {
	if s.Format > Format {
		return fmt.Errorf("format %d is newer than this program's, which is %d: use a newer version of gradus", s.Format, Format)
	}
	var errs []error
	if s.Format < 1 {
		errs = append(errs, fmt.Errorf("format: %d is none", s.Format))
	}
	if len(s.Inputs) == 0 {
		errs = append(errs, errors.New("inputs: there are none"))
	}
	for _, f := range s.Inputs {
		errs = append(errs, f.validate("input"))
	}
	for _, f := range s.Targets {
		errs = append(errs, f.validate("target"))
		if _, ok := f.Encoder.(Target); !ok && f.Encoder != nil {
			errs = append(errs, fmt.Errorf("target %s: its type is that of an input, not of a target", f.Name))
		}
	}
	if errors.Join(errs...) == nil {
		_, err := s.packs()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (f Fitted) validate(role string) error {
	err := errors.New("no encoder")
	if f.Encoder != nil {
		err = f.Encoder.Validate()
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", role, f.Name, err)
	}
	return nil
}

// WithoutTargets is the set of the inputs alone: for rows that are to be
// predicted.
func (s *Set) WithoutTargets() *Set { return &Set{Format: s.Format, Inputs: s.Inputs} }

// Encode makes the inputs of one row, given by column: text, float64, int64,
// bool, []byte or *tensor.Tensor, or nil for no value. It does what a dataset
// that is not for training does.
func (s *Set) Encode(row map[string]any) ([]*tensor.Tensor, error) {
	var inputs []*tensor.Tensor
	for _, f := range s.Inputs {
		values := make([]any, len(f.Encoder.Reads()))
		for k, c := range f.Encoder.Reads() {
			v, ok := row[c]
			if !ok {
				return nil, fmt.Errorf("input %s: the row has no column %q", f.Name, c)
			}
			values[k] = v
		}
		t, err := whole(f.Encoder, values, data.Draw{})
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, t)
	}
	return inputs, nil
}

// whole makes the tensor of one example, in its own length if it varies.
func whole(e Encoder, values []any, d data.Draw) (*tensor.Tensor, error) {
	if v, ok := e.(Varying); ok && v.Varies() {
		return v.Make(values, d)
	}
	t := tensor.New(e.Item())
	return t, e.Encode(t, values, d)
}

// Lengths are those that examples are filled up to when they are predicted, if
// inputs vary: 16, 32, 64 and so on, up to the largest length; nil if none does.
// The length of an example determines its own alone, so that what a model gives
// for it does not depend on other examples.
func (s *Set) Lengths() []int {
	const shortest = 16
	most := 0
	for _, f := range s.Inputs {
		if v, ok := f.Encoder.(Varying); ok && v.Varies() {
			_, item := v.Item()
			most = max(most, item.Dim(0))
		}
	}
	if most == 0 {
		return nil
	}
	var list []int
	for n := shortest; n < most; n *= 2 {
		list = append(list, n)
	}
	return append(list, most)
}

// Stack puts what an encoder made of examples in one tensor [n ...]. One that
// varies is filled up to a length, or to its largest if that is less.
func Stack(e Encoder, examples []*tensor.Tensor, length int) *tensor.Tensor {
	dt, item := e.Item()
	v, varies := e.(Varying)
	if varies = varies && v.Varies(); varies {
		item = item.With(0, min(length, item.Dim(0)))
	}
	all := tensor.New(dt, shape.Of(append([]int{len(examples)}, item.Dims()...)...))
	for k, x := range examples {
		row := all.Row(k)
		n := copy(row.Bytes(), x.Bytes()) / dt.Size()
		for i := n; varies && i < row.Size(); i++ {
			row.SetFloat(i, v.Padding())
		}
	}
	return all
}

// Packs reports whether texts are packed, so that rows are examples no more.
func (s *Set) Packs() bool {
	e, err := s.packs()
	return e != nil && err == nil
}

// packs returns the encoder of an input that packs texts, if there is one.
func (s *Set) packs() (*TokensEncoder, error) {
	for _, f := range s.Inputs {
		e, ok := f.Encoder.(*TokensEncoder)
		if !ok || e.Pack == nil {
			continue
		}
		for _, other := range slices.Concat(s.Inputs, s.Targets) {
			next, ok := other.Encoder.(*NextTokensEncoder)
			if other.Encoder != f.Encoder && (!ok || next.Input != f.Name) || s.Weight != nil {
				return nil, fmt.Errorf("input %s packs texts: rows are examples no more, so that there can be no other input, no target but its next_tokens, and no weight", f.Name)
			}
		}
		return e, nil
	}
	return nil, nil
}

// Weight is the column of the examples' weights: float32 [], not negative.
type Weight struct {
	Column string `json:"column" yaml:"column"`
}

// Validate wants a name.
func (w *Weight) Validate() error { return validColumn(w.Column) }

// Reads names the column.
func (w *Weight) Reads() []string { return []string{w.Column} }

// Item is float32 [].
func (w *Weight) Item() (dtype.DType, shape.Shape) { return dtype.Float32, shape.Shape{} }

// Encode stores the weight.
func (w *Weight) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	x, err := weightOf(values[0])
	if err != nil {
		return column(w.Column, err)
	}
	dst.F32()[0] = float32(x)
	return nil
}

func weightOf(v any) (float64, error) {
	x, missing, err := number(v)
	switch {
	case err != nil:
		return 0, err
	case missing:
		return 0, errors.New("no weight")
	case x < 0:
		return 0, fmt.Errorf("the weight %v is negative", x)
	}
	return x, nil
}

// weightFitter makes sure that there is something to learn from.
type weightFitter struct {
	column   string
	positive bool
}

func (f *weightFitter) Add(values []any) error {
	x, err := weightOf(values[0])
	if err != nil {
		return column(f.column, err)
	}
	f.positive = f.positive || x > 0
	return nil
}

func (f *weightFitter) Encoder() (Encoder, error) {
	if !f.positive {
		return nil, column(f.column, errors.New("all weights are 0"))
	}
	return &Weight{f.column}, nil
}
