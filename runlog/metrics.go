package runlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// A Metric is a number with a name, such as loss or accuracy.
type Metric struct {
	Name  string
	Value float64
}

// A Record is one line of metrics.jsonl:
//
//	{"step":469,"epoch":1,"split":"test","loss":0.061,"accuracy":0.98}
//
// Metrics follow in the order of the list. JSON has no NaN and no infinity:
// both are written as null, which pandas, polars, DuckDB and jq read as a
// missing number, and are read back as NaN.
type Record struct {
	Step    int    // optimizer steps done
	Epoch   int    // epochs begun: 1 during the first
	Split   string // "train", "test"
	Metrics []Metric
}

// Value returns the metric of a name; ok is false when the record lacks it.
func (r Record) Value(name string) (v float64, ok bool) {
	for _, m := range r.Metrics {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// The keys that come before the metrics.
const (
	stepKey  = "step"
	epochKey = "epoch"
	splitKey = "split"
)

// appendJSON appends the line.
func (r Record) appendJSON(dst []byte) ([]byte, error) {
	dst = append(dst, `{"step":`...)
	dst = strconv.AppendInt(dst, int64(r.Step), 10)
	dst = append(dst, `,"epoch":`...)
	dst = strconv.AppendInt(dst, int64(r.Epoch), 10)
	dst = append(dst, `,"split":`...)
	dst, err := appendString(dst, r.Split)
	if err != nil {
		return nil, err
	}
	for i, m := range r.Metrics {
		if m.Name == stepKey || m.Name == epochKey || m.Name == splitKey {
			return nil, fmt.Errorf("a metric can't have the name %q", m.Name)
		}
		for _, before := range r.Metrics[:i] {
			if before.Name == m.Name {
				return nil, fmt.Errorf("metric %q appears twice", m.Name)
			}
		}
		if dst, err = appendString(append(dst, ','), m.Name); err != nil {
			return nil, err
		}
		dst = appendNumber(append(dst, ':'), m.Value)
	}
	return append(dst, "}\n"...), nil
}

// appendString appends a JSON string. Ordinary names need no escapes and take
// no memory.
func appendString(dst []byte, s string) ([]byte, error) {
	plain := !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' })
	if plain {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"'), nil
	}
	b, err := json.Marshal(s)
	return append(dst, b...), err
}

// appendNumber appends the shortest number that reads back as v.
func appendNumber(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
}

// ReadMetrics reads a metrics.jsonl. An unfinished last line, which a killed
// process can leave, is passed over. Errors name path and line.
func ReadMetrics(path string) ([]Record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	var records []Record
	for line := 1; ; line++ {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return records, nil
		}
		rec, err := parseRecord(b[:end])
		if err != nil {
			return nil, fmt.Errorf("metrics: %s:%d: %w", path, line, err)
		}
		records = append(records, rec)
		b = b[end+1:]
	}
}

// parseRecord reads one line, keeping the order of the metrics.
func parseRecord(line []byte) (Record, error) {
	var rec Record
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return rec, errors.New("want a JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return rec, err
		}
		key, ok := t.(string)
		if !ok {
			return rec, fmt.Errorf("%v, want a key", t)
		}
		if seen[key] {
			return rec, fmt.Errorf("key %q appears twice", key)
		}
		seen[key] = true
		value, err := dec.Token()
		if err != nil {
			return rec, err
		}
		if err := rec.set(key, value); err != nil {
			return rec, fmt.Errorf("%s: %w", key, err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return rec, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return rec, errors.New("more than one JSON object")
	}
	for _, key := range []string{stepKey, epochKey, splitKey} {
		if !seen[key] {
			return rec, fmt.Errorf("no %s", key)
		}
	}
	return rec, nil
}

// set stores one value of a line.
func (r *Record) set(key string, value json.Token) (err error) {
	switch key {
	case splitKey:
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("%v, want a string", value)
		}
		r.Split = s
		return nil
	case stepKey, epochKey:
		n, ok := value.(json.Number)
		if !ok {
			return fmt.Errorf("%v, want a number", value)
		}
		v, err := strconv.Atoi(n.String())
		if err != nil {
			return fmt.Errorf("%s, want an integer", n)
		}
		if key == stepKey {
			r.Step = v
		} else {
			r.Epoch = v
		}
		return nil
	}
	v := math.NaN()
	if value != nil {
		n, ok := value.(json.Number)
		if !ok {
			return fmt.Errorf("%v, want a number or null", value)
		}
		if v, err = n.Float64(); err != nil {
			return err
		}
	}
	r.Metrics = append(r.Metrics, Metric{key, v})
	return nil
}
