package source

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func csvOf(change ...func(*CSV)) CSV {
	c := DefaultCSV()
	c.Path = []string{"a.csv"}
	for _, f := range change {
		f(&c)
	}
	return c
}

func TestCSV(t *testing.T) {
	for _, c := range []struct {
		name   string
		config CSV
		file   string
		want   string
		lines  []int
	}{
		{"kinds", csvOf(), "name,age,height,member\nAda,36,1.7,true\nBob,,-2e1,FALSE\nCleo,+7,NA,\n",
			"name:text age:integer height:number member:boolean\nAda|36|1.7|true\nBob|<nil>|-20|false\nCleo|7|<nil>|<nil>", []int{2, 3, 4}},
		{"all rows tell the kind", csvOf(), "a,b,c\n1,1,1\n2,2.5,x\n", "a:integer b:number c:text\n1|1|1\n2|2.5|x", []int{2, 3}},
		{"no last line end, CRLF, BOM", csvOf(), "\xef\xbb\xbfa,b\r\n1,x\r\n2,y", "a:integer b:text\n1|x\n2|y", []int{2, 3}},
		{"blank lines", csvOf(), "\n\na,b\n\n1,2\n\r\n\n3,4\n\n", "a:integer b:integer\n1|2\n3|4", []int{5, 8}},
		{"quotes", csvOf(), "a,\"b,c\"\n\"1\",\"say \"\"hi\"\",\r\nyes\"\n2,3\" tall\n", "a:integer b,c:text\n1|say \"hi\",\r\nyes\n2|3\" tall", []int{2, 4}},
		{"no quotes", csvOf(func(c *CSV) { c.Quote = "" }), "a,b\n\"x,y\"\n", "a:text b:text\n\"x|y\"", []int{2}},
		{"other quotes", csvOf(func(c *CSV) { c.Quote = "'" }), "a,b\n'x,y',\"z\"\n", "a:text b:text\nx,y|\"z\"", []int{2}},
		{"missing and quoted", csvOf(), "a,b\n\"\",\"\"\nNA,1\n\"NA\",\"NA\"\n", "a:number b:integer\n<nil>|<nil>\n<nil>|1\n<nil>|<nil>", []int{2, 3, 4}},
		{"missing in text", csvOf(), "a,b\nx,1\n\"\",2\n,3\n\"NA\",4\nNA,5\n", "a:text b:integer\nx|1\n|2\n<nil>|3\nNA|4\n<nil>|5", []int{2, 3, 4, 5, 6}},
		{"own words", csvOf(func(c *CSV) { c.Missing = []string{"?", "-999"} }), "a,b\n?,1\n-999,nan\nNA,-999\n", "a:text b:number\n<nil>|1\n<nil>|NaN\nNA|<nil>", []int{2, 3, 4}},
		{"no words", csvOf(func(c *CSV) { c.Missing = nil }), "a,b\n,inf\nx,-Inf\n", "a:text b:number\n|+Inf\nx|-Inf", []int{2, 3}},
		{"zeros and long integers", csvOf(), "zip,id,big\n01234,9223372036854775807,9223372036854775808\n94043,-1,1\n", "zip:text id:integer big:text\n01234|9223372036854775807|9223372036854775808\n94043|-1|1", []int{2, 3}},
		{"given kinds", csvOf(func(c *CSV) {
			c.Kinds = map[string]Kind{"a": Text, "b": Integer, "c": Number, "d": Boolean}
		}), "a,b,c,d\n1,007,9223372036854775808,yes\n2,-01,4,0\n", "a:text b:integer c:number d:boolean\n1|7|9.223372036854776e+18|true\n2|-1|4|false", []int{2, 3}},
		{"spaces", csvOf(), "a,b\n 1 , x \n\t2, y\n", "a:integer b:text\n1| x \n2| y", []int{2, 3}},
		{"trim", csvOf(func(c *CSV) { c.Trim = true }), " a , b\n 1 , x \n NA ,\" y \"\n", "a:integer b:text\n1|x\n<nil>| y ", []int{2, 3}},
		{"no header", csvOf(func(c *CSV) { c.Header = false }), "1,x\n2,y\n", "column1:integer column2:text\n1|x\n2|y", []int{1, 2}},
		{"names", csvOf(func(c *CSV) { c.Header, c.Names = false, []string{"n", "s"} }), "1,x\n", "n:integer s:text\n1|x", []int{1}},
		{"names in place of a header", csvOf(func(c *CSV) { c.Names = []string{"n", "s"} }), "a,a\n1,x\n", "n:integer s:text\n1|x", []int{2}},
		{"a column without name", csvOf(), ",b\n0,x\n", "column1:integer b:text\n0|x", []int{2}},
		{"comments", csvOf(func(c *CSV) { c.Comment = "//" }), "//\n// one\na/b,c\n//two,\n/,3\n//", "a/b:text c:integer\n/|3", []int{5}},
		{"semicolons", csvOf(func(c *CSV) { c.Delimiter = ";" }), "a;b\n1;x,y\n", "a:integer b:text\n1|x,y", []int{2}},
		{"one column", csvOf(), "a\n1\n\n2", "a:integer\n1\n2", []int{2, 4}},
		{"header only", csvOf(), "a,b\n", "a:number b:number", nil},
		{"nothing in a column", csvOf(), "a,b\n1,\n2,NA\n", "a:integer b:number\n1|<nil>\n2|<nil>", []int{2, 3}},
		{"words that are numbers nearly", csvOf(), "a,b,c,d,e,f,g\n.5,1.,.,1e,-,1e5,0x10\n", "a:number b:number c:text d:text e:text f:number g:text\n0.5|1|.|1e|-|100000|0x10", []int{2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, where := opens(t, c.config, folderOf(t, "a.csv", c.file))
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			var want []string
			for _, line := range c.lines {
				want = append(want, "a.csv:"+strconv.Itoa(line))
			}
			if !slices.Equal(where, want) {
				t.Errorf("places %q, want %q", where, want)
			}
		})
	}
}

func TestCSVFiles(t *testing.T) {
	files := folderOf(t, "b/1.tsv.gz", zipped("x\ty\n1\ta,b\n"), "b/2.tsv.gz", zipped("x\ty\n"), "b/3.tsv.gz", zipped("x\ty\n2.5\tc\n3\td"))
	c := csvOf(func(c *CSV) { c.Path = []string{"b/*.tsv.gz"} })
	got, where := opens(t, c, files)
	if got != "x:number y:text\n1|a,b\n2.5|c\n3|d" {
		t.Error(got)
	}
	if !slices.Equal(where, []string{"b/1.tsv.gz:2", "b/3.tsv.gz:2", "b/3.tsv.gz:3"}) {
		t.Error(where)
	}
}

func TestCSVErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		config CSV
		file   string
		want   string
	}{
		{"ragged", csvOf(), "a,b\n1,2\n\n1,2,3\n", "a.csv:4: 3 fields, want 2, as in a.csv"},
		{"short", csvOf(), "a,b\n\"x\ny\",2\n1\n", "a.csv:4: 1 fields, want 2"},
		{"open quote", csvOf(), "a,b\n1,2\n3,\"4\n5,6\n", "a.csv:3: field 2: a quote is never closed"},
		{"after a quote", csvOf(), "a,b\n1,\"2\"3\n", `a.csv:2: field 2: "3\n" after the closing quote`},
		{"twice", csvOf(), "a,b,a\n", `a.csv:1: columns 1 and 3 are both named "a"`},
		{"empty", csvOf(), "", "a.csv: offset 0: no header: the file is empty"},
		{"empty without header", csvOf(func(c *CSV) { c.Header = false }), "\n", "a.csv: offset 0: the file is empty"},
		{"UTF-16", csvOf(), "\xff\xfea\x00\n\x00", "a.csv:1: the file is UTF-16"},
		{"names", csvOf(func(c *CSV) { c.Names = []string{"x"} }), "a,b\n", "a.csv:1: 2 columns, and 1 names given"},
		{"kind", csvOf(func(c *CSV) { c.Kinds = map[string]Kind{"b": Number} }), "a,b\n1,x\n", `a.csv:2: column b: "x" is no number, as kinds says`},
		{"kinds of no column", csvOf(func(c *CSV) { c.Kinds = map[string]Kind{"c": Number} }), "a,b\n1,x\n", `a.csv: kinds: no column "c"; there are a, b`},
	} {
		t.Run(c.name, func(t *testing.T) { fails(t, c.config, folderOf(t, "a.csv", c.file), c.want) })
	}
	fails(t, csvOf(), folderOf(t), "a.csv: file does not exist")
	two := csvOf(func(c *CSV) { c.Path = []string{"*.csv"} })
	fails(t, two, folderOf(t, "a.csv", "x,y\n", "b.csv", "x,z\n"), `b.csv:1: column 2 is "z", in a.csv it is "y"`)
	fails(t, two, folderOf(t, "a.csv", "x,y\n", "b.csv", "x\n"), "b.csv:1: 1 fields, want 2, as in a.csv")
	gz := zipped("a,b\n1,2\n3,4\n")
	fails(t, csvOf(func(c *CSV) { c.Path = []string{"a.csv.gz"} }), folderOf(t, "a.csv.gz", gz[:len(gz)-9]), "unexpected EOF")
}

func TestCSVValidate(t *testing.T) {
	c := CSV{Delimiter: "::", Quote: "qq", Comment: "#\n", Names: []string{"a", "a"}, Kinds: map[string]Kind{"a": Array}}
	err := c.Validate()
	for _, want := range []string{
		"csv: path is empty, want a file",
		`csv: delimiter "::", want one byte or "auto"`,
		`csv: quote "qq", want one byte`,
		`csv: comment "#\n" holds a line end`,
		`csv: names: columns 1 and 2 are both named "a"`,
		"csv: kinds: a: array, want text, number, integer or boolean",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v\nwant %s", err, want)
		}
	}
	if err := csvOf().Validate(); err != nil {
		t.Error(err)
	}
}

// A stream knows the kinds of the first rows only, and says so.
func TestCSVStreamKind(t *testing.T) {
	var b strings.Builder
	b.WriteString("a\n")
	for range kindRows {
		b.WriteString("1\n")
	}
	b.WriteString("2.5\n")
	files := folderOf(t, "a.csv", b.String())
	s, err := csvOf().Stream(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := readStream(t.Context(), s, []int{0}, 0)
	if want := `a.csv:10002: column a: "2.5" is no integer, which the first 10000 rows hold; say kinds: {a: ...}`; err == nil || err.Error() != want || len(rows) != kindRows {
		t.Errorf("%d rows, error %v\nwant %s", len(rows), err, want)
	}
	table, err := csvOf().Open(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	if k := table.Columns()[0].Kind; k != Number {
		t.Errorf("the table's column is %v", k)
	}
}

// A file that changes under a table gives errors, not other rows in silence.
func TestCSVShorter(t *testing.T) {
	files := folderOf(t, "a.csv", "a,b\n1,2\n3,4\n")
	table, err := csvOf().Open(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	if err := os.Truncate(filepath.Join(string(files), "a.csv"), 9); err != nil {
		t.Fatal(err)
	}
	var v [1]any
	if err := table.Read(v[:], 0, []int{1}); err != nil || v[0] != int64(2) {
		t.Error(v, err)
	}
	if err := table.Read(v[:], 1, []int{1}); err == nil || err.Error() != "a.csv: offset 8: the file became shorter after it was opened" {
		t.Error(err)
	}
}

// Line numbers are right beyond the first step of the index, with records of
// several lines.
func TestCSVWhere(t *testing.T) {
	var b strings.Builder
	b.WriteString("a,b\n")
	var want []string
	line := 2
	for i := range 3*lineStep + 5 {
		want = append(want, place("a.csv", line))
		switch i % 3 {
		case 0:
			b.WriteString("1,\"x\n\ny\"\n")
			line += 3
		case 1:
			b.WriteString("2,z\n\n")
			line += 2
		default:
			b.WriteString("3,\r\n")
			line++
		}
	}
	_, where := opens(t, csvOf(), folderOf(t, "a.csv", b.String()))
	if !slices.Equal(where, want) {
		t.Error("places are wrong")
	}
}

// Records that lie across the ends of chunks, and are larger than them.
func TestCSVChunks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	want := [][]string{{"a", "b", "c"}}
	for n := range 40 {
		size := r.IntN(chunkBytes / 4)
		if n == 20 {
			size = 3*chunkBytes + 1
		}
		want = append(want, []string{strings.Repeat("x\n\"", size/3), strconv.Itoa(n), strings.Repeat(",", r.IntN(10))})
	}
	w.WriteAll(want)
	c := csvOf(func(c *CSV) { c.Missing = nil })
	files := folderOf(t, "a.csv", b.String())
	table, err := c.Open(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	rows, _ := readTable(t, table)
	if len(rows) != 40 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, row := range rows {
		if row[0] != want[i+1][0] || fmt.Sprint(row[1]) != want[i+1][1] || row[2] != want[i+1][2] {
			t.Errorf("row %d differs", i)
		}
	}
	opens(t, c, files)
}

// Numbers are those of strconv.
func TestParseNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	check := func(s string) {
		want, _ := strconv.ParseFloat(s, 64)
		if fit := fitOf([]byte(s)); !fit.allows(Number) {
			t.Errorf("%q is no number", s)
		}
		if got := parseNumber([]byte(s)); math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%q is %v, want %v", s, got, want)
		}
	}
	for _, s := range []string{"0", "-0", "+0.0", "0.1", ".1", "1.", "-1.5e-3", "1e400", "-1e400", "1e-400", "123456789012345", "1234567890123456", "0.000000000000001", "9007199254740993", "inf", "-Infinity", "12345678901234567890.5"} {
		check(s)
	}
	for range 20000 {
		check(strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(r.IntN(30)-15)), "feg"[r.IntN(3)], r.IntN(20), 64))
		v := int64(r.Uint64()) >> r.IntN(64)
		s := strconv.FormatInt(v, 10)
		check(s)
		if got, ok := parseInteger([]byte(s)); !ok || got != v {
			t.Errorf("%q is %d", s, got)
		}
	}
	if v := parseNumber([]byte("NaN")); !math.IsNaN(v) {
		t.Error(v)
	}
	if _, ok := parseInteger([]byte("-9223372036854775809")); ok {
		t.Error("-9223372036854775809 has a place")
	}
}

// What encoding/csv reads without an error, and has no quote in the middle of
// a field, is read equally.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,x\n", "a,\"b\"\"\"\r\n\"1\n2\",\n", "\xef\xbb\xbfa\n\n1", "a,b\n\"", "a\r\n\r\r\n", ",\n,", "a,b\n1,2\r"} {
		f.Add([]byte(s))
	}
	c := csvOf(func(c *CSV) { c.Header, c.Missing = false, nil })
	form := func() *csvForm { return c.form() }
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := csvRecords(form(), bytes.NewReader(file))
		if chunked, chunkedErr := csvRecords(form(), oneByte{bytes.NewReader(file)}); fmt.Sprint(chunked, chunkedErr) != fmt.Sprint(got, err) {
			t.Fatalf("by single bytes %q %v, whole %q %v", chunked, chunkedErr, got, err)
		}
		text := bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))
		want, refErr := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if refErr != nil || bytes.Contains(text, []byte("\r")) { // \r\n in quotes becomes \n there
			return
		}
		if bytes.HasPrefix(file, []byte("\xff\xfe")) || bytes.HasPrefix(file, []byte("\xfe\xff")) {
			return
		}
		if err != nil {
			t.Fatalf("%v; encoding/csv reads %q", err, want)
		}
		if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Fatalf("got %q, encoding/csv has %q", got, want)
		}
	})
}

// oneByte reads bytes one by one.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), 1)]) }

func csvRecords(f *csvForm, src io.Reader) (records [][]string, err error) {
	r, err := f.begin(context.Background(), src, "f")
	if err != nil {
		return nil, err
	}
	for {
		if _, _, err := r.next(); err == io.EOF {
			return records, nil
		} else if err != nil {
			return records, err
		}
		if err := f.look(r); err != nil {
			return records, err
		}
		var record []string
		for i, field := range r.fields {
			record = append(record, string(field.text))
			if v, ok := f.value(field, f.columns()[i].Kind); !ok || v != nil && !f.columns()[i].Kind.holds(v) {
				return nil, fmt.Errorf("field %q as %v gives %v", field.text, f.columns()[i].Kind, v)
			}
		}
		records = append(records, record)
	}
}

// mixedCSV makes rows of 12 columns, as the benchmark and the test of memory
// read them.
func mixedCSV(rows int) []byte {
	r := rand.New(rand.NewPCG(5, 6))
	b := []byte("id,name,city,when,a,b,c,d,e,n,ok,note\n")
	for i := range rows {
		b = fmt.Appendf(b, "%d,name %d,%s,2024-05-%02dT12:00:00,%.4f,%.2f,%.6g,%g,%.3f,%d,%t,\"some, \"\"note\"\"\"\n",
			i, r.IntN(1000), []string{"Bern", "Oslo", "NA"}[r.IntN(3)], 1+r.IntN(30),
			r.NormFloat64(), 1000*r.Float64(), r.NormFloat64(), r.NormFloat64(), r.Float64(), r.IntN(100000), r.IntN(2) == 0)
	}
	return b
}

// A stream's memory does not grow with its file: a few megabytes for one that
// has as many rows as it takes.
func TestCSVFlatMemory(t *testing.T) {
	rows := 200_000 // 25 MB
	if testing.Short() {
		rows = 20_000
	}
	block := mixedCSV(1000)
	head := bytes.IndexByte(block, '\n') + 1
	files := endless{head: block[:head], block: block[head:], times: rows / 1000}
	s, err := csvOf().Stream(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, most := 0, uint64(0)
	for row, err := range s.Rows(t.Context(), []int{0, 1, 4, 11}, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%(rows/10) == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
		if row.Values[3] != `some, "note"` {
			t.Fatal(row)
		}
	}
	if n != rows {
		t.Errorf("%d rows, want %d", n, rows)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 2<<20 {
		t.Errorf("%d bytes are held while %d rows are read", grown, rows)
	}
}

// endless is a file that is made while it is read: a head, and a block many
// times.
type endless struct {
	head, block []byte
	times       int
}

func (e endless) Find(ctx context.Context, pattern string) ([]string, error) {
	return []string{pattern}, nil
}

func (e endless) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	readers := []io.Reader{bytes.NewReader(e.head)}
	for range e.times {
		readers = append(readers, bytes.NewReader(e.block))
	}
	return io.NopCloser(io.MultiReader(readers...)), nil
}

func (e endless) Local(ctx context.Context, name string) (string, error) {
	return "", fmt.Errorf("%s is not on the disk", name)
}

func BenchmarkCSV(b *testing.B) {
	file := mixedCSV(50_000)
	files := folderOf(b, "a.csv", string(file))
	c := csvOf()
	b.Run("open", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			table, err := c.Open(b.Context(), files)
			if err != nil {
				b.Fatal(err)
			}
			table.Close()
		}
	})
	table, err := c.Open(b.Context(), files)
	if err != nil {
		b.Fatal(err)
	}
	defer table.Close()
	b.Run("table", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		dst, columns := make([]any, 12), all(table.Columns())
		for b.Loop() {
			for i := range table.Len() {
				if err := table.Read(dst, i, columns); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("stream", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		s, err := c.Stream(b.Context(), files)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			for _, err := range s.Rows(b.Context(), all(s.Columns()), 0) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// TestCSVText reads a text in memory as it would a file, and no more rows than
// it may.
func TestCSVText(t *testing.T) {
	c := DefaultCSV()
	for _, text := range []string{"a,b\n1,x\n2,\n", "a\tb\n1\tx\n2\t"} {
		c.Delimiter = ","
		if strings.Contains(text, "\t") {
			c.Delimiter = "\t"
		}
		table, err := c.OpenText(t.Context(), "body", []byte(text), 2)
		if err != nil {
			t.Fatal(err)
		}
		var rows [2][2]any
		for i := range rows {
			if err := table.Read(rows[i][:], i, []int{0, 1}); err != nil {
				t.Fatal(err)
			}
		}
		if want := [2][2]any{{int64(1), "x"}, {int64(2), nil}}; table.Len() != 2 || rows != want || table.Where(1) != "body:3" {
			t.Errorf("%q: %d rows %v, the second at %s", text, table.Len(), rows, table.Where(1))
		}
		_, err = c.OpenText(t.Context(), "body", []byte(text), 1)
		var many *RowsError
		if !errors.As(err, &many) || many.Limit != 1 {
			t.Errorf("%q: a limit of 1 row gives %v", text, err)
		}
	}
	if _, err := c.OpenText(t.Context(), "body", nil, 1); err == nil {
		t.Error("an empty text is a table")
	}
}
