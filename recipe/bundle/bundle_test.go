package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/recipe/export"
	"github.com/gradus-ml/gradus/train"
)

// program is what Write takes for one.
var program = strings.Repeat("code ", 2000) + seed + strings.Repeat(" data", 100)

func write(t testing.TB, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o777); err != nil {
		t.Fatal(err)
	}
	return path
}

func text(name, s string) export.File {
	return export.File{Name: name, Write: func(w io.Writer) error { _, err := io.WriteString(w, s); return err }}
}

// model is files such as a model has.
func model() []export.File {
	return []export.File{text(export.CardFile, "# a card"), text(train.ConfigFile, "{}"), text(train.WeightsFile, strings.Repeat("w", 10000))}
}

func bundled(t testing.TB) (path string, content []byte) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "mnist")
	if err := Write(path, write(t, filepath.Join(dir, "gradus"), program), "mnist", model()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, content
}

func TestBundle(t *testing.T) {
	path, content := bundled(t)
	if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm()&0o111 == 0 {
		t.Errorf("%v, %v: nobody can run it", st.Mode(), err)
	}
	if !bytes.HasPrefix(content, []byte(program)) {
		t.Error("the program is another one")
	}
	read := func(path, want string) {
		t.Helper()
		b, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		files, err := b.FS()
		if err != nil {
			t.Fatal(err)
		}
		if name, err := b.Name(); err != nil || name != "mnist" {
			t.Errorf("name %q, %v", name, err)
		}
		for name, want := range map[string]string{export.CardFile: "# a card", train.ConfigFile: "{}", train.WeightsFile: want} {
			if got, err := fs.ReadFile(files, name); err != nil || string(got) != want {
				t.Errorf("%s is %.20q, %v", name, got, err)
			}
			f, err := files.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			st, err := f.Stat()
			if _, ok := f.(io.ReaderAt); !ok || err != nil || st.Size() != int64(len(want)) || !st.Mode().IsRegular() || st.Name() != filepath.Base(name) {
				t.Errorf("%s: %+v, %v", name, st, err)
			}
		}
		for _, name := range []string{"nothing", "model", ".", "", "../mnist", "/etc/passwd"} {
			if _, err := files.Open(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%q: %v", name, err)
			}
		}
		out, err := b.Files()
		if err != nil || len(out) != 3 {
			t.Fatal(out, err)
		}
		dir := filepath.Join(t.TempDir(), "out")
		if err := export.Write(dir, out, false); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(train.WeightsFile))); err != nil || string(got) != want {
			t.Errorf("%.20q, %v", got, err)
		}
	}
	read(path, strings.Repeat("w", 10000))

	again, same := bundled(t)
	if !bytes.Equal(same, content) {
		t.Error("the same parts give other bytes")
	}
	// A bundle's model gives way, also in place.
	files := []export.File{text(export.CardFile, "# a card"), text(train.ConfigFile, "{}"), text(train.WeightsFile, "new")}
	if err := Write(again, again, "mnist", files); err != nil {
		t.Fatal(err)
	}
	read(again, "new")
	if st, err := os.Stat(again); err != nil || st.Size() > int64(len(content))-9000 {
		t.Error("the old model is still there")
	}
}

// What can't be a bundle is told, and leaves what was there.
func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	good := write(t, filepath.Join(dir, "gradus"), program)
	other := write(t, filepath.Join(dir, "ls"), "another program")
	there := write(t, filepath.Join(dir, "out"), "there")
	broken := errors.New("broken")
	bad := []export.File{{Name: train.ConfigFile, Write: func(io.Writer) error { return broken }}}
	for _, c := range []struct {
		program, name string
		files         []export.File
		want          string
	}{
		{filepath.Join(dir, "nowhere"), "m", model(), "nowhere"},
		{other, "m", model(), "is no gradus that can hold a model"},
		{dir, "m", model(), "not a regular file"},
		{good, "../m", model(), "is no name for a model"},
		{good, "m", bad, "config.json: broken"},
	} {
		if err := Write(there, c.program, c.name, c.files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
	if b, err := os.ReadFile(there); err != nil || string(b) != "there" {
		t.Errorf("%q, %v", b, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || left != nil {
		t.Error(left, err)
	}
}

// A file that was cut anywhere, changed anywhere, or signed afterwards is told,
// and never taken for whole.
func TestDamage(t *testing.T) {
	path, content := bundled(t)
	at := bytes.Index(content, mark()) + markSize
	opens := func(b []byte) error {
		t.Helper()
		write(t, path, string(b))
		x, err := Open(path)
		if err != nil {
			return err
		}
		defer x.Close()
		_, err = x.FS()
		return err
	}
	if err := opens(content); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(content); n += 1 + n%97 {
		err := opens(content[:n])
		if err == nil {
			t.Fatalf("cut to %d of %d bytes: taken as whole", n, len(content))
		}
		if errors.Is(err, ErrNone) && Damaged(path) != (n >= at) {
			t.Fatalf("cut to %d bytes: damaged is %v, and the mark ends at %d", n, Damaged(path), at)
		}
	}
	for i := at; i < len(content); i += 1 + i%31 {
		b := bytes.Clone(content)
		b[i] ^= 0x40
		err := opens(b)
		if err == nil {
			t.Fatalf("byte %d of %d changed: taken as whole", i, len(content))
		}
		if i < len(content)-trailerSize && !strings.Contains(err.Error(), "the file was changed or damaged") {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	if err := opens(append(bytes.Clone(content), "a signature"...)); !errors.Is(err, ErrNone) || !Damaged(path) {
		t.Errorf("signed: %v", err)
	}
	if err := Write(filepath.Join(t.TempDir(), "x"), path, "m", model()); err == nil || !strings.Contains(err.Error(), DamagedText) {
		t.Error(err)
	}
	if err := opens([]byte(program)); !errors.Is(err, ErrNone) || Damaged(path) {
		t.Errorf("a program: %v", err)
	}
}

// Numbers of a trailer that would overflow sums, or point outside, are refused.
func TestTrailerNumbers(t *testing.T) {
	_, content := bundled(t)
	good, err := readTrailer(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{-1, -1 << 63, 1<<63 - 1, 1<<63 - 4096, 0, 1, int64(len(content)), int64(len(content)) + 1} {
		for i, set := range []func(t *trailer){
			func(t *trailer) { t.program = n }, func(t *trailer) { t.offset = n }, func(t *trailer) { t.size = n },
			func(t *trailer) { t.offset, t.size = n, int64(len(content))-n },
		} {
			bad := good
			set(&bad)
			b := append(bytes.Clone(content[:len(content)-trailerSize]), bad.bytes()...)
			if _, err := readTrailer(bytes.NewReader(b), int64(len(b))); err == nil || errors.Is(err, ErrNone) {
				t.Errorf("%d in place %d: %v", n, i, err)
			}
		}
	}
}

// sealed makes a bundle of any archive.
func sealed(t testing.TB, path string, archive []byte) {
	t.Helper()
	at := trailer{program: int64(len(program)), offset: int64(archiveAt(uint64(len(program)))), size: int64(len(archive)), sum: sha256.Sum256(archive)}
	b := append([]byte(program), make([]byte, int(at.offset)-markSize-len(program))...)
	b = append(b, mark()...)
	b = append(b, archive...)
	write(t, path, string(append(b, at.bytes()...)))
}

// Names in an archive are looked up in a list, and never become paths: an
// archive with any other is refused as a whole, whatever its hash says.
func TestSecurityRow2Bundle(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "deep", "bundle")
	if err := os.Mkdir(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	header := func(name string, mode fs.FileMode, method uint16) *zip.FileHeader {
		h := &zip.FileHeader{Name: name, Method: method}
		h.SetMode(mode)
		return h
	}
	archive := func(headers ...*zip.FileHeader) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, h := range append([]*zip.FileHeader{header(infoFile, 0o644, zip.Store)}, headers...) {
			w, err := z.CreateHeader(h)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(h.Name, "/") {
				if _, err := io.WriteString(w, `{"name":"m"}`); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	sealed(t, path, archive(header(train.ConfigFile, 0o644, zip.Store)))
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.FS(); err != nil {
		t.Fatalf("the archive of the test itself: %v", err)
	}
	b.Close()
	for name, h := range map[string][]*zip.FileHeader{
		"up":             {header("../evil", 0o644, zip.Store)},
		"up from inside": {header("model/../../evil", 0o644, zip.Store)},
		"up on Windows":  {header(`..\evil`, 0o644, zip.Store)},
		"absolute":       {header("/evil", 0o644, zip.Store)},
		"drive":          {header(`C:\evil`, 0o644, zip.Store)},
		"device":         {header("NUL", 0o644, zip.Store)},
		"dot":            {header("./model/config.json", 0o644, zip.Store)},
		"double slash":   {header("model//config.json", 0o644, zip.Store)},
		"folder":         {header("model/", 0o755|fs.ModeDir, zip.Store)},
		"link":           {header(train.ConfigFile, 0o777|fs.ModeSymlink, zip.Store)},
		"pipe":           {header(train.ConfigFile, 0o644|fs.ModeNamedPipe, zip.Store)},
		"twice":          {header(train.ConfigFile, 0o644, zip.Store), header(train.ConfigFile, 0o644, zip.Store)},
		"packed":         {header(train.ConfigFile, 0o644, zip.Deflate)},
		"unknown":        {header("model/more.py", 0o644, zip.Store)},
	} {
		sealed(t, path, archive(h...))
		b, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.FS(); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, err := b.Files(); err == nil {
			t.Errorf("%s: written", name)
		}
		b.Close()
	}
	var names []string
	if err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error { names = append(names, path); return err }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(names, []string{root, filepath.Dir(path), path}) {
		t.Errorf("there are %q", names)
	}
}

// This program could hold a model: it has what the mark is made of, and not the
// mark, which would make it look like a bundle.
func TestThisProgram(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	own, err := readProgram(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(own, mark()) {
		t.Error("the mark stands in the program")
	}
	if _, err := Open(path); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

// Any archive with the right hash is read or refused.
func FuzzArchive(f *testing.F) {
	_, content := bundled(f)
	at, err := readTrailer(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content[at.offset : at.offset+at.size])
	path := filepath.Join(f.TempDir(), "bundle")
	f.Fuzz(func(t *testing.T, archive []byte) {
		sealed(t, path, archive)
		b, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		files, err := b.FS()
		if err != nil {
			return
		}
		for _, name := range export.Names() {
			if c, err := fs.ReadFile(files, name); err == nil && len(c) > len(archive) {
				t.Errorf("%s has %d bytes, of %d", name, len(c), len(archive))
			}
		}
	})
}

// Every start of the program looks for a trailer.
func BenchmarkOpen(b *testing.B) {
	path, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Open(path); !errors.Is(err, ErrNone) {
			b.Fatal(err)
		}
	}
}
