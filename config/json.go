package config

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// readJSON parses the text, which must be one value.
func (d *Document) readJSON() (*node, *Error) {
	j := &jsonReader{d: d, tokens: json.NewDecoder(strings.NewReader(d.text)), at: place{line: 1, column: 1}}
	j.tokens.UseNumber()
	n, err := j.value(0)
	if err != nil {
		return nil, err
	}
	if _, wrong := j.tokens.Token(); wrong != io.EOF {
		j.advance()
		return nil, d.mistake(j.at, "settings are one value, and here begins something else")
	}
	return n, nil
}

// A jsonReader makes nodes of tokens.
type jsonReader struct {
	d      *Document
	tokens *json.Decoder
	offset int   // of at, in bytes
	at     place // of the token that is next or was last
}

// advance moves to the next token.
func (j *jsonReader) advance() {
	j.move(int(j.tokens.InputOffset()))
	rest := j.d.text[j.offset:]
	j.move(j.offset + len(rest) - len(strings.TrimLeft(rest, " \t\r\n,:")))
}

// move counts lines and columns up to an offset.
func (j *jsonReader) move(offset int) {
	if offset <= j.offset { // the decoder looked ahead
		return
	}
	passed := j.d.text[j.offset:offset]
	if lines := strings.Count(passed, "\n"); lines > 0 {
		j.at.line += int32(lines)
		j.at.column = 1
		passed = passed[strings.LastIndexByte(passed, '\n')+1:]
	}
	j.at.column += int32(utf8.RuneCountInString(passed))
	j.offset = offset
}

// next reads a token.
func (j *jsonReader) next() (json.Token, *Error) {
	j.advance()
	t, err := j.tokens.Token()
	if err == nil {
		return t, nil
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		j.move(min(max(int(syntax.Offset)-1, 0), len(j.d.text)))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		j.move(len(j.d.text))
		return nil, j.d.mistake(j.at, "the JSON ends before it is complete")
	}
	return nil, j.d.mistake(j.at, "%v", err)
}

// value reads a value that is nested so deep.
func (j *jsonReader) value(depth int) (*node, *Error) {
	t, err := j.next()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, j.d.mistake(j.at, "settings are nested at most %d deep", maxDepth)
	}
	n := &node{at: j.at}
	switch t := t.(type) {
	case nil:
		n.text = "null"
	case bool:
		n.text = "false"
		if t {
			n.text = "true"
		}
	case json.Number:
		n.text = t.String()
	case string:
		n.form, n.text = quoted, t
	case json.Delim:
		if t == '[' {
			err = j.list(n, depth)
		} else {
			err = j.mapping(n, depth)
		}
	}
	return n, err
}

func (j *jsonReader) list(n *node, depth int) *Error {
	n.form = list
	for j.tokens.More() {
		item, err := j.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, err := j.next()
	return err
}

func (j *jsonReader) mapping(n *node, depth int) *Error {
	n.form = mapping
	first := map[string]place{}
	for j.tokens.More() {
		key, err := j.next()
		if err != nil {
			return err
		}
		e := entry{key: key.(string), at: j.at}
		if e.value, err = j.value(depth + 1); err != nil {
			return err
		}
		j.d.add(n, e, first)
	}
	_, err := j.next()
	return err
}
