package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gradus-ml/gradus/data/source"
)

var _ source.Files = (*System)(nil)

// system makes a System that does not wait long, and checks at the end of the
// test that nothing of it keeps running or stays open.
func system(t testing.TB, opts ...Option) *System {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	s, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	s.patience = patience{tries: 4, pause: time.Millisecond, longest: 5 * time.Millisecond, stall: 20 * time.Second}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for range 100 {
			if runtime.NumGoroutine() <= goroutines && openFiles(t) <= files {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines and %d files, %d and %d before\n%s", runtime.NumGoroutine(), openFiles(t), goroutines, files, stacks[:runtime.Stack(stacks, true)])
	})
	return s
}

// openFiles counts the open files of the process, where the system tells.
func openFiles(t testing.TB) int {
	if runtime.GOOS != "linux" {
		return 0
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// inFolder makes empty files, or those with "name=content", in a folder that
// becomes the working directory.
func inFolder(t testing.TB, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range names {
		name, content, _ := strings.Cut(n, "=")
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// read opens a file and reads it all.
func read(s *System, name string) (string, error) {
	f, err := s.Open(context.Background(), name)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(f)
	return string(b), errors.Join(err, f.Close())
}

// wants checks an error's text.
func wants(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("error: %v\nwant it to have: %s", err, p)
		}
	}
}

func TestFindLocal(t *testing.T) {
	dir := inFolder(t, "a.csv", "b.csv", "c.txt", ".d.csv", "x/a.csv", "x/y/b.csv", "x/.z/c.csv", ".hid/a.csv", "s-1.tar", "s-2.tar", "s-10.tar", "odd[1]{a}*.csv")
	if runtime.GOOS != "windows" {
		for from, to := range map[string]string{"x/loop": dir, "link.csv": "a.csv", "broken.csv": "nothing"} {
			if err := os.Symlink(to, from); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := system(t)
	for _, c := range []struct{ pattern, want string }{
		{"a.csv", "a.csv"},
		{dir + "/a.csv", dir + "/a.csv"},
		{"[ab].csv", "a.csv b.csv"},
		{"?.csv", "a.csv b.csv"},
		{"./?.csv", "./a.csv ./b.csv"},
		{".*.csv", ".d.csv"},
		{"*/*.csv", "x/a.csv"},
		{"*/y/b.csv", "x/y/b.csv"},
		{"**/?.csv", "a.csv b.csv x/a.csv x/y/b.csv"},
		{"x/**", "x/a.csv x/y/b.csv"},
		{"x/**/**/a.csv", "x/a.csv"},
		{"x/**/y/**", "x/y/b.csv"},
		{"x/.z/*", "x/.z/c.csv"},
		{"{b,a}.csv", "a.csv b.csv"},
		{"s-{1..2}.tar", "s-1.tar s-2.tar"},
		{"s-{01..02}*.tar", ""},
		{"l*.csv", "link.csv"},
		{"odd[[]1]*.csv", "odd[1]{a}*.csv"},
		{"odd[[]1][{]a[}]*.csv", "odd[1]{a}*.csv"},
		{"https://h/a*.csv", "https://h/a*.csv"},
		{"https://h/{1..2}.csv?x=y", "https://h/1.csv?x=y https://h/2.csv?x=y"},
	} {
		got, err := s.Find(t.Context(), c.pattern)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: found %q", c.pattern, got)
			}
			continue
		}
		if want := strings.Fields(filepath.FromSlash(c.want)); strings.HasPrefix(c.want, "http") {
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: found %q (%v), want %q", c.pattern, got, err, c.want)
			}
		} else if !slices.Equal(got, want) {
			t.Errorf("%s: found %q (%v), want %q", c.pattern, got, err, want)
		}
	}
	for pattern, want := range map[string]string{
		"":                  "a path is empty",
		"x":                 "x is a folder: name the files in it, such as x/*",
		"x/q.csv":           "(folder x has .z, a.csv, ",
		"nowhere/q/*.csv":   "no file is named by nowhere/q/*.csv (folder " + dir + " has .d.csv, .hid, a.csv, ...)",
		"{1..2":             "a brace { is not closed",
		"{2..1}.csv":        "{2..1}: want two numbers in order",
		"{1..2000000}":      "at most 100000",
		"{1..999}{1..999}x": "the braces stand for 998001 names",
		"{a,q}.csv":         "q.csv: no such file",
		"[a":                "not well formed",
		"ftp://h/a":         "ftp://h/a: want a path, or an address that begins with http://",
		"s3://b/a":          "no S3 store is set up",
	} {
		if runtime.GOOS == "windows" {
			want = strings.ReplaceAll(want, "no such file", "The system cannot find")
		}
		_, err := s.Find(t.Context(), pattern)
		wants(t, err, "file: ", want)
	}
	_, err := s.Find(t.Context(), "q.csv")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// The pattern of a key matches what the walk of folders finds.
func TestMatchIsWalk(t *testing.T) {
	names := []string{"a", "b/a", "b/c/a", "b/.h/a", ".h/a", "b/c/d/.a", "b/c/d/e"}
	inFolder(t, names...)
	for _, pattern := range []string{"*", "**", "**/a", "*/a", "b/**", "b/**/a", "b/**/d/*", "**/*/a", "**/.*", "b/*/**", ".h/*", "**/c/**/e"} {
		m, err := newMatcher(pattern)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, n := range names {
			if m.match(strings.Split(n, "/")) {
				want = append(want, filepath.FromSlash(n))
			}
		}
		got, err := findLocal(pattern)
		if err != nil && len(want) > 0 || !slices.Equal(got, sorted(want)) {
			t.Errorf("%s: walk %q (%v), match %q", pattern, got, err, want)
		}
	}
}

func TestOpenLocal(t *testing.T) {
	inFolder(t, "a.csv=x,y\n", "d/e")
	s := system(t)
	if got, err := read(s, "a.csv"); got != "x,y\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, err := read(s, "d")
	wants(t, err, "d is a folder: name the files in it, such as d/*")
	if _, err = read(s, "nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	wants(t, err, "nothing")
	if path, err := s.Local(t.Context(), "a.csv"); path != "a.csv" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Open(ctx, "a.csv"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func packGzip(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func packZstd(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(b, nil)
}

// hello is "hello world\n" by Python's bz2.
var hello = []byte("BZh91AY&SYN\xec\xe86\x00\x00\x02Q\x80\x00\x10@\x00\x06D\x90\x80 \x001\x06LA\x01\xa7\xa9\xa5\x80\xbb\x941\xf8\xbb\x92)\xc2\x84\x82wgA\xb0")

func write(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// text is n bytes that compress to about half.
func text(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghijklmnop"[r.IntN(16)]
	}
	return b
}

func TestUnpack(t *testing.T) {
	dir := inFolder(t)
	plain := text(3 << 20)
	write(t, "a.gz", packGzip(plain))
	write(t, "two.csv.GZ", append(packGzip(plain), packGzip(plain)...))
	write(t, "a.zst", packZstd(plain))
	write(t, "a.bz2", hello)
	cacheDir := filepath.Join(dir, "cache")
	s := system(t, WithCache(cacheDir))
	for name, want := range map[string]string{
		"a.gz": string(plain), "two.csv.GZ": string(plain) + string(plain), "a.zst": string(plain), "a.bz2": "hello world\n",
	} {
		if got, err := read(s, name); got != want || err != nil {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(got), err, len(want))
		}
		path, err := s.Local(t.Context(), name)
		if b, _ := os.ReadFile(path); err != nil || string(b) != want || filepath.Dir(path) != cacheDir {
			t.Errorf("%s: copy %s of %d bytes, %v", name, path, len(b), err)
		}
		f, err := s.Open(t.Context(), name) // closed before its end
		if err != nil {
			t.Fatal(err)
		}
		f.Read(make([]byte, 10))
		if err := f.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := system(t).Local(t.Context(), "a.gz")
	wants(t, err, "a.gz: a cache folder is wanted")
}

// A copy is of the file as it is now.
func TestUnpackAgain(t *testing.T) {
	dir := inFolder(t)
	s := system(t, WithCache(filepath.Join(dir, "cache")))
	for _, want := range []string{"one", "another"} {
		write(t, "a.gz", packGzip([]byte(want)))
		path, err := s.Local(t.Context(), "a.gz")
		if b, _ := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("copy %q, %v, want %q", b, err, want)
		}
	}
}

func TestUnpackDamaged(t *testing.T) {
	inFolder(t)
	s := system(t)
	plain := text(100_000)
	for name, packed := range map[string][]byte{"a.gz": packGzip(plain), "a.zst": packZstd(plain), "a.bz2": hello} {
		for _, n := range []int{0, 1, 3, len(packed) / 2, len(packed) - 1} {
			write(t, name, packed[:n])
			got, err := read(s, name)
			if name == "a.zst" && n == 0 {
				continue // no frame is a file of no bytes
			}
			wants(t, err, name, "truncated")
			if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(string(plain)+"hello world\n", got) && name != "a.bz2" {
				t.Errorf("%s of %d bytes: %v", name, n, err)
			}
		}
		wrong := bytes.Clone(packed)
		wrong[len(wrong)/2] ^= 0x10
		write(t, name, wrong)
		_, err := read(s, name)
		wants(t, err, name+": near offset ")
	}
}

// Files that unpack to a multiple of their size end in an error, in memory
// that does not grow with what they claim.
func TestBombs(t *testing.T) {
	inFolder(t)
	zeros := make([]byte, 20<<20)
	write(t, "a.gz", packGzip(zeros))
	write(t, "a.zst", packZstd(zeros))
	write(t, "small.gz", packGzip(zeros[:ratioFrom]))
	s := system(t)
	for _, name := range []string{"a.gz", "a.zst"} {
		got, err := read(s, name)
		wants(t, err, name+" unpacks to more than 200 times its size")
		if !errors.Is(err, ErrLimit) || len(got) > 8<<20 {
			t.Errorf("%s: %d bytes came", name, len(got))
		}
	}
	if got, err := read(s, "small.gz"); len(got) != ratioFrom || err != nil {
		t.Error(len(got), err)
	}
	if got, err := read(system(t, WithLimits(1<<30, 1_000_000)), "a.gz"); len(got) != len(zeros) || err != nil {
		t.Error(len(got), err)
	}
	_, err := read(system(t, WithLimits(1<<20, 1_000_000)), "a.gz")
	wants(t, err, "a.gz unpacks to more than 1048576 bytes")
	// A window of 2 GiB, as zstd --long=31 asks for it.
	write(t, "w.zst", []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00})
	_, err = read(s, "w.zst")
	wants(t, err, "w.zst", "window size exceeded")
}

func TestNewRefuses(t *testing.T) {
	for want, opt := range map[string]Option{
		"the cache folder has no name": WithCache(""),
		"both must be above 0":         WithLimits(0, 5),
		"a region is wanted":           WithS3(S3{}),
		"one is missing":               WithS3(S3{Region: "r", AccessKey: "a"}),
		`endpoint "host:9000", want`:   WithS3(S3{Region: "r", Endpoint: "host:9000"}),
	} {
		_, err := New(opt)
		wants(t, err, want)
	}
}

func FuzzBraces(f *testing.F) {
	f.Add("a{1..3}b{x,y}")
	f.Add("[{]{a")
	f.Add("{00..9}[a-")
	f.Fuzz(func(t *testing.T, pattern string) {
		all, err := expandBraces(pattern)
		if err == nil && len(all) == 0 {
			t.Error("no pattern")
		}
		for _, p := range all {
			if m, err := newMatcher(p); err == nil && len(p) < 50 {
				m.match([]string{"a", "b"})
			}
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add(packGzip([]byte("hello")), uint8(0))
	f.Add(packZstd([]byte("hello")), uint8(1))
	f.Add(hello, uint8(2))
	s, err := New(WithLimits(1<<22, 100))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		name := "a" + []string{".gz", ".zst", ".bz2"}[kind%3]
		r, err := s.unpack(io.NopCloser(bytes.NewReader(b)), name)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			r.Close()
		}
		if err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("error without the name: %v", err)
		}
	})
}

func ExampleSystem() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for i := range 3 {
		name := filepath.Join(dir, fmt.Sprintf("part-%d.csv.gz", i))
		if err := os.WriteFile(name, packGzip(fmt.Appendf(nil, "part %d\n", i)), 0o666); err != nil {
			fmt.Println(err)
			return
		}
	}

	ctx := context.Background()
	files, err := New(WithCache(filepath.Join(dir, "cache")))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer files.Close()
	names, err := files.Find(ctx, filepath.Join(dir, "part-{0..1}.csv.gz"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range names {
		f, err := files.Open(ctx, name)
		if err != nil {
			fmt.Println(err)
			return
		}
		b, err := io.ReadAll(f)
		fmt.Printf("%s: %q %v\n", filepath.Base(name), b, err)
		f.Close()
	}
	// Output:
	// part-0.csv.gz: "part 0\n" <nil>
	// part-1.csv.gz: "part 1\n" <nil>
}
