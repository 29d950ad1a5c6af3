package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// A Document is settings as they were written: a file, and what was set over
// it.
type Document struct {
	path     string
	text     string
	root     *node
	mistakes []*Error
}

// Parse reads YAML, or JSON if the path ends in .json. A mistake in the form of
// the text is an error; what [Document.Decode] can report together with others
// waits for it.
func Parse(text []byte, path string) (*Document, error) {
	d := &Document{path: path, text: strings.TrimPrefix(string(text), "\ufeff")}
	read, most := d.readYAML, maxYAML
	if strings.HasSuffix(path, ".json") {
		read, most = d.readJSON, maxJSON
	}
	if len(text) > most {
		return nil, Errors{d.mistake(place{}, "the file has %d bytes, and settings at most %d", len(text), most)}
	}
	root, err := read()
	if err != nil {
		return nil, Errors{err}
	}
	d.root = root
	return d, nil
}

// Set gives the setting under a key another value: "optimizer.lr=0.1",
// "data.inputs.0.size=[28, 28]". Names and numbers of a list's elements, from 0,
// are parted by points. A value that begins with a bracket or quote is YAML,
// another stands for itself. A key "type" that gets another value loses the
// keys beside it that the file gave, which were meant for the old one.
func (d *Document) Set(assignment string) error {
	fail := func(format string, args ...any) error {
		return Errors{d.mistake(place{set: &assignment}, format, args...)}
	}
	key, text, ok := strings.Cut(assignment, "=")
	if !ok {
		return fail("wants KEY=VALUE, such as optimizer.lr=0.1")
	}
	path := strings.Split(key, ".")
	if slices.Contains(path, "") {
		return fail("%q is no key; one looks like optimizer.lr", key)
	}
	if len(path) > maxDepth {
		return fail("the key has %d parts, and settings at most %d", len(path), maxDepth)
	}
	value, err := overridden(text, assignment)
	if err != nil {
		return err
	}
	root, message := replaced(d.root, path, key, value)
	if message != "" {
		return fail("%s", message)
	}
	d.root = root
	return nil
}

// overridden parses the value of an override.
func overridden(text, assignment string) (*node, error) {
	at := place{set: &assignment}
	v := &Document{path: assignment, text: text}
	if len(text) > maxYAML {
		return nil, Errors{v.mistake(at, "the value has %d bytes, and settings at most %d", len(text), maxYAML)}
	}
	if text == "" {
		return nil, Errors{v.mistake(at, `wants a value; null is none, and "" the empty text`)}
	}
	if !strings.ContainsRune("[{\"'", rune(text[0])) {
		return &node{form: plain, text: text, at: at}, nil
	}
	n, err := v.readYAML()
	if err == nil && len(v.mistakes) > 0 {
		err = v.mistakes[0]
	}
	if err != nil {
		return nil, Errors{v.mistake(at, "%s", err.Message)}
	}
	n.relocate(at)
	return n, nil
}

// relocate says that a node and all in it stand at a place. An override has no
// aliases that could make this long.
func (n *node) relocate(at place) {
	n.at = at
	for _, item := range n.items {
		item.relocate(at)
	}
	for i := range n.entries {
		n.entries[i].at = at
		n.entries[i].value.relocate(at)
	}
}

// replaced returns a copy of a node in which the part at a path is another; or
// what is wrong with the path.
func replaced(n *node, path []string, key string, value *node) (*node, string) {
	if len(path) == 0 {
		return value, ""
	}
	c := &node{form: mapping, at: value.at}
	switch {
	case n == nil || n.isNull():
	case n.form == list:
		i, err := strconv.Atoi(path[0])
		before := strings.TrimSuffix(strings.TrimSuffix(key, strings.Join(path, ".")), ".")
		if err != nil {
			return nil, before + " is a list, whose elements have numbers: " + before + ".0"
		}
		if i < 0 || i >= len(n.items) {
			return nil, before + " has no element " + path[0] + "; it has " + strconv.Itoa(len(n.items)) + ", numbered from 0"
		}
		*c = *n
		c.items = slices.Clone(n.items)
		item, message := replaced(n.items[i], path[1:], key, value)
		c.items[i] = item
		return c, message
	case n.form == mapping:
		*c = *n
		c.entries = slices.Clone(n.entries)
	default: // the short form of a type
		c.entries = []entry{{typeKey, n.at, n}}
	}
	old := c.entry(path[0])
	if old == nil {
		c.entries = append(c.entries, entry{key: path[0], at: value.at})
		old = &c.entries[len(c.entries)-1]
	}
	if len(path) == 1 && path[0] == typeKey && old.value != nil && old.value.text != value.text {
		c.entries = slices.DeleteFunc(c.entries, func(e entry) bool { return e.key != typeKey && e.at.set == nil })
		old = c.entry(typeKey)
	}
	next, message := replaced(old.value, path[1:], key, value)
	old.value, old.at = next, value.at
	return c, message
}

// CheckFormat refuses settings whose key "format" is a version above the newest
// that the program knows.
func (d *Document) CheckFormat(newest int) error {
	e := d.root.entry("format")
	if e == nil {
		return nil
	}
	digits, base := wholeNumber(e.value)
	if v, err := strconv.ParseInt(digits, base, 64); err == nil && v > int64(newest) {
		return Errors{d.mistake(e.value.at, "format %d is newer than this program, which knows formats up to %d: use the version of gradus that wrote it, or a later one", v, newest)}
	}
	return nil // what is no number has its turn when the settings are decoded
}

// Locate adds to each [Problem] in an error where its key stands in the text. A
// message may begin with a key below the problem's, as in "ema.decay must be
// below 1": that place is taken if the text has it. What has no key stays as it
// is.
func (d *Document) Locate(err error) error {
	var mistakes []*Error
	var others []error
	var walk func(err error)
	walk = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
			return
		}
		if p, ok := err.(*Problem); ok {
			mistakes = append(mistakes, d.mistake(d.find(p), "%v", p))
		} else if err != nil {
			others = append(others, err)
		}
	}
	walk(err)
	if len(others) == 0 {
		return sorted(mistakes)
	}
	return errors.Join(append(others, sorted(mistakes))...)
}

// find returns the place of a problem, or of the innermost key around it that
// the text has.
func (d *Document) find(p *Problem) place {
	n, at := d.root, place{}
	for _, name := range strings.Split(p.Key+"."+keyPrefix(p.Err.Error()), ".") {
		i, err := strconv.Atoi(name)
		e := n.entry(name)
		switch {
		case err == nil && n.form == list && i >= 0 && i < len(n.items):
			n = n.items[i]
			at = n.at
		case e != nil:
			n, at = e.value, e.at
		default:
			return at
		}
	}
	return at
}

// keyPrefix is what looks like a key at the start of a message.
func keyPrefix(message string) string {
	end := strings.IndexFunc(message, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '.')
	})
	return message[:max(end, 0)]
}
