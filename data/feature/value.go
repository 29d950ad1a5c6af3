package feature

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gradus-ml/gradus/data/source"
)

// number reads a value as a finite number; missing is true for none: nil, or
// text that is empty. Text is parsed, since a row that is to be predicted may
// come from anywhere.
func number(v any) (x float64, missing bool, err error) {
	switch v := v.(type) {
	case nil:
		return 0, true, nil
	case float64:
		x = v
	case int64:
		x = float64(v)
	case bool:
		if v {
			x = 1
		}
	case string:
		text := strings.TrimSpace(v)
		if text == "" {
			return 0, true, nil
		}
		if x, err = strconv.ParseFloat(text, 64); err != nil {
			return 0, false, fmt.Errorf("%s is not a number", quote(v))
		}
	default:
		return 0, false, fmt.Errorf("want a number, got %s", kindOf(v))
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, false, fmt.Errorf("%v is not a finite number", x)
	}
	if math.Abs(x) > math.MaxFloat32 {
		return 0, false, fmt.Errorf("%v is beyond float32", x)
	}
	return x, false, nil
}

// name appends to buf what a value is called as a category or class: text as
// it is, whole numbers without a point, false and true.
func name(buf []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("%s is not UTF-8; convert the file", quote(v))
		}
		return append(buf, v...), nil
	case int64:
		return strconv.AppendInt(buf, v, 10), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.AppendInt(buf, int64(v), 10), nil
		}
		return strconv.AppendFloat(buf, v, 'g', -1, 64), nil
	case bool:
		return strconv.AppendBool(buf, v), nil
	}
	return nil, fmt.Errorf("want text, an integer or a boolean, got %s", kindOf(v))
}

// kindOf names a value's kind in messages.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "no value"
	case string:
		return "text"
	case float64, int64:
		return "a number"
	case bool:
		return "a boolean"
	case []byte:
		return "bytes"
	}
	return fmt.Sprintf("%v", v) // a tensor prints its type and shape
}

// quote shows a text of a file in a message, shortened.
func quote(s string) string {
	if len(s) > 40 {
		s = s[:40] + "..."
	}
	return strconv.Quote(s)
}

// column adds the name of the column to an error.
func column(name string, err error) error { return fmt.Errorf("column %s: %w", name, err) }

// wantKind refuses columns whose kind cannot hold what a feature needs.
func wantKind(c source.Column, want string, kinds ...source.Kind) error {
	for _, k := range kinds {
		if c.Kind == k {
			return nil
		}
	}
	return column(c.Name, fmt.Errorf("holds %v, want %s", c.Kind, want))
}
