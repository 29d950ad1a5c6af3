package feature

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A CategoryEncoding is what a category becomes.
type CategoryEncoding string

// The encodings.
const (
	OneHot  CategoryEncoding = "one_hot" // float32, 1 at the value's place
	ByIndex CategoryEncoding = "index"   // int64, the value's place, for an embedding
	ByHash  CategoryEncoding = "hash"    // int64, a hash of the value modulo Buckets, for an embedding
)

// Category is a feature of names: one of a set of values in each column.
//
// The values of a column are those that at least MinCount training rows have,
// the most frequent first, equal ones in the order of their bytes. With Unknown
// place 0 of each column stands for all others and for rows without a value;
// otherwise such a row is an error.
//
// One-hot columns lie side by side: float32 [sum of places]. Indices are int64
// [n]; those of a column follow those of the column before it, so that one
// table of Entries rows serves all. Hashes are FNV-1a of 64 bits; equal values
// in different columns have tables of their own in the same way. With Cross there
// is one hash of all columns' values together, int64 [1]: a feature of their
// combination.
type Category struct {
	Columns  []string         `json:"columns" yaml:"columns"`     // of text, integers or booleans
	Encoding CategoryEncoding `json:"encoding" yaml:"encoding"`   // what a value becomes
	Unknown  bool             `json:"unknown" yaml:"unknown"`     // a place for values that the training rows do not have, and for none
	MinCount int              `json:"min_count" yaml:"min_count"` // values of fewer training rows are unknown
	Buckets  int              `json:"buckets" yaml:"buckets"`     // of hashes, a column
	Cross    bool             `json:"cross" yaml:"cross"`         // one hash of all columns' values together
}

// DefaultCategory is one-hot with a place for unknown values.
func DefaultCategory() Category {
	return Category{Encoding: OneHot, Unknown: true, MinCount: 1, Buckets: 1024}
}

// Validate tells all that is wrong with the settings.
func (c Category) Validate() error {
	errs := []error{validColumns(c.Columns)}
	switch c.Encoding {
	case OneHot, ByIndex, ByHash:
	default:
		errs = append(errs, fmt.Errorf("encoding: %q is not one_hot, index or hash", c.Encoding))
	}
	if c.MinCount < 1 {
		errs = append(errs, fmt.Errorf("min_count: %d is less than 1", c.MinCount))
	}
	if c.MinCount > 1 && !c.Unknown && c.Encoding != ByHash {
		errs = append(errs, errors.New("unknown: rare values need a place; set unknown to true or min_count to 1"))
	}
	if c.Encoding == ByHash && (c.Buckets < 1 || c.Buckets > 1<<30) {
		errs = append(errs, fmt.Errorf("buckets: %d is not in 1..%d", c.Buckets, 1<<30))
	}
	if c.Cross && c.Encoding != ByHash {
		errs = append(errs, errors.New("cross: what is hashed together are hashes; set encoding to hash"))
	}
	return errors.Join(errs...)
}

// Reads names the columns.
func (c Category) Reads() []string { return c.Columns }

// Fitter begins to learn.
func (c Category) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantNames(columns); err != nil {
		return nil, err
	}
	f := &categoryFitter{cfg: c}
	for range columns {
		f.counts = append(f.counts, counter{})
	}
	return f, nil
}

// wantNames refuses columns that hold files or arrays.
func wantNames(columns []source.Column) error {
	var errs []error
	for _, col := range columns {
		errs = append(errs, wantKind(col, "text, integers or booleans", source.Text, source.Integer, source.Boolean, source.Number))
	}
	return errors.Join(errs...)
}

type categoryFitter struct {
	cfg    Category
	counts []counter
	buf    []byte
}

func (f *categoryFitter) Add(values []any) error {
	var errs []error
	for i, v := range values {
		if v == nil {
			if !f.cfg.Unknown && f.cfg.Encoding != ByHash {
				errs = append(errs, column(f.cfg.Columns[i], errNoCategory))
			}
			continue
		}
		var err error
		if f.buf, err = name(f.buf[:0], v); err != nil {
			errs = append(errs, column(f.cfg.Columns[i], err))
			continue
		}
		if f.cfg.Encoding != ByHash {
			f.counts[i].add(f.buf)
		}
	}
	return errors.Join(errs...)
}

var errNoCategory = errors.New("no value; set unknown to true, or leave such rows out")

// Enough is true of hashes, which learn nothing.
func (f *categoryFitter) Enough() bool { return f.cfg.Encoding == ByHash }

// maxOneHot keeps a column of names or numbers of rows from becoming a
// vector of millions.
const maxOneHot = 1 << 16

func (f *categoryFitter) Encoder() (Encoder, error) {
	e := &CategoryEncoder{Columns: f.cfg.Columns, Encoding: f.cfg.Encoding, Unknown: f.cfg.Unknown}
	if f.cfg.Encoding == ByHash {
		e.Buckets, e.Cross = f.cfg.Buckets, f.cfg.Cross
		return e, nil
	}
	var errs []error
	for i, c := range f.counts {
		values := c.names(f.cfg.MinCount)
		switch {
		case len(c) == 0:
			errs = append(errs, column(f.cfg.Columns[i], errors.New("no row has a value")))
		case len(values) > maxOneHot && f.cfg.Encoding == OneHot:
			errs = append(errs, column(f.cfg.Columns[i], fmt.Errorf("%d different values are too many for one_hot; use index or hash, or a greater min_count", len(values))))
		}
		e.Values = append(e.Values, values)
	}
	return e, errors.Join(errs...)
}

// A CategoryEncoder is a Category that was fitted.
type CategoryEncoder struct {
	Columns  []string         `json:"columns" yaml:"columns"`
	Encoding CategoryEncoding `json:"encoding" yaml:"encoding"`
	Unknown  bool             `json:"unknown" yaml:"unknown"` // place 0 is for all that Values lacks
	Buckets  int              `json:"buckets" yaml:"buckets"` // of hashes, a column; 0 without
	Cross    bool             `json:"cross" yaml:"cross"`     // one hash of all columns
	Values   [][]string       `json:"values" yaml:"values"`   // of each column, in the order of their places; empty for hashes

	index index
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *CategoryEncoder) Validate() error {
	errs := []error{validColumns(e.Columns)}
	switch e.Encoding {
	case OneHot, ByIndex:
		if len(e.Values) != len(e.Columns) {
			errs = append(errs, fmt.Errorf("values: %d lists for %d columns", len(e.Values), len(e.Columns)))
		}
		for _, list := range e.Values {
			if v, ok := twice(list); ok {
				errs = append(errs, fmt.Errorf("values: %s is there twice", quote(v)))
			}
		}
	case ByHash:
		if e.Buckets < 1 || e.Buckets > 1<<30 {
			errs = append(errs, fmt.Errorf("buckets: %d is not in 1..%d", e.Buckets, 1<<30))
		}
	default:
		errs = append(errs, fmt.Errorf("encoding: %q is not one_hot, index or hash", e.Encoding))
	}
	if e.Cross && e.Encoding != ByHash {
		errs = append(errs, errors.New("cross: encoding is not hash"))
	}
	return errors.Join(errs...)
}

// Reads names the columns.
func (e *CategoryEncoder) Reads() []string { return e.Columns }

// places is the number of places of a column.
func (e *CategoryEncoder) places(i int) int {
	switch {
	case e.Encoding == ByHash:
		return e.Buckets
	case e.Unknown:
		return len(e.Values[i]) + 1
	}
	return len(e.Values[i])
}

// Entries is the number of places of all columns: the rows of an embedding.
func (e *CategoryEncoder) Entries() int {
	if e.Cross {
		return e.Buckets
	}
	n := 0
	for i := range e.Columns {
		n += e.places(i)
	}
	return n
}

// Item is float32 [Entries] for one-hot, otherwise int64 [n].
func (e *CategoryEncoder) Item() (dtype.DType, shape.Shape) {
	if e.Encoding == OneHot {
		return dtype.Float32, shape.Of(e.Entries())
	}
	if e.Cross {
		return dtype.Int64, shape.Of(1)
	}
	return dtype.Int64, shape.Of(len(e.Columns))
}

// Encode fills dst.
func (e *CategoryEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	if e.Encoding == OneHot {
		clear(dst.F32())
	}
	if e.Cross {
		place, err := e.cross(values)
		tensor.Data[int64](dst)[0] = place
		return err
	}
	first := 0
	for i, v := range values {
		place, err := e.place(i, v)
		if err != nil {
			return column(e.Columns[i], err)
		}
		if e.Encoding == OneHot {
			dst.F32()[first+place] = 1
		} else {
			tensor.Data[int64](dst)[i] = int64(first + place)
		}
		first += e.places(i)
	}
	return nil
}

// cross is the hash of all values, each with a byte 0 behind it: "ab" and "c" are
// not "a" and "bc".
func (e *CategoryEncoder) cross(values []any) (int64, error) {
	var memory [128]byte
	text := memory[:0]
	for i, v := range values {
		if v != nil {
			var err error
			if text, err = name(text, v); err != nil {
				return 0, column(e.Columns[i], err)
			}
		}
		text = append(text, 0)
	}
	return int64(hash(text) % uint64(e.Buckets)), nil
}

// place is that of a value within its column.
func (e *CategoryEncoder) place(i int, v any) (int, error) {
	var memory [64]byte
	var text []byte
	if v != nil {
		var err error
		if text, err = name(memory[:0], v); err != nil {
			return 0, err
		}
	}
	if e.Encoding == ByHash {
		return int(hash(text) % uint64(e.Buckets)), nil
	}
	if v != nil {
		if place, ok := e.index.of(e.Values...)[i][string(text)]; ok {
			if e.Unknown {
				place++
			}
			return place, nil
		}
	}
	switch {
	case e.Unknown:
		return 0, nil
	case v == nil:
		return 0, errNoCategory
	}
	return 0, fmt.Errorf("%s is not a value of the training rows; set unknown to true", quote(string(text)))
}

// hash is FNV-1a.
func hash(text []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range text {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
