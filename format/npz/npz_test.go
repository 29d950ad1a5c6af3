package npz

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Every array that NumPy wrote has its values, whatever their order in the file.
func TestNumPy(t *testing.T) {
	types := map[string]dtype.DType{
		"lf4": dtype.Float32, "lf8": dtype.Float64, "lf2": dtype.Float16, "li4": dtype.Int32, "li8": dtype.Int64, "u1": dtype.Uint8, "lu4": dtype.Uint32,
		"lu8": dtype.Uint64, "i1": dtype.Int32, "li2": dtype.Int32, "lu2": dtype.Int32, "bf4": dtype.Float32, "bi2": dtype.Int32, "bi8": dtype.Int64,
	}
	unsigned := map[string]float64{"u1": 1 << 8, "lu2": 1 << 16, "lu4": 1 << 32, "lu8": 1 << 64}
	for _, path := range []string{"arrays.npz", "compressed.npz"} {
		f, err := Open(filepath.Join("testdata", path))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if n := len(f.Names()); n != len(types)+6 {
			t.Errorf("%s: %d arrays", path, n)
		}
		for name, dt := range types {
			got, err := f.Tensor(name)
			if err != nil {
				t.Error(err)
				continue
			}
			if got.DType() != dt || got.Shape() != shape.Of(2, 3) {
				t.Errorf("%s: %s is %v, want %v[2 3]", path, name, got, dt)
			}
			for i := range 6 {
				want := float64(i - 3)
				if want < 0 {
					want += unsigned[name]
				}
				if got.Float(i) != want {
					t.Errorf("%s: element %d of %s is %v, want %v", path, i, name, got.Float(i), want)
				}
			}
			info, _ := f.Info(name)
			if ok, big := info.InPlace(); ok != (path == "arrays.npz" && !slices.Contains([]string{"i1", "li2", "lu2", "bi2"}, name)) || big != (name[0] == 'b') {
				t.Errorf("%s: %s in place: %t, %t", path, name, ok, big)
			}
		}
		flags, err := f.Tensor("bool")
		if err != nil || flags.String() != "bool[2 3]" || !bytes.Equal(flags.Bytes(), []byte{0, 0, 0, 0, 1, 1}) {
			t.Error(flags, err)
		}
		for _, c := range []struct{ name, want string }{{"scalar", "f64[]"}, {"empty", "f32[0 3]"}, {"fortran", "f64[2 3 4]"}} {
			got, err := f.Tensor(c.name)
			if err != nil || got.String() != c.want {
				t.Error(got, err)
			}
		}
		inOrder(t, f, "fortran")
		for _, name := range []string{"text", "complex"} {
			if _, err := f.Tensor(name); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), path+`: array "`+name+`": unsupported: elements "`) {
				t.Error(err)
			}
		}
		if _, err := f.Tensor("none"); err == nil || !strings.Contains(err.Error(), `no array "none"; there are lf4, lf8`) {
			t.Error(err)
		}
	}
	f, err := Open("testdata/fortran.npy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	inOrder(t, f, ArrayName)
	objects, err := Open("testdata/objects.npy")
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	if _, err := objects.Tensor(ArrayName); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "objects are pickled code") {
		t.Error(err)
	}
}

// inOrder checks that element i is i.
func inOrder(t *testing.T, f *File, name string) {
	t.Helper()
	got, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Size() {
		if got.Float(i) != float64(i) {
			t.Fatalf("element %d is %v", i, got.Float(i))
		}
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npz")
	list := []Named{
		{"f", tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3))}, {"n", tensor.Must(tensor.Of([]int64{-1, 1 << 40}))},
		{"s", tensor.Scalar(true)}, {"h", tensor.New(dtype.Float16, shape.Of(3))}, {"e", tensor.New(dtype.Uint8, shape.Of(0, 4))},
	}
	if err := Write(path, list); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, n := range list {
		got, err := f.Tensor(n.Name)
		if err != nil || f.Names()[i] != n.Name || got.String() != n.Tensor.String() || !bytes.Equal(got.Bytes(), n.Tensor.Bytes()) {
			t.Errorf("%s is %v, error %v", n.Name, got, err)
		}
	}
	for _, bad := range [][]Named{{{"", list[0].Tensor}}, {list[0], list[0]}, {{"b", tensor.New(dtype.BFloat16, shape.Of(1))}}} {
		if err := Encode(&bytes.Buffer{}, bad); err == nil {
			t.Errorf("%v is written", bad[0].Name)
		}
	}
	// The bytes are NumPy's own.
	want, err := os.ReadFile("testdata/fortran.npy")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := EncodeArray(&b, tensor.New(dtype.Float64, shape.Of(2, 3, 4))); err != nil {
		t.Fatal(err)
	}
	if got := strings.Replace(string(b.Bytes()[:128]), "False", "True", 1); got[:60] != string(want[:60]) || len(b.Bytes()) != len(want) {
		t.Errorf("%d bytes %q, NumPy has %d bytes %q", b.Len(), got, len(want), want[:128])
	}
}

func array(header string, elements string) string {
	return magic + "\x01\x00" + string([]byte{byte(len(header)), byte(len(header) >> 8)}) + header + elements
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", `offset 0: "", want a .npy file`},
		{"hello", `offset 0: "hello", want a .npy file`},
		{magic + "\x01", "offset 7: the file ends after 7 of 10 bytes of the magic number (truncated?)"},
		{magic + "\x04\x00\x00\x00", "offset 6: version 4, want 1 to 3"},
		{magic + "\x01\x00\xff\xff{", "offset 8: a header of 65535 bytes, at most 1 are possible"},
		{magic + "\x02\x00\x00\x00\x00\xff", "offset 8: a header of 4278190080 bytes"},
		{array("{'descr': '<f4', 'fortran_order': False}", ""), "want the keys descr, fortran_order and shape"},
		{array("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", ""), `key "x"`},
		{array("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", ""), `key "descr" appears twice`},
		{array("{'descr': '<f4', 'fortran_order': 1, 'shape': (2,)}", ""), "want True or False"},
		{array("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", ""), "want a number up to"},
		{array("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", ""), "want a number up to"},
		{array("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", ""), "too many elements"},
		{array("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", ""), "after the header"},
		{array("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "1234567"), "8 bytes wanted for <f4[2], there are 7 (truncated?)"},
		{array("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "123456789"), "8 bytes wanted for <f4[2], there are 9"},
	} {
		_, err := NewFile(strings.NewReader(c.file), int64(len(c.file)), "f")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "npz: f: offset ") {
			t.Errorf("error %v\nwant %s", err, c.want)
		}
	}
	flag := array("{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}", "\x02")
	f, err := NewFile(strings.NewReader(flag), int64(len(flag)), "f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tensor(ArrayName); err == nil || !strings.Contains(err.Error(), "byte 0 of the elements is 2, want 0 or 1") {
		t.Error(err)
	}
}

// Every file that is cut is an error, and one with a byte changed is read or
// is one.
func TestDamaged(t *testing.T) {
	for _, path := range []string{"arrays.npz", "compressed.npz", "fortran.npy"} {
		whole, err := os.ReadFile(filepath.Join("testdata", path))
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			if _, err := NewFile(bytes.NewReader(whole[:n]), int64(n), "f"); err == nil || !strings.HasPrefix(err.Error(), "npz: f: offset ") {
				t.Fatalf("%s: %d of %d bytes: error %v", path, n, len(whole), err)
			}
			changed := bytes.Clone(whole)
			changed[n] ^= 0x10
			readAll(t, changed)
		}
	}
}

func readAll(t *testing.T, b []byte) {
	t.Helper()
	f, err := NewFile(bytes.NewReader(b), int64(len(b)), "f")
	for i := 0; err == nil && i < len(f.names); i++ {
		_, err = f.Tensor(f.names[i])
		if errors.Is(err, ErrUnsupported) {
			err = nil
		}
	}
	if err != nil && !strings.HasPrefix(err.Error(), "npz: f: ") {
		t.Fatalf("error %v", err)
	}
}

func FuzzFile(f *testing.F) {
	for _, path := range []string{"arrays.npz", "compressed.npz", "fortran.npy", "objects.npy", "rows.npz"} {
		b, err := os.ReadFile(filepath.Join("testdata", path))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(readAll)
}
