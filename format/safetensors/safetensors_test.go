package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

const reference = "testdata/reference.safetensors"

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func readAll(t *testing.T, f *File) []Named {
	t.Helper()
	var list []Named
	for _, name := range f.Names() {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Named{name, x})
	}
	return list
}

func TestReadReference(t *testing.T) {
	f := open(t, reference)
	want := map[string]*tensor.Tensor{
		"fc1.weight":                        tensor.Must(tensor.Of([]float32{0, .25, .5, .75, 1, 1.25}, 2, 3)),
		"fc1.bias":                          tensor.Must(tensor.Of([]float32{-1, 0, 1})),
		"double":                            tensor.Must(tensor.Of([]float64{.1, 1.1})),
		"steps":                             tensor.Scalar[int64](1 << 40),
		"big":                               tensor.Must(tensor.Of([]uint64{math.MaxUint64})),
		"i32":                               tensor.Must(tensor.Of([]int32{0, -1, -2})),
		"u32":                               tensor.Must(tensor.Of([]uint32{math.MaxUint32})),
		"bytes":                             tensor.Must(tensor.Of([]uint8{0, 1, 2, 3, 4})),
		"mask":                              tensor.Must(tensor.Of([]bool{true, false, true})),
		"empty":                             tensor.New(dtype.Float32, shape.Of(0, 4)),
		"odd \"name\"\\\n\t\x01é/<&>\u2028": tensor.Must(tensor.Of([]uint8{0})),
	}
	if n := len(f.Names()); n != len(want) {
		t.Errorf("%d names, want %d", n, len(want))
	}
	for name, w := range want {
		x, err := f.Tensor(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if x.String() != w.String() || !bytes.Equal(x.Bytes(), w.Bytes()) {
			t.Errorf("%q: %v %v, want %v %v", name, x, x.Bytes(), w, w.Bytes())
		}
		raw, err := f.Raw(name)
		if err != nil || !bytes.Equal(raw, w.Bytes()) {
			t.Errorf("%q: raw %v (%v), want %v", name, raw, err, w.Bytes())
		}
	}
	if m := f.Metadata(); !maps.Equal(m, map[string]string{"format": `pt "quoted" <é>`}) {
		t.Errorf("metadata %q", m)
	}
}

// Reading a file of the reference implementation and writing it gives its
// bytes, whatever the order of the list.
func TestWriteEqualsReference(t *testing.T) {
	f := open(t, reference)
	list := readAll(t, f)
	want, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	for range 3 {
		list = append(list[1:], list[0])
		if err := Write(path, list, f.Metadata()); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
			t.Fatalf("got\n%q\nwant\n%q", got, want)
		}
	}
}

// Floats of 16 bits are read from a file of the reference implementation and
// written as there: bf16 before f16.
func TestHalves(t *testing.T) {
	f := open(t, "testdata/half.safetensors")
	var list []Named
	for name, want := range map[string]*tensor.Tensor{
		"b": tensor.Must(tensor.Of([]dtype.F16{dtype.NewF16(0.5)})),
		"a": tensor.Must(tensor.Of([]dtype.BF16{dtype.NewBF16(1), dtype.NewBF16(-2)})),
	} {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if x.String() != want.String() || !bytes.Equal(x.Bytes(), want.Bytes()) {
			t.Errorf("%s: %v %x, want %v %x", name, x, x.Bytes(), want, want.Bytes())
		}
		list = append(list, Named{name, x})
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := Write(path, list, nil); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(path)
	if !bytes.HasSuffix(got, []byte{0x80, 0x3f, 0, 0xc0, 0, 0x38}) {
		t.Errorf("data %x", got[8:])
	}
}

func TestUnsupportedTypes(t *testing.T) {
	f := open(t, "testdata/half.safetensors")
	_, err := f.Tensor("c")
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "I8") {
		t.Errorf("error %v", err)
	}
	if raw, err := f.Raw("c"); err != nil || !bytes.Equal(raw, []byte{0xfd}) {
		t.Errorf("raw c = %x, %v", raw, err)
	}
	if info, ok := f.Info("c"); !ok || info.DType != "I8" || info.SizeBytes != 1 || !slices.Equal(info.Shape, []int{1}) {
		t.Errorf("info c = %v", info)
	}
	if d, err := f.Tensor("d"); err != nil || d.F32()[0] != 4 {
		t.Errorf("d = %v, %v", d, err)
	}
	if _, ok := f.Info("nope"); ok {
		t.Error("a tensor that is not there was found")
	}
	if _, err := f.Tensor("nope"); err == nil || !strings.Contains(err.Error(), `"nope"`) {
		t.Errorf("error %v", err)
	}
}

func TestManyAxes(t *testing.T) {
	f, err := fromHeader(`{"x":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tensor("x"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

func fromBytes(b []byte) (*File, error) {
	return NewFile(bytes.NewReader(b), int64(len(b)), "f")
}

func fromHeader(header string, dataBytes int) (*File, error) {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return fromBytes(append(append(b, header...), make([]byte, dataBytes)...))
}

func TestBadHeaders(t *testing.T) {
	const f32x2 = `"dtype":"F32","shape":[2],"data_offsets":[0,8]`
	for _, c := range []struct {
		header string
		data   int
		want   string
	}{
		{``, 0, "does not begin with '{'"},
		{` {}`, 0, "does not begin with '{'"},
		{`[]`, 0, "does not begin with '{'"},
		{`{`, 0, "header: "},
		{"{\"\xff\":1}", 0, "UTF-8"},
		{`{} x`, 0, "offset 11: header: 'x' after its end"},
		{"{}\n", 0, "want only spaces"},
		{`{}`, 1, "offset 10: 1 bytes after the last tensor"},
		{`{"a":1}`, 0, `tensor "a": 1, want '{'`},
		{`{"a":{` + f32x2 + `},"a":{` + f32x2 + `}}`, 8, `key "a" appears twice`},
		{`{"a":{` + f32x2 + `,"dtype":"F32"}}`, 8, `tensor "a": key "dtype" appears twice`},
		{`{"__metadata__":{"k":"1","k":"2"}}`, 0, `key "k" appears twice`},
		{`{"__metadata__":{"k":1}}`, 0, `"k": 1, want a string`},
		{`{"__metadata__":null}`, 0, `want '{'`},
		{`{"a":{"shape":[2],"data_offsets":[0,8]}}`, 8, `tensor "a": no dtype`},
		{`{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8, `tensor "a": no shape`},
		{`{"a":{"dtype":"F32","shape":[2]}}`, 8, `tensor "a": no data_offsets`},
		{`{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}`, 8, `tensor "a": unknown dtype "F31"`},
		{`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2, "whole bytes"},
		{`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8, `tensor "a": F32[3] takes 12 bytes, data_offsets [0 8] hold 8`},
		{`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8, `tensor "a": shape: -2, want an integer`},
		{`{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8, "2.0, want an integer"},
		{`{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}`, 8, "want an integer"},
		{`{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}`, 8, "2, want a number"},
		{`{"a":{"dtype":"F32","shape":null,"data_offsets":[0,8]}}`, 8, "want '['"},
		{`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0, "overflows"},
		{`{"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,0]}}`, 0, "overflows"},
		{`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8, "data_offsets [8 0], want [begin end]"},
		{`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}`, 8, "want [begin end]"},
		{`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, 8, "want [begin end]"},
		{`{"a":{` + f32x2 + `}}`, 7, `offset 62: tensor "a" takes 8 bytes, the file ends after 7`},
		{`{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12, `tensor "a": 4 bytes before it belong to no tensor`},
		{`{"a":{` + f32x2 + `},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12, `tensor "b" overlaps`},
		{`{"a":{` + f32x2 + `},"b":{` + f32x2 + `}}`, 8, `tensor "b" overlaps`},
		{`{"a":{` + f32x2 + `},"b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}`, 8, `tensor "b" overlaps`},
	} {
		_, err := fromHeader(c.header, c.data)
		if err == nil {
			t.Errorf("%s with %d bytes: no error", c.header, c.data)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "safetensors: f: offset ") {
			t.Errorf("%s with %d bytes:\n got %v\nwant %s", c.header, c.data, err, c.want)
		}
	}
	for _, good := range []string{`{}`, `{}      `, `{"a":{` + f32x2 + `,"note":{"x":[1]}}}`, `{"a":{` + f32x2 + `},"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`} {
		n := 8
		if strings.HasPrefix(good, "{}") {
			n = 0
		}
		if _, err := fromHeader(good, n); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestBadLength(t *testing.T) {
	for _, b := range [][]byte{nil, make([]byte, 7)} {
		if _, err := fromBytes(b); err == nil || !strings.Contains(err.Error(), "want a header length") {
			t.Errorf("%d bytes: error %v", len(b), err)
		}
	}
	for _, n := range []uint64{3, 1 << 40, math.MaxUint64} {
		b := append(binary.LittleEndian.AppendUint64(nil, n), "{}"...)
		if _, err := fromBytes(b); err == nil || !strings.Contains(err.Error(), "at most 2 is possible") {
			t.Errorf("length %d: error %v", n, err)
		}
	}
	// A large file does not allow a large header.
	length := binary.LittleEndian.AppendUint64(nil, maxHeader+1)
	if _, err := NewFile(bytes.NewReader(length), 1<<40, "f"); err == nil || !strings.Contains(err.Error(), "at most 100000000") {
		t.Errorf("error %v", err)
	}
}

// Every prefix of a valid file is refused.
func TestTruncated(t *testing.T) {
	b, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if _, err := fromBytes(b[:n]); err == nil {
			t.Fatalf("prefix of %d bytes of %d was accepted", n, len(b))
		}
	}
}

// A file that shrinks after it was opened gives an error, not a crash.
func TestShrinksWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := Write(path, []Named{{"a", tensor.Scalar[float32](1)}}, nil); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	info, _ := f.Info("a")
	if err := os.Truncate(path, info.Offset+1); err != nil {
		t.Fatal(err)
	}
	_, err := f.Tensor("a")
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), `tensor "a"`) {
		t.Errorf("error %v", err)
	}
}

func TestBadBool(t *testing.T) {
	const header = `{"m":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}`
	b := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+"\x01\x02"...)
	f, err := fromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tensor("m"); err == nil || !strings.Contains(err.Error(), "byte 2 in a BOOL tensor") {
		t.Errorf("error %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("folder: error %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: error %v", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	x := tensor.Scalar[float32](1)
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := Write(path, []Named{{"keep", x}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		list []Named
		meta map[string]string
		want string
	}{
		{[]Named{{"a", x}, {"a", x}}, nil, `"a" appears twice`},
		{[]Named{{"__metadata__", x}}, nil, "can't have the name"},
		{[]Named{{"a\xff", x}}, nil, "UTF-8"},
		{[]Named{{"a", nil}}, nil, `"a" is nil`},
		{nil, map[string]string{"k": "\xff"}, "UTF-8"},
	} {
		err := Write(path, c.list, c.meta)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want %q and the path", err, c.want)
		}
	}
	if f := open(t, path); !slices.Equal(f.Names(), []string{"keep"}) {
		t.Errorf("the earlier file was lost: %v", f.Names())
	}
}

func TestSwap(t *testing.T) {
	for size, want := range map[int]string{1: "abcdefgh", 4: "dcbahgfe", 8: "hgfedcba"} {
		b := []byte("abcdefgh")
		swap(b, size)
		if string(b) != want {
			t.Errorf("size %d: %s, want %s", size, b, want)
		}
	}
}

// Whatever is accepted can be read whole, and written again gives a file with
// the same tensors.
func FuzzNewFile(f *testing.F) {
	for _, path := range []string{reference, "testdata/half.safetensors"} {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(binary.LittleEndian.AppendUint64(nil, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := fromBytes(b)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "safetensors: f: offset ") {
				t.Fatalf("error without file and offset: %v", err)
			}
			return
		}
		var list []Named
		for _, name := range file.Names() {
			if _, err := file.Raw(name); err != nil {
				t.Fatal(err)
			}
			x, err := file.Tensor(name)
			if err != nil {
				if !errors.Is(err, ErrUnsupported) && !strings.Contains(err.Error(), "BOOL") {
					t.Fatal(err)
				}
				continue
			}
			list = append(list, Named{name, x})
		}
		var out bytes.Buffer
		if err := Encode(&out, list, file.Metadata()); err != nil {
			t.Fatal(err)
		}
		again, err := fromBytes(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(again.Metadata(), file.Metadata()) || len(again.Names()) != len(list) {
			t.Fatal("metadata or names changed")
		}
		for _, n := range list {
			x, err := again.Tensor(n.Name)
			if err != nil || x.String() != n.Tensor.String() || !bytes.Equal(x.Bytes(), n.Tensor.Bytes()) {
				t.Fatalf("%q changed (%v)", n.Name, err)
			}
		}
	})
}
