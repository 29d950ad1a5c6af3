package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
)

// WebDataset reads tar files in which files that follow each other and have
// the same name up to its first dot are one row:
//
//	train/0001.jpg
//	train/0001.cls
//	train/0002.jpg
//	train/0002.cls
//
// The columns are __key__, the name up to the dot, and one for each ending, in
// lower case and sorted: cls, jpg. A Table has the endings of all rows, a
// Stream those of the first 100. Folders, links, names that begin with a dot
// and names such as __about__ are passed over. Names are only names: nothing
// is ever written to them.
//
// A Table keeps the keys, and 16 bytes for each file.
//
// Source: github.com/webdataset/webdataset 1.0, tariterators.py.
type WebDataset struct {
	// Path names the shards: patterns as Files.Find takes them, such as
	// data-{000..127}.tar.
	Path []string `yaml:"path,one" json:"path"`
	// Kinds are those of endings. Those that are not named are integer (cls,
	// cls2, class, count, index, inx, id), text (txt, text, transcript, json,
	// html) or binary. Beside these a file can hold a number or a boolean.
	Kinds map[string]Kind `yaml:"kinds" json:"kinds"`
}

// endingKinds are the kinds of endings that webdataset decodes by itself.
var endingKinds = map[string]Kind{
	"cls": Integer, "cls2": Integer, "class": Integer, "count": Integer, "index": Integer, "inx": Integer, "id": Integer,
	"txt": Text, "text": Text, "transcript": Text, "json": Text, "html": Text,
}

// keyColumn is the name of the first column.
const keyColumn = "__key__"

// learnSamples is how many rows tell the columns of a Stream.
const learnSamples = 100

// Validate tells all that is wrong with the settings.
func (c WebDataset) Validate() error {
	errs := []error{validPath("webdataset", c.Path)}
	for _, name := range slices.Sorted(maps.Keys(c.Kinds)) {
		if c.Kinds[name] == Array {
			errs = append(errs, fmt.Errorf("webdataset: kinds: %s: array, want text, number, integer, boolean or binary", name))
		}
	}
	return errors.Join(errs...)
}

// columns are those of some endings.
func (c WebDataset) columns(endings map[string]bool, where string) ([]Column, error) {
	columns := []Column{{keyColumn, Text}}
	for _, ending := range slices.Sorted(maps.Keys(endings)) {
		kind, ok := c.Kinds[ending]
		if !ok {
			last := ending[strings.LastIndexByte(ending, '.')+1:]
			if kind, ok = endingKinds[last]; !ok {
				kind = Binary
			}
		}
		columns = append(columns, Column{ending, kind})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Kinds)) {
		if _, err := Index(columns[1:], name); err != nil {
			return nil, fmt.Errorf("%s: kinds: %w", where, err)
		}
	}
	return columns, nil
}

// fileValue reads the content of a file as a value of its column.
func fileValue(content []byte, c Column) (any, error) {
	switch c.Kind {
	case Binary:
		return content, nil
	case Text:
		return string(content), nil
	}
	content = bytes.TrimSpace(content)
	if len(content) == 0 {
		return nil, nil
	}
	if !fitOf(content).allows(c.Kind) {
		return nil, fmt.Errorf("%s: %q is no %v", c.Name, clip(content), c.Kind)
	}
	return parse(content, c.Kind), nil
}

// splitName takes a name in a tar apart; ok is false for one that is passed
// over.
func splitName(name string) (key, ending string, ok bool) {
	base := name[strings.LastIndexByte(name, '/')+1:]
	at := strings.IndexByte(base, '.')
	if at <= 0 || at == len(base)-1 || strings.HasPrefix(base, "__") && strings.HasSuffix(base[:at], "__") {
		return "", "", false
	}
	return name[:len(name)-len(base)+at], strings.ToLower(base[at+1:]), true
}

// A tarReader reads the files of a tar that belong to rows.
type tarReader struct {
	in   offsetReader
	tar  *tar.Reader
	name string

	key, ending string
	size        int64
	offset      int64  // of the content in the tar
	last        string // file of any kind
	fresh       bool   // the file begins a row
	seen        []string
}

func newTarReader(r io.Reader, name string) *tarReader {
	t := &tarReader{in: offsetReader{r: r}, name: name}
	t.tar = tar.NewReader(&t.in)
	return t
}

// next goes on to the next file; io.EOF is the end.
func (t *tarReader) next() error {
	for {
		h, err := t.tar.Next()
		if err == io.EOF {
			if t.in.ended && !t.in.zeros {
				return fmt.Errorf("%s: offset %d: the file ends without the closing zeros of a tar (truncated?): %w", t.name, t.in.at, io.ErrUnexpectedEOF)
			}
			return io.EOF
		}
		if err != nil {
			return t.fail(err)
		}
		if h.Typeflag == tar.TypeGNUSparse || slices.ContainsFunc(slices.Collect(maps.Keys(h.PAXRecords)), func(k string) bool { return strings.HasPrefix(k, "GNU.sparse.") }) {
			return fmt.Errorf("%s: offset %d: %q is a sparse file: write the tar without", t.name, t.in.at, h.Name)
		}
		t.last, t.offset = h.Name, t.in.at
		key, ending, ok := splitName(h.Name)
		if h.Typeflag != tar.TypeReg || !ok {
			continue
		}
		if h.Size > maxFile {
			return fmt.Errorf("%s: offset %d: %q has %d bytes, at most %d are taken as one value", t.name, t.in.at, h.Name, h.Size, maxFile)
		}
		if t.fresh = key != t.key || t.seen == nil; t.fresh {
			t.seen = t.seen[:0]
		}
		if slices.Contains(t.seen, ending) {
			return fmt.Errorf("%s: offset %d: a second %q for one key", t.name, t.in.at, h.Name)
		}
		t.seen = append(t.seen, ending)
		t.key, t.ending, t.size = key, ending, h.Size
		return nil
	}
}

// content reads the file that next went to.
func (t *tarReader) content() ([]byte, error) {
	b, err := readSized(t.tar, t.size)
	if err != nil {
		return nil, t.fail(err)
	}
	return b, nil
}

func (t *tarReader) fail(err error) error {
	if err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%s: offset %d: the file ends inside of %q (truncated?): %w", t.name, t.offset, t.last, err)
	}
	if errors.Is(err, tar.ErrHeader) {
		return fmt.Errorf("%s: offset %d: want the head of a file in a tar: %w", t.name, t.in.at, err)
	}
	return fmt.Errorf("%s: offset %d: %w", t.name, t.in.at, err)
}

// where names the row, for messages.
func (t *tarReader) where() string { return t.name + ": " + t.key }

// An offsetReader knows how far it has read, and how it ended.
type offsetReader struct {
	r     io.Reader
	at    int64
	zeros bool // the block before the end is zero
	ended bool
}

func (r *offsetReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.at += int64(n)
	if n > 0 {
		r.zeros = n == 512 && len(p) == 512 && !slices.ContainsFunc(p[:n], func(c byte) bool { return c != 0 })
	}
	if n == 0 && err == io.EOF {
		r.ended = true
	}
	return n, err
}

// Seek passes over content in a file that can. archive/tar reads on where it
// gets an error.
func (r *offsetReader) Seek(offset int64, whence int) (int64, error) {
	s, ok := r.r.(io.Seeker)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	at, err := s.Seek(offset, whence)
	if err == nil {
		r.at = at
	}
	return at, err
}

// Open finds the files in the tars.
func (c WebDataset) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := &webTable{}
	endings := map[string]bool{}
	numbers := map[string]int32{} // of endings, as they come
	var err error
	t.shards, err = openShards(ctx, files, c.Path, func(f *os.File, _ int64, name string) (int, error) {
		r := newTarReader(f, name)
		before := len(t.samples)
		for {
			err := r.next()
			if err == io.EOF {
				return len(t.samples) - before, nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return 0, err
			}
			if r.fresh {
				t.samples = append(t.samples, webSample{r.key, len(t.parts)})
			}
			number, ok := numbers[r.ending]
			if !ok {
				if len(numbers) == maxColumns {
					return 0, fmt.Errorf("%s: offset %d: more than %d endings of names", name, r.offset, maxColumns)
				}
				number = int32(len(numbers))
				numbers[r.ending], endings[r.ending] = number, true
			}
			t.parts = append(t.parts, webPart{r.offset, int32(r.size), number})
		}
	})
	if err != nil {
		return nil, err
	}
	if t.Len() == 0 {
		return nil, errors.Join(fmt.Errorf("%s: no row in it: want files such as 0001.jpg", t.names[0]), t.Close())
	}
	if t.columns, err = c.columns(endings, t.names[0]); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	for _, column := range t.columns[1:] {
		t.numbers = append(t.numbers, numbers[column.Name])
	}
	t.samples, t.parts = slices.Clip(t.samples), slices.Clip(t.parts)
	return t, nil
}

// A webTable reads rows by the places of their files.
type webTable struct {
	*shards
	columns []Column
	numbers []int32 // of the columns after the first in parts
	samples []webSample
	parts   []webPart
}

type webSample struct {
	key   string
	first int // of its parts
}

type webPart struct {
	offset int64
	size   int32
	ending int32
}

func (t *webTable) Columns() []Column { return t.columns }

func (t *webTable) Read(dst []any, i int, columns []int) error {
	end := len(t.parts)
	if i+1 < len(t.samples) {
		end = t.samples[i+1].first
	}
	parts := t.parts[t.samples[i].first:end]
	file, _ := t.find(i)
	for k, c := range columns {
		if c == 0 {
			dst[k] = t.samples[i].key
			continue
		}
		dst[k] = nil
		at := slices.IndexFunc(parts, func(p webPart) bool { return p.ending == t.numbers[c-1] })
		if at < 0 {
			continue
		}
		content := make([]byte, parts[at].size)
		_, err := t.files[file].ReadAt(content, parts[at].offset)
		if err == nil {
			dst[k], err = fileValue(content, t.columns[c])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.Where(i), err)
		}
	}
	return nil
}

// Where names tar and key.
func (t *webTable) Where(i int) string {
	file, _ := t.find(i)
	return t.names[file] + ": " + t.samples[i].key
}

// Stream reads the names of the first rows.
func (c WebDataset) Stream(ctx context.Context, files Files) (Stream, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	names, err := findAll(ctx, files, c.Path)
	if err != nil {
		return nil, err
	}
	s := &webStream{files: files, names: names}
	endings := map[string]bool{}
	for rows, i := 0, 0; i < len(names) && rows <= learnSamples; i++ {
		err := s.read(ctx, names[i], func(r *tarReader) (bool, error) {
			if r.fresh {
				rows++
			}
			if rows <= learnSamples {
				endings[r.ending] = true
			}
			return rows <= learnSamples, nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(endings) == 0 {
		return nil, fmt.Errorf("%s: no row in it: want files such as 0001.jpg", names[0])
	}
	if s.columns, err = c.columns(endings, names[0]); err != nil {
		return nil, err
	}
	return s, nil
}

// A webStream reads the tars in order.
type webStream struct {
	files   Files
	names   []string
	columns []Column
}

func (s *webStream) Columns() []Column { return s.columns }

// read calls f for each file of a tar until it says no more.
func (s *webStream) read(ctx context.Context, name string, f func(*tarReader) (more bool, err error)) error {
	in, err := s.files.Open(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	r := newTarReader(in, name)
	for {
		err := r.next()
		if err == nil {
			err = ctx.Err()
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if more, err := f(r); err != nil || !more {
			return err
		}
	}
}

func (s *webStream) Rows(ctx context.Context, columns []int, from int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		row := Row{Values: make([]any, len(columns))}
		place := map[string][]int{} // of endings in the row
		for k, c := range columns {
			place[s.columns[c].Name] = append(place[s.columns[c].Name], k)
		}
		n, begun, stopped := 0, false, false // rows begun before this one
		flush := func() bool {
			stopped = begun && n > from && !yield(row, nil)
			begun = false
			return !stopped
		}
		for _, name := range s.names {
			err := s.read(ctx, name, func(r *tarReader) (bool, error) {
				if r.fresh {
					if !flush() {
						return false, nil
					}
					n++
					begun = true
					row.Where = r.where()
					clear(row.Values)
					for _, k := range place[keyColumn] {
						row.Values[k] = r.key
					}
				}
				at := place[r.ending]
				if n <= from || len(at) == 0 {
					return true, nil
				}
				content, err := r.content()
				if err != nil {
					return false, err
				}
				value, err := fileValue(content, s.columns[columns[at[0]]])
				if err != nil {
					return false, fmt.Errorf("%s: %w", r.where(), err)
				}
				for _, k := range at {
					row.Values[k] = value
				}
				return true, nil
			})
			if err == nil && !stopped {
				flush()
			}
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
