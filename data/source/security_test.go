package source

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/format/npz"
	"github.com/gradus-ml/gradus/tensor"
)

// Where names in an archive might lead: out of the folder that it is in.
var hostile = []string{"../secret", "a/../../secret", "/secret", `..\secret`, `C:\secret`, "./../secret", "..//secret", "%2e%2e/secret"}

// listed are the paths under a folder.
func listed(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Names in a tar are keys of rows and never paths; links, devices and folders in
// it are passed over: nothing outside is read, and nothing written.
func TestSecurityRow2WebDataset(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "secret.txt"), []byte("outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	names := append([]string{filepath.ToSlash(filepath.Join(root, "secret"))}, hostile...)
	for i, name := range names {
		addTar(t, w, tar.Header{Name: name + ".txt", Mode: 0o644}, "inside")
		for _, kind := range []byte{tar.TypeSymlink, tar.TypeLink} {
			addTar(t, w, tar.Header{Name: strings.Repeat("l", i+1) + string('a'+kind) + ".txt", Typeflag: kind, Linkname: name + ".txt", Mode: 0o644}, "")
		}
	}
	for _, kind := range []byte{tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeDir} {
		addTar(t, w, tar.Header{Name: "d" + string('a'+kind) + ".txt", Typeflag: kind, Mode: 0o644}, "")
	}
	// Behind a link of the name, a file of the same: written through it, it would
	// be elsewhere.
	addTar(t, w, tar.Header{Name: "over.txt", Typeflag: tar.TypeSymlink, Linkname: "../secret.txt", Mode: 0o644}, "")
	addTar(t, w, tar.Header{Name: "over.txt", Mode: 0o644}, "inside")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.tar"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	before := listed(t, root)
	table, err := web("a.tar", nil).Open(t.Context(), disk(dir))
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := readTable(t, table)
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	if want := len(names) + 1 - 1; len(rows) != want { // with over.txt, without ..\secret.txt, which begins with a point
		t.Errorf("%d rows, want one for each of %d files", len(rows), want)
	}
	for _, row := range rows {
		if row[1] != "inside" {
			t.Errorf("row %v", row)
		}
	}
	if after := listed(t, root); !slices.Equal(after, before) {
		t.Errorf("there are %q", after)
	}
	if b, err := os.ReadFile(filepath.Join(root, "secret.txt")); err != nil || string(b) != "outside" {
		t.Errorf("the file outside is %q, %v", b, err)
	}
}

// Names in an .npz are those of columns and never paths; what is marked as a link
// is read as the bytes that it is, which are no array.
func TestSecurityRow2NPZ(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var array bytes.Buffer
	{
		var packed bytes.Buffer
		if err := npz.Encode(&packed, []npz.Named{{Name: "x", Tensor: tensor.Must(tensor.Of([]int64{1, 2}))}}); err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
		if err != nil {
			t.Fatal(err)
		}
		r, err := z.File[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&array, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "secret.npy"), bytes.Replace(array.Bytes(), []byte{1, 0, 0, 0, 0, 0, 0, 0, 2}, []byte{7, 0, 0, 0, 0, 0, 0, 0, 7}, 1), 0o644); err != nil {
		t.Fatal(err)
	}
	archive := func(name string, mode fs.FileMode, content []byte) {
		t.Helper()
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		h := &zip.FileHeader{Name: name, Method: zip.Store}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write(content)
		}
		if err == nil {
			err = z.Close()
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "a.npz"), b.Bytes(), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	archive("x.npy", 0o644, array.Bytes())
	before := listed(t, root)
	for _, name := range append([]string{filepath.ToSlash(filepath.Join(root, "secret"))}, hostile...) {
		archive(name+".npy", 0o644, array.Bytes())
		table, err := NPZ{Path: []string{"a.npz"}}.Open(t.Context(), disk(dir))
		if err != nil {
			continue // refused
		}
		rows, _ := readTable(t, table)
		if len(rows) != 2 || rows[0][0] != int64(1) || rows[1][0] != int64(2) {
			t.Errorf("%s: rows %v", name, rows)
		}
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, target := range []string{"../secret.npy", filepath.Join(root, "secret.npy")} {
		archive("x.npy", 0o777|fs.ModeSymlink, []byte(target))
		if table, err := (NPZ{Path: []string{"a.npz"}}).Open(t.Context(), disk(dir)); err == nil {
			table.Close()
			t.Errorf("a link to %s was read", target)
		}
	}
	if after := listed(t, root); !slices.Equal(after, before) {
		t.Errorf("there are %q", after)
	}
}
