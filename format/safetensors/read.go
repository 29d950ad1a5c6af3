package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// An Info describes a tensor in a file.
type Info struct {
	DType     string // the format's name: "F32", "BF16"
	Shape     []int
	Offset    int64 // of the first byte, in the file
	SizeBytes int64
}

// layoutOrder compares two tensors by their place in the file. Empty ones
// stand before the one that begins at the same byte.
func layoutOrder(an string, a Info, bn string, b Info) int {
	return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.SizeBytes, b.SizeBytes), cmp.Compare(an, bn))
}

// A File is an open safetensors file whose header has been checked. Its
// methods may be called concurrently, Close after all others.
type File struct {
	path     string
	r        io.ReaderAt
	close    func() error
	metadata map[string]string
	infos    map[string]Info
	names    []string
}

// Open opens a file and checks its header; tensors are read when asked for.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return opened(f, path)
}

// OpenFS is Open in a file system whose files are read at any place, as those of
// os.DirFS and os.Root are. The path only serves error messages.
func OpenFS(fsys fs.FS, name, path string) (*File, error) {
	st, err := fs.Stat(fsys, name)
	if err == nil && !st.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, fmt.Errorf("safetensors: %s: not a regular file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", path, reason(err))
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", path, reason(err))
	}
	return opened(f, path)
}

// reason is an error without the name that a file system knows a file by.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// opened reads the header of a file, which is closed with what it returns.
func opened(f fs.File, path string) (*File, error) {
	fail := func(err error) (*File, error) {
		f.Close()
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	if !st.Mode().IsRegular() {
		return fail(fmt.Errorf("%s: not a regular file", path))
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return fail(fmt.Errorf("%s: its file system reads from the beginning only", path))
	}
	file, err := NewFile(r, st.Size(), path)
	if err != nil {
		f.Close()
		return nil, err
	}
	file.close = f.Close
	return file, nil
}

// NewFile reads the header of a file of the given size from r. The path only
// serves error messages. Close does not close r.
func NewFile(r io.ReaderAt, sizeBytes int64, path string) (*File, error) {
	fail := func(format string, args ...any) (*File, error) {
		return nil, fmt.Errorf("safetensors: %s: %w", path, fmt.Errorf(format, args...))
	}
	if sizeBytes < headerOffset {
		return fail("offset 0: %d bytes, want a header length of 8", sizeBytes)
	}
	var length [headerOffset]byte
	if err := readFull(r, length[:], 0); err != nil {
		return fail("offset 0: %w", err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if limit := min(sizeBytes-headerOffset, maxHeader); n > uint64(limit) {
		return fail("offset 0: header length %d, at most %d is possible", n, limit)
	}
	header := make([]byte, n)
	if err := readFull(r, header, headerOffset); err != nil {
		return fail("offset %d: %w", headerOffset, err)
	}
	p, err := parseHeader(header, sizeBytes-headerOffset-int64(n))
	if err != nil {
		return fail("%w", err)
	}
	names := slices.SortedFunc(maps.Keys(p.infos), func(a, b string) int {
		return layoutOrder(a, p.infos[a], b, p.infos[b])
	})
	return &File{path, r, func() error { return nil }, p.metadata, p.infos, names}, nil
}

// Close closes the file. Tensors read from it stay valid.
func (f *File) Close() error { return f.close() }

// Names lists the tensors in the order of their bytes in the file.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Metadata returns the strings that the header holds about the file.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Info describes a tensor; ok is false when the file has none of this name.
func (f *File) Info(name string) (info Info, ok bool) {
	info, ok = f.infos[name]
	info.Shape = slices.Clone(info.Shape)
	return info, ok
}

// Raw reads the bytes of a tensor of any type as they stand in the file.
func (f *File) Raw(name string) ([]byte, error) {
	info, err := f.find(name)
	if err != nil {
		return nil, err
	}
	mem := make([]byte, info.SizeBytes)
	if err := readFull(f.r, mem, info.Offset); err != nil {
		return nil, f.errorAt(name, info.Offset, err)
	}
	return mem, nil
}

// Tensor reads a tensor into memory of its own. An element type, rank or size
// that tensors do not have gives an error that wraps ErrUnsupported.
func (f *File) Tensor(name string) (*tensor.Tensor, error) {
	info, err := f.find(name)
	if err != nil {
		return nil, err
	}
	dt, ok := dtypeOf(info.DType)
	if !ok {
		return nil, f.errorAt(name, info.Offset, fmt.Errorf("%w: element type %s", ErrUnsupported, info.DType))
	}
	s, err := shape.Make(info.Shape...)
	if err != nil {
		return nil, f.errorAt(name, info.Offset, fmt.Errorf("%w: %w", ErrUnsupported, err))
	}
	t := tensor.New(dt, s)
	if err := readFull(f.r, t.Bytes(), info.Offset); err != nil {
		return nil, f.errorAt(name, info.Offset, err)
	}
	if !littleEndian() {
		swap(t.Bytes(), dt.Size())
	}
	if dt == dtype.Bool {
		for i, b := range t.Bytes() {
			if b > 1 {
				return nil, f.errorAt(name, info.Offset+int64(i), fmt.Errorf("byte %d in a BOOL tensor, want 0 or 1", b))
			}
		}
	}
	return t, nil
}

func (f *File) find(name string) (Info, error) {
	info, ok := f.infos[name]
	if !ok {
		return info, fmt.Errorf("safetensors: %s: no tensor %q", f.path, name)
	}
	return info, nil
}

func (f *File) errorAt(name string, offset int64, err error) error {
	return fmt.Errorf("safetensors: %s: offset %d: tensor %q: %w", f.path, offset, name, err)
}

// readFull fills dst from an offset; a short file is io.ErrUnexpectedEOF.
func readFull(r io.ReaderAt, dst []byte, offset int64) error {
	n, err := r.ReadAt(dst, offset)
	if n == len(dst) {
		return nil
	}
	if err == io.EOF {
		return fmt.Errorf("%w: %d of %d bytes", io.ErrUnexpectedEOF, n, len(dst))
	}
	return err
}

func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }
