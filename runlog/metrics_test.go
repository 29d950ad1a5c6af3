package runlog

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for _, c := range []struct {
		rec  Record
		want string
	}{
		{Record{469, 1, "test", []Metric{{"loss", 0.061}, {"accuracy", 0.98}}},
			`{"step":469,"epoch":1,"split":"test","loss":0.061,"accuracy":0.98}`},
		{Record{0, 0, "", nil}, `{"step":0,"epoch":0,"split":""}`},
		{Record{1, 1, "a\"\\\n é", []Metric{{"b<c", 1}}}, "{\"step\":1,\"epoch\":1,\"split\":\"a\\\"\\\\\\n é\",\"b<c\":1}"},
		{Record{1, 1, "t", []Metric{{"a", math.NaN()}, {"b", math.Inf(1)}, {"c", math.Inf(-1)}}},
			`{"step":1,"epoch":1,"split":"t","a":null,"b":null,"c":null}`},
		{Record{1, 1, "t", []Metric{{"a", 1e-7}, {"b", 1e300}, {"c", -0.5}, {"d", 123456789}, {"e", 1. / 3}}},
			`{"step":1,"epoch":1,"split":"t","a":1e-07,"b":1e+300,"c":-0.5,"d":123456789,"e":0.3333333333333333}`},
	} {
		got, err := c.rec.appendJSON(nil)
		if err != nil || string(got) != c.want+"\n" {
			t.Errorf("got %s (%v), want %s", got, err, c.want)
		}
		if b, err := c.rec.MarshalJSON(); err != nil || string(b) != c.want {
			t.Errorf("marshalled %s (%v), want %s", b, err, c.want)
		}
		if !json.Valid(got) {
			t.Errorf("%s is not JSON", got)
		}
	}
}

func TestRecordMistakes(t *testing.T) {
	for _, c := range []struct {
		metrics []Metric
		want    string
	}{
		{[]Metric{{"step", 1}}, `"step"`},
		{[]Metric{{"epoch", 1}}, `"epoch"`},
		{[]Metric{{"split", 1}}, `"split"`},
		{[]Metric{{"a", 1}, {"b", 1}, {"a", 2}}, `"a" appears twice`},
	} {
		if _, err := (Record{Metrics: c.metrics}).appendJSON(nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// write writes a metrics file and returns its path.
func write(t *testing.T, s string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), MetricsFile)
	if err := os.WriteFile(path, []byte(s), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// Lines that other programs write, with spaces and another order of keys, are
// read too, and the order of metrics is kept.
func TestReadMetrics(t *testing.T) {
	recs, err := ReadMetrics(write(t, `{"step":1,"epoch":1,"split":"train","z":1,"a":null}
{"split": "test", "acc": 5e-1, "epoch": 2, "step": 7}
{"step":8,"epoch":2,"spl`))
	if err != nil || len(recs) != 2 {
		t.Fatalf("%v, %v", recs, err)
	}
	a := recs[0]
	if a.Step != 1 || a.Epoch != 1 || a.Split != "train" || len(a.Metrics) != 2 || a.Metrics[0] != (Metric{"z", 1}) ||
		a.Metrics[1].Name != "a" || !math.IsNaN(a.Metrics[1].Value) {
		t.Errorf("first line: %v", a)
	}
	if b := recs[1]; b.Step != 7 || b.Epoch != 2 || b.Split != "test" || !slices.Equal(b.Metrics, []Metric{{"acc", .5}}) {
		t.Errorf("second line: %v", b)
	}
	if v, ok := recs[1].Value("acc"); !ok || v != .5 {
		t.Errorf("Value(acc) = %v, %v", v, ok)
	}
	if _, ok := recs[1].Value("loss"); ok {
		t.Error("a metric that is not there was found")
	}
}

func TestReadMetricsMistakes(t *testing.T) {
	const good = `{"step":1,"epoch":1,"split":"train"}` + "\n"
	for _, c := range []struct{ line, want string }{
		{``, "want a JSON object"},
		{`[1]`, "want a JSON object"},
		{`{"step":1,"epoch":1,"split":"t"`, "EOF"},
		{`{"step":1,"epoch":1,"split":"t"} {}`, "more than one"},
		{`{"step":1,"epoch":1}`, "no split"},
		{`{"step":1.5,"epoch":1,"split":"t"}`, "step: 1.5, want an integer"},
		{`{"step":1,"epoch":"1","split":"t"}`, "epoch: 1, want a number"},
		{`{"step":1,"epoch":1,"split":2}`, "split: 2, want a string"},
		{`{"step":1,"epoch":1,"split":"t","loss":"x"}`, "loss: x, want a number or null"},
		{`{"step":1,"epoch":1,"split":"t","loss":{}}`, "loss: {, want a number or null"},
		{`{"step":1,"epoch":1,"split":"t","loss":1,"loss":2}`, `"loss" appears twice`},
		{`{"step":1,"epoch":1,"split":"t","loss":1e999}`, "loss: "},
	} {
		path := write(t, good+c.line+"\n"+good)
		_, err := ReadMetrics(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path+":2: ") {
			t.Errorf("%s:\n got %v\nwant %s", c.line, err, c.want)
		}
	}
	if _, err := ReadMetrics(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) && err == nil {
		t.Error("no error for a missing file")
	}
}

// What is written is read back, and what is read is written back.
func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"step":469,"epoch":1,"split":"test","loss":0.061,"accuracy":0.98}`))
	f.Add([]byte(`{"split":"é\n","step":-1,"epoch":0,"a":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		rec, err := parseRecord(line)
		if err != nil {
			return
		}
		out, err := rec.appendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseRecord(out)
		if err != nil {
			t.Fatal(err)
		}
		same := func(a, b Metric) bool {
			return a.Name == b.Name && math.Float64bits(a.Value) == math.Float64bits(b.Value)
		}
		if again.Step != rec.Step || again.Epoch != rec.Epoch || again.Split != rec.Split || !slices.EqualFunc(again.Metrics, rec.Metrics, same) {
			t.Fatalf("%v became %v", rec, again)
		}
	})
}
