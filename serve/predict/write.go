package predict

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/serve/engine"
)

// write appends an answer.
func (f form) write(dst []byte, a *engine.Response, top int, start time.Time) ([]byte, error) {
	if f == csvForm {
		return writeCSV(dst, a, top)
	}
	w := writer{dst: dst, top: top}
	if f == lineForm {
		for _, r := range a.Results {
			w.results(r)
			w.dst = append(w.dst, '\n')
		}
		return w.dst, w.err
	}
	w.dst = append(w.dst, `{"model":`...)
	w.string(a.Model)
	w.dst = append(w.dst, `,"version":`...)
	w.string(a.Version)
	w.dst = append(w.dst, `,"predictions":[`...)
	for i, r := range a.Results {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.results(r)
	}
	w.dst = append(w.dst, `],"time_ms":`...)
	w.dst = strconv.AppendFloat(w.dst, time.Since(start).Seconds()*1e3, 'f', 3, 64)
	w.dst = append(w.dst, "}\n"...)
	return w.dst, w.err
}

// A writer appends results as encoding/json does, without the time that it
// takes to sort maps and to look at types: byte for byte, HTML left alone.
type writer struct {
	dst []byte
	top int // classes of which probabilities are told, 0 for all
	err error

	targets []string
	classes []string
}

// results appends those of one example.
func (w *writer) results(r map[string]any) {
	if len(r) != len(w.targets) {
		w.targets = slices.Sorted(maps.Keys(r))
	}
	w.dst = append(w.dst, '{')
	for i, name := range w.targets {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.string(name)
		w.dst = append(w.dst, ':')
		w.result(r[name])
	}
	w.dst = append(w.dst, '}')
}

// result appends what is told of one target.
func (w *writer) result(v any) {
	switch v := v.(type) {
	case feature.ClassResult:
		w.dst = append(w.dst, `{"class":`...)
		w.string(v.Class)
		w.dst = append(w.dst, `,"probability":`...)
		w.float(v.Probability)
		w.dst = append(w.dst, `,"probabilities":`...)
		w.numbers(most(v.Probabilities, w.top))
		w.dst = append(w.dst, '}')
	case feature.ClassesResult:
		w.dst = append(w.dst, `{"classes":[`...)
		for i, c := range v.Classes {
			if i > 0 {
				w.dst = append(w.dst, ',')
			}
			w.string(c)
		}
		w.dst = append(w.dst, `],"probabilities":`...)
		w.numbers(most(v.Probabilities, w.top))
		w.dst = append(w.dst, '}')
	case float64:
		w.float(v)
	case map[string]float64:
		w.numbers(v)
	default:
		w.other(v)
	}
}

// most keeps the n greatest numbers of a map; of equal ones those whose names
// come first.
func most(m map[string]float64, n int) map[string]float64 {
	if n == 0 || n >= len(m) {
		return m
	}
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b))
	})
	few := make(map[string]float64, n)
	for _, name := range names[:n] {
		few[name] = m[name]
	}
	return few
}

// numbers appends an object. Examples mostly have the same names.
func (w *writer) numbers(m map[string]float64) {
	w.dst = append(w.dst, '{')
	before := len(w.dst)
	for try := 0; ; try++ {
		known := len(w.classes) == len(m)
		for i := 0; i < len(w.classes) && known; i++ {
			x, ok := m[w.classes[i]]
			if known = ok; ok {
				if i > 0 {
					w.dst = append(w.dst, ',')
				}
				w.string(w.classes[i])
				w.dst = append(w.dst, ':')
				w.float(x)
			}
		}
		if known {
			break
		}
		w.dst = w.dst[:before]
		w.classes = slices.AppendSeq(slices.Grow(w.classes[:0], len(m)), maps.Keys(m))
		slices.Sort(w.classes)
	}
	w.dst = append(w.dst, '}')
}

// float appends a number.
func (w *writer) float(x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		w.err = fmt.Errorf("a result is %v", x)
		return
	}
	format := byte('f')
	if size := math.Abs(x); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	w.dst = strconv.AppendFloat(w.dst, x, format, -1, 64)
	if n := len(w.dst); format == 'e' && w.dst[n-4] == 'e' && w.dst[n-3] == '-' && w.dst[n-2] == '0' {
		w.dst[n-2] = w.dst[n-1] // 1e-09 is 1e-9
		w.dst = w.dst[:n-1]
	}
}

// string appends a text.
func (w *writer) string(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			w.other(s)
			return
		}
	}
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, s...)
	w.dst = append(w.dst, '"')
}

// other appends what is rare.
func (w *writer) other(v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		w.err = err
		return
	}
	w.dst = append(w.dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// writeCSV appends a table: a column for every part of a result under its path,
// "label.class", "label.probabilities.7"; lists are JSON. A class that top
// leaves out has no probability.
func writeCSV(dst []byte, a *engine.Response, top int) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	table := csv.NewWriter(b)
	var head, row []string
	for k, results := range a.Results {
		row = row[:0]
		cell := func(value string, path ...string) {
			if k == 0 {
				head = append(head, strings.Join(path, "."))
			}
			row = append(row, value)
		}
		w := writer{top: top}
		text := func(v any) string {
			w.dst = w.dst[:0]
			w.result(v)
			return string(w.dst)
		}
		numbers := func(all, told map[string]float64, path ...string) {
			for _, name := range slices.Sorted(maps.Keys(all)) {
				value := ""
				if x, ok := told[name]; ok {
					value = text(x)
				}
				cell(value, append(slices.Clip(path), name)...)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(results)) {
			switch v := results[name].(type) {
			case feature.ClassResult:
				cell(v.Class, name, "class")
				cell(text(v.Probability), name, "probability")
				numbers(v.Probabilities, most(v.Probabilities, top), name, "probabilities")
			case feature.ClassesResult:
				cell(text(v.Classes), name, "classes")
				numbers(v.Probabilities, most(v.Probabilities, top), name, "probabilities")
			case map[string]float64:
				numbers(v, v, name)
			case string:
				cell(v, name)
			default:
				cell(text(v), name)
			}
		}
		if w.err != nil {
			return dst, w.err
		}
		if k == 0 {
			table.Write(head)
		}
		table.Write(row)
	}
	table.Flush()
	return b.Bytes(), table.Error()
}
