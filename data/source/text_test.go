package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func textOf(unit string, change ...func(*PlainText)) PlainText {
	c := DefaultPlainText()
	c.Path, c.Unit = []string{"*/*.txt"}, unit
	for _, f := range change {
		f(&c)
	}
	return c
}

func window(size, stride int, inBytes bool) func(*PlainText) {
	return func(c *PlainText) { c.Size, c.Stride, c.Bytes = size, stride, inBytes }
}

func TestPlainText(t *testing.T) {
	const file = "\xef\xbb\xbfone\r\n two \n \t\n\nthree\n"
	for _, c := range []struct {
		name   string
		config PlainText
		want   []string
		where  []string
	}{
		{"lines", textOf("line"), []string{"one", " two ", "three", "x"}, []string{"a/1.txt:1", "a/1.txt:2", "a/1.txt:5", "b/2.txt:3"}},
		{"paragraphs", textOf("paragraph"), []string{"one\n two ", "three", "x"}, []string{"a/1.txt:1", "a/1.txt:5", "b/2.txt:3"}},
		{"files", textOf("file"), []string{file[3:], "\n\nx"}, []string{"a/1.txt:1", "b/2.txt:1"}},
		{"windows", textOf("window", window(6, 5, false)), []string{"one\r\n ", " two \n", "\n \t\n\nt", "three\n"}, []string{"a/1.txt:1", "a/1.txt:2", "a/1.txt:2", "a/1.txt:5"}},
		{"bytes", textOf("window", window(2, 9, true)), []string{"on", " \n", "ee", "\n\n"}, []string{"a/1.txt:1", "a/1.txt:2", "a/1.txt:5", "b/2.txt:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, where := opens(t, c.config, folderOf(t, "a/1.txt", file, "b/2.txt", "\n\nx"))
			want := "text:text file:text folder:text"
			for i, text := range c.want {
				name, _, _ := strings.Cut(c.where[i], ":")
				want += fmt.Sprintf("\n%s|%s|%s", text, name, name[:1])
			}
			if got != want {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
			if !slices.Equal(where, c.where) {
				t.Errorf("places %q, want %q", where, c.where)
			}
		})
	}
	if got := folder(`C:\mail\spam\1.txt`); got != "spam" {
		t.Errorf("folder %q", got)
	}
	if got := folder("1.txt"); got != "" {
		t.Errorf("folder %q", got)
	}
}

// Windows are those of the text as characters, across chunks, with bytes that
// are not UTF-8 among them.
func TestWindows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for len(b) < 3*chunkBytes {
		b = append(b, []string{"a", "é", "語", "🙂", "\n", "\xff", "\xe8"}[r.IntN(7)]...)
	}
	b = append(b, 'x', 0xe8, 0xaa) // ends within a character
	var chars []string
	for rest := b; len(rest) > 0; {
		_, n := utf8.DecodeRune(rest)
		chars = append(chars, string(rest[:n]))
		rest = rest[n:]
	}
	files := folderOf(t, "a/1.txt", string(b))
	for _, c := range []struct{ size, stride int }{{10, 4000}, {chunkBytes, 20000}, {100, 70000}, {len(chars), 1}, {len(chars) - 1, 1}} {
		table, err := textOf("window", window(c.size, c.stride, false)).Open(t.Context(), files)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for at := 0; at+c.size <= len(chars); at += c.stride {
			var v [1]any
			if err := table.Read(v[:], want, []int{0}); err != nil || v[0] != strings.Join(chars[at:at+c.size], "") {
				t.Errorf("window %d of size %d differs, error %v", want, c.size, err)
			}
			line := 1 + strings.Count(strings.Join(chars[:at], ""), "\n")
			if got := table.Where(want); got != place("a/1.txt", line) {
				t.Errorf("window %d is at %s, want line %d", want, got, line)
			}
			want++
		}
		if table.Len() != want {
			t.Errorf("%d windows of size %d, want %d", table.Len(), c.size, want)
		}
		table.Close()
	}
	opens(t, textOf("window", window(5000, 3000, false)), files)
}

func TestPlainTextErrors(t *testing.T) {
	fails(t, textOf("line"), folderOf(t), "*/*.txt: file does not exist")
	fails(t, textOf("line"), folderOf(t, "a/1.txt", "\xff\xfea\x00"), "a/1.txt:1: the file is UTF-16")
	gz := zipped("one\ntwo\n")
	fails(t, textOf("line", func(c *PlainText) { c.Path = []string{"a/*.gz"} }), folderOf(t, "a/1.txt.gz", gz[:len(gz)-2]), "unexpected EOF")
	err := PlainText{Cut: Cut{Unit: "word"}}.Validate()
	for _, want := range []string{
		"text: path is empty, want a file",
		`text: unit "word", want line, paragraph, file or window`,
		"text: size 0 of a window, want 1 to",
		"text: stride 0 of windows, want 1 to",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v\nwant %s", err, want)
		}
	}
}

// Every way to cut gives one answer for a table and for a stream, whatever the
// bytes and however they come.
func FuzzPlainText(f *testing.F) {
	for _, s := range []string{"one\ntwo", "a\r\n\r\n \r\nb\r\n", "\xef\xbb\xbfé語\n\n🙂\xff", "\n\n", "x\n \n\t\ny\n\r"} {
		f.Add([]byte(s), uint8(2), uint8(1))
	}
	f.Fuzz(func(t *testing.T, file []byte, size, stride uint8) {
		for _, cut := range []Cut{
			{Unit: unitLine}, {Unit: unitParagraph},
			{Unit: unitWindow, Size: 1 + int(size), Stride: 1 + int(stride)}, {Unit: unitWindow, Size: 1 + int(size), Stride: 1 + int(stride), Bytes: true},
		} {
			x := &rowIndex{files: []*rowFile{{name: "f", file: inMemory{bytes.NewReader(file)}}}}
			err := cut.index(context.Background(), x)
			r, beginErr := cut.begin(context.Background(), oneByte{bytes.NewReader(file)}, "f")
			if err != nil {
				if beginErr == nil {
					t.Fatalf("table: %v", err)
				}
				continue
			}
			table := &textTable{x, cut}
			for i := range table.Len() {
				var v [1]any
				if err := table.Read(v[:], i, []int{0}); err != nil {
					t.Fatal(err)
				}
				text, err := r.next()
				if err != nil || v[0] != string(text) || table.Where(i) != place("f", r.from) {
					t.Fatalf("%+v: row %d: %q at %s in a table, %q at line %d in a stream, error %v", cut, i, v[0], table.Where(i), text, r.from, err)
				}
			}
			if _, err := r.next(); err != io.EOF {
				t.Fatalf("the stream goes on: %v", err)
			}
		}
	})
}

func TestOpticks(t *testing.T) {
	c := DefaultOpticks()
	c.Unit, c.Size, c.Stride = "window", 1000, 500
	content, where := opens(t, c, nil)
	if n := len(where); n < 1000 || n > 1134 { // 567,198 bytes, few characters of more than one
		t.Errorf("%d windows", n)
	}
	if !strings.Contains(content, "Refrangibility") {
		t.Error("the book lacks a word")
	}
	c.Unit = "chapter"
	fails(t, c, nil, `unit "chapter"`)
}

func TestTables(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		rows int
		last string
	}{
		{Penguins{}, 344, "penguins:345"},
		{Weather{}, 2922, "weather:2923"},
	} {
		_, where := opens(t, c.cfg, nil)
		if len(where) != c.rows || where[c.rows-1] != c.last {
			t.Errorf("%T has %d rows, the last at %s", c.cfg, len(where), where[len(where)-1])
		}
	}
	table, err := Penguins{}.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Column{{"species", Text}, {"island", Text}, {"bill_length_mm", Number}, {"bill_depth_mm", Number},
		{"flipper_length_mm", Integer}, {"body_mass_g", Integer}, {"sex", Text}}
	if got := table.Columns(); !slices.Equal(got, want) {
		t.Errorf("columns %v, want %v", got, want)
	}
}
