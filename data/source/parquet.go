package source

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"slices"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Parquet reads Parquet files, plain or packed with snappy, gzip or zstd. The
// columns are the leaves of the schema, within groups by dotted names
// (user.name). null is no value.
//
// Integers, floats and decimals, booleans and texts are columns of these kinds;
// bytes without a logical type are binary. Dates and times are text as RFC 3339
// writes them, UUIDs in their usual form. Lists of numbers, and lists of equally
// long such lists, are arrays of their own element type (int8 and 16 bits
// become int32, float16 and decimals floats); their lengths may differ from row
// to row. A list of texts is text, as JSON; other lists are left out.
//
// A Table reads a column of a row group when one of its rows is asked for, and
// keeps it as long as all that is kept fits into CacheMB. Rows in random order
// of what does not fit are slow: then train on a Stream, which keeps a page of
// each column. Remote files are copied first by both.
// BenchmarkParquet on a core of a Xeon (Sapphire Rapids), 4 columns of 200,000
// rows: a Table reads 6.7 million values a second the first time, a Stream 8
// million.
type Parquet struct {
	// Path names the file or files: patterns as Files.Find takes them. Several
	// files have the same columns.
	Path []string `yaml:"path,one" json:"path"`
	// CacheMB is how much of a Table's values stays unpacked in memory, in
	// millions of bytes. A column of a row group must fit.
	CacheMB int `yaml:"cache_mb" json:"cache_mb"`
}

// DefaultParquet keeps 512 MB.
func DefaultParquet() Parquet { return Parquet{CacheMB: 512} }

// What a file can ask for.
const (
	maxParquetFooter = 64 << 20
	maxParquetPage   = 256 << 20 // bytes unpacked
	maxParquetValues = 16 << 20  // of a page
	maxParquetHeader = 1 << 20   // bytes before a page, which hold statistics
)

// Validate tells all that is wrong with the settings.
func (c Parquet) Validate() error {
	errs := []error{validPath("parquet", c.Path)}
	if c.CacheMB < 1 {
		errs = append(errs, fmt.Errorf("parquet: cache_mb %d, want 1 or more", c.CacheMB))
	}
	return errors.Join(errs...)
}

// A parquetFile is an open file.
type parquetFile struct {
	name    string
	file    *os.File
	size    int64
	parquet *parquet.File
	columns []parquetColumn
}

func openParquet(ctx context.Context, files Files, name string) (f *parquetFile, err error) {
	path, err := files.Local(ctx, name)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f = &parquetFile{name: name, file: file}
	if err := f.open(); err != nil {
		file.Close()
		return nil, err
	}
	return f, nil
}

func (f *parquetFile) fail(offset int64, format string, args ...any) error {
	return fmt.Errorf("%s: offset %d: %w", f.name, offset, fmt.Errorf(format, args...))
}

// open reads the footer.
func (f *parquetFile) open() error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	f.size = info.Size()
	const ends = 4 + 4 + 4 // magic; length of the footer, magic
	if !info.Mode().IsRegular() || f.size < ends {
		return f.fail(0, "%d bytes, want a Parquet file", f.size)
	}
	var head [4]byte
	var tail [8]byte
	if _, err := f.file.ReadAt(head[:], 0); err != nil {
		return f.fail(0, "%w", err)
	}
	if _, err := f.file.ReadAt(tail[:], f.size-8); err != nil {
		return f.fail(f.size-8, "%w", err)
	}
	if string(head[:]) != "PAR1" {
		return f.fail(0, "%q, want \"PAR1\": not a Parquet file, or an encrypted one", head)
	}
	if string(tail[4:]) != "PAR1" {
		return f.fail(f.size-4, "%q, want \"PAR1\" (truncated?)", tail[4:])
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if limit := min(f.size-ends, maxParquetFooter); n > limit {
		return f.fail(f.size-8, "a footer of %d bytes, at most %d are possible", n, limit)
	}
	footer := make([]byte, n)
	at := f.size - 8 - n
	if _, err := f.file.ReadAt(footer, at); err != nil {
		return f.fail(at, "%w", err)
	}
	var tree schemaTree
	walk := thriftWalk{b: footer, element: tree.set}
	if err := walk.structure(0, 0); err != nil {
		return f.fail(at+int64(walk.at), "footer: %w", err)
	}
	if err := tree.check(); err != nil {
		return f.fail(at, "footer: %w", err)
	}
	err = guard(func() (err error) {
		f.parquet, err = parquet.OpenFile(f.file, f.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
		if err == nil {
			f.columns = parquetColumns(f.parquet)
		}
		return err
	})
	if err != nil {
		return f.fail(at, "footer: %w", err)
	}
	return f.check(at)
}

// A schemaTree has the number of children of each part of a schema, a parent
// before its children.
type schemaTree []int64

// set takes a field of a schema element, which are in the second field of a
// footer.
func (t *schemaTree) set(list, field int, v int64) {
	const schema, children = 2, 5
	switch {
	case list != schema:
	case field == 0:
		*t = append(*t, 0)
	case field == children:
		(*t)[len(*t)-1] = v
	}
}

// check finds whether the numbers make a tree, since the decoder takes the
// memory that they ask for, and goes as deep.
func (t schemaTree) check() error {
	if len(t) > math.MaxInt16 {
		return fmt.Errorf("a schema of %d parts, at most %d are read", len(t), math.MaxInt16)
	}
	open := []int64{1} // parts that are to come, by depth
	for _, n := range t {
		for len(open) > 0 && open[len(open)-1] == 0 {
			open = open[:len(open)-1]
		}
		if len(open) == 0 || n < 0 || n > int64(len(t)) {
			return fmt.Errorf("a schema of %d parts is no tree", len(t))
		}
		open[len(open)-1]--
		if open = append(open, n); len(open) > maxThriftDepth {
			return fmt.Errorf("a schema nested more than %d deep", maxThriftDepth)
		}
	}
	for _, n := range open {
		if n > 0 {
			return fmt.Errorf("a schema of %d parts is no tree", len(t))
		}
	}
	return nil
}

// check compares what the footer tells with what can be.
func (f *parquetFile) check(footer int64) error {
	names := make([]string, len(f.columns))
	for i, c := range f.columns {
		names[i] = c.Name
	}
	if err := uniqueNames(f.name, names); err != nil {
		return err
	}
	if len(f.columns) == 0 {
		return f.fail(footer, "no column that a table can hold")
	}
	if r := f.parquet.Metadata().Schema[0].RepetitionType; r != nil && *r != format.Required {
		return f.fail(footer, "a schema whose root is %v, which the decoder takes for a level of its own; write the file anew", *r)
	}
	for g, group := range f.parquet.RowGroups() {
		if group.NumRows() < 0 || group.NumRows() > 1<<40 {
			return f.fail(footer, "row group %d has %d rows", g, group.NumRows())
		}
		if n := len(f.parquet.Metadata().RowGroups[g].Columns); n != len(group.ColumnChunks()) {
			return f.fail(footer, "row group %d has %d columns, the schema %d", g, n, len(group.ColumnChunks()))
		}
	}
	return nil
}

// cursor begins to read a column of a row group, whose pages it looks at first.
func (f *parquetFile) cursor(group, column int) (*parquetCursor, error) {
	c := &f.columns[column]
	values, err := f.checkPages(&f.parquet.Metadata().RowGroups[group].Columns[c.leaf].MetaData, c.Name)
	if err != nil {
		return nil, err
	}
	cursor := &parquetCursor{column: c}
	if c.null { // the decoder panics at their dictionary
		cursor.nulls = values
		return cursor, nil
	}
	err = guard(func() error {
		cursor.pages = f.parquet.RowGroups()[group].ColumnChunks()[c.leaf].Pages()
		return nil
	})
	return cursor, f.inColumn(err, group, column)
}

// inColumn tells where an error of a cursor is.
func (f *parquetFile) inColumn(err error, group, column int) error {
	if err == nil {
		return nil
	}
	c := &f.columns[column]
	m := &f.parquet.Metadata().RowGroups[group].Columns[c.leaf].MetaData
	return f.fail(m.DataPageOffset, "row group %d, column %s: %w", group, c.Name, err)
}

// checkPages looks at every page of a column chunk before it is decoded: the
// decoder takes the memory that a page asks for. It returns the number of
// values, nulls among them, outside of dictionaries.
func (f *parquetFile) checkPages(m *format.ColumnMetaData, name string) (values int64, err error) {
	at := m.DataPageOffset
	if m.DictionaryPageOffset != 0 {
		at = m.DictionaryPageOffset
	}
	if at < 4 || m.TotalCompressedSize < 0 || m.TotalCompressedSize > f.size-at {
		return 0, f.fail(max(at, 0), "column %s: %d bytes, the file has %d (truncated?)", name, m.TotalCompressedSize, max(f.size-at, 0))
	}
	switch m.Codec {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Zstd:
	default:
		return 0, f.fail(at, "column %s: packed by %v, want snappy, gzip, zstd or none; write the file anew", name, m.Codec)
	}
	var unpack unpacker
	defer unpack.close()
	for end := at + m.TotalCompressedSize; at < end; {
		h, err := f.pageHeader(at, end)
		if err == nil {
			err = h.check(end - at)
		}
		if err == nil {
			body := io.NewSectionReader(f.file, at+h.length+h.levels, h.packed-h.levels)
			err = unpack.check(m.Codec, h, body)
		}
		if err != nil {
			return 0, f.fail(at, "page of column %s: %w", name, err)
		}
		if h.kind != dictionaryPage {
			values += h.values
		}
		at += h.length + h.packed
	}
	return values, nil
}

// dictionaryPage is the kind of page that holds a dictionary.
const dictionaryPage = 2

// A pageHeader is what stands before a page.
type pageHeader struct {
	kind     int64
	length   int64 // of the header
	packed   int64 // of the page
	unpacked int64
	values   int64
	levels   int64 // bytes of the page that are never packed
	plain    bool  // nor is the rest
	heads    int   // bits of the headers of kinds of pages that are in it
	encoding format.Encoding
}

// pageHeader reads the header of a page.
func (f *parquetFile) pageHeader(at, end int64) (h pageHeader, err error) {
	for n := int64(512); ; n *= 8 {
		n = min(n, end-at, maxParquetHeader)
		buf := make([]byte, n)
		if _, err := f.file.ReadAt(buf, at); err != nil {
			return h, err
		}
		h = pageHeader{}
		walk := thriftWalk{b: buf, visit: h.set}
		err = walk.structure(0, 0)
		h.length = int64(walk.at)
		if err != errShort || n == end-at || n == maxParquetHeader {
			return h, err
		}
	}
}

// set takes a field of PageHeader, or of the headers of kinds of pages in it:
// 5 and 8 for data, 7 for a dictionary.
func (h *pageHeader) set(outer, field int, v int64) {
	if outer != 0 {
		h.heads |= 1 << (outer & 31)
	}
	switch [2]int{outer, field} {
	case [2]int{0, 1}:
		h.kind = v
	case [2]int{0, 2}:
		h.unpacked = v
	case [2]int{0, 3}:
		h.packed = v
	case [2]int{5, 1}, [2]int{7, 1}, [2]int{8, 1}:
		h.values = max(h.values, v)
	case [2]int{5, 2}, [2]int{8, 4}:
		h.encoding = format.Encoding(v)
	case [2]int{8, 5}, [2]int{8, 6}:
		if v < 0 || h.levels < 0 {
			h.levels = -1
		} else {
			h.levels += v
		}
	case [2]int{8, 7}:
		h.plain = v == 0
	}
}

func (h *pageHeader) check(room int64) error {
	head, kinds := 0, [...]int{0: 1 << 5, dictionaryPage: 1 << 7, 3: 1 << 8}
	if h.kind >= 0 && h.kind < int64(len(kinds)) {
		head = kinds[h.kind]
	}
	switch {
	case h.heads&(1<<5|1<<7|1<<8)&^head != 0: // it would be read by another than is looked at
		return fmt.Errorf("a page of kind %d with the header of another", h.kind)
	case h.packed < 0 || h.packed > room-h.length:
		return fmt.Errorf("%d bytes, the column has %d (truncated?)", h.packed, room-h.length)
	case h.unpacked < 0 || h.unpacked > maxParquetPage:
		return fmt.Errorf("%d bytes unpacked, at most %d are read", h.unpacked, maxParquetPage)
	case h.values < 0 || h.values > maxParquetValues:
		return fmt.Errorf("%d values, at most %d are read", h.values, maxParquetValues)
	case h.levels < 0 || h.levels > h.packed || h.levels > h.unpacked:
		return fmt.Errorf("%d bytes of levels in %d", h.levels, h.packed)
	case h.encoding == format.DeltaByteArray:
		return errors.New("the encoding DELTA_BYTE_ARRAY, whose values may be of any length; write the file with PLAIN or a dictionary")
	}
	return nil
}

// An unpacker tells how long packed pages become. The decoder would follow them
// wherever they go.
type unpacker struct {
	gzip *gzip.Reader
	zstd *zstd.Decoder
}

func (u *unpacker) check(codec format.CompressionCodec, h pageHeader, body io.Reader) error {
	want := h.unpacked - h.levels
	if h.plain || h.packed == h.levels {
		codec = format.Uncompressed
	}
	var n int64
	var err error
	switch codec {
	case format.Uncompressed:
		return nil
	case format.Snappy: // begins with it
		var start [binary.MaxVarintLen32]byte
		k, _ := io.ReadFull(body, start[:])
		length, used := binary.Uvarint(start[:k])
		if used <= 0 {
			return errors.New("a packed page has no length")
		}
		n = int64(min(length, maxParquetPage+1))
	case format.Gzip:
		if u.gzip == nil {
			u.gzip, err = gzip.NewReader(body)
		} else {
			err = u.gzip.Reset(body)
		}
		if err == nil {
			n, err = io.Copy(io.Discard, io.LimitReader(u.gzip, want+1))
		}
	case format.Zstd:
		if u.zstd == nil {
			u.zstd, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxParquetPage))
		} else {
			err = u.zstd.Reset(body)
		}
		if err == nil {
			n, err = io.Copy(io.Discard, io.LimitReader(u.zstd, want+1))
		}
	}
	if err == nil && n > want {
		err = fmt.Errorf("becomes more than the %d bytes that it says", want)
	}
	return err
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

// Open reads the files' footers.
func (c Parquet) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	names, err := findAll(ctx, files, c.Path)
	if err != nil {
		return nil, err
	}
	t := &parquetTable{limit: c.CacheMB * 1e6, cache: map[parquetKey]*parquetChunk{}}
	for _, name := range names {
		if err := t.add(ctx, files, name); err != nil {
			return nil, errors.Join(err, t.Close())
		}
	}
	return t, nil
}

// A parquetTable keeps columns of row groups that were read last.
type parquetTable struct {
	files   []*parquetFile
	columns []Column
	groups  []parquetGroup
	rows    int

	mu    sync.Mutex
	limit int // bytes of cache
	used  int
	clock int
	cache map[parquetKey]*parquetChunk
}

type parquetGroup struct {
	file   *parquetFile
	number int
	first  int // number of its first row in the table
	inFile int // and in its file
}

type parquetKey struct{ group, column int }

// A parquetChunk is a column of a row group in memory.
type parquetChunk struct {
	once   sync.Once
	values []any
	bytes  int
	err    error
	last   int // when it was asked for
}

// columnsOf are the columns of a file, which are to be those of the first.
func columnsOf(f *parquetFile, want []Column, first string) ([]Column, error) {
	columns := make([]Column, len(f.columns))
	for i, c := range f.columns {
		columns[i] = c.Column
	}
	if want != nil && !slices.Equal(columns, want) {
		return nil, fmt.Errorf("%s: columns %v, in %s %v", f.name, columns, first, want)
	}
	return columns, nil
}

func (t *parquetTable) add(ctx context.Context, files Files, name string) error {
	f, err := openParquet(ctx, files, name)
	if err != nil {
		return err
	}
	t.files = append(t.files, f)
	if t.columns, err = columnsOf(f, t.columns, t.files[0].name); err != nil {
		return err
	}
	inFile := 0
	for g, group := range f.parquet.RowGroups() {
		n := int(group.NumRows())
		t.groups = append(t.groups, parquetGroup{f, g, t.rows, inFile})
		t.rows += n
		inFile += n
	}
	return nil
}

func (t *parquetTable) Columns() []Column { return t.columns }
func (t *parquetTable) Len() int          { return t.rows }

// find returns the row group of a row. Groups may be empty.
func (t *parquetTable) find(i int) (group, row int) {
	group = sort.Search(len(t.groups), func(g int) bool { return t.groups[g].first > i }) - 1
	return group, i - t.groups[group].first
}

func (t *parquetTable) Where(i int) string {
	group, row := t.find(i)
	return fmt.Sprintf("%s: row %d", t.groups[group].file.name, t.groups[group].inFile+row)
}

func (t *parquetTable) Read(dst []any, i int, columns []int) error {
	group, row := t.find(i)
	for k, column := range columns {
		chunk, err := t.chunk(parquetKey{group, column})
		if err != nil {
			return err
		}
		dst[k] = chunk.values[row]
	}
	return nil
}

// chunk returns a column of a row group, read if it is not there. Others who
// want it wait for the one who reads.
func (t *parquetTable) chunk(key parquetKey) (*parquetChunk, error) {
	t.mu.Lock()
	c := t.cache[key]
	if c == nil {
		c = &parquetChunk{}
		t.cache[key] = c
	}
	t.clock++
	c.last = t.clock
	t.mu.Unlock()
	c.once.Do(func() {
		values, bytes, err := t.load(key)
		t.mu.Lock()
		defer t.mu.Unlock()
		c.values, c.bytes, c.err = values, bytes, err
		if err != nil {
			delete(t.cache, key)
			return
		}
		t.used += c.bytes
		for t.used > t.limit {
			old := key
			for k, c := range t.cache {
				if c.bytes > 0 && k != key && (old == key || c.last < t.cache[old].last) {
					old = k
				}
			}
			if old == key {
				break
			}
			t.used -= t.cache[old].bytes
			delete(t.cache, old)
		}
	})
	return c, c.err
}

// load reads a column of a row group, and tells about how many bytes it takes.
func (t *parquetTable) load(key parquetKey) (values []any, bytes int, err error) {
	g := t.groups[key.group]
	rows := int(g.file.parquet.RowGroups()[g.number].NumRows())
	cursor, err := g.file.cursor(g.number, key.column)
	if err != nil {
		return nil, 0, err
	}
	defer cursor.close()
	for row := range rows {
		v, err := cursor.next()
		if err == io.EOF {
			err = fmt.Errorf("%d rows, want %d", row, rows)
		}
		if err != nil {
			return nil, 0, g.file.inColumn(err, g.number, key.column)
		}
		if bytes += sizeOf(v); bytes > t.limit {
			return nil, 0, g.file.inColumn(fmt.Errorf("more than cache_mb, %d MB, unpacked; raise it, or read the file as a stream", t.limit/1e6), g.number, key.column)
		}
		values = append(values, v)
	}
	return slices.Clip(values), max(bytes, 1), nil
}

func (t *parquetTable) Close() error {
	var errs []error
	for _, f := range t.files {
		errs = append(errs, f.file.Close())
	}
	return errors.Join(errs...)
}

// Stream reads the footer of the first file.
func (c Parquet) Stream(ctx context.Context, files Files) (Stream, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	names, err := findAll(ctx, files, c.Path)
	if err != nil {
		return nil, err
	}
	f, err := openParquet(ctx, files, names[0])
	if err != nil {
		return nil, err
	}
	defer f.file.Close()
	columns, err := columnsOf(f, nil, "")
	return &parquetStream{files, names, columns}, err
}

type parquetStream struct {
	files   Files
	names   []string
	columns []Column
}

func (s *parquetStream) Columns() []Column { return s.columns }

func (s *parquetStream) Rows(ctx context.Context, columns []int, from int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		row := Row{Values: make([]any, len(columns))}
		for _, name := range s.names {
			more, err := s.file(ctx, name, columns, &from, &row, yield)
			if err != nil {
				yield(Row{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// file yields the rows of a file but for the first, which are taken off skip.
func (s *parquetStream) file(ctx context.Context, name string, columns []int, skip *int, row *Row, yield func(Row, error) bool) (more bool, err error) {
	f, err := openParquet(ctx, s.files, name)
	if err != nil {
		return false, err
	}
	defer f.file.Close()
	if _, err := columnsOf(f, s.columns, s.names[0]); err != nil {
		return false, err
	}
	at := 0
	for g, group := range f.parquet.RowGroups() {
		n := int(group.NumRows())
		if *skip >= n {
			*skip -= n
			at += n
			continue
		}
		if more, err := f.rows(ctx, g, columns, skip, at, row, yield); err != nil || !more {
			return more, err
		}
		at += n
	}
	return true, nil
}

// rows yields the rows of a row group, whose first one has a number in the
// file.
func (f *parquetFile) rows(ctx context.Context, group int, columns []int, skip *int, first int, row *Row, yield func(Row, error) bool) (more bool, err error) {
	cursors := make([]*parquetCursor, len(columns))
	for k, column := range columns {
		if cursors[k], err = f.cursor(group, column); err != nil {
			return false, err
		}
		defer cursors[k].close()
	}
	n := int(f.parquet.RowGroups()[group].NumRows())
	for i := range n {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		for k, cursor := range cursors {
			v, err := cursor.next()
			if err == io.EOF {
				err = fmt.Errorf("%d rows, want %d", i, n)
			}
			if err != nil {
				return false, f.inColumn(err, group, columns[k])
			}
			row.Values[k] = v
		}
		if *skip > 0 {
			*skip--
			continue
		}
		row.Where = fmt.Sprintf("%s: row %d", f.name, first+i)
		if !yield(*row, nil) {
			return false, nil
		}
	}
	return true, nil
}
