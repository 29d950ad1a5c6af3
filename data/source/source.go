// Package source reads examples from files: tables of rows and columns,
// whatever the format.
//
// Every format has a [Config], data that a recipe can hold. Opened, it is a
// [Table], whose rows are read in any order, or a [Stream], which reads them
// one after another. Errors name the file, and the line or offset in it.
package source

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// A Kind is what the values of a column are in Go.
type Kind uint8

// The kinds.
const (
	Text    Kind = iota // string
	Number              // float64
	Integer             // int64
	Boolean             // bool
	Binary              // []byte: a file's content, such as a JPEG
	Array               // *tensor.Tensor, of one element type and rank in all rows
)

var kinds = [...]string{"text", "number", "integer", "boolean", "binary", "array"}

// String is the lower-case name.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Values lists the names.
func (Kind) Values() []string { return slices.Clone(kinds[:]) }

// MarshalText returns the name.
func (k Kind) MarshalText() ([]byte, error) {
	if int(k) >= len(kinds) {
		return nil, fmt.Errorf("source: %v has no name", k)
	}
	return []byte(kinds[k]), nil
}

// UnmarshalText reads a name.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kinds[:], string(text))
	if i < 0 {
		return fmt.Errorf("source: no kind %q; there are %s", text, strings.Join(kinds[:], ", "))
	}
	*k = Kind(i)
	return nil
}

// A Column is one property of all rows.
type Column struct {
	Name string
	Kind Kind
}

// A Table reads rows in any order. Its methods may be called concurrently.
type Table interface {
	Columns() []Column
	Len() int
	// Read stores the values of some columns of row i in dst: a value of the
	// column's kind, or nil where the row has none. Columns are numbered as
	// in Columns; those that are not asked for cost nothing. Values are the
	// caller's to keep and not to change.
	Read(dst []any, i int, columns []int) error
	// Where says where row i comes from, for messages: "houses.csv:17",
	// "photos/cat/3.jpg".
	Where(i int) string
	io.Closer
}

// A Stream reads rows in the order of its files, in memory that does not grow
// with them. Each call of Rows reads anew.
type Stream interface {
	Columns() []Column
	// Rows yields the rows from number from on. The first error, the context's
	// included, comes last. When the loop ends nothing keeps running and no
	// file stays open.
	Rows(ctx context.Context, columns []int, from int) iter.Seq2[Row, error]
}

// A Row is one row of a Stream.
type Row struct {
	Values []any // of the columns asked for, as Table.Read gives them; the slice is valid until the next row
	Where  string
}

// A Config says what to read. Comparable or not, it is plain data.
type Config interface {
	// Validate tells all that is wrong with the settings, without reading.
	Validate() error
	// Open finds the files and makes the rows ready to be read in any order:
	// what is compressed or remote is fetched first, what has lines is
	// indexed.
	Open(ctx context.Context, files Files) (Table, error)
	// Stream finds the files and learns the columns, no more.
	Stream(ctx context.Context, files Files) (Stream, error)
}

// Files opens what configs name: paths, globs and URLs. Package file has the
// one that programs use.
type Files interface {
	// Find lists the files that a pattern names, sorted: a path, a glob with
	// *, ? and **, an http(s) URL, or s3://bucket/key with * in the key. None
	// is an error.
	Find(ctx context.Context, pattern string) ([]string, error)
	// Open reads a file from its start, unpacked if its name ends in .gz,
	// .zst or .bz2.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Local returns the path of a local file with the content: the file
	// itself, or a copy of what is remote or compressed.
	Local(ctx context.Context, name string) (path string, err error)
}

// Index finds columns by their names.
func Index(columns []Column, names ...string) ([]int, error) {
	index := make([]int, len(names))
	for k, name := range names {
		index[k] = -1
		for i, c := range columns {
			if c.Name == name {
				index[k] = i
			}
		}
		if index[k] < 0 {
			return nil, &MissingColumnError{name, columns}
		}
	}
	return index, nil
}

// A MissingColumnError is the wish for a column that is not there.
type MissingColumnError struct {
	Name    string
	Columns []Column // that are
}

// Error lists the columns that are there.
func (e *MissingColumnError) Error() string {
	text := fmt.Sprintf("no column %q; there are", e.Name)
	for i, c := range e.Columns {
		if i > 0 {
			text += ","
		}
		text += " " + c.Name
	}
	return text
}
