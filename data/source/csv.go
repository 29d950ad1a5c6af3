package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
)

// CSV reads files of records with a delimiter, RFC 4180 and what is usual
// around it: a byte order mark, either line end, quotes within a field that
// does not begin with one. Blank lines are passed over. Bytes are UTF-8, and
// are not checked.
//
// The kind of a column that Kinds does not name is found in its values: all of
// them for a Table, those of the first 10,000 rows for a Stream, where a later
// value that does not fit is an error. Integers are decimal numbers that have
// a place in an int64 and do not begin with a needless 0 (007 is text, since a
// number would lose something); numbers may have a point and an exponent, and
// be inf or nan; booleans are true and false in any case. Spaces around these
// do not matter. A column without any value is one of numbers.
//
// A Table keeps 8 bytes a row in memory, and reads a row when it is asked for.
// A Stream keeps one row. BenchmarkCSV on a core of a Xeon (Sapphire Rapids),
// rows of 12 mixed columns: files are indexed, with kinds, at 190 MB/s; rows of
// a Table become values at 68 MB/s, those of a Stream at 89 MB/s. A program
// that streams 10 GB of them has 34 MB resident at most.
type CSV struct {
	// Path names the file or files: patterns as Files.Find takes them. Several
	// files have the same columns.
	Path []string `yaml:"path,one" json:"path"`
	// Delimiter is one byte, or "auto": a tab where the first path ends in .tsv
	// or .tab (and .gz and so on), a comma elsewhere.
	Delimiter string `yaml:"delimiter" json:"delimiter"`
	// Quote is one byte, doubled where it stands for itself. Empty leaves
	// quotes alone.
	Quote string `yaml:"quote" json:"quote"`
	// Comment begins lines that are passed over. Empty for none.
	Comment string `yaml:"comment" json:"comment"`
	// Header tells that the first line of each file names the columns.
	Header bool `yaml:"header" json:"header"`
	// Names are used in place of the header's. Without either, columns are
	// column1, column2, ....
	Names []string `yaml:"names" json:"names"`
	// Kinds are those of columns whose values would not tell: a postal code
	// is text. A boolean may be 0 and 1, yes and no, t and f, y and n too.
	Kinds map[string]Kind `yaml:"kinds" json:"kinds"`
	// Missing are the words that stand for no value. In a column of text only
	// a field without quotes is missing.
	Missing []string `yaml:"missing" json:"missing"`
	// Trim takes spaces off both ends of fields without quotes.
	Trim bool `yaml:"trim" json:"trim"`
}

// DefaultCSV has a header, quotes, and the usual words for what is missing.
func DefaultCSV() CSV {
	return CSV{
		Delimiter: "auto",
		Quote:     `"`,
		Header:    true,
		Missing:   []string{"", "NA", "N/A", "NaN", "nan", "null", "NULL"},
	}
}

// kindRows is how many rows tell the kinds of a Stream's columns.
const kindRows = 10_000

// Validate tells all that is wrong with the settings.
func (c CSV) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("csv: "+format, args...)) }
	errs = append(errs, validPath("csv", c.Path))
	d := c.delimiter()
	if len(d) != 1 || strings.ContainsAny(d, "\r\n") {
		fail("delimiter %q, want one byte or \"auto\"", c.Delimiter)
	}
	if len(c.Quote) > 1 || strings.ContainsAny(c.Quote, "\r\n") || c.Quote == d {
		fail("quote %q, want one byte that is not the delimiter, or none", c.Quote)
	}
	if strings.ContainsAny(c.Comment, "\r\n") {
		fail("comment %q holds a line end", c.Comment)
	}
	errs = append(errs, uniqueNames("csv: names", c.Names))
	errs = append(errs, scalarKinds("csv", c.Kinds))
	return errors.Join(errs...)
}

// uniqueNames refuses empty names and equal ones.
func uniqueNames(what string, names []string) error {
	seen := map[string]int{}
	for i, name := range names {
		if name == "" {
			return fmt.Errorf("%s: name %d is empty", what, i+1)
		}
		if first, twice := seen[name]; twice {
			return fmt.Errorf("%s: columns %d and %d are both named %q", what, first, i+1, name)
		}
		seen[name] = i + 1
	}
	return nil
}

// scalarKinds refuses kinds that a text can't be read as.
func scalarKinds(format string, kinds map[string]Kind) error {
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if kinds[name] > Boolean {
			return fmt.Errorf("%s: kinds: %s: %v, want text, number, integer or boolean", format, name, kinds[name])
		}
	}
	return nil
}

func (c CSV) delimiter() string {
	if c.Delimiter != "auto" {
		return c.Delimiter
	}
	name := ""
	if len(c.Path) > 0 {
		name = c.Path[0]
	}
	for _, ending := range []string{".gz", ".zst", ".bz2"} {
		name = strings.TrimSuffix(name, ending)
	}
	if strings.HasSuffix(name, ".tsv") || strings.HasSuffix(name, ".tab") {
		return "\t"
	}
	return ","
}

// Open indexes the files. It reads all of every row: kinds are certain, and a
// record that is not in order is an error now.
func (c CSV) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	x, err := openRows(ctx, files, c.Path)
	if err == nil {
		var t *csvTable
		if t, err = c.index(ctx, x, math.MaxInt); err == nil {
			return t, nil
		}
	}
	return nil, errors.Join(err, x.Close())
}

// OpenText indexes a text that is in memory, of at most limit rows, in place of
// the files of Path. The name serves messages, and tells the delimiter where that
// is "auto".
func (c CSV) OpenText(ctx context.Context, name string, text []byte, limit int) (Table, error) {
	c.Path = []string{name}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t, err := c.index(ctx, &rowIndex{files: []*rowFile{{name: name, file: inMemory{bytes.NewReader(text)}}}}, limit)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// A RowsError tells that there are more rows than a limit.
type RowsError struct{ Limit int }

// Error names the limit.
func (e *RowsError) Error() string { return fmt.Sprintf("more than %d rows", e.Limit) }

func (c CSV) index(ctx context.Context, x *rowIndex, limit int) (*csvTable, error) {
	form := c.form()
	for _, f := range x.files {
		r, err := form.begin(ctx, f.reader(), f.name)
		if err != nil {
			return nil, err
		}
		for {
			offset, line, err := r.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
			if len(f.starts) == limit {
				return nil, &RowsError{limit}
			}
			if err := form.look(r); err != nil {
				return nil, err
			}
			f.add(offset, line)
		}
		f.finish(r.offset)
	}
	x.number()
	if form.head == nil {
		return nil, fmt.Errorf("%s: offset 0: the file is empty, want a header or a row", x.files[0].name)
	}
	return &csvTable{rowIndex: x, csvForm: form, columns: form.columns()}, nil
}

// Stream reads the first rows, to learn columns and kinds.
func (c CSV) Stream(ctx context.Context, files Files) (Stream, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	names, err := findAll(ctx, files, c.Path)
	if err != nil {
		return nil, err
	}
	form := c.form()
	s := &csvStream{files: files, names: names, form: form}
	n := 0
	for _, name := range names {
		err := s.read(ctx, name, func(r *csvReader) (bool, error) {
			n++
			return n < kindRows, form.look(r)
		})
		if err != nil {
			return nil, err
		}
		if n >= kindRows {
			break
		}
	}
	if form.head == nil {
		return nil, fmt.Errorf("%s: offset 0: the file is empty, want a header or a row", names[0])
	}
	s.columns = form.columns()
	return s, nil
}

// A csvForm is what the files of a CSV have in common. It learns the columns
// from the first file and the kinds from the rows that it looks at.
type csvForm struct {
	delimiter byte
	quote     byte
	quotes    bool
	comment   []byte
	header    bool
	trim      bool
	names     []string
	missing   [][]byte
	starts    [256]bool // first bytes of words in missing
	empty     bool      // the empty word is one
	given     map[string]Kind

	head  []csvColumn // nil until the first file has begun
	first string      // its name
}

type csvColumn struct {
	name string
	kind Kind // that Kinds gives
	set  bool // it does
	seen bool
	fit  fit // of all values seen
}

func (c CSV) form() *csvForm {
	f := &csvForm{
		delimiter: c.delimiter()[0],
		comment:   []byte(c.Comment),
		header:    c.Header,
		trim:      c.Trim,
		names:     c.Names,
		given:     c.Kinds,
	}
	if c.Quote != "" {
		f.quote, f.quotes = c.Quote[0], true
	}
	for _, word := range c.Missing {
		if word == "" {
			f.empty = true
			continue
		}
		f.missing = append(f.missing, []byte(word))
		f.starts[word[0]] = true
	}
	return f
}

func (f *csvForm) columns() []Column {
	columns := make([]Column, len(f.head))
	for i, c := range f.head {
		columns[i] = Column{c.name, c.kind}
		if !c.set {
			columns[i].Kind = c.fit.kind(c.seen)
		}
	}
	return columns
}

// begin starts to read a file: its header becomes the columns, or is compared
// with them.
func (f *csvForm) begin(ctx context.Context, src io.Reader, name string) (*csvReader, error) {
	r := &csvReader{csvForm: f, chunk: newChunk(ctx, src, name)}
	if err := r.mark(); err != nil {
		return nil, err
	}
	if !f.header {
		return r, nil
	}
	_, line, err := r.next()
	if err == io.EOF {
		return nil, fmt.Errorf("%s: offset %d: no header: the file is empty", name, r.offset)
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(r.fields))
	for i, field := range r.fields {
		names[i] = string(field.text)
		if names[i] == "" {
			names[i] = fmt.Sprintf("column%d", i+1)
		}
	}
	if f.head == nil {
		if len(f.names) == 0 {
			if err := uniqueNames(place(name, line), names); err != nil {
				return nil, err
			}
		}
		return r, f.learn(names, name, line)
	}
	for i := range names {
		if len(f.names) == 0 && names[i] != f.head[i].name {
			return nil, fmt.Errorf("%s: column %d is %q, in %s it is %q", place(name, line), i+1, names[i], f.first, f.head[i].name)
		}
	}
	return r, nil
}

// learn makes the columns of the first line of the first file.
func (f *csvForm) learn(names []string, file string, line int) error {
	if len(f.names) > 0 {
		if len(f.names) != len(names) {
			return fmt.Errorf("%s: %d columns, and %d names given", place(file, line), len(names), len(f.names))
		}
		names = f.names
	}
	f.first = file
	for _, name := range names {
		kind, set := f.given[name]
		f.head = append(f.head, csvColumn{name: name, kind: kind, set: set, fit: ^fit(0)})
	}
	for _, name := range slices.Sorted(maps.Keys(f.given)) {
		if _, err := Index(f.columns(), name); err != nil {
			return fmt.Errorf("%s: kinds: %w", file, err)
		}
	}
	return nil
}

// look learns from the record that r has read.
func (f *csvForm) look(r *csvReader) error {
	for i := range r.fields {
		c := &f.head[i]
		if c.seen && !c.set && c.fit == 0 || c.set && c.kind == Text {
			continue // it is text, whatever comes
		}
		field := r.fields[i]
		if f.isMissing(field) {
			continue
		}
		fit := fitOf(field.text)
		if c.set && !fit.allows(c.kind) {
			return r.misfit(i, c.kind, "as kinds says")
		}
		c.seen = true
		if c.fit &= fit; c.fit&(likeInteger|likeNumber|likeBoolean) == 0 {
			c.fit = 0
		}
	}
	return nil
}

// isMissing compares with the words.
func (f *csvForm) isMissing(field csvField) bool {
	if len(field.text) == 0 {
		return f.empty
	}
	if !f.starts[field.text[0]] {
		return false
	}
	for _, word := range f.missing {
		if bytes.Equal(field.text, word) {
			return true
		}
	}
	return false
}

// value reads a field; ok is false where it does not fit the kind.
func (f *csvForm) value(field csvField, k Kind) (v any, ok bool) {
	if f.isMissing(field) && !(k == Text && field.quoted) {
		return nil, true
	}
	if k != Text && !fitOf(field.text).allows(k) {
		return nil, false
	}
	return parse(field.text, k), true
}

// A csvField is one value of a record, without its quotes.
type csvField struct {
	text   []byte
	quoted bool
}

// A csvReader reads the records of one file in order.
type csvReader struct {
	*csvForm
	*chunk
	fields []csvField // of the record read last, valid until the next
	from   int        // its line
}

// next reads a record and checks the number of its fields. The error is io.EOF
// after the last.
func (r *csvReader) next() (offset int64, line int, err error) {
	for {
		rest := r.rest()
		if len(rest) == 0 || len(rest) == 1 && rest[0] == '\r' || len(rest) < len(r.comment) {
			if !r.end {
				if err := r.more(); err != nil {
					return 0, 0, err
				}
				continue
			}
			if len(rest) == 0 {
				return 0, 0, io.EOF
			}
		}
		if rest[0] == '\n' {
			r.take(1, 1)
			continue
		}
		if rest[0] == '\r' && len(rest) > 1 && rest[1] == '\n' {
			r.take(2, 1)
			continue
		}
		if len(r.comment) > 0 && bytes.HasPrefix(rest, r.comment) {
			_, n, err := r.peekLine()
			if err != nil {
				return 0, 0, err
			}
			r.take(n, 1)
			continue
		}
		var n, lines int
		r.fields, n, lines, err = r.split(r.fields[:0], rest, r.end, math.MaxInt)
		if err != nil {
			return 0, 0, r.fail("%w", err)
		}
		if n == 0 {
			if err := r.more(); err != nil {
				return 0, 0, err
			}
			continue
		}
		offset, line = r.offset, r.line
		r.from = line
		r.take(n, lines)
		return offset, line, r.check()
	}
}

// check compares the number of fields with that of the columns.
func (r *csvReader) check() error {
	if r.head == nil {
		if r.header {
			return nil // this is it
		}
		names := make([]string, len(r.fields))
		for i := range names {
			names[i] = fmt.Sprintf("column%d", i+1)
		}
		return r.learn(names, r.name, r.from)
	}
	if len(r.fields) != len(r.head) {
		return fmt.Errorf("%s: %d fields, want %d, as in %s", place(r.name, r.from), len(r.fields), len(r.head), r.first)
	}
	return nil
}

// misfit is the error for field i of the record read last.
func (r *csvReader) misfit(i int, k Kind, why string) error {
	return fmt.Errorf("%s: column %s: %q is no %v, %s", place(r.name, r.from), r.head[i].name, clip(r.fields[i].text), k, why)
}

// clip shortens what a message quotes.
func clip(b []byte) []byte {
	if len(b) > 60 {
		return append(b[:60:60], "..."...)
	}
	return b
}

// split cuts the first record off src: its fields, at most limit of them; its
// length with the line end and the number of lines. A length of 0 says that
// src ends before the record does, and it is not the last of the file.
func (f *csvForm) split(fields []csvField, src []byte, last bool, limit int) ([]csvField, int, int, error) {
	at, lines := 0, 0
	for {
		var field csvField
		if f.quotes && at < len(src) && src[at] == f.quote {
			text, n, err := f.quoted(src[at:], last)
			if err != nil {
				return fields, 0, 0, fmt.Errorf("field %d: %w", len(fields)+1, err)
			}
			if n == 0 {
				return fields, 0, 0, nil
			}
			lines += bytes.Count(src[at:at+n], []byte("\n"))
			field = csvField{text, true}
			at += n
		} else {
			n := 0
			for _, c := range src[at:] {
				if c == f.delimiter || c == '\n' {
					break
				}
				n++
			}
			field.text = src[at : at+n : at+n]
			at += n
		}
		more := at < len(src) && src[at] == f.delimiter
		if !more && at == len(src) && !last {
			return fields, 0, 0, nil
		}
		if !field.quoted {
			if !more { // the line ends here
				field.text = bytes.TrimSuffix(field.text, []byte("\r"))
			}
			if f.trim {
				field.text = bytes.Trim(field.text, " \t")
			}
		}
		fields = append(fields, field)
		if !more {
			// A quote is followed by the line end alone, quoted saw to it.
			if at < len(src) && src[at] == '\r' {
				at++
			}
			if at < len(src) {
				at++
			}
			return fields, at, lines + 1, nil
		}
		if at++; len(fields) == limit {
			return fields, at, lines, nil
		}
	}
}

// quoted reads a field that begins with a quote: its text, and its length in
// src up to the delimiter or line end, 0 if src ends before that is known.
func (f *csvForm) quoted(src []byte, last bool) (text []byte, n int, err error) {
	doubled := 0
	for at := 1; ; {
		i := bytes.IndexByte(src[at:], f.quote)
		if i < 0 {
			if last {
				return nil, 0, fmt.Errorf("a quote is never closed; if quotes are no quotes in this file, set quote to \"\"")
			}
			return nil, 0, nil
		}
		at += i + 1
		if at < len(src) && src[at] == f.quote {
			doubled++
			at++
			continue
		}
		if rest := src[at:]; !last && (len(rest) == 0 || len(rest) == 1 && rest[0] == '\r') {
			return nil, 0, nil
		} else if len(rest) > 0 && rest[0] != f.delimiter && rest[0] != '\n' && !bytes.HasPrefix(rest, []byte("\r\n")) && string(rest) != "\r" {
			return nil, 0, fmt.Errorf("%q after the closing quote, want the delimiter or the line's end; if quotes are no quotes in this file, set quote to \"\"", clip(rest))
		}
		text = src[1 : at-1 : at-1]
		if doubled > 0 {
			text = bytes.ReplaceAll(text, []byte{f.quote, f.quote}, []byte{f.quote})
		}
		return text, at, nil
	}
}

// A csvTable reads rows by the index of their places.
type csvTable struct {
	*rowIndex
	*csvForm
	columns []Column
	scratch sync.Pool // of *csvScratch
}

type csvScratch struct {
	buf    []byte
	fields []csvField
}

func (t *csvTable) Columns() []Column { return t.columns }

func (t *csvTable) Read(dst []any, i int, columns []int) error {
	if len(columns) == 0 {
		return nil
	}
	s, ok := t.scratch.Get().(*csvScratch)
	if !ok {
		s = &csvScratch{}
	}
	defer t.scratch.Put(s)
	var err error
	if s.buf, err = t.bytes(s.buf, i); err != nil {
		return err
	}
	limit := slices.Max(columns) + 1
	if s.fields, _, _, err = t.split(s.fields[:0], s.buf, true, limit); err != nil {
		return fmt.Errorf("%s: %w", t.Where(i), err)
	}
	if len(s.fields) < limit {
		return fmt.Errorf("%s: %d fields, want %d: the file changed after it was opened", t.Where(i), len(s.fields), len(t.columns))
	}
	for k, c := range columns {
		v, ok := t.value(s.fields[c], t.columns[c].Kind)
		if !ok {
			return fmt.Errorf("%s: column %s: %q is no %v: the file changed after it was opened",
				t.Where(i), t.columns[c].Name, clip(s.fields[c].text), t.columns[c].Kind)
		}
		dst[k] = v
	}
	return nil
}

// A csvStream reads the files in order.
type csvStream struct {
	files   Files
	names   []string
	form    *csvForm // is not changed after Stream
	columns []Column
}

func (s *csvStream) Columns() []Column { return s.columns }

// read calls record for each record of a file until it says no more.
func (s *csvStream) read(ctx context.Context, name string, record func(*csvReader) (bool, error)) error {
	f, err := s.files.Open(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := s.form.begin(ctx, f, name)
	if err != nil {
		return err
	}
	for {
		if _, _, err := r.next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if more, err := record(r); err != nil || !more {
			return err
		}
	}
}

// misfit is the error for a field that is not of its column's kind.
func (s *csvStream) misfit(r *csvReader, column int) error {
	c := s.columns[column]
	if s.form.head[column].set {
		return r.misfit(column, c.Kind, "as kinds says")
	}
	return r.misfit(column, c.Kind, fmt.Sprintf("which the first %d rows hold; say kinds: {%s: ...}", kindRows, c.Name))
}

func (s *csvStream) Rows(ctx context.Context, columns []int, from int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		row := Row{Values: make([]any, len(columns))}
		n, stopped := 0, false
		record := func(r *csvReader) (bool, error) {
			if n++; n <= from {
				return true, nil
			}
			for k, c := range columns {
				v, ok := s.form.value(r.fields[c], s.columns[c].Kind)
				if !ok {
					return false, s.misfit(r, c)
				}
				row.Values[k] = v
			}
			row.Where = place(r.name, r.from)
			stopped = !yield(row, nil)
			return !stopped, nil
		}
		for _, name := range s.names {
			if err := s.read(ctx, name, record); err != nil {
				yield(Row{}, err)
				return
			}
			if stopped {
				return
			}
		}
	}
}
