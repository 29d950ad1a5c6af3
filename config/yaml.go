package config

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// readYAML parses the text, which must be one document. An empty one is a
// mapping without keys.
func (d *Document) readYAML() (*node, *Error) {
	file, err := d.parseYAML()
	if err != nil {
		return nil, err
	}
	y := &yamlReader{d: d, anchors: map[string]*node{}, sizes: map[*node]int{}}
	var root *node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		n := y.node(doc.Body, place{line: 1, column: 1})
		if root != nil {
			return nil, d.mistake(n.at, "settings are one document, and here begins a second")
		}
		root = n
	}
	if root == nil {
		root = &node{form: mapping}
	}
	if y.size(root) > maxNodes {
		return nil, d.mistake(root.at, "with all aliases written out there are more than %d values", maxNodes)
	}
	return root, nil
}

// parseYAML calls the parser, within limits.
func (d *Document) parseYAML() (file *ast.File, err *Error) {
	// The parser is not ours, and the text may be anybody's: a mistake of its
	// own must not end the program.
	defer func() {
		if r := recover(); r != nil {
			file, err = nil, d.mistake(place{}, "the YAML can't be parsed: %v", r)
		}
	}()
	tokens := lexer.Tokenize(d.text)
	if t, limit := excess(tokens); t != nil {
		return nil, d.mistake(at(t), "%s", limit)
	}
	file, wrong := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	var syntax *yaml.SyntaxError
	switch {
	case wrong == nil:
		return file, nil
	case errors.As(wrong, &syntax) && syntax.Token != nil:
		return nil, d.mistake(at(syntax.Token), "%s", syntax.Message)
	}
	return nil, d.mistake(place{}, "%v", wrong)
}

// excess returns the first token that is too much for a parser that descends
// into what is nested and goes through the keys of a block for each of them: it
// is nested too deep within brackets, or within blocks that begin further to
// the right each, or has too many keys or marks before it.
func excess(tokens token.Tokens) (t *token.Token, limit string) {
	brackets, marks, keys := 0, 0, 0
	var columns []int // of the blocks that are open
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			brackets++
		case token.MappingEndType, token.SequenceEndType:
			brackets--
		case token.TagType, token.AnchorType:
			marks++
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			if brackets > 0 {
				break
			}
			column := t.Position.Column
			if t.Type == token.MappingValueType && t.Prev != nil {
				column = t.Prev.Position.Column
			}
			for len(columns) > 0 && columns[len(columns)-1] >= column {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, column)
			if t.Type != token.SequenceEntryType {
				keys++
			}
		}
		switch {
		case brackets+len(columns) > maxDepth:
			return t, fmt.Sprintf("settings are nested at most %d deep", maxDepth)
		case marks > maxMarks:
			return t, fmt.Sprintf("settings have at most %d tags and anchors", maxMarks)
		case keys > maxKeys:
			return t, fmt.Sprintf("settings have at most %d keys in lines of their own", maxKeys)
		}
	}
	return nil, ""
}

func at(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{line: int32(t.Position.Line), column: int32(t.Position.Column)}
}

// A yamlReader turns the parser's tree into nodes.
type yamlReader struct {
	d       *Document
	anchors map[string]*node
	sizes   map[*node]int // of nodes that several aliases may share
}

// node turns a part of the tree into a node. What has no place of its own, such
// as a value that is missing, stands at the place given.
func (y *yamlReader) node(n ast.Node, where place) *node {
	switch n := n.(type) {
	case nil:
		return &node{text: "null", at: where}
	case *ast.NullNode:
		if n.Token.Type != token.ImplicitNullType {
			where = at(n.Token)
		}
		return &node{text: "null", at: where}
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode, *ast.BoolNode:
		t := n.GetToken()
		return &node{text: t.Value, at: at(t)}
	case *ast.StringNode:
		s := &node{form: quoted, text: n.Value, at: at(n.Token)}
		if n.Token.Type == token.StringType {
			s.form = plain
		}
		return s
	case *ast.LiteralNode:
		return &node{form: quoted, text: n.Value.Value, at: at(n.Start)}
	case *ast.MappingValueNode:
		return y.mapping(where, n)
	case *ast.MappingNode:
		if n.IsFlowStyle {
			where = at(n.Start)
		} else if len(n.Values) > 0 {
			where = at(n.Values[0].Key.GetToken())
		}
		return y.mapping(where, n.Values...)
	case *ast.SequenceNode:
		s := &node{form: list, at: at(n.Start)}
		for _, v := range n.Values {
			s.items = append(s.items, y.node(v, s.at))
		}
		return s
	case *ast.AnchorNode:
		v := y.node(n.Value, at(n.Start))
		if n.Name != nil {
			y.anchors[n.Name.GetToken().Value] = v
		}
		return v
	case *ast.AliasNode:
		name := ""
		if n.Value != nil {
			name = n.Value.GetToken().Value
		}
		if v := y.anchors[name]; v != nil {
			return v
		}
		y.wrong(at(n.Start), "there is no &%s before this", shorten(name))
		return &node{text: "null", at: at(n.Start)}
	}
	where = at(n.GetToken())
	y.wrong(where, "settings have no tags, directives or merge keys of YAML: %s", shorten(n.GetToken().Value))
	return &node{text: "null", at: where}
}

// mapping gathers keys, and reports those that are given twice.
func (y *yamlReader) mapping(where place, values ...*ast.MappingValueNode) *node {
	m := &node{form: mapping, at: where}
	first := map[string]place{}
	for _, v := range values {
		key := v.Key.GetToken()
		e := entry{key: key.Value, at: at(key)}
		switch k := v.Key.(type) {
		case *ast.StringNode:
			e.key = k.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		default:
			y.wrong(e.at, "a key must be a name, got %s", shorten(fmt.Sprint(v.Key)))
			continue
		}
		e.value = y.node(v.Value, e.at)
		y.d.add(m, e, first)
	}
	return m
}

// add puts an entry into a mapping, unless its key is there already.
func (d *Document) add(m *node, e entry, first map[string]place) {
	if before, ok := first[e.key]; ok {
		d.report(&d.mistakes, e.at, "key %s is given twice, first in line %d", shorten(e.key), before.line)
		return
	}
	first[e.key] = e.at
	m.entries = append(m.entries, e)
}

func (y *yamlReader) wrong(at place, format string, args ...any) {
	y.d.report(&y.d.mistakes, at, format, args...)
}

// size counts the nodes of a tree with all aliases written out, or tells that
// they are too many.
func (y *yamlReader) size(n *node) int {
	if s, ok := y.sizes[n]; ok {
		return s
	}
	s := 1
	for _, item := range n.items {
		s = min(s+y.size(item), maxNodes+1)
	}
	for _, e := range n.entries {
		s = min(s+y.size(e.value), maxNodes+1)
	}
	y.sizes[n] = s
	return s
}
