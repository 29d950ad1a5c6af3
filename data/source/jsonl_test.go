package source

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func jsonOf(change ...func(*JSONLines)) JSONLines {
	c := JSONLines{Path: []string{"a.jsonl"}}
	for _, f := range change {
		f(&c)
	}
	return c
}

func givenKinds(kinds map[string]Kind) func(*JSONLines) {
	return func(c *JSONLines) { c.Kinds = kinds }
}

func TestJSONLines(t *testing.T) {
	for _, c := range []struct {
		name   string
		config JSONLines
		file   string
		want   string
	}{
		{"kinds", jsonOf(), `{"s": "x\n\"é\u00e9", "i": 1, "n": 1.5, "b": true}` + "\n" + ` { "b" : false , "n" : 2 , "i" : -0 , "s" : "" } ` + "\r\n",
			"s:text i:integer n:number b:boolean\nx\n\"éé|1|1.5|true\n|0|2|false"},
		{"nested and missing", jsonOf(), "{\"a\": {\"b\": {\"c\": 1}, \"d\": \"x\"}}\n\n{\"e\": null}\n{\"a\": {\"d\": null}, \"e\": 2.5, \"f\": {}}",
			"a.b.c:integer a.d:text e:number\n1|x|<nil>\n<nil>|<nil>|<nil>\n<nil>|<nil>|2.5"},
		{"all null", jsonOf(), `{"a": null}`, "a:number\n<nil>"},
		{"lists", jsonOf(), `{"v": [1, 2], "m": [[1, 2.5], [3, 4]], "t": ["a", {"b": 1}], "e": []}` + "\n" + `{"v": [], "m": [], "t": [], "e": [[]]}`,
			"v:array m:array t:text e:array\ni64[2] 1 2|f64[2 2] 1 2.5 3 4|[\"a\", {\"b\": 1}]|i64[0 0]\ni64[0]|f64[0 0]|[]|i64[1 0]"},
		{"empty lists first", jsonOf(), `{"t": []}` + "\n" + `{"t": ["a"]}` + "\n" + `{"t": [[]]}`, "t:text\n[]\n[\"a\"]\n[[]]"},
		{"elements of all rows", jsonOf(), `{"v": [1, 2]}` + "\n" + `{"v": [0.5]}` + "\n" + `{"v": [9223372036854775808]}`,
			"v:array\nf64[2] 1 2\nf64[1] 0.5\nf64[1] 9.223372036854776e+18"},
		{"text of anything", jsonOf(givenKinds(map[string]Kind{"a": Text, "b": Number})), `{"a": 1, "b": 1}` + "\n" + `{"a": "x", "b": 1e2}` + "\n" + `{"a": [1, "y"]}`,
			"a:text b:number\n1|1\nx|100\n[1, \"y\"]|<nil>"},
		{"twice, the last counts", jsonOf(), `{"a": 1, "a": 2}`, "a:integer\n2"},
		{"long integers", jsonOf(), `{"a": 9223372036854775807, "b": 9223372036854775808}`, "a:integer b:number\n9223372036854775807|9.223372036854776e+18"},
		{"names with escapes", jsonOf(), `{"\u0061\"": {"": 1}}`, "a\".:integer\n1"},
		{"not UTF-8", jsonOf(), "{\"a\": \"\xff\"}", "a:text\n\ufffd"},
		{"empty objects", jsonOf(), "{}\n{\"a\": 1}", "a:integer\n<nil>\n1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := opens(t, c.config, folderOf(t, "a.jsonl", c.file))
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	files := folderOf(t, "1.jsonl.gz", zipped("\xef\xbb\xbf\n{\"a\": 1}\n"), "2.jsonl.gz", zipped("{\"b\": 2}"))
	got, where := opens(t, jsonOf(func(c *JSONLines) { c.Path = []string{"*.gz"} }), files)
	if got != "a:integer b:integer\n1|<nil>\n<nil>|2" || fmt.Sprint(where) != "[1.jsonl.gz:2 2.jsonl.gz:1]" {
		t.Error(got, where)
	}
}

func TestJSONLinesErrors(t *testing.T) {
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	for _, c := range []struct {
		file string
		want string
	}{
		{"{\"a\": 1}\n[1]", `a.jsonl:2: byte 0: "[", want an object {...}`},
		{"\n{\"a\": 1", `a.jsonl:2: byte 7: the end of the line (truncated?), want ',' or '}'`},
		{`{"a": 1} x`, `a.jsonl:1: byte 9: "x" after the object's end`},
		{`{"a" 1}`, `byte 5: "1", want ':'`},
		{`{"a": 1,}`, `byte 8: "}", want a name in quotes`},
		{`{"a": [1,]}`, `byte 9: "]", want a value`},
		{`{"a": 01}`, `byte 7: "1", want ',' or '}'`},
		{`{"a": 1.}`, `byte 8: "}", want a digit`},
		{`{"a": tru}`, `byte 6: "t", want a value`},
		{`{"a": "\x"}`, `byte 8: "x" after a backslash`},
		{`{"a": "\u12"}`, `byte 11: "\"", want a hexadecimal digit`},
		{"{\"a\": \"\t\"}", `byte 7: "\t" within a text`},
		{"{\"a\": \xff}", `byte 6: byte 0xff, want a value`},
		{`{"a": ` + deep + `}`, "values are nested more than 1000 deep"},
		{`{"a": 1}` + "\n" + `{"a": "x"}`, `a.jsonl:2: column a: "x" is a text, at a.jsonl:1 it is an integer; kinds: {a: text} would read both`},
		{`{"a": [1]}` + "\n" + `{"a": [1, "x"]}`, `a.jsonl:2: column a: [1, "x"] is a text, at a.jsonl:1 it is an array`},
		{`{"a": [1]}` + "\n" + `{"a": [[1]]}`, "a.jsonl:2: column a: [[1]] has 2 axes, a list before it 1"},
		{`{"a": [[]]}` + "\n" + `{"a": [1]}`, "a.jsonl:2: column a: [1] has 1 axes, a list before it 2"},
	} {
		fails(t, jsonOf(), folderOf(t, "a.jsonl", c.file), c.want)
	}
	fails(t, jsonOf(givenKinds(map[string]Kind{"b": Text})), folderOf(t, "a.jsonl", `{"a": 1}`), `a.jsonl: kinds: no column "b"; there are a`)
	fails(t, jsonOf(givenKinds(map[string]Kind{"a": Integer})), folderOf(t, "a.jsonl", `{"a": 1.5}`), "a.jsonl:1: column a: 1.5 is no integer, as kinds says")
	fails(t, jsonOf(givenKinds(map[string]Kind{"a": Binary})), folderOf(t), "jsonl: kinds: a: binary")
	var many strings.Builder
	many.WriteString("{\"a\": 0")
	for i := range maxColumns {
		fmt.Fprintf(&many, ", \"%d\": 0", i)
	}
	fails(t, jsonOf(), folderOf(t, "a.jsonl", many.String()+"}"), `a.jsonl:1: "9999" would be column 10001`)

	// A stream knows the first rows only, and says so.
	first := strings.Repeat(`{"a": [1], "b": 1}`+"\n", kindRows)
	for last, want := range map[string]string{
		`{"a": [0.5]}`: "a.jsonl:10001: column a: [0.5] is no array of integers with 1 axes, which the first 10000 rows hold; say kinds: {a: ...}",
		`{"b": "x"}`:   `a.jsonl:10001: column b: "x" is no integer, which the first 10000 rows hold; say kinds: {b: ...}`,
	} {
		s, err := jsonOf().Stream(t.Context(), folderOf(t, "a.jsonl", first+last))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := readStream(t.Context(), s, []int{0, 1}, 0); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant %s", err, want)
		}
	}
}

// A line is read exactly if encoding/json takes it for an object, and to equal
// values.
func FuzzJSONLines(f *testing.F) {
	for _, s := range []string{`{"a": {"b": [1, [2]]}, "c": "\ud800x", "d": -1.5E+3}`, `{"a":[[1,2],[3,4]],"b":null}`, `{"":0,"\u0000":[]}`, "{\"a\": \"\xff\"}", `{"a":[1e400]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if strings.ContainsAny(string(line), "\n\r") || strings.HasPrefix(string(line), "\xef\xbb\xbf") || blank(line) {
			return
		}
		var want map[string]any
		wantErr := json.Unmarshal(line, &want)
		if _, tooLarge := wantErr.(*json.UnmarshalTypeError); tooLarge && want != nil {
			return // a number beyond float64
		}
		form := &jsonForm{number: map[string]int{}}
		leaves := 0
		err := (&jsonScanner{}).object(line, func([]byte, leaf) error { leaves++; return nil })
		if (err == nil) != (wantErr == nil && want != nil) {
			if err == nil || !strings.Contains(err.Error(), "nested more than") {
				t.Fatalf("%q: error %v, encoding/json %v", line, err, wantErr)
			}
			return
		}
		var s jsonScanner
		if err != nil || form.look(&s, line, "f", 1) != nil || form.finish("f") != nil {
			return
		}
		values := make([]any, len(form.columns))
		if err := form.values(values, all(form.columns), &s, make([]leaf, len(values)), line); err != nil {
			t.Fatal(err)
		}
		for i, c := range form.columns {
			if values[i] != nil && !c.Kind.holds(values[i]) {
				t.Fatalf("column %s is %v, the value is a %T", c.Name, c.Kind, values[i])
			}
			ref, plain := want[c.Name]
			if !plain || leaves != len(want) {
				continue // nested, or twice
			}
			switch v := values[i].(type) {
			case string, bool, float64, nil:
				if _, isList := ref.([]any); !isList && !reflect.DeepEqual(v, ref) {
					t.Fatalf("column %s is %v, encoding/json has %v", c.Name, v, ref)
				}
			case int64:
				if float64(v) != ref {
					t.Fatalf("column %s is %v, encoding/json has %v", c.Name, v, ref)
				}
			}
		}
	})
}

func BenchmarkJSONLines(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	var file []byte
	for i := range 40_000 {
		file = fmt.Appendf(file, `{"id": %d, "user": {"name": "name %d", "city": "Oslo"}, "x": %.4f, "y": %.6g, "n": %d, "ok": %t, "note": "some text of a row"}`+"\n",
			i, r.IntN(1000), r.NormFloat64(), r.Float64(), r.IntN(100000), r.IntN(2) == 0)
	}
	files := folderOf(b, "a.jsonl", string(file))
	b.Run("open", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			table, err := jsonOf().Open(context.Background(), files)
			if err != nil {
				b.Fatal(err)
			}
			table.Close()
		}
	})
	table, err := jsonOf().Open(context.Background(), files)
	if err != nil {
		b.Fatal(err)
	}
	defer table.Close()
	b.Run("table", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		columns := all(table.Columns())
		dst := make([]any, len(columns))
		for b.Loop() {
			for i := range table.Len() {
				if err := table.Read(dst, i, columns); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
