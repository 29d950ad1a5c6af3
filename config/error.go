package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// An Error is one mistake in settings.
type Error struct {
	Path         string // of the file
	Line, Column int    // from 1; 0 where the mistake is in no line
	Set          string // the override that is at fault instead, KEY=VALUE
	Message      string
	Source       string // the line, shortened, and the caret below it
}

// Error is "my.yaml:3:5: what is wrong", and below it the line and a caret.
func (e *Error) Error() string {
	var where string
	switch {
	case e.Set != "":
		where = e.Set
	case e.Line == 0:
		where = e.Path
	default:
		where = fmt.Sprintf("%s:%d:%d", e.Path, e.Line, e.Column)
	}
	text := where + ": " + e.Message
	if e.Source != "" {
		text += "\n" + e.Source
	}
	return text
}

// Errors are all mistakes that were found, in the order of the text, those of
// overrides last.
type Errors []*Error

// Error lists them one below the other.
func (e Errors) Error() string {
	var text []string
	for _, one := range e {
		text = append(text, one.Error())
	}
	return strings.Join(text, "\n")
}

// Unwrap gives each of them.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, one := range e {
		errs[i] = one
	}
	return errs
}

// maxMistakes is more than a person corrects at a time.
const maxMistakes = 100

// report adds a mistake to others.
func (d *Document) report(to *[]*Error, at place, format string, args ...any) {
	if len(*to) < maxMistakes {
		*to = append(*to, d.mistake(at, format, args...))
	}
}

// sorted returns mistakes as an error, nil if there are none.
func sorted(mistakes []*Error) error {
	if len(mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(mistakes, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(len(a.Set), 0)-cmp.Compare(len(b.Set), 0), a.Line-b.Line, a.Column-b.Column)
	})
	return Errors(mistakes)
}

// A Problem is what is wrong with the setting under a key.
type Problem struct {
	Key string // from the outermost on, such as "data.inputs.0.size"
	Err error
}

// Error is "key: what is wrong".
func (p *Problem) Error() string { return p.Key + ": " + p.Err.Error() }

// Unwrap gives what is wrong.
func (p *Problem) Unwrap() error { return p.Err }

// Under says that what is wrong is wrong with the settings under a key. Errors
// that were joined become a [Problem] each. Nil stays nil.
func Under(key string, err error) error {
	if err == nil {
		return nil
	}
	if p, ok := err.(*Problem); ok {
		return &Problem{key + "." + p.Key, p.Err}
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, Under(key, e))
		}
		return errors.Join(errs...)
	}
	return &Problem{key, err}
}

// mistake makes an Error at a place.
func (d *Document) mistake(at place, format string, args ...any) *Error {
	e := &Error{Path: d.path, Message: fmt.Sprintf(format, args...)}
	switch {
	case at.set != nil:
		e.Set = *at.set
	case at.line > 0:
		e.Line, e.Column = int(at.line), int(at.column)
		e.Source = d.excerpt(e.Line, e.Column)
	}
	return e
}

// excerpt shows a line with its number and a caret below a column. Of a long
// line it shows what is around the column.
func (d *Document) excerpt(line, column int) string {
	rest := d.text
	for range line - 1 {
		_, after, ok := strings.Cut(rest, "\n")
		if !ok {
			return ""
		}
		rest = after
	}
	rest, _, _ = strings.Cut(rest, "\n")
	rest = strings.TrimRight(rest, "\r")
	const before, after = 60, 60
	lead := ""
	if column > before+after {
		rest, lead = skip(rest, column-before), "..."
		column = before
	}
	shown, pad := lead, strings.Repeat(" ", len(lead))
	left := column + after
	for _, r := range rest {
		if left--; left < 0 {
			shown += "..."
			break
		}
		r = printable(r)
		shown += string(r)
		if column--; column > 0 {
			if r != '\t' {
				r = ' '
			}
			pad += string(r)
		}
	}
	return fmt.Sprintf("%5d | %s\n      | %s^", line, shown, pad)
}

// skip returns a text without its first n characters.
func skip(text string, n int) string {
	for i := range text {
		if n--; n < 0 {
			return text[i:]
		}
	}
	return ""
}

// printable replaces what a terminal would not print, or obey.
func printable(r rune) rune {
	if r == '\t' || unicode.IsPrint(r) {
		return r
	}
	return '?'
}
