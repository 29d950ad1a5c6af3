package source

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"

	"github.com/gradus-ml/gradus/tensor"
)

// Concat returns the rows of several tables, one after another. Columns are
// those of the first; the others have them too, of equal kinds, in any order.
// It closes the tables when it is closed.
func Concat(tables ...Table) (Table, error) {
	if len(tables) == 0 {
		return nil, errors.New("source: no table to join")
	}
	c := &concat{tables: tables, first: []int{0}}
	names := make([]string, len(c.Columns()))
	for i, column := range c.Columns() {
		names[i] = column.Name
	}
	for k, t := range tables {
		order, err := Index(t.Columns(), names...)
		if err != nil {
			return nil, fmt.Errorf("source: table %d of %d: %w", k+1, len(tables), err)
		}
		for i, j := range order {
			if got, want := t.Columns()[j].Kind, c.Columns()[i].Kind; got != want {
				return nil, fmt.Errorf("source: table %d of %d: column %s is %v, in the first it is %v", k+1, len(tables), names[i], got, want)
			}
		}
		c.order = append(c.order, order)
		c.first = append(c.first, c.first[k]+t.Len())
	}
	return c, nil
}

type concat struct {
	tables []Table
	order  [][]int // columns of each table
	first  []int   // number of each table's first row, and of all rows
}

func (c *concat) Columns() []Column { return c.tables[0].Columns() }

func (c *concat) Len() int { return c.first[len(c.tables)] }

func (c *concat) find(i int) (table, row int) {
	k := sort.SearchInts(c.first, i+1) - 1
	return k, i - c.first[k]
}

func (c *concat) Read(dst []any, i int, columns []int) error {
	k, row := c.find(i)
	order := make([]int, len(columns))
	for j, column := range columns {
		order[j] = c.order[k][column]
	}
	return c.tables[k].Read(dst, row, order)
}

func (c *concat) Where(i int) string {
	k, row := c.find(i)
	return c.tables[k].Where(row)
}

func (c *concat) Close() error {
	var errs []error
	for _, t := range c.tables {
		errs = append(errs, t.Close())
	}
	return errors.Join(errs...)
}

// Subset returns some rows of a table, in the order given, each as often as it
// is named. Closing it closes nothing: the table may have other subsets.
func Subset(t Table, rows []int) (Table, error) {
	for k, i := range rows {
		if i < 0 || i >= t.Len() {
			return nil, fmt.Errorf("source: row %d at %d, want 0 to %d", i, k, t.Len()-1)
		}
	}
	return &subset{t, rows}, nil
}

type subset struct {
	table Table
	rows  []int
}

func (s *subset) Columns() []Column { return s.table.Columns() }
func (s *subset) Len() int          { return len(s.rows) }
func (s *subset) Close() error      { return nil }

func (s *subset) Where(i int) string { return s.table.Where(s.rows[i]) }

func (s *subset) Read(dst []any, i int, columns []int) error {
	return s.table.Read(dst, s.rows[i], columns)
}

// Hash sums up the content of some columns of a row, so that equal rows are
// found: 16 bytes of SHA-256 over kinds and values. It is equal on every
// machine. Numbers are equal when their bits are; NaN is one number.
func Hash(t Table, i int, columns []int) ([16]byte, error) {
	values := make([]any, len(columns))
	if err := t.Read(values, i, columns); err != nil {
		return [16]byte{}, err
	}
	h, err := HashValues(values)
	if err != nil {
		return h, fmt.Errorf("%s: %w", t.Where(i), err)
	}
	return h, nil
}

// HashValues is Hash of values that were read.
func HashValues(values []any) ([16]byte, error) {
	var buf []byte
	h := sha256.New()
	for _, v := range values {
		buf = buf[:0]
		var tail []byte
		switch v := v.(type) {
		case nil:
			buf = append(buf, '0')
		case string:
			buf = binary.LittleEndian.AppendUint64(append(buf, 't'), uint64(len(v)))
			tail = []byte(v)
		case float64:
			if math.IsNaN(v) {
				v = math.NaN()
			}
			buf = binary.LittleEndian.AppendUint64(append(buf, 'n'), math.Float64bits(v))
		case int64:
			buf = binary.LittleEndian.AppendUint64(append(buf, 'i'), uint64(v))
		case bool:
			buf = fmt.Appendf(buf, "b%t", v)
		case []byte:
			buf = binary.LittleEndian.AppendUint64(append(buf, 'y'), uint64(len(v)))
			tail = v
		case *tensor.Tensor:
			buf = fmt.Appendf(buf, "a%v", v)
			tail = v.Bytes()
		default:
			return [16]byte{}, fmt.Errorf("internal error: a value of type %T", v)
		}
		h.Write(buf)
		h.Write(tail)
	}
	return [16]byte(h.Sum(nil)[:16]), nil
}
