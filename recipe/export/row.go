package export

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/data/feature"
)

// mostSample is the largest array that a row is made up with.
const mostSample = 256

// Row makes up a row that a model takes, as JSON has it: usual numbers, a value
// that was known in training. ok is false where a column is an image, a sound, or
// too large an array.
func Row(set *feature.Set) (row map[string]any, ok bool) {
	row = map[string]any{}
	usual := map[string]float64{}
	layouts := map[string]string{}
	for _, f := range set.Inputs {
		switch e := f.Encoder.(type) {
		case *feature.NumericEncoder:
			for i, c := range e.Columns {
				if !e.Log && i < len(e.Shift) {
					usual[c] = e.Shift[i]
				}
			}
		case *feature.DateTimeEncoder:
			if len(e.Layouts) > 0 {
				layouts[e.Column] = e.Layouts[0]
			}
		}
	}
	for _, r := range set.Raw() {
		switch r.Kind {
		case feature.RawNumber:
			row[r.Name] = 1
			if v, ok := usual[r.Name]; ok {
				row[r.Name] = threeDigits(v)
			}
		case feature.RawText:
			row[r.Name] = "some text"
		case feature.RawCategory:
			row[r.Name] = ""
			if len(r.Choices) > 0 {
				row[r.Name] = r.Choices[0]
			}
		case feature.RawTime:
			row[r.Name] = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC).Format(layouts[r.Name])
		case feature.RawArray:
			if r.Shape.Size() > mostSample {
				return nil, false
			}
			row[r.Name] = zeros(r.Shape.Dims())
		default:
			return nil, false
		}
	}
	return row, true
}

// threeDigits rounds a number as people write it.
func threeDigits(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 1
	}
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	return r
}

// zeros is lists of lists of zeros.
func zeros(dims []int) any {
	if len(dims) == 0 {
		return 0
	}
	return slices.Repeat([]any{zeros(dims[1:])}, dims[0])
}

// Quote is a value as JSON, as a shell takes it.
func Quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("internal error: export: " + err.Error()) // Row makes nothing that JSON lacks
	}
	return "'" + strings.ReplaceAll(string(b), "'", `'\''`) + "'"
}

// ask is a command line of curl that asks for a prediction of a row; it begins
// with a file where a column is one.
func (c *card) ask(address string) string {
	if row, ok := Row(c.m.Saved.Set); ok && c.file() != "text.txt" {
		return "curl -H 'Content-Type: application/json' -d " + Quote(row) + " " + address
	}
	switch c.file() {
	case "picture.png", "sound.wav":
		return "curl --data-binary @" + c.file() + " " + address
	case "text.txt":
		return "curl -H 'Content-Type: text/plain' --data-binary @text.txt " + address
	}
	return "curl -H 'Content-Type: application/x-ndjson' --data-binary @rows.jsonl " + address
}
