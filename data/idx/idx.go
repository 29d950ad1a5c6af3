// Package idx reads IDX files, the format in which MNIST is distributed: two
// zero bytes, a type, a rank, the extents as big-endian 32-bit numbers, then
// the elements, big-endian. Files compressed by gzip are recognised by their
// first bytes.
//
// Source: http://yann.lecun.com/exdb/mnist/, "The IDX file format".
package idx

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// maxRatio is the most that deflate can compress: a file of n bytes holds at
// most maxRatio*n.
const maxRatio = 1032

// typeNames are the format's element types; dtypes those that tensors have.
var (
	typeNames = map[byte]string{8: "u8", 9: "i8", 11: "i16", 12: "i32", 13: "f32", 14: "f64"}
	dtypes    = map[byte]dtype.DType{8: dtype.Uint8, 12: dtype.Int32, 13: dtype.Float32, 14: dtype.Float64}
)

// Read reads a file. Errors name the path, the offset in the (uncompressed)
// bytes, and what was expected there.
func Read(path string) (*tensor.Tensor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("idx: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("idx: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("idx: %s: not a regular file", path)
	}
	return Decode(f, st.Size(), path)
}

// Decode reads a file of the given size from r; the path only serves error
// messages. It takes memory for the elements only when a file of this size
// can hold them.
func Decode(r io.Reader, sizeBytes int64, path string) (*tensor.Tensor, error) {
	d := &decoder{path: path, limit: sizeBytes}
	var start [2]byte
	n, err := io.ReadFull(r, start[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, d.fail(0, "%w", err)
	}
	d.r = io.MultiReader(bytes.NewReader(start[:n]), r)
	if start == [2]byte{0x1f, 0x8b} {
		z, err := gzip.NewReader(d.r)
		if err != nil {
			return nil, d.fail(0, "%w", err)
		}
		d.r = z
		d.limit = math.MaxInt64
		if sizeBytes < math.MaxInt64/maxRatio {
			d.limit = sizeBytes * maxRatio
		}
		d.compressed = true
	}
	return d.decode()
}

type decoder struct {
	r          io.Reader
	path       string
	limit      int64 // bytes that the file can hold
	compressed bool
}

func (d *decoder) fail(offset int64, format string, args ...any) error {
	return fmt.Errorf("idx: %s: offset %d: %w", d.path, offset, fmt.Errorf(format, args...))
}

// A Header tells what a file holds.
type Header struct {
	DType  dtype.DType
	Shape  shape.Shape
	Offset int64 // of the elements
}

// DecodeHeader reads what stands before the elements of a file of the given
// size, which is not compressed, and checks that they fill the rest.
func DecodeHeader(r io.Reader, sizeBytes int64, path string) (Header, error) {
	d := &decoder{r: r, path: path, limit: sizeBytes}
	h, size, err := d.header()
	if err == nil && sizeBytes > h.Offset+size {
		err = d.fail(h.Offset+size, "bytes after the end of %v%v", h.DType, h.Shape)
	}
	return h, err
}

// header also tells the elements' size in bytes.
func (d *decoder) header() (h Header, size int64, err error) {
	var magic [4]byte
	if err := d.full(magic[:], 0, "the magic number"); err != nil {
		return h, 0, err
	}
	if magic[0] != 0 || magic[1] != 0 {
		return h, 0, d.fail(0, "bytes %#02x %#02x, want 0 0: not an IDX file", magic[0], magic[1])
	}
	dt, ok := dtypes[magic[2]]
	if !ok {
		if name, known := typeNames[magic[2]]; known {
			return h, 0, d.fail(2, "element type %s is not supported, want u8, i32, f32 or f64", name)
		}
		return h, 0, d.fail(2, "type byte %#02x, want 0x08 (u8), 0x0c (i32), 0x0d (f32) or 0x0e (f64)", magic[2])
	}
	s, err := d.extents(int(magic[3]))
	if err != nil {
		return h, 0, err
	}
	at := int64(4 + 4*s.Rank())
	size = int64(s.Size()) * int64(dt.Size())
	if size > d.limit-at {
		if d.compressed {
			return h, 0, d.fail(at, "%d bytes wanted for %v%v, a compressed file of this size can't hold them", size, dt, s)
		}
		return h, 0, d.fail(at, "%d bytes wanted for %v%v, the file has %d (truncated?)", size, dt, s, max(d.limit-at, 0))
	}
	return Header{dt, s, at}, size, nil
}

func (d *decoder) decode() (*tensor.Tensor, error) {
	h, size, err := d.header()
	if err != nil {
		return nil, err
	}
	t := tensor.New(h.DType, h.Shape)
	if err := d.full(t.Bytes(), h.Offset, t.String()); err != nil {
		return nil, err
	}
	var more [1]byte
	switch _, err := io.ReadFull(d.r, more[:]); {
	case err == nil:
		return nil, d.fail(h.Offset+size, "bytes after the end of %v", t)
	case err != io.EOF:
		return nil, d.fail(h.Offset+size, "%w", err)
	}
	fromBigEndian(t.Bytes(), h.DType.Size())
	return t, nil
}

// extents reads the header's extents.
func (d *decoder) extents(rank int) (shape.Shape, error) {
	if rank > shape.MaxRank {
		return shape.Shape{}, d.fail(3, "%d axes, at most %d are supported", rank, shape.MaxRank)
	}
	raw := make([]byte, 4*rank)
	if err := d.full(raw, 4, fmt.Sprintf("%d extents", rank)); err != nil {
		return shape.Shape{}, err
	}
	dims := make([]int, rank)
	for i := range dims {
		n := binary.BigEndian.Uint32(raw[4*i:])
		if n > math.MaxInt32 {
			return shape.Shape{}, d.fail(int64(4+4*i), "extent %d of axis %d, at most %d is possible", n, i, math.MaxInt32)
		}
		dims[i] = int(n)
	}
	s, err := shape.Make(dims...)
	if err != nil {
		return s, d.fail(4, "%w", err)
	}
	return s, nil
}

// full fills dst from the given offset.
func (d *decoder) full(dst []byte, offset int64, what string) error {
	n, err := io.ReadFull(d.r, dst)
	switch {
	case err == nil:
		return nil
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return d.fail(offset+int64(n), "the file ends after %d of %d bytes of %s (truncated?)", n, len(dst), what)
	}
	return d.fail(offset+int64(n), "%w", err)
}

// fromBigEndian turns elements from the file's byte order into the machine's.
func fromBigEndian(mem []byte, size int) {
	if size == 1 || binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		return
	}
	for ; len(mem) > 0; mem = mem[size:] {
		slices.Reverse(mem[:size])
	}
}
