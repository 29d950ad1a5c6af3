// Package bundle puts a trained model behind a program, so that one file is
// both: the program itself, zeros up to a page, a mark, a zip archive of what
// package export writes, stored and not packed, and at the very end a trailer
// that says where all of it lies. Nothing of the program changes, so that it
// runs as it did; what it finds at the end of its own file is up to it.
package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gradus-ml/gradus/internal/atomicfile"
	"github.com/gradus-ml/gradus/recipe/export"
)

// seed is what the mark of a bundle is made of. Every program that knows bundles
// holds it; none holds the mark.
const seed = "gradus bundle, format 1: program, page, mark, archive, trailer"

// mark stands before the archive and begins the trailer.
func mark() []byte {
	sum := sha256.Sum256([]byte(seed))
	return sum[:16]
}

const (
	page        = 4096
	markSize    = 16
	trailerSize = markSize + 3*8 + sha256.Size
)

// infoFile is the first entry of the archive.
const infoFile = "bundle.json"

// An info is what an archive says of itself.
type info struct {
	Name string `json:"name"` // of the model
}

// A trailer tells where a bundle's parts lie.
type trailer struct {
	program int64 // bytes of the program, from 0
	offset  int64 // of the archive
	size    int64 // of the archive
	sum     [sha256.Size]byte
}

func (t trailer) bytes() []byte {
	b := mark()
	for _, n := range []int64{t.program, t.offset, t.size} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return append(b, t.sum[:]...)
}

// ErrNone is wrapped by the error for a file that holds no model.
var ErrNone = errors.New("no model is bundled in it")

// readTrailer reads the end of a file.
func readTrailer(r io.ReaderAt, size int64) (t trailer, err error) {
	if size < trailerSize {
		return t, ErrNone
	}
	var b [trailerSize]byte
	if n, err := r.ReadAt(b[:], size-trailerSize); n < len(b) {
		return t, err
	}
	if !bytes.Equal(b[:markSize], mark()) {
		return t, ErrNone
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(b[markSize+8*i:]) }
	program, offset, length := at(0), at(1), at(2)
	// Each is compared before it is a part of a sum: none can overflow.
	rest := uint64(size - trailerSize)
	if program > rest || offset != archiveAt(program) || offset > rest || length != rest-offset {
		return t, fmt.Errorf("the trailer of the bundle tells of a program of %d bytes and of an archive of %d from %d on, in a file of %d: it is cut short or changed", program, length, offset, size)
	}
	copy(t.sum[:], b[trailerSize-sha256.Size:])
	t.program, t.offset, t.size = int64(program), int64(offset), int64(length)
	return t, nil
}

// archiveAt is where the archive begins behind a program of so many bytes.
func archiveAt(program uint64) uint64 { return (program+page-1)/page*page + markSize }

// A Bundle is an open file with a model in it.
type Bundle struct {
	Path string

	file  *os.File
	at    trailer
	files func() (*archive, error)
}

// Open opens a bundle by its trailer: one read. The rest is checked when it is
// asked for. The error for a file without a model wraps ErrNone.
func Open(path string) (*Bundle, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Path: path, file: f}
	st, err := f.Stat()
	if err == nil {
		b.at, err = readTrailer(f, st.Size())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	b.files = sync.OnceValues(b.check)
	return b, nil
}

// Close closes the file.
func (b *Bundle) Close() error { return b.file.Close() }

// FS gives the files of the model, which recipe.OpenRunFS reads, after it has
// read all of the archive once and found it whole.
func (b *Bundle) FS() (fs.FS, error) { return b.files() }

// Name is the name of the model.
func (b *Bundle) Name() (string, error) {
	a, err := b.files()
	if err != nil {
		return "", err
	}
	return a.name, nil
}

// Files lists the files of the model, to be written elsewhere.
func (b *Bundle) Files() ([]export.File, error) {
	a, err := b.files()
	if err != nil {
		return nil, err
	}
	var files []export.File
	for _, name := range export.Names() {
		if e, ok := a.entries[name]; ok {
			files = append(files, export.File{Name: name, Write: func(w io.Writer) error {
				_, err := io.Copy(w, e.reader())
				return err
			}})
		}
	}
	return files, nil
}

// check reads the archive and what it says of itself.
func (b *Bundle) check() (*archive, error) {
	fail := func(err error) (*archive, error) { return nil, fmt.Errorf("%s: bundle: %w", b.Path, err) }
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(b.file, b.at.offset, b.at.size)); err != nil {
		return fail(err)
	}
	if !bytes.Equal(sum.Sum(nil), b.at.sum[:]) {
		return fail(errors.New("the model has other bytes than those that were bundled: the file was changed or damaged"))
	}
	a, err := readArchive(b.file, b.at.offset, b.at.size)
	if err != nil {
		return fail(err)
	}
	return a, nil
}

// Damaged tells of a file whose end is no trailer whether it was a bundle: the
// mark before the archive is still there. It looks at the beginning of each page.
func Damaged(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	want := mark()
	var have [markSize]byte
	for at := int64(0); ; at += page {
		if n, _ := f.ReadAt(have[:], at); n < len(have) {
			return false
		}
		if bytes.Equal(have[:], want) {
			return true
		}
	}
}

// A counter knows how many bytes it was given, and their hash.
type counter struct {
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.hash.Write(p[:n])
	c.n += int64(n)
	return n, err
}

// Write makes the bundle of a program and of a model's files, under the model's
// name. If the program is a bundle its model gives way. A file that was at the
// path stays as it was unless everything succeeds. Equal parts give equal bytes.
func Write(path, program, name string, files []export.File) error {
	if err := export.CheckName(name); err != nil {
		return err
	}
	own, err := readProgram(program)
	if err != nil {
		return err
	}
	return atomicfile.WriteMode(path, 0o777, func(w io.Writer) error {
		t := trailer{program: int64(len(own)), offset: int64(archiveAt(uint64(len(own))))}
		for _, part := range [][]byte{own, make([]byte, t.offset-markSize-t.program), mark()} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		c := &counter{w: w, hash: sha256.New()}
		if err := writeArchive(c, name, files); err != nil {
			return err
		}
		t.size = c.n
		c.hash.Sum(t.sum[:0])
		_, err := w.Write(t.bytes())
		return err
	})
}

// readProgram reads a program without a model that may be behind it.
func readProgram(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no program: not a regular file", path)
	}
	size := st.Size()
	switch t, err := readTrailer(f, size); {
	case err == nil:
		size = t.program
	case !errors.Is(err, ErrNone):
		return nil, fmt.Errorf("%s: %w", path, err)
	case Damaged(path):
		return nil, fmt.Errorf("%s is %s", path, DamagedText)
	}
	own := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), own); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !bytes.Contains(own, []byte(seed)) {
		return nil, fmt.Errorf("%s is no gradus that can hold a model: want the program gradus of this version, not packed, for any system", path)
	}
	return own, nil
}

// DamagedText says what is wrong with a file that is Damaged.
const DamagedText = "a bundle whose end is missing: it was cut short, or something such as a signature was written behind it; bundle the model again, into a program that is signed already (gradus bundle --binary)"

// writeArchive writes the zip.
func writeArchive(w io.Writer, name string, files []export.File) error {
	z := zip.NewWriter(w)
	about := export.File{Name: infoFile, Write: func(w io.Writer) error { return json.NewEncoder(w).Encode(info{name}) }}
	for _, f := range append([]export.File{about}, files...) {
		h := &zip.FileHeader{Name: f.Name, Method: zip.Store, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		h.SetMode(0o644)
		to, err := z.CreateHeader(h)
		if err == nil {
			err = f.Write(to)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return z.Close()
}

// An archive is the files of a model in a bundle, a file system without folders
// to list.
type archive struct {
	name    string
	entries map[string]entry
}

// An entry is where a file lies.
type entry struct {
	file   *os.File
	name   string
	offset int64
	size   int64
}

func (e entry) reader() *io.SectionReader { return io.NewSectionReader(e.file, e.offset, e.size) }

// readArchive reads the directory of a zip. It takes no other entries than those
// that writeArchive makes: nobody's names become paths.
func readArchive(file *os.File, offset, size int64) (*archive, error) {
	z, err := zip.NewReader(io.NewSectionReader(file, offset, size), size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	a := &archive{entries: map[string]entry{}}
	known := append(export.Names(), infoFile)
	for _, f := range z.File {
		switch {
		case !slices.Contains(known, f.Name):
			return nil, fmt.Errorf("the archive has an entry %q, which no model has", f.Name)
		case a.entries[f.Name].file != nil:
			return nil, fmt.Errorf("the archive has two entries %s", f.Name)
		case !f.Mode().IsRegular():
			return nil, fmt.Errorf("%s in the archive is no file, but %v", f.Name, f.Mode())
		case f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 || f.Flags&1 != 0:
			return nil, fmt.Errorf("%s in the archive is packed or encrypted", f.Name)
		}
		at, err := f.DataOffset()
		if err != nil {
			return nil, fmt.Errorf("%s in the archive: %w", f.Name, err)
		}
		if at < 0 || at > size || f.UncompressedSize64 > uint64(size-at) {
			return nil, fmt.Errorf("%s in the archive has %d bytes from %d on, of %d", f.Name, f.UncompressedSize64, at, size)
		}
		a.entries[f.Name] = entry{file, f.Name, offset + at, int64(f.UncompressedSize64)}
	}
	about, err := fs.ReadFile(a, infoFile)
	if err != nil {
		return nil, err
	}
	var i info
	if err := json.Unmarshal(about, &i); err != nil {
		return nil, fmt.Errorf("%s: %w", infoFile, err)
	}
	a.name = i.Name
	return a, export.CheckName(i.Name)
}

// Open opens a file by one of the names of export.Names.
func (a *archive) Open(name string) (fs.File, error) {
	e, ok := a.entries[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &openFile{e.reader(), e}, nil
}

// An openFile is a file of an archive.
type openFile struct {
	*io.SectionReader
	entry entry
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.entry, nil }
func (f *openFile) Close() error               { return nil }

// An entry is its own FileInfo.
func (e entry) Name() string       { return filepath.Base(e.name) }
func (e entry) Size() int64        { return e.size }
func (e entry) Mode() fs.FileMode  { return 0o444 }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return false }
func (e entry) Sys() any           { return nil }
