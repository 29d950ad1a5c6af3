package feature

import (
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Classes is a target of any number of classes, or labels, a row: float32 [n],
// 1 for those that it has. Its column is text that names them between
// separators; white space around a name is left out. A row without a text has
// none.
//
// The classes are those given, in that order, or else those of the training
// rows, sorted by their bytes. A row with another one is an error.
type Classes struct {
	Column    string   `json:"column" yaml:"column"`       // of text
	Separator string   `json:"separator" yaml:"separator"` // between names
	Classes   []string `json:"classes" yaml:"classes"`     // in their order; none takes those of the training rows
}

// DefaultClasses are separated by commas.
func DefaultClasses() Classes { return Classes{Separator: ","} }

// Validate tells all that is wrong with the settings.
func (c Classes) Validate() error {
	return errors.Join(validColumn(c.Column), validSeparator(c.Separator), validLabels(c.Classes))
}

func validSeparator(s string) error {
	if s == "" {
		return errors.New("separator: one is needed")
	}
	return nil
}

func validLabels(classes []string) error {
	if c, ok := twice(classes); ok {
		return errors.New("classes: " + quote(c) + " is there twice")
	}
	return nil
}

// Reads names the column.
func (c Classes) Reads() []string { return []string{c.Column} }

// Fitter begins to learn.
func (c Classes) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantNames(columns); err != nil {
		return nil, err
	}
	return &classesFitter{cfg: c, counts: counter{}}, nil
}

// labels yields the names of a value.
func labels(v any, separator string, yield func(label string) error) error {
	if v == nil {
		return nil
	}
	var memory [64]byte
	all, err := name(memory[:0], v)
	if err != nil {
		return err
	}
	for part := range strings.SplitSeq(string(all), separator) {
		if label := strings.TrimSpace(part); label != "" {
			if err := yield(label); err != nil {
				return err
			}
		}
	}
	return nil
}

type classesFitter struct {
	cfg    Classes
	counts counter
	rows   int
}

func (f *classesFitter) Add(values []any) error {
	f.rows++
	err := labels(values[0], f.cfg.Separator, func(label string) error {
		f.counts.add([]byte(label))
		if len(f.cfg.Classes) > 0 && !slices.Contains(f.cfg.Classes, label) {
			return notAClass(label, f.cfg.Classes)
		}
		return nil
	})
	if err != nil {
		return column(f.cfg.Column, err)
	}
	return nil
}

func (f *classesFitter) Encoder() (Encoder, error) {
	if len(f.counts) == 0 {
		return nil, column(f.cfg.Column, errors.New("no row has a class"))
	}
	e := &ClassesEncoder{Column: f.cfg.Column, Separator: f.cfg.Separator, Classes: f.cfg.Classes, Rows: f.rows}
	if len(e.Classes) == 0 {
		e.Classes = f.counts.sorted(false)
	}
	for _, c := range e.Classes {
		e.Counts = append(e.Counts, f.counts[c])
	}
	return e, nil
}

// A ClassesEncoder is a Classes that was fitted.
type ClassesEncoder struct {
	Column    string   `json:"column" yaml:"column"`
	Separator string   `json:"separator" yaml:"separator"`
	Classes   []string `json:"classes" yaml:"classes"`
	Counts    []int    `json:"counts" yaml:"counts"` // training rows that have each class
	Rows      int      `json:"rows" yaml:"rows"`     // training rows

	index index
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *ClassesEncoder) Validate() error {
	errs := []error{validColumn(e.Column), validSeparator(e.Separator), validLabels(e.Classes)}
	if len(e.Classes) == 0 || len(e.Counts) != len(e.Classes) {
		errs = append(errs, errors.New("classes and counts: want as many of both, and one at least"))
	}
	return errors.Join(errs...)
}

// Reads names the column.
func (e *ClassesEncoder) Reads() []string { return []string{e.Column} }

// Item is float32 [n].
func (e *ClassesEncoder) Item() (dtype.DType, shape.Shape) {
	return dtype.Float32, shape.Of(len(e.Classes))
}

// Encode marks the classes of a row.
func (e *ClassesEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	clear(dst.F32())
	places := e.index.of(e.Classes)[0]
	err := labels(values[0], e.Separator, func(label string) error {
		i, ok := places[label]
		if !ok {
			return notAClass(label, e.Classes)
		}
		dst.F32()[i] = 1
		return nil
	})
	if err != nil {
		return column(e.Column, err)
	}
	return nil
}

// Outputs is the number of classes.
func (e *ClassesEncoder) Outputs() int { return len(e.Classes) }

// A ClassesResult is what a model says of one example.
type ClassesResult struct {
	Classes       []string           `json:"classes"` // those of a probability of at least 1/2
	Probabilities map[string]float64 `json:"probabilities"`
}

// Decode takes the scores (logits) of the classes and gives a ClassesResult: the
// logistic function of each.
func (e *ClassesEncoder) Decode(output *tensor.Tensor) (any, error) {
	if err := wantOutput(output, len(e.Classes)); err != nil {
		return nil, err
	}
	r := ClassesResult{Classes: []string{}, Probabilities: make(map[string]float64, len(e.Classes))}
	for i, c := range e.Classes {
		p := 1 / (1 + math.Exp(-output.Float(i)))
		r.Probabilities[c] = p
		if p >= 0.5 {
			r.Classes = append(r.Classes, c)
		}
	}
	return r, nil
}
