package idx

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

var (
	bytesFile = []byte{0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6}
	intsFile  = []byte{0, 0, 12, 1, 0, 0, 0, 2, 0, 0, 1, 0, 255, 255, 255, 254}
	floatFile = []byte{0, 0, 13, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0}
	f64File   = []byte{0, 0, 14, 0, 0xc0, 4, 0, 0, 0, 0, 0, 0}
)

func zip(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Write(b)
	w.Close()
	return buf.Bytes()
}

func decode(b []byte) (*tensor.Tensor, error) {
	return Decode(bytes.NewReader(b), int64(len(b)), "f")
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		file []byte
		want *tensor.Tensor
	}{
		{bytesFile, tensor.Must(tensor.Of([]uint8{1, 2, 3, 4, 5, 6}, 2, 3))},
		{intsFile, tensor.Must(tensor.Of([]int32{256, -2}))},
		{floatFile, tensor.Must(tensor.Of([]float32{1.5}))},
		{f64File, tensor.Scalar(-2.5)},
		{[]byte{0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 3}, tensor.New(dtype.Uint8, shape.Of(0, 3))},
	} {
		for _, file := range [][]byte{c.file, zip(c.file)} {
			got, err := decode(file)
			if err != nil {
				t.Error(err)
				continue
			}
			if got.String() != c.want.String() || !bytes.Equal(got.Bytes(), c.want.Bytes()) {
				t.Errorf("got %v %v, want %v %v", got, got.Bytes(), c.want, c.want.Bytes())
			}
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "offset 0: the file ends after 0 of 4 bytes of the magic number"},
		{"short magic", bytesFile[:3], "offset 3: the file ends after 3 of 4 bytes of the magic number"},
		{"PNG", []byte("\x89PNG\r\n"), "offset 0: bytes 0x89 0x50, want 0 0: not an IDX file"},
		{"type", []byte{0, 0, 7, 1, 0, 0, 0, 0}, "offset 2: type byte 0x07, want 0x08 (u8)"},
		{"i16", []byte{0, 0, 11, 1, 0, 0, 0, 0}, "offset 2: element type i16 is not supported"},
		{"rank", append([]byte{0, 0, 8, 9}, make([]byte, 36)...), "offset 3: 9 axes, at most 8"},
		{"short extents", bytesFile[:10], "offset 10: the file ends after 6 of 8 bytes of 2 extents"},
		{"large extent", []byte{0, 0, 8, 1, 255, 0, 0, 0}, "offset 4: extent 4278190080 of axis 0"},
		{"overflow", append([]byte{0, 0, 8, 8}, bytes.Repeat([]byte{127}, 32)...), "offset 4: shape: "},
		{"truncated", bytesFile[:17], "offset 12: 6 bytes wanted for u8[2 3], the file has 5 (truncated?)"},
		{"trailing", append(bytes.Clone(bytesFile), 0), "offset 18: bytes after the end of u8[2 3]"},
		{"compressed, truncated inside", zip(bytesFile[:17]), "offset 17: the file ends after 5 of 6 bytes of u8[2 3]"},
		{"compressed, trailing", zip(append(bytes.Clone(bytesFile), 0)), "offset 18: bytes after the end"},
		{"compressed, too much promised", zip([]byte{0, 0, 8, 2, 0, 1, 0, 0, 0, 1, 0, 0}), "can't hold them"},
		{"gzip header only", []byte{0x1f, 0x8b}, "offset 0: "},
	} {
		_, err := decode(c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "idx: f: ") {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
}

// A compressed file whose own end is cut or damaged is refused, though all
// elements are there.
func TestDamagedGzip(t *testing.T) {
	z := zip(bytesFile)
	if _, err := decode(z[:len(z)-4]); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: error %v", err)
	}
	z[len(z)-5] ^= 1
	if _, err := decode(z); !errors.Is(err, gzip.ErrChecksum) {
		t.Errorf("checksum: error %v", err)
	}
}

// Nothing that a real file can compress to is refused by the size bound.
func TestMostCompressible(t *testing.T) {
	const n = 1 << 24
	file := append([]byte{0, 0, 8, 1, 1, 0, 0, 0}, make([]byte, n)...)
	got, err := decode(zip(file))
	if err != nil || got.Size() != n {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, bytesFile, 0o666); err != nil {
		t.Fatal(err)
	}
	if x, err := Read(path); err != nil || x.String() != "u8[2 3]" {
		t.Errorf("%v, %v", x, err)
	}
	if _, err := Read(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("folder: error %v", err)
	}
	if _, err := Read(path + "2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: error %v", err)
	}
}

// What is accepted has exactly the size that its header gives.
func FuzzDecode(f *testing.F) {
	for _, b := range [][]byte{bytesFile, intsFile, floatFile, f64File} {
		f.Add(b)
		f.Add(zip(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := decode(b)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "idx: f: offset ") {
				t.Fatalf("error without file and offset: %v", err)
			}
			return
		}
		if want := len(b) - 4 - 4*x.Shape().Rank(); b[0] == 0 && len(x.Bytes()) != want {
			t.Fatalf("%v from %d bytes of data", x, want)
		}
	})
}

// The header of a file that Decode reads tells the same, without its elements.
func TestDecodeHeader(t *testing.T) {
	for _, file := range [][]byte{bytesFile, intsFile, floatFile, f64File} {
		want, err := decode(file)
		if err != nil {
			t.Fatal(err)
		}
		h, err := DecodeHeader(bytes.NewReader(file), int64(len(file)), "f")
		if err != nil || h.DType != want.DType() || h.Shape != want.Shape() || int(h.Offset)+len(want.Bytes()) != len(file) {
			t.Errorf("%+v %v, want that of %v", h, err, want)
		}
		for n := range file {
			_, wantErr := decode(file[:n])
			_, err := DecodeHeader(bytes.NewReader(file[:n]), int64(n), "f")
			if err == nil || err.Error() != wantErr.Error() {
				t.Errorf("%d bytes: error %v, Decode has %v", n, err, wantErr)
			}
		}
		long := append(bytes.Clone(file), 0)
		if _, err := DecodeHeader(bytes.NewReader(long), int64(len(long)), "f"); err == nil || !strings.Contains(err.Error(), "bytes after the end") {
			t.Error(err)
		}
	}
}
