package tfrecord

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".tfrecord")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// all reads the records in order and by the index, which must agree.
func all(t testing.TB, b []byte) [][]byte {
	t.Helper()
	f, err := Index(bytes.NewReader(b), int64(len(b)), "a")
	if err != nil {
		t.Fatal(err)
	}
	var records [][]byte
	r := NewReader(bytes.NewReader(b), "a")
	for i := 0; ; i++ {
		if i < f.Len() && r.Offset() != f.Offset(i) {
			t.Errorf("record %d at %d, by the index at %d", i, r.Offset(), f.Offset(i))
		}
		record, err := r.Next()
		if err == io.EOF {
			if i != f.Len() || r.Offset() != int64(len(b)) {
				t.Errorf("%d records, by the index %d; %d bytes of %d", i, f.Len(), r.Offset(), len(b))
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := f.Read(nil, i)
		if err != nil || !bytes.Equal(again, record) {
			t.Errorf("record %d by the index: %v, %v", i, again, err)
		}
		records = append(records, bytes.Clone(record))
	}
	r = NewReader(bytes.NewReader(b), "a")
	for range records {
		if err := r.Skip(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Skip(); err != io.EOF {
		t.Error(err)
	}
	return records
}

// What the Python package has written is read, and written again to its bytes.
func TestExamples(t *testing.T) {
	b := golden(t, "examples")
	w := bytes.Buffer{}
	out := NewWriter(&w)
	for i, record := range all(t, b) {
		e, err := Decode(record, nil)
		if err != nil {
			t.Fatal(err)
		}
		image, name := make([]byte, 7*i), []byte("zwölf")
		for k := range image {
			image[k] = byte(k)
		}
		if i == 0 {
			name = []byte{}
		}
		tokens := []int64{}
		for v := 1; v < 300; v += 50 + i {
			tokens = append(tokens, int64(v))
		}
		want := map[string]Feature{
			"image":  BytesFeature(image),
			"label":  IntFeature(int64(i - 2)),
			"big":    IntFeature(math.MinInt64 + int64(i)),
			"name":   BytesFeature(name),
			"height": FloatFeature(float32(1.1) * float32(i)),
			"box":    FloatFeature(.5, -.25, float32(math.Inf(1)), 1e-30),
			"tokens": IntFeature(tokens...),
		}
		if !reflect.DeepEqual(e.Features, want) || e.Lists != nil {
			t.Errorf("record %d: %v\nwant %v", i, e.Features, want)
		}
		if err := out.Record(e.Append(nil)); err != nil {
			t.Fatal(err)
		}
		only, err := Decode(record, func(name string) bool { return name == "label" })
		if err != nil || len(only.Features) != 1 || only.Features["label"].Ints[0] != int64(i-2) {
			t.Errorf("record %d, label alone: %v, %v", i, only, err)
		}
	}
	if !bytes.Equal(w.Bytes(), b) {
		t.Error("written again, the file has other bytes")
	}
}

func TestSequences(t *testing.T) {
	b := golden(t, "sequences")
	w := bytes.Buffer{}
	for i, record := range all(t, b) {
		e, err := Decode(record, nil)
		if err != nil {
			t.Fatal(err)
		}
		var tokens, frames, words []Feature
		for k := range 3 + i {
			tokens = append(tokens, IntFeature(int64(k)))
			frames = append(frames, FloatFeature(float32(k)+.5, float32(k)-.5))
			words = append(words, BytesFeature(fmt.Appendf(nil, "w%d", k)))
		}
		want := &Example{
			Features: map[string]Feature{"length": IntFeature(int64(3 + i)), "speaker": BytesFeature(fmt.Appendf(nil, "s%d", i))},
			Lists:    map[string][]Feature{"tokens": tokens, "frames": frames, "words": words},
		}
		if !reflect.DeepEqual(e, want) {
			t.Errorf("record %d: %v\nwant %v", i, e, want)
		}
		if err := NewWriter(&w).Record(e.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(w.Bytes(), b) {
		t.Error("written again, the file has other bytes")
	}
}

func TestEdges(t *testing.T) {
	e, err := Decode(all(t, golden(t, "edges"))[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Feature{
		"ints": IntFeature(5, 6, 7, 8), "floats": FloatFeature(1, 2), "twice": IntFeature(2),
		"none": {}, "empty": {Kind: Bytes},
	}
	if !reflect.DeepEqual(e.Features, want) {
		t.Errorf("%v\nwant %v", e.Features, want)
	}
	for _, e := range []*Example{e, {}, {Lists: map[string][]Feature{"a": {{}, IntFeature()}}}} {
		again, err := Decode(e.Append(nil), nil)
		if err != nil || !slices.Equal(again.Append(nil), e.Append(nil)) {
			t.Errorf("%v: %v, %v", e, again, err)
		}
	}
}

// A file cut at any byte gives the records that are whole and then an error
// that says where; one with any byte changed never gives a wrong record.
func TestDamaged(t *testing.T) {
	b := golden(t, "examples")
	records := all(t, b)
	read := func(b []byte) (n int, err error) {
		r := NewReader(bytes.NewReader(b), "a.tfrecord")
		for ; ; n++ {
			record, err := r.Next()
			if err == io.EOF {
				return n, nil
			}
			if err != nil {
				return n, err
			}
			if !bytes.Equal(record, records[n]) {
				t.Errorf("record %d is wrong", n)
			}
		}
	}
	whole := 0
	starts := []int64{0}
	for _, r := range records {
		starts = append(starts, starts[len(starts)-1]+int64(len(r))+headSize+tailSize)
	}
	for cut := range len(b) {
		if whole+1 < len(starts) && int64(cut) == starts[whole+1] {
			whole++
		}
		n, err := read(b[:cut])
		_, indexErr := Index(bytes.NewReader(b[:cut]), int64(cut), "a.tfrecord")
		if int64(cut) == starts[whole] {
			if n != whole || err != nil || indexErr != nil {
				t.Errorf("cut at %d: %d records, %v, %v", cut, n, err, indexErr)
			}
			continue
		}
		for _, err := range []error{err, indexErr} {
			var damage *Error
			if !errors.As(err, &damage) || damage.Offset != starts[whole] || !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(err.Error(), "a.tfrecord: record at offset ") {
				t.Errorf("cut at %d: %v", cut, err)
			}
		}
		if n != whole {
			t.Errorf("cut at %d: %d records", cut, n)
		}
	}
	for i := range b {
		changed := bytes.Clone(b)
		changed[i] ^= 0x40
		if _, err := read(changed); err == nil {
			t.Errorf("byte %d changed: no error", i)
		}
	}
}

// A length that the file does not keep costs no memory.
func TestHostileLength(t *testing.T) {
	b := Append(nil, make([]byte, 100))
	var head [headSize]byte
	for _, n := range []uint64{1 << 29, MaxRecord + 1, 1 << 40, math.MaxUint64, math.MaxUint64 - 16} {
		for i := range 8 {
			head[i] = byte(n >> (8 * i))
		}
		crc := masked(head[:8])
		for i := range 4 {
			head[8+i] = byte(crc >> (8 * i))
		}
		file := append(bytes.Clone(b), head[:]...)
		file = append(file, "some bytes and no more"...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := NewReader(bytes.NewReader(file), "a")
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		_, err := r.Next()
		_, indexErr := Index(bytes.NewReader(file), int64(len(file)), "a")
		runtime.ReadMemStats(&after)
		if err == nil || indexErr == nil || after.TotalAlloc-before.TotalAlloc > 4<<20 {
			t.Errorf("length %d: %v, %v, %d bytes allocated", n, err, indexErr, after.TotalAlloc-before.TotalAlloc)
		}
	}
}

// A record of many megabytes is read whole.
func TestLongRecord(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcde"), 1<<18)
	b := Append(Append(Append(nil, long), nil), long[:1<<16])
	got := all(t, b)
	if len(got) != 3 || !bytes.Equal(got[0], long) || len(got[1]) != 0 || !bytes.Equal(got[2], long[:1<<16]) {
		t.Error("records differ")
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ record, want string }{
		{"\x0a\x05ab", "offset 2 of the record: a field of 5 bytes, 2 are left"},
		{"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a field of 18446744073709551615 bytes, 0 are left"},
		{"\x0a\x80", "a number is cut off"},
		{"\x00\x00", "field number 0"},
		{"\x0b", "wire type 3"},
		{"\x0d\x00", "a field of 4 bytes, 1 are left"},
		{"\x0a\x0b\x0a\x09\x12\x07\x12\x05\x0a\x03abc", "offset 10 of the record: 3 bytes of floats, want a multiple of 4"},
		{"\x0a\x0a\x0a\x08\x12\x06\x12\x04\x08\x03\x08\x03", "floats of wire type 0"},
		{"\x0a\x0b\x0a\x09\x12\x07\x1a\x05\x0d\x00\x00\x00\x00", "integers of wire type 5"},
		{"\x0a\x08\x0a\x06\x12\x04\x0a\x02\x08\x03", "bytes of wire type 0"},
	} {
		if _, err := Decode([]byte(c.record), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.record, err, c.want)
		}
	}
	// Cut at any byte it is an error or a shorter message, and no panic.
	for _, name := range []string{"examples", "sequences", "edges"} {
		for _, record := range all(t, golden(t, name)) {
			for cut := range record {
				Decode(record[:cut], nil)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"examples", "sequences", "edges"} {
		for _, record := range all(f, golden(f, name)) {
			f.Add(record)
		}
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		e, err := Decode(record, nil)
		if err != nil {
			return
		}
		b := e.Append(nil)
		again, err := Decode(b, nil)
		if err != nil || !bytes.Equal(again.Append(nil), b) {
			t.Errorf("%v becomes %v, %v", e, again, err)
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add(golden(f, "examples"))
	f.Add(golden(f, "edges"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var records [][]byte
		r := NewReader(bytes.NewReader(b), "a")
		var err error
		for {
			var record []byte
			if record, err = r.Next(); err != nil {
				break
			}
			records = append(records, bytes.Clone(record))
		}
		var again []byte
		for _, record := range records {
			again = Append(again, record)
		}
		if !bytes.HasPrefix(b, again) || err == io.EOF && len(again) != len(b) {
			t.Errorf("%d bytes of records, %v", len(again), err)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	e := Example{Features: map[string]Feature{"image": BytesFeature(make([]byte, 100_000)), "label": IntFeature(3)}}
	var file []byte
	for range 20 {
		file = Append(file, e.Append(nil))
	}
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		r := NewReader(bytes.NewReader(file), "a")
		for {
			record, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			if _, err := Decode(record, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
}
