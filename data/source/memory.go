package source

import (
	"context"
	"fmt"
	"iter"

	"github.com/gradus-ml/gradus/tensor"
)

// A Memory is a Table whose rows a program has made.
type Memory struct {
	name    string
	columns []Column
	rows    [][]any
}

// Rows returns the table of some rows, each with a value for every column: of
// the column's kind, or nil. The name serves messages. It does not copy.
func Rows(name string, columns []Column, rows ...[]any) (*Memory, error) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	if err := uniqueNames(name, names); err != nil {
		return nil, err
	}
	like := make([]*tensor.Tensor, len(columns)) // the first array of each column
	for i, row := range rows {
		if len(row) != len(columns) {
			return nil, fmt.Errorf("%s: row %d has %d values, want %d", name, i, len(row), len(columns))
		}
		for c, v := range row {
			if v == nil {
				continue
			}
			if !columns[c].Kind.holds(v) {
				return nil, fmt.Errorf("%s: row %d: column %s: %T is no %v", name, i, columns[c].Name, v, columns[c].Kind)
			}
			t, ok := v.(*tensor.Tensor)
			if !ok {
				continue
			}
			if like[c] == nil {
				like[c] = t
			}
			if t.DType() != like[c].DType() || t.Shape().Rank() != like[c].Shape().Rank() {
				return nil, fmt.Errorf("%s: row %d: column %s: %v, in a row before it %v", name, i, columns[c].Name, t, like[c])
			}
		}
	}
	return &Memory{name, columns, rows}, nil
}

// holds tells whether v is a value of the kind.
func (k Kind) holds(v any) (ok bool) {
	switch k {
	case Text:
		_, ok = v.(string)
	case Number:
		_, ok = v.(float64)
	case Integer:
		_, ok = v.(int64)
	case Boolean:
		_, ok = v.(bool)
	case Binary:
		_, ok = v.([]byte)
	case Array:
		_, ok = v.(*tensor.Tensor)
	}
	return ok
}

// Columns are those that Rows was given.
func (m *Memory) Columns() []Column { return m.columns }

// Len is the number of rows.
func (m *Memory) Len() int { return len(m.rows) }

// Read gives the values as they are.
func (m *Memory) Read(dst []any, i int, columns []int) error {
	for k, c := range columns {
		dst[k] = m.rows[i][c]
	}
	return nil
}

// Where is the name with the row's number, from 0.
func (m *Memory) Where(i int) string { return fmt.Sprintf("%s: row %d", m.name, i) }

// Close does nothing.
func (m *Memory) Close() error { return nil }

// Sequence reads the rows of a table in their order. The table stays its
// owner's to close.
func Sequence(t Table) Stream { return sequence{t} }

type sequence struct{ Table }

func (s sequence) Rows(ctx context.Context, columns []int, from int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		row := Row{Values: make([]any, len(columns))}
		for i := max(from, 0); i < s.Len(); i++ {
			err := ctx.Err()
			if err == nil {
				err = s.Read(row.Values, i, columns)
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			row.Where = s.Where(i)
			if !yield(row, nil) {
				return
			}
		}
	}
}
