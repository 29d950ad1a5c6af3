package predict

import (
	"strconv"
	"strings"

	"github.com/gradus-ml/gradus/serve/engine"
)

// A form is what an answer is written as.
type form int

// The forms, the one that is taken where a client leaves the choice first.
const (
	jsonForm form = iota
	lineForm
	csvForm
	forms
)

// contentTypes are those of the forms, as headers hold them.
var contentTypes = [forms][]string{{"application/json"}, {"application/x-ndjson"}, {"text/csv; charset=utf-8"}}

// mediaTypes are those of the forms, by their two parts.
var mediaTypes = [forms][2]string{{"application", "json"}, {"application", "x-ndjson"}, {"text", "csv"}}

// negotiate chooses a form by a request's Accept headers (RFC 9110, 12.5.1): the
// one of the highest weight; among equal ones, one that is named goes before one
// that a * stands for.
func negotiate(accept []string) (form, error) {
	if len(accept) == 0 || len(accept) == 1 && (accept[0] == "*/*" || accept[0] == "application/json" || accept[0] == "") {
		return jsonForm, nil
	}
	var weights [forms]float64
	var named [forms]int // how exactly the range that a weight is of names the form
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			kind, sub, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "/")
			q := weight(parameters)
			for f, t := range mediaTypes {
				exact := 0
				switch {
				case kind == t[0] && sub == t[1]:
					exact = 3
				case kind == t[0] && sub == "*":
					exact = 2
				case kind == "*" && sub == "*":
					exact = 1
				}
				if exact > named[f] {
					weights[f], named[f] = q, exact
				}
			}
		}
	}
	best := jsonForm
	for f := range forms {
		if weights[f] > weights[best] || weights[f] == weights[best] && named[f] > named[best] {
			best = f
		}
	}
	if weights[best] == 0 {
		return 0, engine.Errorf(engine.Unacceptable, "there are answers of the types application/json, application/x-ndjson and text/csv, and Accept has none of them")
	}
	return best, nil
}

// weight is the q of a media range's parameters; what is no weight counts as
// none given.
func weight(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if name == "q" || name == "Q" {
			if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
				return q
			}
		}
	}
	return 1
}
