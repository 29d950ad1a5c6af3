package feature

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Class is a target that is one of several classes: int64 [], its number.
//
// The classes are those given, in that order, or else those of the training
// rows: numbers by size, text by its bytes, false before true. A row without a
// class, or with another one, is an error.
type Class struct {
	Column  string            `json:"column" yaml:"column"`   // of text, integers or booleans
	Rename  map[string]string `json:"rename" yaml:"rename"`   // from values of the column to classes; values of one class may be many, a value that is not named is its own class
	Classes []string          `json:"classes" yaml:"classes"` // in their order; none takes those of the training rows
}

// Validate tells all that is wrong with the settings.
func (c Class) Validate() error {
	return errors.Join(validColumn(c.Column), validClasses(c.Classes, len(c.Classes) > 0))
}

func validColumn(name string) error {
	if name == "" {
		return errors.New("column: a name is needed")
	}
	return nil
}

// validClasses wants two different ones at least, where they must be there.
func validClasses(classes []string, needed bool) error {
	if needed && len(classes) < 2 {
		return fmt.Errorf("classes: %d are too few, want at least 2", len(classes))
	}
	if c, ok := twice(classes); ok {
		return fmt.Errorf("classes: %s is there twice", quote(c))
	}
	return nil
}

// Reads names the column.
func (c Class) Reads() []string { return []string{c.Column} }

// Fitter begins to learn.
func (c Class) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantNames(columns); err != nil {
		return nil, err
	}
	return &classFitter{cfg: c, counts: counter{}, numbers: columns[0].Kind != source.Text && len(c.Rename) == 0}, nil
}

type classFitter struct {
	cfg     Class
	counts  counter
	numbers bool
	buf     []byte
}

func (f *classFitter) Add(values []any) error {
	var err error
	if f.buf, err = className(f.buf[:0], values[0], f.cfg.Rename); err != nil {
		return column(f.cfg.Column, err)
	}
	f.counts.add(f.buf)
	if len(f.cfg.Classes) > 0 && !slices.Contains(f.cfg.Classes, string(f.buf)) {
		return column(f.cfg.Column, notAClass(string(f.buf), f.cfg.Classes))
	}
	return nil
}

// className is the class of a value that must be there.
func className(buf []byte, v any, rename map[string]string) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, errors.New("no class")
	case float64:
		if v != math.Trunc(v) {
			return nil, fmt.Errorf("%v is not a class; a target of numbers has type number", v)
		}
	}
	buf, err := name(buf, v)
	if class, ok := rename[string(buf)]; ok {
		buf = append(buf[:0], class...)
	}
	return buf, err
}

// notAClass lists the classes, or the first of many.
func notAClass(label string, classes []string) error {
	list := strings.Join(classes[:min(len(classes), 10)], ", ")
	if len(classes) > 10 {
		list += fmt.Sprintf(" and %d more", len(classes)-10)
	}
	return fmt.Errorf("%s is not one of the classes %s", quote(label), list)
}

func (f *classFitter) Encoder() (Encoder, error) {
	e := &ClassEncoder{Column: f.cfg.Column, Rename: f.cfg.Rename, Classes: f.cfg.Classes}
	if len(e.Classes) == 0 {
		e.Classes = f.counts.sorted(f.numbers)
		if len(e.Classes) < 2 {
			return nil, column(f.cfg.Column, fmt.Errorf("all rows have the class %s; there is nothing to learn", quote(strings.Join(e.Classes, ""))))
		}
	}
	for _, c := range e.Classes {
		e.Counts = append(e.Counts, f.counts[c])
	}
	return e, nil
}

// sorted lists all names: by size if they are numbers, else by their bytes.
func (c counter) sorted(numbers bool) []string {
	list := c.names(0)
	slices.SortFunc(list, func(a, b string) int {
		if numbers {
			x, errX := strconv.ParseInt(a, 10, 64)
			y, errY := strconv.ParseInt(b, 10, 64)
			if errX == nil && errY == nil {
				return cmp.Compare(x, y)
			}
		}
		return strings.Compare(a, b)
	})
	return list
}

// A ClassEncoder is a Class that was fitted.
type ClassEncoder struct {
	Column  string            `json:"column" yaml:"column"`
	Rename  map[string]string `json:"rename,omitempty" yaml:"rename,omitempty"`
	Classes []string          `json:"classes" yaml:"classes"`
	Counts  []int             `json:"counts" yaml:"counts"` // training rows of each class

	index index
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *ClassEncoder) Validate() error {
	errs := []error{validColumn(e.Column), validClasses(e.Classes, true)}
	if len(e.Counts) != len(e.Classes) {
		errs = append(errs, fmt.Errorf("counts: %d for %d classes", len(e.Counts), len(e.Classes)))
	}
	return errors.Join(errs...)
}

// Reads names the column.
func (e *ClassEncoder) Reads() []string { return []string{e.Column} }

// Item is int64 [].
func (e *ClassEncoder) Item() (dtype.DType, shape.Shape) { return dtype.Int64, shape.Shape{} }

// Encode stores the number of the class.
func (e *ClassEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	var memory [64]byte
	text, err := className(memory[:0], values[0], e.Rename)
	if err != nil {
		return column(e.Column, err)
	}
	i, ok := e.index.of(e.Classes)[0][string(text)]
	if !ok {
		return column(e.Column, notAClass(string(text), e.Classes))
	}
	tensor.Data[int64](dst)[0] = int64(i)
	return nil
}

// Outputs is the number of classes.
func (e *ClassEncoder) Outputs() int { return len(e.Classes) }

// Balanced gives weights that let all classes count alike: n / (classes *
// rows of the class), of the training rows; 0 for a class that has none.
func (e *ClassEncoder) Balanced() []float64 {
	n := 0
	for _, c := range e.Counts {
		n += c
	}
	weights := make([]float64, len(e.Counts))
	for i, c := range e.Counts {
		if c > 0 {
			weights[i] = float64(n) / float64(len(e.Counts)*c)
		}
	}
	return weights
}

// A ClassResult is what a model says of one example.
type ClassResult struct {
	Class         string             `json:"class"` // the most probable, the first of equal ones
	Probability   float64            `json:"probability"`
	Probabilities map[string]float64 `json:"probabilities"`
}

// Decode takes the scores (logits) of the classes and gives a ClassResult: the
// softmax of them.
func (e *ClassEncoder) Decode(output *tensor.Tensor) (any, error) {
	if err := wantOutput(output, len(e.Classes)); err != nil {
		return nil, err
	}
	p := softmax(output)
	best := 0
	r := ClassResult{Probabilities: make(map[string]float64, len(p))}
	for i := range p {
		if p[i] > p[best] {
			best = i
		}
		r.Probabilities[e.Classes[i]] = p[i]
	}
	r.Class, r.Probability = e.Classes[best], p[best]
	return r, nil
}

// wantOutput checks the size of a model's output, and that it is finite.
func wantOutput(output *tensor.Tensor, n int) error {
	if output.Size() != n {
		return fmt.Errorf("the model gives %v, want %d numbers", output, n)
	}
	for i := range n {
		if x := output.Float(i); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("output %d of the model is %v", i, x)
		}
	}
	return nil
}

// softmax is exp(x-max) over its sum.
func softmax(x *tensor.Tensor) []float64 {
	p := make([]float64, x.Size())
	for i := range p {
		p[i] = x.Float(i)
	}
	most, sum := slices.Max(p), 0.0
	for i := range p {
		p[i] = math.Exp(p[i] - most)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
