package predict

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/serve/engine"
)

// results are of all kinds of targets, with names and numbers that are not easy.
func results(r *rand.Rand) map[string]any {
	names := []string{"a", "<b>&", "\"q\"\\", "\u2028", "日本", "\x00\x1f\x7f", "\xff", "", "10", "9"}
	number := func() float64 {
		switch r.IntN(8) {
		case 0:
			return 0
		case 1:
			return math.Copysign(0, -1)
		case 2:
			return []float64{1e-6, 9.99e-7, 1e-7, 1e-10, 1e20, 1e21, 1e22, 5e-324, math.MaxFloat64, 123456789}[r.IntN(10)]
		}
		return r.NormFloat64() * math.Pow(10, float64(r.IntN(40)-20))
	}
	probabilities := map[string]float64{}
	for _, n := range names[:1+r.IntN(len(names))] {
		probabilities[n] = number()
	}
	all := []any{
		feature.ClassResult{Class: names[r.IntN(len(names))], Probability: number(), Probabilities: probabilities},
		feature.ClassesResult{Classes: names[:r.IntN(len(names))], Probabilities: probabilities},
		feature.MaskResult{Shares: probabilities, Mask: []byte("PNG")},
		number(),
		map[string]float64{"x": number(), "y": number()},
		[][]float64{{number()}, {number(), 1}},
		[]string{"<a>", "b"},
		"text & more",
	}
	m := map[string]any{}
	for i := range r.IntN(4) {
		m[names[i]] = all[r.IntN(len(all))]
	}
	return m
}

// TestWrite writes what encoding/json does.
func TestWrite(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a := &engine.Response{Model: "a <b>", Version: "12"}
		for range r.IntN(4) {
			a.Results = append(a.Results, results(r))
		}
		var want, lines bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(struct {
			Model       string           `json:"model"`
			Version     string           `json:"version"`
			Predictions []map[string]any `json:"predictions"`
		}{a.Model, a.Version, append([]map[string]any{}, a.Results...)}); err != nil {
			t.Fatal(err)
		}
		e = json.NewEncoder(&lines)
		e.SetEscapeHTML(false)
		for _, p := range a.Results {
			e.Encode(p)
		}
		got, err := jsonForm.write(nil, a, 0, time.Now())
		if i := bytes.LastIndex(got, []byte(`,"time_ms":`)); err != nil || i < 0 || string(got[:i])+"}\n" != want.String() {
			t.Fatalf("%v\n%s, want\n%s", err, got, &want)
		}
		if got, err = lineForm.write([]byte("before"), a, 0, time.Now()); err != nil || string(got) != "before"+lines.String() {
			t.Fatalf("%v\n%s, want\n%s", err, got, &lines)
		}
	}
	for _, x := range []float64{math.NaN(), math.Inf(1)} {
		for f := range forms {
			if got, err := f.write(nil, &engine.Response{Results: []map[string]any{{"x": x}}}, 0, time.Now()); err == nil || engine.AsError(err).Code != engine.Internal {
				t.Errorf("%v is written as %s", x, got)
			}
		}
	}
}

// TestWriteCSV writes a table that can be read again.
func TestWriteCSV(t *testing.T) {
	a := &engine.Response{Results: []map[string]any{
		{"kind": feature.ClassResult{Class: "a,b", Probability: 0.75, Probabilities: map[string]float64{"a,b": 0.75, "c": 0.25}}, "price": 1e-9},
		{"kind": feature.ClassResult{Class: "c", Probability: 1, Probabilities: map[string]float64{"a,b": 0, "c": 1}}, "price": 2.0},
	}}
	got, err := csvForm.write(nil, a, 0, time.Now())
	if want := "kind.class,kind.probability,\"kind.probabilities.a,b\",kind.probabilities.c,price\n\"a,b\",0.75,0.75,0.25,1e-9\nc,1,0,1,2\n"; err != nil || string(got) != want {
		t.Errorf("%v\n%s, want\n%s", err, got, want)
	}
	a.Results = []map[string]any{{
		"tags":  []string{"x", "y"},
		"multi": feature.ClassesResult{Classes: []string{"a"}, Probabilities: map[string]float64{"a": 0.5, "b": 0.125}},
		"sizes": map[string]float64{"height": 3, "width": 4},
		"next":  "to\nmorrow",
	}}
	got, err = csvForm.write(nil, a, 1, time.Now())
	rows, err2 := csv.NewReader(bytes.NewReader(got)).ReadAll()
	if want := `[[multi.classes multi.probabilities.a multi.probabilities.b next sizes.height sizes.width tags] [["a"] 0.5  to
morrow 3 4 ["x","y"]]]`; err != nil || err2 != nil || fmt.Sprint(rows) != want {
		t.Errorf("%v %v\n%v, want\n%v", err, err2, rows, want)
	}
}

// TestNegotiate chooses as RFC 9110 says.
func TestNegotiate(t *testing.T) {
	for accept, want := range map[string]form{
		"":                     jsonForm,
		"*/*":                  jsonForm,
		"application/*":        jsonForm,
		"application/json":     jsonForm,
		"text/csv":             csvForm,
		"TEXT/CSV;q=0.1":       csvForm,
		"text/*":               csvForm,
		"application/x-ndjson": lineForm,
		"text/csv, */*":        csvForm,
		"*/*, text/csv;q=0.5":  jsonForm,
		"text/html, application/xhtml+xml, */*;q=0.8":           jsonForm,
		"application/json;q=0.2, application/x-ndjson;q=0.4":    lineForm,
		"application/json;q=0, */*":                             lineForm,
		"text/csv;header=present ; q=1, application/json;q=0.9": csvForm,
		"application/json;q=2":                                  jsonForm,
		"text/html":                                             -1,
		"application/json;q=0":                                  -1,
		"image/*, text/html;q=0.5":                              -1,
		"nonsense":                                              -1,
		"*/*;q=0":                                               -1,
	} {
		got, err := negotiate([]string{accept})
		if err != nil {
			got = -1
			if engine.AsError(err).Code != engine.Unacceptable {
				t.Errorf("%q: %v", accept, err)
			}
		}
		if got != want {
			t.Errorf("%q: %v, want %v", accept, got, want)
		}
	}
	if got, err := negotiate([]string{"text/html", "text/csv"}); got != csvForm || err != nil {
		t.Errorf("%v %v", got, err)
	}
	if got, err := negotiate(nil); got != jsonForm || err != nil {
		t.Errorf("%v %v", got, err)
	}
	if _, err := negotiate([]string{strings.Repeat("a/b;q=0.1,", 1000)}); err == nil {
		t.Error("accepted")
	}
}

// BenchmarkWrite writes the answer about one digit.
func BenchmarkWrite(b *testing.B) {
	p := map[string]float64{}
	for i := range 10 {
		p[fmt.Sprint(i)] = 1 / float64(3+i)
	}
	a := &engine.Response{Model: "mnist", Version: "1", Results: []map[string]any{{"label": feature.ClassResult{Class: "0", Probability: p["0"], Probabilities: p}}}}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jsonForm.write(buf, a, 0, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode reads the pixels of one digit, flat and in rows.
func BenchmarkDecode(b *testing.B) {
	sig := &engine.Signature{Columns: []feature.Raw{{Name: "image", Kind: feature.RawImage, Pixels: [3]int{1, 28, 28}}}}
	row := "[" + strings.TrimSuffix(strings.Repeat("0,0,0,17,128,255,0,", 4), ",") + "]"
	nested := "[" + strings.TrimSuffix(strings.Repeat(row+",", 28), ",") + "]"
	for name, body := range map[string]string{"rows": nested, "flat": "[" + strings.ReplaceAll(strings.ReplaceAll(nested, "[", ""), "]", "") + "]", "column": `{"image":` + nested + `}`} {
		b.Run(name, func(b *testing.B) {
			text := []byte(body)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				d := decoder{body: text, contentType: "application/json", limit: 10}
				d.reset(sig)
				if err := d.decode(); err != nil || d.n != 1 {
					b.Fatal(err, d.n)
				}
				d.close()
			}
		})
	}
}
