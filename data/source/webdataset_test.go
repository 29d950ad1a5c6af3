package source

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// tarFile makes a tar of files, in turn name and content.
func tarFile(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		addTar(t, w, tar.Header{Name: files[i], Mode: 0o644}, files[i+1])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func addTar(t testing.TB, w *tar.Writer, h tar.Header, content string) {
	t.Helper()
	h.Size = int64(len(content))
	if err := w.WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
}

func web(path string, kinds map[string]Kind) WebDataset {
	return WebDataset{Path: []string{path}, Kinds: kinds}
}

// What the Python package webdataset has written.
func TestWebDatasetGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/web.tar")
	if err != nil {
		t.Fatal(err)
	}
	in := folderOf(t, "a.tar", string(b), "b.tar.gz", zipped(string(b)))
	for _, name := range []string{"a.tar", "b.tar.gz"} {
		content, where := opens(t, web(name, nil), in)
		lines := strings.Split(content, "\n")
		if lines[0] != "__key__:text cls:integer jpg:binary json:text seg.png:binary txt:text" || len(lines) != 4 ||
			lines[1] != `deep/0000|0|[]|{"n": 0}|<nil>|nr. 0` ||
			!strings.HasPrefix(lines[2], "deep/0001|1|[0 1 2 3") || !strings.HasSuffix(lines[2], `|{"n": 1}|[80 78 71]|nr. 1`) ||
			where[2] != name+": deep/0002" {
			t.Errorf("%s\n%q", content, where)
		}
	}
}

func TestWebDataset(t *testing.T) {
	long := strings.Repeat("long/", 60) + "name" // takes a PAX header
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	addTar(t, w, tar.Header{Name: "dir/", Typeflag: tar.TypeDir}, "")
	addTar(t, w, tar.Header{Name: "dir/1.JPG", ModTime: time.Unix(1, 5)}, "J1")
	addTar(t, w, tar.Header{Name: "dir/1.cls"}, " 3\n")
	addTar(t, w, tar.Header{Name: "dir/._1.cls"}, "mac")
	addTar(t, w, tar.Header{Name: "__meta__.json"}, "{}")
	addTar(t, w, tar.Header{Name: "README"}, "x")
	addTar(t, w, tar.Header{Name: "dir/link.cls", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, "")
	addTar(t, w, tar.Header{Name: "dir/hard.cls", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}, "")
	addTar(t, w, tar.Header{Name: long + ".jpg"}, strings.Repeat("J2", 700))
	addTar(t, w, tar.Header{Name: long + ".x.score"}, "0.5")
	addTar(t, w, tar.Header{Name: "../../evil.cls"}, "7")
	addTar(t, w, tar.Header{Name: "/abs.cls"}, "")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	in := folderOf(t, "d/0.tar", b.String(), "d/1.tar", tarFile(t, "README", "no row"), "d/2.tar", tarFile(t, "dir/1.cls", "4"))
	content, where := opens(t, web("d/*.tar", map[string]Kind{"x.score": Number}), in)
	want := "__key__:text cls:integer jpg:binary x.score:number\ndir/1|3|[74 49]|<nil>\n" + long + "|<nil>|" +
		strings.TrimSpace("["+strings.Repeat("74 50 ", 700)) + "]|0.5\n../../evil|7|<nil>|<nil>\n/abs|<nil>|<nil>|<nil>\ndir/1|4|<nil>|<nil>"
	if content != want {
		t.Errorf("got\n%s\nwant\n%s", content, want)
	}
	if want := []string{"d/0.tar: dir/1", "d/0.tar: " + long, "d/0.tar: ../../evil", "d/0.tar: /abs", "d/2.tar: dir/1"}; !slices.Equal(where, want) {
		t.Errorf("places %q", where)
	}
	// Nothing was written beside the tars.
	list, err := filepath.Glob(string(in) + "/*")
	if err != nil || len(list) != 1 {
		t.Error(list, err)
	}
}

func TestWebDatasetErrors(t *testing.T) {
	ok := tarFile(t, "1.cls", "3", "1.txt", strings.Repeat("text", 300))
	for _, c := range []struct {
		file  string
		kinds map[string]Kind
		want  string
	}{
		{"", nil, "a: offset 0: the file ends without the closing zeros of a tar (truncated?)"},
		{ok[:700], nil, "a: offset 700: the file ends without the closing zeros of a tar"},
		{ok[:1024], nil, "a: offset 1024: the file ends without the closing zeros"},
		{ok[:1536+1000], nil, `a: offset 1536: the file ends inside of "1.txt" (truncated?)`},
		{strings.Repeat("no tar ", 200), nil, "a: offset 512: want the head of a file in a tar"},
		{tarFile(t, "README", "x"), nil, "a: no row in it: want files such as 0001.jpg"},
		{tarFile(t, "1.cls", "3", "1.CLS", "4"), nil, `a: offset 1536: a second "1.CLS" for one key`},
		{tarFile(t, "1.cls", "dog"), nil, `a: 1: cls: "dog" is no integer`},
		{ok, map[string]Kind{"jpg": Binary}, `a: kinds: no column "jpg"; there are cls, txt`},
		{ok, map[string]Kind{"cls": Array}, "webdataset: kinds: cls: array, want text"},
	} {
		fails(t, web("a", c.kinds), folderOf(t, "a", c.file), c.want)
	}
	fails(t, WebDataset{}, folderOf(t), "webdataset: path is empty")
}

// A head that tells a size which the file does not have takes no memory.
func TestWebDatasetHostileSize(t *testing.T) {
	for _, size := range []int64{1 << 20, maxFile, maxFile + 1, 1 << 40} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: "1.jpg", Size: size, Format: tar.FormatGNU}); err != nil {
			t.Fatal(err)
		}
		b.WriteString("a little")
		want := `a: offset 512: the file ends inside of "1.jpg"`
		if size > maxFile {
			want = "at most 1073741824 are taken as one value"
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		fails(t, web("a", nil), folderOf(t, "a", b.String()), want)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("a size of %d: %d bytes allocated", size, n)
		}
	}
}

// Cut at any byte a tar ends in an error, after rows that are right.
func TestWebDatasetTruncated(t *testing.T) {
	whole := tarFile(t, "1.cls", "1", "2.cls", "2", "3.cls", "3")
	whole = whole[:len(whole)-1024]
	for cut := 0; cut <= len(whole); cut += 13 {
		in := folderOf(t, "a", whole[:cut])
		s, err := web("a", nil).Stream(t.Context(), in)
		if err == nil {
			var rows [][]any
			rows, _, err = readStream(t.Context(), s, []int{1}, 0)
			for i, row := range rows {
				if row[0] != int64(i+1) {
					t.Errorf("cut at %d: row %d is %v", cut, i, row)
				}
			}
		}
		if err == nil || !strings.Contains(err.Error(), "truncated?") {
			t.Errorf("cut at %d: %v", cut, err)
		}
		if _, err := web("a", nil).Open(t.Context(), in); err == nil || !strings.Contains(err.Error(), "truncated?") {
			t.Errorf("cut at %d: table: %v", cut, err)
		}
	}
}

func FuzzWebDataset(f *testing.F) {
	f.Add([]byte(tarFile(f, "1.cls", "3", "1.txt", "text")))
	b, err := os.ReadFile("testdata/web.tar")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newTarReader(bytes.NewReader(b), "a")
		s := newTarReader(io.MultiReader(bytes.NewReader(b)), "a") // can't seek
		for {
			err, err2 := r.next(), s.next()
			if (err == nil) != (err2 == nil) {
				t.Fatalf("%v, without seeking %v", err, err2)
			}
			if err != nil {
				return
			}
			if r.key != s.key || r.ending != s.ending || r.offset != s.offset {
				t.Fatalf("%s at %d, without seeking %s at %d", r.where(), r.offset, s.where(), s.offset)
			}
			content, err := s.content()
			if err != nil {
				return
			}
			if at := b[r.offset:]; !bytes.Equal(at[:len(content)], content) || len(content) != int(r.size) {
				t.Fatalf("%s: %d bytes at %d", r.where(), len(content), r.offset)
			}
		}
	})
}

func BenchmarkWebDataset(b *testing.B) {
	var files []string
	for i := range 20 {
		files = append(files, string(rune('a'+i))+".jpg", strings.Repeat("x", 100_000), string(rune('a'+i))+".cls", "3")
	}
	content := tarFile(b, files...)
	in := folderOf(b, "a.tar", content)
	b.SetBytes(int64(len(content)))
	s, err := web("a.tar", nil).Stream(b.Context(), in)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, err := range s.Rows(b.Context(), []int{0, 1, 2}, 0) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
