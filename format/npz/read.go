package npz

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// maxRatio is the most that deflate can compress.
const maxRatio = 1032

// A File is an open .npz or .npy file. Its methods may be called concurrently,
// Close after all others.
type File struct {
	path  string
	r     io.ReaderAt
	close func() error
	names []string
	infos map[string]Info
	zip   map[string]*zip.File // nil for .npy
}

// ArrayName is the name of the array of a .npy file, which has none.
const ArrayName = "array"

// Open opens a file and reads the headers of its arrays.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("npz: %w", err)
	}
	file, err := NewFile(f, st.Size(), path)
	if err != nil {
		f.Close()
		return nil, err
	}
	file.close = f.Close
	return file, nil
}

// NewFile reads the headers of a file of the given size from r. The path only
// serves error messages. Close does not close r.
func NewFile(r io.ReaderAt, sizeBytes int64, path string) (*File, error) {
	f := &File{path: path, r: r, close: func() error { return nil }, infos: map[string]Info{}}
	head := make([]byte, min(sizeBytes, int64(len(magic))))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, f.fail(0, "%w", err)
	}
	if string(head) == magic {
		info, err := f.header(io.NewSectionReader(r, 0, sizeBytes), 0, sizeBytes)
		if err != nil {
			return nil, err
		}
		f.add(ArrayName, info)
		return f, nil
	}
	if !strings.HasPrefix(string(head), "PK") {
		return nil, f.fail(0, "%q, want a .npy file or a zip archive of them (truncated?)", head)
	}
	archive, err := zip.NewReader(r, sizeBytes)
	if err != nil {
		return nil, f.fail(sizeBytes, "%w (truncated?)", err)
	}
	f.zip = map[string]*zip.File{}
	for _, entry := range archive.File {
		if err := f.entry(entry, sizeBytes); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *File) fail(offset int64, format string, args ...any) error {
	return fmt.Errorf("npz: %s: offset %d: %w", f.path, offset, fmt.Errorf(format, args...))
}

func (f *File) add(name string, info Info) {
	f.names = append(f.names, name)
	f.infos[name] = info
}

// entry reads the header of an array in an archive.
func (f *File) entry(entry *zip.File, sizeBytes int64) error {
	name, ok := strings.CutSuffix(entry.Name, ".npy")
	at, err := entry.DataOffset()
	if err != nil {
		return f.fail(0, "entry %q: %w", entry.Name, err)
	}
	if !ok {
		return f.fail(at, "entry %q is no array, want names in .npy", entry.Name)
	}
	if _, twice := f.zip[name]; twice {
		return f.fail(at, "array %q appears twice", name)
	}
	packed, size := entry.CompressedSize64, entry.UncompressedSize64
	if at > sizeBytes || packed > uint64(sizeBytes-at) {
		return f.fail(at, "array %q: %d bytes, the file has %d", name, packed, max(sizeBytes-at, 0))
	}
	if entry.Method == zip.Store && packed != size || size > packed*maxRatio+maxRatio {
		return f.fail(at, "array %q: %d bytes in %d, which can't be", name, size, packed)
	}
	r, err := entry.Open()
	if err != nil {
		return f.fail(at, "array %q: %w", name, err)
	}
	defer r.Close()
	info, err := f.header(r, at, int64(size))
	if err != nil {
		return fmt.Errorf("%w; in array %q", err, name)
	}
	if entry.Method != zip.Store {
		info.Offset = -1
	}
	f.zip[name] = entry
	f.add(name, info)
	return nil
}

// header reads what stands before the elements of an array, which takes size
// bytes and lies at an offset.
func (f *File) header(r io.Reader, at, size int64) (info Info, err error) {
	start := make([]byte, len(magic)+2+2)
	if err := f.full(r, start, at, "the magic number"); err != nil {
		return info, err
	}
	if string(start[:len(magic)]) != magic {
		return info, f.fail(at, "%q, want %q", start[:len(magic)], magic)
	}
	n := int64(binary.LittleEndian.Uint16(start[8:]))
	length := int64(len(start))
	switch major := start[6]; major {
	case 1:
	case 2, 3:
		var high [2]byte
		if err := f.full(r, high[:], at+length, "the header's length"); err != nil {
			return info, err
		}
		n |= int64(binary.LittleEndian.Uint16(high[:])) << 16
		length += 2
	default:
		return info, f.fail(at+6, "version %d, want 1 to 3", major)
	}
	if n > maxHeader || n > size-length {
		return info, f.fail(at+8, "a header of %d bytes, at most %d are possible", n, max(0, min(maxHeader, size-length)))
	}
	text := make([]byte, n)
	if err := f.full(r, text, at+length, "the header"); err != nil {
		return info, err
	}
	if info, err = parseHeader(string(text)); err != nil && !errors.Is(err, ErrUnsupported) {
		return info, f.fail(at+length, "header: %w", err)
	}
	length += n
	info.Offset, info.SizeBytes = at+length, size-length
	e, _, err := info.element()
	if err != nil {
		return info, nil // its elements are never asked for
	}
	want, err := sizeOf(info.Shape, e.size)
	if err != nil {
		return info, f.fail(at+length, "%w", err)
	}
	if want != info.SizeBytes {
		return info, f.fail(at+length, "%d bytes wanted for %s%v, there are %d (truncated?)", want, info.Descr, info.Shape, info.SizeBytes)
	}
	return info, nil
}

// full fills dst from an offset.
func (f *File) full(r io.Reader, dst []byte, at int64, what string) error {
	n, err := io.ReadFull(r, dst)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return f.fail(at+int64(n), "the file ends after %d of %d bytes of %s (truncated?)", n, len(dst), what)
	}
	if err != nil {
		return f.fail(at+int64(n), "%w", err)
	}
	return nil
}

// Close closes the file. Tensors read from it stay valid.
func (f *File) Close() error { return f.close() }

// Names lists the arrays in their order in the file.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Info describes an array; ok is false when the file has none of this name.
func (f *File) Info(name string) (info Info, ok bool) {
	info, ok = f.infos[name]
	info.Shape = slices.Clone(info.Shape)
	return info, ok
}

// Tensor reads an array into memory of its own. An element type or rank that
// tensors do not have gives an error that wraps ErrUnsupported.
func (f *File) Tensor(name string) (*tensor.Tensor, error) {
	info, ok := f.infos[name]
	if !ok {
		return nil, fmt.Errorf("npz: %s: no array %q; there are %s", f.path, name, strings.Join(f.names, ", "))
	}
	t, err := f.tensor(name, info)
	if err != nil {
		return nil, fmt.Errorf("npz: %s: array %q: %w", f.path, name, err)
	}
	return t, nil
}

func (f *File) tensor(name string, info Info) (*tensor.Tensor, error) {
	e, bigEndian, err := info.element()
	if err != nil {
		return nil, err
	}
	s, err := shape.Make(info.Shape...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	// The size is that of the file, or of what a deflated one can become.
	raw := make([]byte, info.SizeBytes)
	if err := f.elements(name, info, raw); err != nil {
		return nil, err
	}
	if bigEndian != machineBigEndian() {
		swap(raw, e.size)
	}
	if e.dtype == dtype.Bool {
		if i := slices.IndexFunc(raw, func(b byte) bool { return b > 1 }); i >= 0 {
			return nil, fmt.Errorf("byte %d of the elements is %d, want 0 or 1", i, raw[i])
		}
	}
	t := tensor.New(e.dtype, s)
	if e.widen == nil && (!info.Fortran || s.Rank() < 2) {
		copy(t.Bytes(), raw)
		return t, nil
	}
	order := identity
	if info.Fortran {
		order = fortran(info.Shape)
	}
	for i := range t.Size() {
		from := raw[order(i)*e.size:][:e.size]
		if e.widen == nil {
			copy(t.Bytes()[i*e.size:], from)
			continue
		}
		if machineBigEndian() {
			from = slices.Clone(from)
			slices.Reverse(from)
		}
		t.SetInt(i, e.widen(from))
	}
	return t, nil
}

// elements reads the bytes of the elements, to the archive's checksum.
func (f *File) elements(name string, info Info, raw []byte) error {
	if f.zip == nil {
		if _, err := f.r.ReadAt(raw, info.Offset); err != nil && (err != io.EOF || len(raw) > 0) {
			return fmt.Errorf("offset %d: %w", info.Offset, err)
		}
		return nil
	}
	entry := f.zip[name]
	r, err := entry.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, int64(entry.UncompressedSize64)-info.SizeBytes); err != nil {
		return err
	}
	if _, err := io.ReadFull(r, raw); err != nil {
		return err
	}
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		return fmt.Errorf("the archive: %w", endError(err))
	}
	return nil
}

// endError names what stands where an end should.
func endError(err error) error {
	if err == nil {
		return errors.New("bytes after the array's end")
	}
	return err
}

func identity(i int) int { return i }

// fortran returns where element i of the usual order stands in the other.
func fortran(dims []int) func(i int) int {
	return func(i int) int {
		at := 0
		stride := 1
		for _, d := range dims {
			stride *= max(d, 1)
		}
		for k := len(dims) - 1; k >= 0; k-- {
			stride /= dims[k]
			at += i % dims[k] * stride
			i /= dims[k]
		}
		return at
	}
}

func machineBigEndian() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }

// swap reverses the bytes of each element.
func swap(mem []byte, size int) {
	for ; len(mem) >= size && size > 1; mem = mem[size:] {
		slices.Reverse(mem[:size])
	}
}
