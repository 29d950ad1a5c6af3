package source

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A parquetColumn is a leaf of a file's schema as a column.
type parquetColumn struct {
	Column
	leaf  int                                      // number of the leaf
	full  byte                                     // definition level of a value that is there
	null  bool                                     // every value is null
	one   func(parquet.Value) (any, error)         // a value that is not null
	dtype dtype.DType                              // of the elements of an array
	set   func(*tensor.Tensor, int, parquet.Value) // puts one there
	// definition is, for each list around the leaf, the level from which on
	// it has an element.
	definition []int
}

// parquetColumns lists the columns of a schema. Lists lose the names of the
// groups that the format puts between them and their elements.
func parquetColumns(f *parquet.File) []parquetColumn {
	schema := f.Metadata().Schema // in the order of the walk
	var columns []parquetColumn
	var walk func(c *parquet.Column, name string, definition []int, element bool)
	walk = func(c *parquet.Column, name string, definition []int, element bool) {
		e := &schema[0]
		schema = schema[1:]
		if c.Repeated() {
			definition = append(slices.Clip(definition), c.MaxDefinitionLevel())
		}
		if c.Leaf() {
			if column, ok := parquetLeaf(c, logicalOf(c, e), definition); ok {
				column.Name, column.leaf, column.definition = name, c.Index(), definition
				column.full = byte(c.MaxDefinitionLevel())
				columns = append(columns, column)
			}
			return
		}
		for _, child := range c.Columns() {
			switch {
			case isList(e):
				walk(child, name, definition, true)
			case element && c.Repeated() && len(c.Columns()) == 1:
				walk(child, name, definition, false)
			case name == "":
				walk(child, child.Name(), definition, false)
			default:
				walk(child, name+"."+child.Name(), definition, false)
			}
		}
	}
	walk(f.Root(), "", nil, false)
	return columns
}

// logicalOf is the logical type of a leaf, empty if it has none: that of the
// decoder, which knows older forms, or else of the file, which knows newer ones.
func logicalOf(c *parquet.Column, e *format.SchemaElement) format.LogicalType {
	l := c.Type().LogicalType()
	if l == nil || *l == (format.LogicalType{}) {
		l = e.LogicalType
	}
	if l == nil {
		return format.LogicalType{}
	}
	return *l
}

// isList tells whether a group is a list, or a map, which is one of pairs. Older
// files say so by a converted type alone.
func isList(e *format.SchemaElement) bool {
	l, old := e.LogicalType, e.ConvertedType
	return e.NumChildren == 1 && (l != nil && (l.List != nil || l.Map != nil) ||
		old != nil && (*old == deprecated.List || *old == deprecated.Map))
}

// parquetLeaf tells what the values of a leaf are. ok is false for lists that
// nothing in a table can hold.
func parquetLeaf(c *parquet.Column, logical format.LogicalType, lists []int) (column parquetColumn, ok bool) {
	kind, one := parquetKind(c.Type(), logical)
	if len(lists) == 0 {
		return parquetColumn{Column: Column{Kind: kind}, null: logical.Unknown != nil, one: one}, true
	}
	if dt, set := parquetElement(c.Type(), logical); dt != dtype.Invalid {
		return parquetColumn{Column: Column{Kind: Array}, dtype: dt, set: set}, true
	}
	return parquetColumn{Column: Column{Kind: Text}, one: one}, len(lists) == 1 && kind == Text
}

// parquetKind is the kind of single values, and what makes them.
func parquetKind(t parquet.Type, logical format.LogicalType) (Kind, func(parquet.Value) (any, error)) {
	switch {
	case logical.Unknown != nil: // every value is null
		return Number, func(parquet.Value) (any, error) { return nil, nil }
	case logical.Decimal != nil:
		return Number, func(v parquet.Value) (any, error) { return decimal(v, logical.Decimal.Scale), nil }
	case logical.Float16 != nil:
		return Number, func(v parquet.Value) (any, error) { return half(v), nil }
	case logical.Date != nil:
		return Text, func(v parquet.Value) (any, error) {
			return time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly), nil
		}
	case logical.Timestamp != nil:
		return Text, func(v parquet.Value) (any, error) { return timestamp(logical.Timestamp, v.Int64()), nil }
	case logical.Time != nil:
		return Text, func(v parquet.Value) (any, error) { return clock(logical.Time, v), nil }
	case logical.UUID != nil:
		return Text, func(v parquet.Value) (any, error) { return uuid(v.ByteArray()), nil }
	case logical.UTF8 != nil, logical.Enum != nil, logical.Json != nil:
		return Text, func(v parquet.Value) (any, error) { return string(v.ByteArray()), nil }
	}
	switch t.Kind() {
	case parquet.Boolean:
		return Boolean, func(v parquet.Value) (any, error) { return v.Boolean(), nil }
	case parquet.Int32:
		if unsigned(logical) {
			return Integer, func(v parquet.Value) (any, error) { return int64(v.Uint32()), nil }
		}
		return Integer, func(v parquet.Value) (any, error) { return int64(v.Int32()), nil }
	case parquet.Int64:
		if unsigned(logical) {
			return Integer, func(v parquet.Value) (any, error) {
				if v.Uint64() > math.MaxInt64 {
					return nil, fmt.Errorf("%d has no place in an int64", v.Uint64())
				}
				return int64(v.Uint64()), nil
			}
		}
		return Integer, func(v parquet.Value) (any, error) { return v.Int64(), nil }
	case parquet.Int96:
		return Text, func(v parquet.Value) (any, error) { return julian(v.Int96()), nil }
	case parquet.Float:
		return Number, func(v parquet.Value) (any, error) { return float64(v.Float()), nil }
	case parquet.Double:
		return Number, func(v parquet.Value) (any, error) { return v.Double(), nil }
	}
	return Binary, func(v parquet.Value) (any, error) { return bytes.Clone(v.ByteArray()), nil }
}

func unsigned(logical format.LogicalType) bool {
	return logical.Integer != nil && !logical.Integer.IsSigned
}

// parquetElement is the element type of lists of numbers, and what puts one
// into a tensor. It is Invalid for other lists.
func parquetElement(t parquet.Type, logical format.LogicalType) (dtype.DType, func(*tensor.Tensor, int, parquet.Value)) {
	switch {
	case logical == (format.LogicalType{}):
	case logical.Integer != nil:
		if !logical.Integer.IsSigned && logical.Integer.BitWidth == 8 {
			return dtype.Uint8, func(t *tensor.Tensor, i int, v parquet.Value) { t.Bytes()[i] = byte(v.Int32()) }
		}
	case logical.Decimal != nil:
		return dtype.Float64, func(t *tensor.Tensor, i int, v parquet.Value) { t.SetFloat(i, decimal(v, logical.Decimal.Scale)) }
	case logical.Float16 != nil:
		return dtype.Float32, func(t *tensor.Tensor, i int, v parquet.Value) { t.SetFloat(i, half(v)) }
	default:
		return dtype.Invalid, nil
	}
	switch t.Kind() {
	case parquet.Boolean:
		return dtype.Bool, func(t *tensor.Tensor, i int, v parquet.Value) { tensor.Data[bool](t)[i] = v.Boolean() }
	case parquet.Int32:
		if unsigned(logical) {
			return dtype.Uint32, func(t *tensor.Tensor, i int, v parquet.Value) { tensor.Data[uint32](t)[i] = v.Uint32() }
		}
		return dtype.Int32, func(t *tensor.Tensor, i int, v parquet.Value) { tensor.Data[int32](t)[i] = v.Int32() }
	case parquet.Int64:
		if unsigned(logical) {
			return dtype.Uint64, func(t *tensor.Tensor, i int, v parquet.Value) { tensor.Data[uint64](t)[i] = v.Uint64() }
		}
		return dtype.Int64, func(t *tensor.Tensor, i int, v parquet.Value) { tensor.Data[int64](t)[i] = v.Int64() }
	case parquet.Float:
		return dtype.Float32, func(t *tensor.Tensor, i int, v parquet.Value) { tensor.Data[float32](t)[i] = v.Float() }
	case parquet.Double:
		return dtype.Float64, func(t *tensor.Tensor, i int, v parquet.Value) { tensor.Data[float64](t)[i] = v.Double() }
	}
	return dtype.Invalid, nil
}

// decimal is an integer of any length times a power of ten.
func decimal(v parquet.Value, scale int32) float64 {
	var unscaled float64
	switch v.Kind() {
	case parquet.Int32:
		unscaled = float64(v.Int32())
	case parquet.Int64:
		unscaled = float64(v.Int64())
	default:
		b := v.ByteArray() // two's complement, the highest byte first
		n := new(big.Int).SetBytes(b)
		if len(b) > 0 && b[0] >= 128 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		unscaled, _ = new(big.Float).SetInt(n).Float64()
	}
	return unscaled / math.Pow10(int(scale))
}

func half(v parquet.Value) float64 {
	b := v.ByteArray()
	if len(b) != 2 {
		return math.NaN()
	}
	return dtype.F16(binary.LittleEndian.Uint16(b)).Float()
}

// unitOf is the length of a tick.
func unitOf(u format.TimeUnit) time.Duration {
	switch {
	case u.Millis != nil:
		return time.Millisecond
	case u.Micros != nil:
		return time.Microsecond
	}
	return time.Nanosecond
}

// timestamp is a moment as RFC 3339 writes it, without a zone where the file
// tells none.
func timestamp(t *format.TimestampType, n int64) string {
	unit := int64(unitOf(t.Unit))
	second := int64(time.Second) / unit
	s, rest := n/second, n%second
	if rest < 0 {
		s, rest = s-1, rest+second
	}
	text := time.Unix(s, rest*unit).UTC().Format("2006-01-02T15:04:05.999999999")
	if t.IsAdjustedToUTC {
		text += "Z"
	}
	return text
}

func clock(t *format.TimeType, v parquet.Value) string {
	n := int64(0)
	if v.Kind() == parquet.Int32 {
		n = int64(v.Int32())
	} else {
		n = v.Int64()
	}
	second := int64(time.Second / unitOf(t.Unit))
	return time.Unix(n/second, n%second*int64(unitOf(t.Unit))).UTC().Format("15:04:05.999999999")
}

// julian is the moment of an INT96: nanoseconds of a day, and the day.
func julian(v deprecated.Int96) string {
	const epoch = 2440588 // the Julian day of 1970-01-01
	day := int64(v[2]) - epoch
	nanos := int64(v[0]) | int64(v[1])<<32
	return time.Unix(day*86400+nanos/1e9, nanos%1e9).UTC().Format("2006-01-02T15:04:05.999999999")
}

func uuid(b []byte) string {
	if len(b) != 16 {
		return fmt.Sprintf("%x", b)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// A parquetCursor reads a column chunk row by row.
type parquetCursor struct {
	column *parquetColumn
	nulls  int64         // how many are left of a column of nothing else
	pages  parquet.Pages // or what holds other columns
	page   parquet.Page
	values parquet.ValueReader
	levels struct{ repetition, definition []byte } // those of the page that are not used
	buf    []parquet.Value
	lo, hi int // what is not used of buf
}

// cursorValues is how many values are decoded at a time.
const cursorValues = 256

// fill decodes on when buf is used up. The error is io.EOF at the chunk's end.
func (c *parquetCursor) fill() error {
	return guard(func() error {
		for c.lo == c.hi {
			if c.values == nil {
				page, err := c.pages.ReadPage()
				if err != nil {
					return err
				}
				if err := c.begin(page); err != nil {
					return err
				}
			}
			if c.buf == nil {
				c.buf = make([]parquet.Value, cursorValues)
			}
			n, err := c.read(c.buf)
			c.lo, c.hi = 0, n
			if err != nil && err != io.EOF {
				return err
			}
			if n == 0 {
				if err == nil {
					return io.ErrNoProgress
				}
				parquet.Release(c.page)
				c.page, c.values = nil, nil
			}
		}
		return nil
	})
}

// begin takes a page. The decoder would look for the values that levels tell of
// for ever in a page that has fewer, so they are put together here.
func (c *parquetCursor) begin(page parquet.Page) error {
	c.page = page
	if c.column.full == 0 {
		c.values = page.Values()
		return nil
	}
	c.levels.repetition, c.levels.definition = page.RepetitionLevels(), page.DefinitionLevels()
	want, have := bytes.Count(c.levels.definition, []byte{c.column.full}), valuesOf(page.Data())
	if have < want {
		return fmt.Errorf("corrupt: a page has %d values, its levels tell of %d", have, want)
	}
	c.values = page.Type().NewPage(page.Column(), want, page.Data()).Values()
	return nil
}

// valuesOf counts values. Booleans are as many as could be in their bytes.
func valuesOf(v encoding.Values) int {
	data, offsets := v.Data()
	switch v.Kind() {
	case encoding.Boolean:
		return 8 * len(data)
	case encoding.Int32, encoding.Float:
		return len(data) / 4
	case encoding.Int64, encoding.Double:
		return len(data) / 8
	case encoding.Int96:
		return len(data) / 12
	case encoding.ByteArray:
		return len(offsets) - 1
	case encoding.FixedLenByteArray:
		if _, size := v.FixedLenByteArray(); size > 0 {
			return len(data) / size
		}
	}
	return 0
}

// read decodes some values of the page. The error is io.EOF at its end.
func (c *parquetCursor) read(values []parquet.Value) (int, error) {
	if c.column.full == 0 {
		return c.values.ReadValues(values)
	}
	n := min(len(values), len(c.levels.definition))
	if n == 0 {
		return 0, io.EOF
	}
	present := bytes.Count(c.levels.definition[:n], []byte{c.column.full})
	for have := 0; have < present; {
		k, err := c.values.ReadValues(values[have:present])
		if err != nil && err != io.EOF {
			return 0, err
		}
		if k == 0 {
			return 0, errors.New("corrupt: a page has fewer values than its levels tell of")
		}
		have += k
	}
	for i := n - 1; i >= 0; i-- { // to their places, the last one first
		var v parquet.Value
		definition, repetition := c.levels.definition[i], 0
		if len(c.levels.repetition) > 0 {
			repetition = int(c.levels.repetition[i])
		}
		if definition == c.column.full {
			present--
			v = values[present]
		}
		values[i] = v.Level(repetition, int(definition), 0)
	}
	c.levels.definition = c.levels.definition[n:]
	if len(c.levels.repetition) > 0 {
		c.levels.repetition = c.levels.repetition[n:]
	}
	return n, nil
}

// guard turns a panic of the decoder into an error: it checks less of a file
// than it relies on, and says so this way.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("corrupt: %v", r)
		}
	}()
	return f()
}

// next reads the value of the next row.
func (c *parquetCursor) next() (any, error) {
	if c.column.null {
		if c.nulls == 0 {
			return nil, io.EOF
		}
		c.nulls--
		return nil, nil
	}
	if c.lo == c.hi {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	if len(c.column.definition) == 0 {
		v := c.buf[c.lo]
		c.lo++
		if v.IsNull() {
			return nil, nil
		}
		var value any
		err := guard(func() (err error) {
			value, err = c.column.one(v)
			return err
		})
		return value, err
	}
	list := newParquetList(c.column)
	for {
		v := c.buf[c.lo]
		if list.begun && v.RepetitionLevel() == 0 {
			break
		}
		if err := list.add(v); err != nil {
			return nil, err
		}
		if c.lo++; c.lo == c.hi {
			if err := c.fill(); err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
		}
	}
	return list.value()
}

func (c *parquetCursor) close() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	if c.pages != nil {
		c.pages.Close()
	}
}

// A parquetList puts together the lists of one row. The file holds them as
// values with two levels: the repetition level tells in which list a value
// stands, the definition level how much of its path is there.
type parquetList struct {
	column  *parquetColumn
	begun   bool
	null    bool
	dims    []int           // -1 as long as a list of this depth has not ended
	counts  []int           // of the open lists, -1 for one that is not there
	texts   []any           // elements of one kind
	numbers []parquet.Value // or of the other
}

func newParquetList(c *parquetColumn) *parquetList {
	l := &parquetList{column: c}
	for range c.definition {
		l.dims = append(l.dims, -1)
		l.counts = append(l.counts, -1)
	}
	return l
}

func (l *parquetList) add(v parquet.Value) error {
	depth := v.RepetitionLevel() // this many lists go on
	if depth > len(l.counts) || !l.begun && depth > 0 {
		return fmt.Errorf("corrupt: a value of repetition level %d", depth)
	}
	if l.begun {
		if err := l.end(depth); err != nil {
			return err
		}
		l.counts[depth-1]++
	}
	l.begun = true
	for k := depth; k < len(l.counts); k++ {
		level := l.column.definition[k]
		if v.DefinitionLevel() >= level {
			l.counts[k] = 1
			continue
		}
		l.null = k == 0 && v.DefinitionLevel() < level-1
		l.counts[k] = 0
		return nil // and the deeper ones are not there
	}
	if l.column.Kind == Array {
		l.numbers = append(l.numbers, v.Clone())
		return nil
	}
	if v.IsNull() {
		l.texts = append(l.texts, nil)
		return nil
	}
	return guard(func() error {
		text, err := l.column.one(v)
		l.texts = append(l.texts, text)
		return err
	})
}

// end closes the lists from a depth on; those of one depth are equally long.
func (l *parquetList) end(depth int) error {
	for k := len(l.counts) - 1; k >= depth; k-- {
		n := l.counts[k]
		if n < 0 {
			continue
		}
		if l.dims[k] >= 0 && l.dims[k] != n {
			return fmt.Errorf("lists of %d and of %d elements within a list", l.dims[k], n)
		}
		l.dims[k], l.counts[k] = n, -1
	}
	return nil
}

func (l *parquetList) value() (any, error) {
	if l.null {
		return nil, nil
	}
	if err := l.end(0); err != nil {
		return nil, err
	}
	if l.column.Kind == Text {
		if l.texts == nil {
			return "[]", nil
		}
		var text strings.Builder
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		err := e.Encode(l.texts)
		return strings.TrimSuffix(text.String(), "\n"), err
	}
	for k := range l.dims {
		l.dims[k] = max(l.dims[k], 0)
	}
	s, err := shape.Make(l.dims...)
	if err != nil {
		return nil, err
	}
	if s.Size() != len(l.numbers) {
		return nil, errors.New("lists of different lengths within a list")
	}
	t := tensor.New(l.column.dtype, s)
	for i, v := range l.numbers {
		if v.IsNull() {
			return nil, fmt.Errorf("element %d of a list of numbers is null", i)
		}
		l.column.set(t, i, v)
	}
	return t, nil
}
