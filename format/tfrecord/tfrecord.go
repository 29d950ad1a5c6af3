// Package tfrecord reads and writes TensorFlow's files of records, and the
// messages tf.train.Example and SequenceExample that records mostly are.
//
// A file is records one after another, each
//
//	uint64 length, uint32 checksum of the length, the bytes, uint32 checksum of the bytes
//
// little-endian. A checksum is CRC-32C, rotated right by 15 bits, plus
// 0xa282ead8. The messages are protocol buffers.
//
// Source: tensorflow/core/lib/io/record_writer.h and
// tensorflow/core/example/{example,feature}.proto.
package tfrecord

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"
)

// MaxRecord is the most bytes of a record that is read.
const MaxRecord = 1 << 30

// The bytes of a record before and after its content.
const (
	headSize = 12
	tailSize = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of b.
func masked(b []byte) uint32 {
	return bits.RotateLeft32(crc32.Checksum(b, castagnoli), -15) + 0xa282ead8
}

// An Error is a damaged file, at the offset of a record in its uncompressed
// bytes.
type Error struct {
	Name   string // of the file
	Offset int64
	What   string
	Err    error // io.ErrUnexpectedEOF where the file ends too early
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: record at offset %d: %s", e.Name, e.Offset, e.What)
}

func (e *Error) Unwrap() error { return e.Err }

// A Reader reads the records of a file in order.
type Reader struct {
	r      *bufio.Reader
	name   string
	offset int64 // of the next record
	record []byte
}

// NewReader reads from r. The name serves messages.
func NewReader(r io.Reader, name string) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 1<<16), name: name}
}

// Offset is where the next record begins.
func (r *Reader) Offset() int64 { return r.offset }

// Next returns the next record, valid until the next call; io.EOF after the
// last one, and an *Error where the file is damaged.
func (r *Reader) Next() ([]byte, error) {
	n, err := r.head()
	if err != nil {
		return nil, err
	}
	// A length that the file does not keep takes no memory for long.
	r.record = r.record[:0]
	for want := n + tailSize; len(r.record) < want; {
		had := len(r.record)
		part := min(want-had, max(had, 1<<20))
		r.record = slices.Grow(r.record, part)[:had+part]
		if m, err := io.ReadFull(r.r, r.record[had:]); err != nil {
			return nil, r.cut(err, fmt.Sprintf("after %d of %d bytes", had+m, n))
		}
	}
	record := r.record[:n:n]
	if err := check(r.name, r.offset, record, r.record[n:]); err != nil {
		return nil, err
	}
	r.offset += int64(headSize + n + tailSize)
	return record, nil
}

// Skip passes over the next record, whose content it does not check.
func (r *Reader) Skip() error {
	n, err := r.head()
	if err != nil {
		return err
	}
	if m, err := r.r.Discard(n + tailSize); err != nil {
		return r.cut(err, fmt.Sprintf("after %d of %d bytes", m, n))
	}
	r.offset += int64(headSize + n + tailSize)
	return nil
}

// head reads the length of the next record.
func (r *Reader) head() (int, error) {
	var head [headSize]byte
	if m, err := io.ReadFull(r.r, head[:]); err == io.EOF {
		return 0, io.EOF
	} else if err != nil {
		return 0, r.cut(err, fmt.Sprintf("after %d of the %d bytes of its head", m, headSize))
	}
	return length(r.name, r.offset, head[:])
}

// cut is the error of a file that ends inside a record, or can't be read.
func (r *Reader) cut(err error, where string) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &Error{r.name, r.offset, "the file ends " + where + " (truncated?)", io.ErrUnexpectedEOF}
	}
	return fmt.Errorf("%s: record at offset %d: %w", r.name, r.offset, err)
}

// length reads a record's head.
func length(name string, offset int64, head []byte) (int, error) {
	n := binary.LittleEndian.Uint64(head)
	if got, want := masked(head[:8]), binary.LittleEndian.Uint32(head[8:]); got != want {
		return 0, &Error{name, offset, fmt.Sprintf("its length has the checksum %08x, %08x is written: damaged, or no TFRecord file", got, want), nil}
	}
	if n > MaxRecord {
		return 0, &Error{name, offset, fmt.Sprintf("%d bytes long, at most %d are read", n, MaxRecord), nil}
	}
	return int(n), nil
}

// check compares a record with its checksum.
func check(name string, offset int64, record, tail []byte) error {
	if got, want := masked(record), binary.LittleEndian.Uint32(tail); got != want {
		return &Error{name, offset, fmt.Sprintf("its %d bytes have the checksum %08x, %08x is written: damaged", len(record), got, want), nil}
	}
	return nil
}

// A File is the records of a file in any order.
type File struct {
	r      io.ReaderAt
	name   string
	starts []int64 // of each record, and the end of the last
}

// Index finds the records of a file of the given size by their lengths, whose
// checksums it checks; 8 bytes of memory a record.
func Index(r io.ReaderAt, sizeBytes int64, name string) (*File, error) {
	f := &File{r: r, name: name, starts: []int64{0}}
	window := make([]byte, 1<<16)
	var from, to int64 // of what the window holds
	for at := int64(0); at < sizeBytes; {
		if sizeBytes-at < headSize+tailSize {
			return nil, &Error{name, at, fmt.Sprintf("the file ends after %d bytes of it (truncated?)", sizeBytes-at), io.ErrUnexpectedEOF}
		}
		if at < from || at+headSize > to {
			n, err := r.ReadAt(window[:min(int64(len(window)), sizeBytes-at)], at)
			if n < headSize {
				return nil, fmt.Errorf("%s: offset %d: %w", name, at, err)
			}
			from, to = at, at+int64(n)
		}
		n, err := length(name, at, window[at-from:at-from+headSize])
		if err != nil {
			return nil, err
		}
		end := at + int64(headSize+n+tailSize)
		if end > sizeBytes {
			return nil, &Error{name, at, fmt.Sprintf("%d bytes long, the file ends after %d (truncated?)", n, max(sizeBytes-at-headSize, 0)), io.ErrUnexpectedEOF}
		}
		f.starts = append(f.starts, end)
		at = end
	}
	f.starts = slices.Clip(f.starts)
	return f, nil
}

// Len is the number of records.
func (f *File) Len() int { return len(f.starts) - 1 }

// Offset is where record i begins.
func (f *File) Offset(i int) int64 { return f.starts[i] }

// Read reads record i into buf or a larger slice, and checks it.
func (f *File) Read(buf []byte, i int) ([]byte, error) {
	at := f.starts[i] + headSize
	n := int(f.starts[i+1] - at)
	buf = slices.Grow(buf[:0], n)[:n]
	if _, err := f.r.ReadAt(buf, at); err != nil {
		return nil, fmt.Errorf("%s: offset %d: %w", f.name, at, err)
	}
	n -= tailSize
	return buf[:n:n], check(f.name, f.starts[i], buf[:n], buf[n:])
}

// A Writer writes records.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter writes to w, each record by one call.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Record writes one record.
func (w *Writer) Record(record []byte) error {
	w.buf = Append(w.buf[:0], record)
	_, err := w.w.Write(w.buf)
	return err
}

// Append appends a record as it stands in a file.
func Append(dst, record []byte) []byte {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(record)))
	dst = binary.LittleEndian.AppendUint32(dst, masked(dst[at:at+8]))
	dst = append(dst, record...)
	return binary.LittleEndian.AppendUint32(dst, masked(record))
}
