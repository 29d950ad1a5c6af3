package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

func parquetOf(path ...string) Parquet {
	c := DefaultParquet()
	c.Path = path
	return c
}

// mixedRows is what testdata/parquet.py puts into the files mixed*.
func mixedRows() string {
	var b strings.Builder
	b.WriteString("text:text same:text i8:integer u32:integer i64:integer f32:number f64:number f16:number ok:boolean raw:binary " +
		"day:text at:text utc:text clock:text dec:number id:text user.name:text user.age:integer empty:number")
	at := time.Date(2024, 2, 28, 23, 59, 59, 123456000, time.UTC)
	for i := range 7 {
		if i == 3 {
			b.WriteString("\n<nil>|a" + strings.Repeat("|<nil>", 17))
			continue
		}
		f64, age := any(float64(i)/3), any(i)
		if i == 1 {
			f64 = math.NaN()
		}
		if i == 2 {
			age = nil
		}
		fmt.Fprintf(&b, "\nword %s|a|%d|%d|%d|%v|%v|%v|%t|%v|%s|%s|%s|01:02:%02d.0005|%v|00000000-0000-0000-0000-%012x|n%d|%v|<nil>",
			strings.Repeat("é", i), i-3, 1<<32-1-i, -1_000_000_000_000_000+i, float64(i)/8, f64, float64(i)/8, i%2 == 0, []byte{0, 255, byte(i)},
			at.AddDate(0, 0, i).Format("2006-01-02"), at.Add(time.Duration(i)*time.Hour).Format("2006-01-02T15:04:05.999999"),
			at.AddDate(0, 0, -36525).Format("2006-01-02T15:04:05.999")+"Z", i, float64(i-4)/4, i, i, age)
	}
	return b.String()
}

const listRows = "v:array m:array b:array tags:text pairs.x:array pairs.y:text map.key:text map.value:array\n" +
	"f32[2] 1.5 2.5|i64[2 2] 1 2 3 4|u8[2] 0 255|[\"a\",\"<b>\"]|i64[1] 1|[\"p\"]|[\"k\"]|i32[1] 1\n" +
	"f32[0]|i64[0 0]|u8[2] 1 2|[]|i64[0]|[]|[]|i32[0]\n" +
	"<nil>|i64[2 0]|u8[2] 3 4|<nil>|<nil>|<nil>|<nil>|<nil>\n" +
	"f32[1] 3.5|<nil>|u8[2] 5 6|[null,\"c\"]|i64[2] 2 3|[\"q\",\"r\"]|[\"l\",\"m\"]|i32[2] 2 3\n" +
	"f32[3] 4 5 6|i64[1 2] 5 6|u8[2] 7 8|[\"d\"]|i64[0]|[]|[]|i32[0]"

func TestParquet(t *testing.T) {
	for name, want := range map[string]string{
		"mixed": mixedRows(), "mixed_v2_zstd": mixedRows(), "mixed_gzip_plain": mixedRows(), "lists": listRows, "lists_v2_gzip": listRows,
	} {
		got, where := opens(t, parquetOf(name+".parquet"), disk("testdata"))
		if got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
		if want := name + ".parquet: row 4"; where[4] != want {
			t.Errorf("row 4 is at %s, want %s", where[4], want)
		}
	}
	got, where := opens(t, parquetOf("mixed.parquet", "mixed_gzip_plain.parquet"), disk("testdata"))
	if head, rows, _ := strings.Cut(mixedRows(), "\n"); got != head+"\n"+rows+"\n"+rows {
		t.Error("two files are not the rows of both")
	}
	if where[8] != "mixed_gzip_plain.parquet: row 1" {
		t.Error(where)
	}
}

// withFooter is a file of pages and a footer.
func withFooter(f []byte, pages string) string {
	b := append(append([]byte(pages), f...), 0, 0, 0, 0, 'P', 'A', 'R', '1')
	binary.LittleEndian.PutUint32(b[len(b)-8:], uint32(len(f)))
	return string(b)
}

// Lists of older files have a converted type alone.
func TestParquetConverted(t *testing.T) {
	whole, err := os.ReadFile("testdata/lists.parquet")
	if err != nil {
		t.Fatal(err)
	}
	footer := len(whole) - 8 - int(binary.LittleEndian.Uint32(whole[len(whole)-8:]))
	f := whole[footer : len(whole)-8]
	n := len(f)
	f = bytes.ReplaceAll(f, []byte("\x15\x06\x4c\x3c\x00\x00\x00"), []byte("\x15\x06\x00"))
	f = bytes.ReplaceAll(f, []byte("\x15\x02\x4c\x2c\x00\x00\x00"), []byte("\x15\x02\x00"))
	if n-len(f) != 4*10 {
		t.Fatalf("%d bytes of logical types are gone, want those of 10 lists and maps", n-len(f))
	}
	if got, _ := opens(t, parquetOf("x"), folderOf(t, "x", withFooter(f, string(whole[:footer])))); got != listRows {
		t.Errorf("got\n%s\nwant\n%s", got, listRows)
	}
}

func TestParquetErrors(t *testing.T) {
	for name, want := range map[string]string{
		"lz4.parquet":          "lz4.parquet: offset 4: column x: packed by LZ4",
		"delta.parquet":        "delta.parquet: offset 4: page of column x: the encoding DELTA_BYTE_ARRAY",
		"ragged.parquet":       "row group 0, column x: lists of 1 and of 2 elements within a list",
		"null_element.parquet": "row group 0, column x: element 1 of a list of numbers is null",
		"README.md":            `README.md: offset 0: "web.", want "PAR1"`,
		"none":                 "none: file does not exist",
	} {
		fails(t, parquetOf(name), disk("testdata"), want)
	}
	fails(t, parquetOf("mixed.parquet", "lists.parquet"), disk("testdata"), "lists.parquet: columns [{v array}")
	fails(t, Parquet{}, disk("testdata"), "parquet: path is empty")
	fails(t, Parquet{Path: []string{"x"}}, disk("testdata"), "parquet: cache_mb 0, want 1 or more")
}

// A file that ends anywhere is an error that names it, and so is one with a
// byte changed, or it is read.
func TestParquetDamaged(t *testing.T) {
	for _, name := range []string{"mixed.parquet", "mixed_v2_zstd.parquet", "lists_v2_gzip.parquet"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		step, changes := 1, 200
		if testing.Short() {
			step, changes = 37, 50
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "x.parquet")
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
		for n := len(whole) - 1; n >= 0; n -= step {
			if err := os.Truncate(path, int64(n)); err != nil {
				t.Fatal(err)
			}
			if table, err := parquetOf("x.parquet").Open(t.Context(), disk(dir)); err == nil {
				table.Close()
				t.Fatalf("%s: %d of %d bytes are read", name, n, len(whole))
			} else if !strings.HasPrefix(err.Error(), "x.parquet: offset ") {
				t.Fatalf("%s: %d bytes: error %v", name, n, err)
			}
		}
		r := rand.New(rand.NewPCG(1, 2))
		for range changes {
			changed := bytes.Clone(whole)
			changed[r.IntN(len(changed))] ^= 1 << r.IntN(8)
			readAllParquet(t, dir, changed)
		}
	}
}

// readAllParquet reads every value of a file, and wants errors to name it.
func readAllParquet(t testing.TB, dir string, file []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "x.parquet"), file, 0o644); err != nil {
		t.Fatal(err)
	}
	named := func(err error) {
		if err != nil && !strings.HasPrefix(err.Error(), "x.parquet: ") {
			t.Fatalf("error %v", err)
		}
	}
	c := parquetOf("x.parquet")
	c.CacheMB = 1
	table, err := c.Open(context.Background(), disk(dir))
	if err != nil {
		named(err)
		return
	}
	defer table.Close()
	columns := table.Columns()
	for i := range min(table.Len(), 100) {
		for k, c := range columns {
			var v [1]any
			err := table.Read(v[:], i, []int{k})
			if named(err); err == nil && v[0] != nil && !c.Kind.holds(v[0]) {
				t.Fatalf("column %s is %v, the value is a %T", c.Name, c.Kind, v[0])
			}
		}
	}
	s, err := c.Stream(context.Background(), disk(dir))
	if err != nil {
		named(err)
		return
	}
	n := 0
	for _, err := range s.Rows(context.Background(), all(columns), 0) {
		named(err)
		if n++; n == 100 {
			break
		}
	}
}

func FuzzParquet(f *testing.F) {
	names, err := filepath.Glob("testdata/*.parquet")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, file []byte) { readAllParquet(t, dir, file) })
}

type parquetRow struct {
	N    int64   `parquet:"n"`
	X    float64 `parquet:"x"`
	Text string  `parquet:"text,dict"`
	Null *int32  `parquet:"null,optional"`
}

// writeParquet makes a file of some row groups.
func writeParquet(t testing.TB, path string, groups, rows int, codec compress.Codec) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[parquetRow](f, parquet.Compression(codec), parquet.PageBufferSize(64<<10))
	r := rand.New(rand.NewPCG(7, 8))
	buf := make([]parquetRow, rows)
	for g := range groups {
		for i := range buf {
			buf[i] = parquetRow{N: int64(g*rows + i), X: r.NormFloat64(), Text: fmt.Sprintf("some word %d", r.IntN(100))}
			if i%3 == 0 {
				v := int32(i)
				buf[i].Null = &v
			}
		}
		if _, err := w.Write(buf); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A table keeps no more than its cache, gives right values in any order to
// many at once, and refuses what can't fit. A stream reads on.
func TestParquetCache(t *testing.T) {
	dir := t.TempDir()
	const groups, rows = 6, 5_000
	writeParquet(t, filepath.Join(dir, "x.parquet"), groups, rows, &parquet.Snappy)
	c := parquetOf("x.parquet")
	c.CacheMB = 1 // of about 1.5
	table, err := c.Open(t.Context(), disk(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(9, uint64(worker)))
			for range 100 {
				i := r.IntN(groups * rows)
				var v [2]any
				if err := table.Read(v[:], i, []int{0, 3}); err != nil || v[0] != int64(i) || (v[1] == nil) != (i%rows%3 != 0) {
					t.Errorf("row %d is %v, error %v", i, v, err)
				}
			}
		})
	}
	wg.Wait()
	pt := table.(*parquetTable)
	sum := 0
	for _, c := range pt.cache {
		sum += c.bytes
	}
	if pt.used != sum || sum > 1_000_000 {
		t.Errorf("%d bytes are kept, %d counted, want 1,000,000 at most", sum, pt.used)
	}
	writeParquet(t, filepath.Join(dir, "y.parquet"), 1, 50_000, &parquet.Snappy)
	c.Path = []string{"y.parquet"}
	small, err := c.Open(t.Context(), disk(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	var v [1]any
	if err := small.Read(v[:], 0, []int{2}); err == nil || !strings.Contains(err.Error(), "row group 0, column text: more than cache_mb, 1 MB, unpacked; raise it, or read the file as a stream") {
		t.Error(err)
	}
}

// A stream's memory does not grow with row groups or their sizes.
func TestParquetFlatMemory(t *testing.T) {
	dir := t.TempDir()
	groups, rows := 2, 400_000
	if testing.Short() {
		rows = 40_000
	}
	writeParquet(t, filepath.Join(dir, "x.parquet"), groups, rows, &parquet.Zstd)
	s, err := parquetOf("x.parquet").Stream(t.Context(), disk(dir))
	if err != nil {
		t.Fatal(err)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, most := 0, uint64(0)
	for row, err := range s.Rows(t.Context(), []int{0, 1, 2, 3}, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Values[0] != int64(n) {
			t.Fatal(row)
		}
		if n++; n%(groups*rows/10) == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
	}
	if n != groups*rows {
		t.Errorf("%d rows, want %d", n, groups*rows)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d bytes are held while %d rows are read", grown, n)
	}
}

// Files whose sizes are lies are refused before memory is taken for them.
func TestParquetBombs(t *testing.T) {
	whole, err := os.ReadFile("testdata/mixed.parquet")
	if err != nil {
		t.Fatal(err)
	}
	footer := len(whole) - 8 - int(binary.LittleEndian.Uint32(whole[len(whole)-8:]))
	for _, c := range []struct{ name, file, want string }{
		{"footer", "PAR1\xff\xff\xff\x7fPAR1", "x: offset 4: a footer of 2147483647 bytes, at most 0 are possible"},
		{"list", withFooter([]byte("\x15\x02\x19\xfc\xff\xff\xff\xff\x07"), "PAR1"), "x: offset 13: footer: truncated"},
		{"depth", withFooter(bytes.Repeat([]byte{0x1c}, 1000), "PAR1"), "footer: nested more than 32 deep"},
		{"other magic", string(whole[:len(whole)-1]) + "E", `"PARE", want "PAR1"`},
		{"header in page", strings.Replace(string(whole[:footer]), "\x15\x04\x15", "\x15\xff\x15", 1) + string(whole[footer:]), "x: offset "},
	} {
		fails(t, parquetOf("x"), folderOf(t, "x", c.file), c.want)
	}
	for _, c := range []struct {
		h    pageHeader
		want string
	}{
		{pageHeader{packed: 11}, "11 bytes, the column has 10 (truncated?)"},
		{pageHeader{unpacked: maxParquetPage + 1}, "bytes unpacked, at most"},
		{pageHeader{values: maxParquetValues + 1}, "values, at most"},
		{pageHeader{packed: 5, unpacked: 10, levels: 6}, "6 bytes of levels in 5"},
		{pageHeader{levels: -1}, "-1 bytes of levels"},
		{pageHeader{kind: 0, heads: 1<<5 | 1<<8}, "a page of kind 0 with the header of another"},
		{pageHeader{kind: 9, heads: 1 << 7}, "a page of kind 9 with the header of another"},
		{pageHeader{kind: dictionaryPage, heads: 1<<7 | 1<<20}, "<nil>"},
	} {
		if err := c.h.check(10); !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	for _, c := range []struct {
		t    schemaTree
		want string
	}{
		{nil, "a schema of 0 parts is no tree"},
		{schemaTree{2, 0}, "a schema of 2 parts is no tree"},
		{schemaTree{1, 0, 0}, "a schema of 3 parts is no tree"},
		{schemaTree{1, math.MaxInt32}, "a schema of 2 parts is no tree"},
		{schemaTree{1, -1}, "a schema of 2 parts is no tree"},
		{make(schemaTree, 1<<15), "a schema of 32768 parts, at most 32767 are read"},
		{schemaTree(append(slices.Repeat([]int64{1}, 40), 0)), "a schema nested more than 32 deep"},
		{schemaTree{3, 0, 1, 0, 2, 0, 0}, "<nil>"},
	} {
		if err := c.t.check(); fmt.Sprint(err) != c.want {
			t.Errorf("%v: error %v, want %s", c.t, err, c.want)
		}
	}
	var u unpacker
	defer u.close()
	for _, codec := range []compress.Codec{&parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		packed, err := codec.Encode(nil, make([]byte, 100_000))
		if err != nil {
			t.Fatal(err)
		}
		for size, ok := range map[int64]bool{100_000: true, 99_999: false} {
			err := u.check(codec.CompressionCodec(), pageHeader{packed: int64(len(packed)), unpacked: size}, bytes.NewReader(packed))
			if (err == nil) != ok {
				t.Errorf("%v of %d bytes: error %v", codec, size, err)
			}
		}
	}
}

func BenchmarkParquet(b *testing.B) {
	dir := b.TempDir()
	const rows = 200_000
	writeParquet(b, filepath.Join(dir, "x.parquet"), 1, rows, &parquet.Snappy)
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			table, err := parquetOf("x.parquet").Open(b.Context(), disk(dir))
			if err != nil {
				b.Fatal(err)
			}
			var v [4]any
			if err := table.Read(v[:], 0, []int{0, 1, 2, 3}); err != nil {
				b.Fatal(err)
			}
			table.Close()
		}
		b.ReportMetric(4*rows*float64(b.N)/b.Elapsed().Seconds(), "values/s")
	})
	b.Run("stream", func(b *testing.B) {
		s, err := parquetOf("x.parquet").Stream(b.Context(), disk(dir))
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			for _, err := range s.Rows(b.Context(), []int{0, 1, 2, 3}, 0) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(4*rows*float64(b.N)/b.Elapsed().Seconds(), "values/s")
	})
}
