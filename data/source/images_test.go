package source

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/file"
)

// inFolder writes files, in turn name and content, into a folder that becomes
// the working directory, and gives the Files of programs.
func inFolder(t *testing.T, files ...string) *file.System {
	t.Helper()
	t.Chdir(string(folderOf(t, files...)))
	s, err := file.New(file.WithCache(filepath.Join(t.TempDir(), "cache")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func imagesOf(change ...func(*Images)) Images {
	c := DefaultImages()
	c.Path = "photos"
	for _, f := range change {
		f(&c)
	}
	return c
}

// labelsIn names a table of labels.
func labelsIn(path string) func(*Images) {
	return func(c *Images) {
		labels := DefaultCSV()
		labels.Path = []string{path}
		c.Labels = labels
	}
}

func TestImagesInFolders(t *testing.T) {
	files := inFolder(t, "photos/dog/1.jpg", "D1", "photos/cat/deep/2.PNG", "C2", "photos/cat/1.jpeg", "C1",
		"photos/cat/notes.txt", "no image", "photos/.hidden/3.jpg", "H", "photos/dog/.4.jpg", "H")
	content, where := opens(t, imagesOf(), files)
	if want := "image:binary path:text label:text\n[67 49]|cat/1.jpeg|cat\n[67 50]|cat/deep/2.PNG|cat\n[68 49]|dog/1.jpg|dog"; content != want {
		t.Errorf("got\n%s\nwant\n%s", content, want)
	}
	if want := []string{"photos/cat/1.jpeg", "photos/cat/deep/2.PNG", "photos/dog/1.jpg"}; !slices.Equal(where, want) {
		t.Errorf("places %q", where)
	}
	content, _ = opens(t, imagesOf(func(c *Images) { c.Endings, c.Path = nil, "./photos/" }), files)
	if !strings.Contains(content, "cat/notes.txt|cat") {
		t.Error(content)
	}
}

func TestImagesWithLabels(t *testing.T) {
	files := inFolder(t, "photos/1.jpg", "one", "photos/a b/{2}[x].jpg", "two", "photos/3.jpg", "three",
		"labels.csv", "age,path,kind\n3,a b/{2}[x].jpg,old\n,1.jpg,new\n")
	content, where := opens(t, imagesOf(labelsIn("labels.csv")), files)
	if want := "image:binary path:text age:integer kind:text\n[116 119 111]|a b/{2}[x].jpg|3|old\n[111 110 101]|1.jpg|<nil>|new"; content != want {
		t.Errorf("got\n%s\nwant\n%s", content, want)
	}
	if want := []string{"photos/a b/{2}[x].jpg", "photos/1.jpg"}; !slices.Equal(where, want) {
		t.Errorf("places %q", where)
	}
	// The column with the names may be called as one of the images' own.
	if err := os.WriteFile("other.csv", []byte("image,label\n1.jpg,x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	content, _ = opens(t, imagesOf(labelsIn("other.csv"), func(c *Images) { c.Column = "image" }), files)
	if want := "image:binary path:text label:text\n[111 110 101]|1.jpg|x"; content != want {
		t.Errorf("got\n%s\nwant\n%s", content, want)
	}
}

func TestImagesFromServer(t *testing.T) {
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		fmt.Fprint(w, r.URL.Path)
	}))
	defer server.Close()
	files := inFolder(t, "labels.csv", "path\na b/{1}.jpg\n2.jpg\n")
	content, where := opens(t, imagesOf(labelsIn("labels.csv"), func(c *Images) { c.Path = server.URL + "/photos" }), files)
	if want := fmt.Sprintf("image:binary path:text\n%v|a b/{1}.jpg\n%v|2.jpg", []byte("/photos/a b/{1}.jpg"), []byte("/photos/2.jpg")); content != want {
		t.Errorf("got\n%s\nwant\n%s", content, want)
	}
	if where[0] != server.URL+"/photos/a%20b/%7B1%7D.jpg" || n != 2 {
		t.Errorf("%q, %d requests", where, n)
	}
}

func TestImagesErrors(t *testing.T) {
	files := inFolder(t, "photos/cat/1.jpg", "C", "loose/cat/1.jpg", "C", "loose/2.jpg", "L", "texts/a/b.txt", "",
		"gone.csv", "path\ncat/1.jpg\ncat/2.jpg\n", "out.csv", "path\n../labels.csv\n", "abs.csv", "path\n/etc/passwd\n",
		"none.csv", "path,x\ncat/1.jpg,1\n,2\n", "number.csv", "path\n7\n", "twice.csv", "path,image\na,b\n", "other.csv", "file\na\n")
	for _, c := range []struct {
		config Images
		want   string
	}{
		{imagesOf(func(c *Images) { c.Path = "loose" }), "loose/2.jpg: the file is in no class: want a folder for each class below loose, or labels"},
		{imagesOf(func(c *Images) { c.Path = "texts" }), "texts: none of its files, 1 in all, ends in .jpg, .jpeg"},
		{imagesOf(func(c *Images) { c.Path = "nowhere" }), "no file is named by nowhere/** (folder "},
		{imagesOf(func(c *Images) { c.Path = "" }), "path is empty"},
		{imagesOf(func(c *Images) { c.Endings = []string{"jpg"} }), `ending "jpg", want one with its dot`},
		{imagesOf(func(c *Images) { c.Path = "https://h/photos" }), "give labels, a table that names the files"},
		{imagesOf(labelsIn("gone.csv")), "gone.csv:3: column path: file: stat photos/cat/2.jpg: no such file or directory (folder photos/cat has 1.jpg)"},
		{imagesOf(labelsIn("out.csv")), `out.csv:2: column path: "../labels.csv" leads out of photos`},
		{imagesOf(labelsIn("abs.csv")), `abs.csv:2: column path: "/etc/passwd" leads out of photos`},
		{imagesOf(labelsIn("none.csv")), "none.csv:3: column path: no value, want the name of a file"},
		{imagesOf(labelsIn("number.csv")), "column path is integer, want text"},
		{imagesOf(labelsIn("twice.csv")), "column image has the name of the images' own: rename it"},
		{imagesOf(labelsIn("other.csv")), `images: labels: no column "path"; there are file`},
		{imagesOf(labelsIn("")), "csv: path is empty"},
		{imagesOf(labelsIn("gone.csv"), func(c *Images) { c.Column = "" }), "column is empty"},
	} {
		fails(t, c.config, files, c.want)
	}
	// A file that goes away after it was listed.
	table, err := imagesOf().Open(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	if err := os.Remove("photos/cat/1.jpg"); err != nil {
		t.Fatal(err)
	}
	var v [1]any
	if err := table.Read(v[:], 0, []int{0}); err == nil || !strings.Contains(err.Error(), "photos/cat/1.jpg") {
		t.Error(err)
	}
}

func TestImagesWithMasks(t *testing.T) {
	masked := func(folder string) func(*Images) { return func(c *Images) { c.Masks = &folder } }
	files := inFolder(t, "photos/1.jpg", "one", "photos/a/b.jpg", "two", "masks/1.png", "m1", "masks/a/b.PNG", "m2", "masks/a/c.png", "m3",
		"other/1.png", "m1", "labels.csv", "path\n1.jpg\n")
	content, where := opens(t, imagesOf(masked("masks")), files)
	if want := "image:binary path:text mask:binary\n[111 110 101]|1.jpg|[109 49]\n[116 119 111]|a/b.jpg|[109 50]"; content != want {
		t.Errorf("got\n%s\nwant\n%s", content, want)
	}
	if want := []string{"photos/1.jpg", "photos/a/b.jpg"}; !slices.Equal(where, want) {
		t.Errorf("places %q", where)
	}
	fails(t, imagesOf(masked("other")), files, "photos/a/b.jpg: the image has no mask: want other/a/b.png")
	fails(t, imagesOf(masked("none")), files, "none is no folder with masks")
	fails(t, imagesOf(masked("")), files, "images: masks is empty")
	fails(t, imagesOf(masked("masks"), labelsIn("labels.csv")), files, "images: masks and labels are given; want one of them")
}
