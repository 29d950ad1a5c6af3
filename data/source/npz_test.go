package source

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/gradus-ml/gradus/format/npz"
	"github.com/gradus-ml/gradus/tensor"
)

func npzFile(t testing.TB, arrays ...npz.Named) string {
	t.Helper()
	var b bytes.Buffer
	if err := npz.Encode(&b, arrays); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestNPZ(t *testing.T) {
	rows, err := os.ReadFile("../../format/npz/testdata/rows.npz")
	if err != nil {
		t.Fatal(err)
	}
	fortran, err := os.ReadFile("../../format/npz/testdata/fortran.npy")
	if err != nil {
		t.Fatal(err)
	}
	more := npzFile(t, npz.Named{Name: "y", Tensor: tensor.Must(tensor.Of([]int64{7}))}, npz.Named{Name: "x", Tensor: tensor.Must(tensor.Of([]float32{1, 2, 3, 4}, 1, 2, 2))},
		npz.Named{Name: "ok", Tensor: tensor.Must(tensor.Of([]bool{true}))})
	single := npzFile(t, npz.Named{Name: "s", Tensor: tensor.Scalar(1.5)}, npz.Named{Name: "v", Tensor: tensor.Must(tensor.Of([]float32{0.5}))})
	files := folderOf(t, "1.npz", string(rows), "2.npz", more, "f.npy", string(fortran), "s.npz", single)
	want := "x:array y:integer ok:boolean\nf32[2 2] 0 1 2 3|2|true\nf32[2 2] 4 5 6 7|0|false\nf32[2 2] 8 9 10 11|1|true"
	for _, c := range []struct {
		config NPZ
		want   string
	}{
		{NPZ{Path: []string{"1.npz"}}, want},
		{NPZ{Path: []string{"?.npz"}, Arrays: []string{"y"}}, ""},
		{NPZ{Path: []string{"1.npz", "2.npz"}}, want + "\nf32[2 2] 1 2 3 4|7|true"},
		{NPZ{Path: []string{"1.npz"}, Arrays: []string{"ok", "y"}}, "ok:boolean y:integer\ntrue|2\nfalse|0\ntrue|1"},
		{NPZ{Path: []string{"f.npy"}}, "array:array\nf64[3 4] 0 1 2 3 4 5 6 7 8 9 10 11\nf64[3 4] 12 13 14 15 16 17 18 19 20 21 22 23"},
		{NPZ{Path: []string{"s.npz"}, Arrays: []string{"v"}}, "v:number\n0.5"},
	} {
		if c.want == "" {
			fails(t, c.config, files, `s.npz: no array "y", which the first file has`)
			continue
		}
		if got, _ := opens(t, c.config, files); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
	_, where := opens(t, NPZ{Path: []string{"1.npz", "2.npz"}}, files)
	if fmt.Sprint(where) != "[1.npz: row 0 1.npz: row 1 1.npz: row 2 2.npz: row 0]" {
		t.Error(where)
	}
	for _, c := range []struct {
		config NPZ
		want   string
	}{
		{NPZ{Arrays: []string{"a", "a"}}, "npz: path is empty"},
		{NPZ{Path: []string{"1.npz"}, Arrays: []string{"z"}}, `1.npz: arrays: no column "z"; there are x, y, ok, name`},
		{NPZ{Path: []string{"1.npz"}, Arrays: []string{"name"}}, `1.npz: array "name": unsupported: elements "<U1"`},
		{NPZ{Path: []string{"s.npz"}}, `s.npz: array "s" is a single value, want one with an axis of rows`},
	} {
		fails(t, c.config, files, c.want)
	}
	uneven := npzFile(t, npz.Named{Name: "x", Tensor: tensor.Must(tensor.Of([]int64{1, 2}))}, npz.Named{Name: "y", Tensor: tensor.Must(tensor.Of([]int64{1}))})
	fails(t, NPZ{Path: []string{"a.npz"}}, folderOf(t, "a.npz", uneven), "a.npz holds 2 rows of x, a.npz 1 of y")
	other := npzFile(t, npz.Named{Name: "x", Tensor: tensor.Must(tensor.Of([]float32{1}))})
	fails(t, NPZ{Path: []string{"a.npz", "b.npz"}, Arrays: []string{"x"}}, folderOf(t, "a.npz", uneven, "b.npz", other), `b.npz: array "x" has rows f32[], in a.npz i64[]`)
}
