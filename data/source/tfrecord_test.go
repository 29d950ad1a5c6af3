package source

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/format/tfrecord"
)

type features = map[string]tfrecord.Feature

// recordFile encodes examples.
func recordFile(examples ...features) string {
	var b []byte
	for _, f := range examples {
		b = tfrecord.Append(b, (&tfrecord.Example{Features: f}).Append(nil))
	}
	return string(b)
}

func records(path string, kinds map[string]Kind) TFRecord {
	return TFRecord{Path: []string{path}, Kinds: kinds}
}

// What the Python package tfrecord has written.
func TestTFRecordGolden(t *testing.T) {
	var files []string
	for _, name := range []string{"examples.tfrecord", "sequences.tfrecord", "edges.tfrecord"} {
		b, err := os.ReadFile("../../format/tfrecord/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, name, string(b), name+".gz", zipped(string(b)))
	}
	in := folderOf(t, files...)
	for _, name := range []string{"examples.tfrecord", "examples.tfrecord.gz"} {
		content, where := opens(t, records(name, map[string]Kind{"name": Text}), in)
		lines := strings.Split(content, "\n")
		if len(lines) != 5 || lines[0] != "big:integer box:array height:number image:binary label:integer name:text tokens:array" ||
			lines[2] != "-9223372036854775807|f32[4] 0.5 -0.25 +Inf 1.0000000031710769e-30|1.100000023841858|[0 1 2 3 4 5 6]|-1|zwölf|i64[6] 1 52 103 154 205 256" ||
			where[1] != name+": record 1" {
			t.Errorf("%s\n%q", content, where)
		}
	}
	table, err := records("sequences.tfrecord", nil).Open(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	columns, err := Index(table.Columns(), "length", "tokens", "frames")
	if err != nil {
		t.Fatal(err)
	}
	row := make([]any, len(columns))
	if err := table.Read(row, 1, columns); err != nil {
		t.Fatal(err)
	}
	if got := show(nil, [][]any{row}); got != "\n4|i64[4] 0 1 2 3|f32[4 2] 0.5 -0.5 1.5 0.5 2.5 1.5 3.5 2.5" {
		t.Error(got)
	}
}

func TestTFRecordSequences(t *testing.T) {
	numbers := func(values ...float32) tfrecord.Feature { return tfrecord.FloatFeature(values...) }
	tokens := []tfrecord.Feature{tfrecord.IntFeature(5), tfrecord.IntFeature(7)}
	frames := []tfrecord.Feature{numbers(1, 2), numbers(3, 4), numbers(5, 6)}
	var b []byte
	for i, speaker := range []string{"a", "b"} {
		e := tfrecord.Example{
			Features: features{"speaker": tfrecord.BytesFeature([]byte(speaker))},
			Lists:    map[string][]tfrecord.Feature{"tokens": tokens[:1+i], "frames": frames[:2+i]},
		}
		b = tfrecord.Append(b, e.Append(nil))
	}
	content, _ := opens(t, records("a", map[string]Kind{"speaker": Text}), folderOf(t, "a", string(b)))
	if want := "frames:array speaker:text tokens:array\nf32[2 2] 1 2 3 4|a|i64[1] 5\nf32[3 2] 1 2 3 4 5 6|b|i64[2] 5 7"; content != want {
		t.Errorf("got\n%s\nwant\n%s", content, want)
	}
}

func TestTFRecordKinds(t *testing.T) {
	a := recordFile(
		features{"x": tfrecord.IntFeature(1), "y": tfrecord.FloatFeature(2), "n": tfrecord.IntFeature(5)},
		features{"x": tfrecord.IntFeature(0), "y": {}, "n": tfrecord.IntFeature(6), "some": tfrecord.IntFeature(1, 2)})
	b := recordFile(features{"some": tfrecord.IntFeature(3), "y": tfrecord.FloatFeature()})
	in := folderOf(t, "d/0", a, "d/1", recordFile(), "d/2", b)
	content, where := opens(t, records("d/*", map[string]Kind{"x": Boolean, "y": Array, "n": Number}), in)
	if want := "n:number some:array x:boolean y:array\n5|<nil>|true|f32[1] 2\n6|i64[2] 1 2|false|<nil>\n<nil>|i64[1] 3|<nil>|f32[0]"; content != want {
		t.Errorf("got\n%s\nwant\n%s", content, want)
	}
	if want := []string{"d/0: record 0", "d/0: record 1", "d/2: record 0"}; !slices.Equal(where, want) {
		t.Errorf("places %q", where)
	}
}

func TestTFRecordErrors(t *testing.T) {
	one := features{"x": tfrecord.IntFeature(1), "b": tfrecord.BytesFeature([]byte("a"))}
	ok := recordFile(one)
	var many []features
	for range learnRecords {
		many = append(many, one)
	}
	late := func(f tfrecord.Feature) string { return recordFile(append(many, features{"x": f})...) }
	for _, c := range []struct {
		file  string
		kinds map[string]Kind
		want  string
	}{
		{"", nil, "a: no record in it"},
		{ok[:len(ok)-1], nil, "a: record at offset 0: "},
		{strings.Repeat("no record", 20), nil, "damaged, or no TFRecord file"},
		{string(tfrecord.Append(nil, []byte("no message"))), nil, "a: record 0: offset "},
		{ok, map[string]Kind{"z": Text}, `a: kinds: no column "z"; there are b, x`},
		{ok, map[string]Kind{"x": Text}, "a: kinds: x: a feature of int64_list can't be text"},
		{late(tfrecord.FloatFeature(1)), nil, "a: record 100: feature x: a float_list, which is no integer; in the first 100 records it is a int64_list"},
		{late(tfrecord.IntFeature(1, 2)), nil, "a: record 100: feature x: 2 values, want one; say kinds: {x: array}"},
		{late(tfrecord.IntFeature(2)), map[string]Kind{"x": Boolean}, "a: record 100: feature x: 2 is no boolean"},
	} {
		fails(t, records("a", c.kinds), folderOf(t, "a", c.file), c.want)
	}
	fails(t, TFRecord{}, folderOf(t), "tfrecord: path is empty")
	step := tfrecord.Example{Lists: map[string][]tfrecord.Feature{"w": {tfrecord.BytesFeature([]byte("a"))}, "u": {tfrecord.IntFeature(1), tfrecord.IntFeature()}}}
	fails(t, records("a", nil), folderOf(t, "a", string(tfrecord.Append(nil, step.Append(nil)))), "feature u: step 1 has 0 values, step 0 has 1")
	delete(step.Lists, "u")
	fails(t, records("a", nil), folderOf(t, "a", string(tfrecord.Append(nil, step.Append(nil)))), "feature w: a sequence of bytes_list, which no column holds")
	damaged := []byte(ok + ok)
	damaged[len(damaged)-6] ^= 1
	fails(t, records("a", nil), folderOf(t, "a", string(damaged)), "a: record at offset ")
}
