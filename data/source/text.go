package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Cut says what of a text is a row.
type Cut struct {
	// Unit is line, paragraph, file or window.
	//
	// Lines end in \n or \r\n; blank ones are no rows. Paragraphs are what
	// stands between blank lines (of spaces, if of anything), with \n between
	// their lines. A window is Size characters; one begins every Stride
	// characters, and the last one ends within the file.
	Unit string `yaml:"unit" json:"unit"`
	// Size is that of a window in characters, or bytes. A byte that is not
	// UTF-8 counts as a character.
	Size int `yaml:"size" json:"size"`
	// Stride is the distance between the beginnings of two windows.
	Stride int `yaml:"stride" json:"stride"`
	// Bytes counts Size and Stride in bytes, wherever characters end.
	Bytes bool `yaml:"bytes" json:"bytes"`
}

// Values of Cut.Unit.
const (
	unitLine      = "line"
	unitParagraph = "paragraph"
	unitFile      = "file"
	unitWindow    = "window"
)

// DefaultCut has lines as rows; its windows have 256 characters and do not
// overlap.
func DefaultCut() Cut { return Cut{Unit: unitLine, Size: 256, Stride: 256} }

// Validate tells all that is wrong with the settings.
func (c Cut) Validate() error {
	var errs []error
	switch c.Unit {
	case unitLine, unitParagraph, unitFile, unitWindow:
	default:
		errs = append(errs, fmt.Errorf("text: unit %q, want line, paragraph, file or window", c.Unit))
	}
	if c.Size < 1 || c.Size > maxRow/utf8.UTFMax {
		errs = append(errs, fmt.Errorf("text: size %d of a window, want 1 to %d", c.Size, maxRow/utf8.UTFMax))
	}
	if c.Stride < 1 || c.Stride > maxRow/utf8.UTFMax {
		errs = append(errs, fmt.Errorf("text: stride %d of windows, want 1 to %d", c.Stride, maxRow/utf8.UTFMax))
	}
	return errors.Join(errs...)
}

// PlainText reads text without structure. The columns are text; file, the name
// of its file; and folder, the last part of the folder's name, which is a class
// where texts are sorted in folders. Text is UTF-8, and not checked; a byte
// order mark is left out.
//
// A Table keeps 8 bytes a row in memory (for files as rows their names), and
// reads a row when it is asked for. A Stream keeps one row.
type PlainText struct {
	// Path names the file or files: patterns as Files.Find takes them.
	Path []string `yaml:"path,one" json:"path"`
	Cut  `yaml:",inline"`
}

// DefaultPlainText is cut as DefaultCut says.
func DefaultPlainText() PlainText { return PlainText{Cut: DefaultCut()} }

// textColumns are those of every PlainText.
var textColumns = []Column{{"text", Text}, {"file", Text}, {"folder", Text}}

// Validate tells all that is wrong with the settings.
func (c PlainText) Validate() error { return errors.Join(validPath("text", c.Path), c.Cut.Validate()) }

// Open reads the files through, to find the rows.
func (c PlainText) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Unit == unitFile {
		return c.openFiles(ctx, files)
	}
	x, err := openRows(ctx, files, c.Path)
	if err == nil {
		if err = c.index(ctx, x); err == nil {
			return &textTable{x, c.Cut}, nil
		}
	}
	return nil, errors.Join(err, x.Close())
}

// index finds the rows of files.
func (c Cut) index(ctx context.Context, x *rowIndex) error {
	for _, f := range x.files {
		r, err := c.begin(ctx, f.reader(), f.name)
		if err != nil {
			return err
		}
		for {
			if _, err := r.next(); err == io.EOF {
				break
			} else if err != nil {
				return err
			}
			f.add(r.at, r.from)
		}
		f.finish(r.offset + int64(len(r.rest())))
	}
	x.number()
	return nil
}

// Stream finds the files.
func (c PlainText) Stream(ctx context.Context, files Files) (Stream, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	names, err := findAll(ctx, files, c.Path)
	if err != nil {
		return nil, err
	}
	return &textStream{files, names, c.Cut}, nil
}

// values fills a row.
func textValues(dst []any, columns []int, name string, text []byte) {
	for k, c := range columns {
		switch c {
		case 0:
			dst[k] = string(text)
		case 1:
			dst[k] = name
		default:
			dst[k] = folder(name)
		}
	}
}

// folder is the last part of the name of a file's folder.
func folder(name string) string {
	dir := path.Dir(strings.ReplaceAll(name, "\\", "/"))
	if dir == "." {
		return ""
	}
	return path.Base(dir)
}

// A textReader reads the rows of a file in order.
type textReader struct {
	Cut
	*chunk
	skip int   // characters or bytes from rest to the next window
	at   int64 // offset and line of the row read last
	from int
}

func (c Cut) begin(ctx context.Context, src io.Reader, name string) (*textReader, error) {
	r := &textReader{Cut: c, chunk: newChunk(ctx, src, name)}
	return r, r.mark()
}

// next reads a row, whose bytes are valid until the next one. The error is
// io.EOF after the last.
func (r *textReader) next() ([]byte, error) {
	switch r.Unit {
	case unitWindow:
		return r.window()
	case unitFile:
		return r.file()
	}
	for {
		line, n, err := r.peekLine()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, io.EOF
		}
		if !blank(line) {
			break
		}
		r.take(n, 1)
	}
	r.at, r.from = r.offset, r.line
	if r.Unit == unitParagraph {
		return r.paragraph()
	}
	line, n, err := r.peekLine()
	if err == nil {
		r.take(n, 1)
	}
	return line, err
}

func blank(line []byte) bool { return len(bytes.Trim(line, " \t\r")) == 0 }

// paragraph reads to the next blank line.
func (r *textReader) paragraph() ([]byte, error) {
	n, lines := 0, 0
	for {
		rest := r.rest()
		i := bytes.IndexByte(rest[n:], '\n')
		if i < 0 && !r.end {
			if err := r.more(); err != nil {
				return nil, err
			}
			continue
		}
		line := rest[n:]
		if i >= 0 {
			line = rest[n : n+i]
		}
		if blank(line) || i < 0 {
			if !blank(line) {
				n += len(line)
			}
			r.take(n, lines)
			return r.finish(rest[:n]), nil
		}
		n += i + 1
		lines++
	}
}

// file reads all.
func (r *textReader) file() ([]byte, error) {
	for !r.end {
		if err := r.more(); err != nil {
			return nil, err
		}
	}
	if r.skip > 0 {
		return nil, io.EOF
	}
	r.skip = 1 // not again
	r.at, r.from = r.offset, r.line
	rest := r.rest()
	r.take(len(rest), 0)
	return rest, nil
}

// window reads the next one, of which only Stride are used up.
func (r *textReader) window() ([]byte, error) {
	for r.skip > 0 {
		n, count := r.measure(r.rest(), r.skip, r.end)
		r.take(n, bytes.Count(r.rest()[:n], []byte("\n")))
		if r.skip -= count; r.skip == 0 {
			break
		}
		if r.end {
			return nil, io.EOF
		}
		if err := r.more(); err != nil {
			return nil, err
		}
	}
	for {
		n, count := r.measure(r.rest(), r.Size, r.end)
		if count == r.Size {
			r.at, r.from, r.skip = r.offset, r.line, r.Stride
			return r.rest()[:n], nil
		}
		if r.end {
			return nil, io.EOF
		}
		if err := r.more(); err != nil {
			return nil, err
		}
	}
}

// measure finds how many bytes the first characters of b take: as many as are
// wanted, or as there are. One that b cuts short counts at the end alone.
func (c Cut) measure(b []byte, want int, last bool) (n, count int) {
	if c.Bytes {
		n = min(want, len(b))
		return n, n
	}
	for count < want && n < len(b) {
		if b[n] < utf8.RuneSelf {
			n++
			count++
			continue
		}
		if !last && !utf8.FullRune(b[n:]) {
			break
		}
		_, size := utf8.DecodeRune(b[n:])
		n += size
		count++
	}
	return n, count
}

// finish makes the text of a row from the bytes between its beginning and the
// next one's, of a window from those that it can have.
func (c Cut) finish(b []byte) []byte {
	switch c.Unit {
	case unitLine:
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[:i]
		}
		return bytes.TrimSuffix(b, []byte("\r"))
	case unitParagraph:
		for { // take off blank lines at the end
			b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
			i := bytes.LastIndexByte(b, '\n')
			if i < 0 || !blank(b[i+1:]) {
				break
			}
			b = b[:i+1]
		}
		return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	}
	n, _ := c.measure(b, c.Size, true)
	return b[:n]
}

// A textTable reads rows by the index of their places.
type textTable struct {
	*rowIndex
	cut Cut
}

func (t *textTable) Columns() []Column { return textColumns }

func (t *textTable) Read(dst []any, i int, columns []int) error {
	f, row := t.find(i)
	var text []byte
	if slices.Contains(columns, 0) {
		begin, end := f.starts[row], f.starts[row+1]
		if t.cut.Unit == unitWindow {
			most := t.cut.Size
			if !t.cut.Bytes {
				most *= utf8.UTFMax
			}
			end = min(begin+int64(most), f.starts[f.rows()])
		}
		var err error
		if text, err = f.read(nil, begin, end); err != nil {
			return err
		}
		text = t.cut.finish(text)
	}
	textValues(dst, columns, f.name, text)
	return nil
}

// A textStream reads the files in order.
type textStream struct {
	files Files
	names []string
	cut   Cut
}

func (s *textStream) Columns() []Column { return textColumns }

func (s *textStream) Rows(ctx context.Context, columns []int, from int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		row := Row{Values: make([]any, len(columns))}
		n := 0
		for _, name := range s.names {
			more, err := s.read(ctx, name, func(r *textReader, text []byte) bool {
				if n++; n <= from {
					return true
				}
				textValues(row.Values, columns, name, text)
				row.Where = place(name, r.from)
				return yield(row, nil)
			})
			if err != nil {
				yield(Row{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// read calls row for each row of a file until it says no more.
func (s *textStream) read(ctx context.Context, name string, row func(*textReader, []byte) bool) (more bool, err error) {
	f, err := s.files.Open(ctx, name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	r, err := s.cut.begin(ctx, f, name)
	if err != nil {
		return false, err
	}
	for {
		if text, err := r.next(); err == io.EOF {
			return true, nil
		} else if err != nil {
			return false, err
		} else if !row(r, text) {
			return false, nil
		}
	}
}

// openFiles makes the table of whole files, which are opened when they are
// read: there may be more of them than a process can hold open.
func (c PlainText) openFiles(ctx context.Context, files Files) (Table, error) {
	names, err := findAll(ctx, files, c.Path)
	if err != nil {
		return nil, err
	}
	t := &fileTable{names: names}
	for _, name := range names {
		local, err := files.Local(ctx, name)
		if err != nil {
			return nil, err
		}
		t.paths = append(t.paths, local)
	}
	return t, nil
}

type fileTable struct {
	names []string
	paths []string // of the local files
}

func (t *fileTable) Columns() []Column  { return textColumns }
func (t *fileTable) Len() int           { return len(t.names) }
func (t *fileTable) Where(i int) string { return place(t.names[i], 1) }
func (t *fileTable) Close() error       { return nil }

func (t *fileTable) Read(dst []any, i int, columns []int) error {
	var text []byte
	if slices.Contains(columns, 0) {
		f, err := os.Open(t.paths[i])
		if err != nil {
			return err
		}
		defer f.Close()
		r, err := Cut{Unit: unitFile}.begin(context.Background(), f, t.names[i])
		if err != nil {
			return err
		}
		if text, err = r.next(); err != nil {
			return err
		}
	}
	textValues(dst, columns, t.names[i], text)
	return nil
}
