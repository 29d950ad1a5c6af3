package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"

	"github.com/gradus-ml/gradus/format/tfrecord"
	"github.com/gradus-ml/gradus/tensor"
)

// TFRecord reads files of tf.train.Example or SequenceExample messages. The
// columns are the features that the first 100 records have, by name.
//
// A feature of one value is a number (float_list), an integer (int64_list) or
// binary (bytes_list). One that has more values, or none, in some of those
// records is an array, float32 or int64, whose length may differ from record to
// record. The steps of a sequence become an array's first axis. Checksums are
// checked.
//
// A Table keeps 8 bytes a record.
type TFRecord struct {
	// Path names the file or files: patterns as Files.Find takes them.
	Path []string `yaml:"path,one" json:"path"`
	// Kinds are those of features whose values would not tell: text for
	// bytes that are UTF-8, array for numbers that happen to be single,
	// number or boolean for integers.
	Kinds map[string]Kind `yaml:"kinds" json:"kinds"`
}

// learnRecords is how many records tell the columns.
const learnRecords = 100

// Validate tells all that is wrong with the settings.
func (c TFRecord) Validate() error { return validPath("tfrecord", c.Path) }

// A recordColumn is a feature, or a list of features.
type recordColumn struct {
	name string
	kind Kind
	list tfrecord.Kind
	many bool // more or less than one value was seen
	step bool // it is a list of features
}

// A recordForm is what the records have in common.
type recordForm struct {
	given   map[string]Kind
	columns []recordColumn
}

// learn finds the columns in the first records of the first file.
func (c TFRecord) learn(ctx context.Context, files Files, names []string) (*recordForm, error) {
	seen := map[string]*recordColumn{}
	n := 0
	for _, name := range names {
		skip := 0
		err := eachRecord(ctx, files, name, &skip, func(i int, record []byte) (bool, error) {
			e, err := tfrecord.Decode(record, nil)
			if err != nil {
				return false, fmt.Errorf("%s: %w", recordPlace(name, i), err)
			}
			for key, f := range e.Features {
				learnFeature(seen, key, f, false)
			}
			for key, steps := range e.Lists {
				learnFeature(seen, key, tfrecord.Feature{}, true)
				for _, f := range steps {
					learnFeature(seen, key, f, true)
				}
			}
			n++
			return n < learnRecords, nil
		})
		if err != nil {
			return nil, err
		}
		if n >= learnRecords {
			break
		}
	}
	if n == 0 {
		return nil, fmt.Errorf("%s: no record in it", names[0])
	}
	form := &recordForm{given: c.Kinds}
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		column := *seen[key]
		column.name, column.kind = key, column.like()
		if kind, ok := c.Kinds[key]; ok {
			if !column.allows(kind) {
				return nil, fmt.Errorf("%s: kinds: %s: a feature of %v can't be %v", names[0], key, column.list, kind)
			}
			column.kind = kind
		}
		form.columns = append(form.columns, column)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Kinds)) {
		if _, err := Index(form.Columns(), name); err != nil {
			return nil, fmt.Errorf("%s: kinds: %w", names[0], err)
		}
	}
	return form, nil
}

func learnFeature(seen map[string]*recordColumn, key string, f tfrecord.Feature, step bool) {
	column, ok := seen[key]
	if !ok {
		column = &recordColumn{}
		seen[key] = column
	}
	column.step = column.step || step
	if f.Kind == tfrecord.None {
		return
	}
	column.list = f.Kind
	column.many = column.many || f.Len() != 1
}

// like is the kind that the values seen have.
func (c *recordColumn) like() Kind {
	switch {
	case c.list == tfrecord.Bytes:
		return Binary
	case c.step || c.many:
		return Array
	case c.list == tfrecord.Int:
		return Integer
	}
	return Number
}

// allows tells whether the values can be read as a kind.
func (c *recordColumn) allows(k Kind) bool {
	switch c.list {
	case tfrecord.Bytes:
		return k == Binary || k == Text
	case tfrecord.Int:
		return k == Array || !c.step && (k == Integer || k == Number || k == Boolean)
	case tfrecord.Float:
		return k == Array || !c.step && k == Number
	}
	return true
}

func (f *recordForm) Columns() []Column {
	columns := make([]Column, len(f.columns))
	for i, c := range f.columns {
		columns[i] = Column{c.name, c.kind}
	}
	return columns
}

// fill stores the values of some columns of a record.
func (f *recordForm) fill(dst []any, record []byte, columns []int) error {
	if len(columns) == 0 {
		return nil
	}
	e, err := tfrecord.Decode(record, func(name string) bool {
		return slices.ContainsFunc(columns, func(c int) bool { return f.columns[c].name == name })
	})
	if err != nil {
		return err
	}
	for k, i := range columns {
		c := f.columns[i]
		if c.step {
			dst[k], err = c.steps(e.Lists[c.name])
		} else {
			dst[k], err = c.value(e.Features[c.name])
		}
		if err != nil {
			return fmt.Errorf("feature %s: %w", c.name, err)
		}
	}
	return nil
}

// value is that of one feature; one without a list has none.
func (c *recordColumn) value(f tfrecord.Feature) (any, error) {
	if f.Kind == tfrecord.None {
		return nil, nil
	}
	if !(&recordColumn{list: f.Kind}).allows(c.kind) {
		return nil, fmt.Errorf("a %v, which is no %v; in the first %d records it is a %v", f.Kind, c.kind, learnRecords, c.list)
	}
	if c.kind == Array {
		if f.Kind == tfrecord.Int {
			return tensor.Of(f.Ints, len(f.Ints))
		}
		return tensor.Of(f.Floats, len(f.Floats))
	}
	if n := f.Len(); n == 0 {
		return nil, nil
	} else if n > 1 {
		hint := "; say kinds: {" + c.name + ": array}"
		if f.Kind == tfrecord.Bytes {
			hint = ""
		}
		return nil, fmt.Errorf("%d values, want one%s", n, hint)
	}
	switch c.kind {
	case Text:
		return string(f.Bytes[0]), nil
	case Binary:
		return bytes.Clone(f.Bytes[0]), nil
	case Integer:
		return f.Ints[0], nil
	case Boolean:
		if v := f.Ints[0]; v != 0 && v != 1 {
			return nil, fmt.Errorf("%d is no boolean, want 0 or 1", v)
		}
		return f.Ints[0] == 1, nil
	}
	if f.Kind == tfrecord.Int {
		return float64(f.Ints[0]), nil
	}
	return float64(f.Floats[0]), nil
}

// steps is the array of the steps of a sequence: [T] where each has one value,
// else [T n].
func (c *recordColumn) steps(list []tfrecord.Feature) (any, error) {
	if list == nil {
		return nil, nil
	}
	if c.kind != Array {
		return nil, fmt.Errorf("a sequence of %v, which no column holds", c.list)
	}
	all := tfrecord.Feature{Kind: c.list}
	width := 1
	for i, f := range list {
		if f.Kind != c.list {
			return nil, fmt.Errorf("step %d is a %v, want a %v", i, f.Kind, c.list)
		}
		if i == 0 {
			width = f.Len()
		} else if f.Len() != width {
			return nil, fmt.Errorf("step %d has %d values, step 0 has %d", i, f.Len(), width)
		}
		all.Floats = append(all.Floats, f.Floats...)
		all.Ints = append(all.Ints, f.Ints...)
	}
	dims := []int{len(list)}
	if c.many {
		dims = append(dims, width)
	}
	if !c.many && width != 1 {
		return nil, fmt.Errorf("%d values a step, in the first %d records 1", width, learnRecords)
	}
	if c.list == tfrecord.Int {
		return tensor.Of(all.Ints, dims...)
	}
	return tensor.Of(all.Floats, dims...)
}

// Open finds where the records are.
func (c TFRecord) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := &recordTable{}
	var err error
	t.shards, err = openShards(ctx, files, c.Path, func(f *os.File, sizeBytes int64, name string) (int, error) {
		x, err := tfrecord.Index(f, sizeBytes, name)
		if err != nil {
			return 0, err
		}
		t.index = append(t.index, x)
		return x.Len(), nil
	})
	if err != nil {
		return nil, err
	}
	if t.recordForm, err = c.learn(ctx, files, t.names); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Stream reads the first records.
func (c TFRecord) Stream(ctx context.Context, files Files) (Stream, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	names, err := findAll(ctx, files, c.Path)
	if err != nil {
		return nil, err
	}
	form, err := c.learn(ctx, files, names)
	if err != nil {
		return nil, err
	}
	return &recordStream{form, files, names}, nil
}

// recordPlace names a record, for messages.
func recordPlace(name string, i int) string { return fmt.Sprintf("%s: record %d", name, i) }

// A recordTable reads records by their index.
type recordTable struct {
	*shards
	*recordForm
	index []*tfrecord.File
}

func (t *recordTable) Read(dst []any, i int, columns []int) error {
	if len(columns) == 0 {
		return nil
	}
	k, row := t.find(i)
	record, err := t.index[k].Read(nil, row)
	if err != nil {
		return err
	}
	if err := t.fill(dst, record, columns); err != nil {
		return fmt.Errorf("%s: %w", t.Where(i), err)
	}
	return nil
}

// Where names file and record.
func (t *recordTable) Where(i int) string {
	k, row := t.find(i)
	return recordPlace(t.names[k], row)
}

// A recordStream reads the files in order.
type recordStream struct {
	*recordForm
	files Files
	names []string
}

// eachRecord calls f for each record of a file until it says no more, but for
// the first *skip, which it takes off that number. What f is given is valid
// during the call.
func eachRecord(ctx context.Context, files Files, name string, skip *int, f func(i int, record []byte) (more bool, err error)) error {
	r, err := files.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	records := tfrecord.NewReader(r, name)
	for i := 0; ; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		var record []byte
		if *skip > 0 {
			if err = records.Skip(); err == nil {
				*skip--
			}
		} else if record, err = records.Next(); err == nil {
			var more bool
			if more, err = f(i, record); err == nil && !more {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *recordStream) Rows(ctx context.Context, columns []int, from int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		row := Row{Values: make([]any, len(columns))}
		skip, stopped := from, false
		for _, name := range s.names {
			err := eachRecord(ctx, s.files, name, &skip, func(i int, record []byte) (bool, error) {
				row.Where = recordPlace(name, i)
				if err := s.fill(row.Values, record, columns); err != nil {
					return false, fmt.Errorf("%s: %w", row.Where, err)
				}
				stopped = !yield(row, nil)
				return !stopped, nil
			})
			if err != nil {
				yield(Row{}, err)
				return
			}
			if stopped {
				return
			}
		}
	}
}
