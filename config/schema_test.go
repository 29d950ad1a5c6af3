package config_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gradus-ml/gradus/config"
)

// describe has a text for each field of a square.
func describe(t reflect.Type, field string) string {
	if t == reflect.TypeFor[square]() {
		return "square " + field
	}
	return ""
}

func compile(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("settings.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("settings.json")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

// check validates YAML.
func check(s *jsonschema.Schema, text string) error {
	j, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestSchema(t *testing.T) {
	v := full()
	text, err := config.Schema(v, kinds(), "settings", describe)
	if err != nil {
		t.Fatal(err)
	}
	s := compile(t, text)
	v.Option = nil // infinity
	v.Maybe = nil
	v.Words = v.Words[:5]
	written, err := config.Encode(v, kinds())
	if err != nil {
		t.Fatal(err)
	}
	for _, good := range []string{
		string(written), "{}", "shape: void", "shape: {type: group, shapes: [{type: group, shapes: null}, square]}", "option: {low: 1}", "option: null",
		"words: lone", "words: [a]", "heads: void", "heads: {type: square, weight: 3, side: 1}", "heads: [{type: void, weight: 1}]", "colour: red", "every: 1h30m",
	} {
		if err := check(s, good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"stepps: 1", "steps: a", "steps: 1.5", "seed: -1", "on: 1", "shape: squire", "shape: {type: square, sides: 1}", "shape: {side: 1}", "size: [1]", "size: [1, 2, 3]",
		"option: {lo: 1}", "colour: blue", "every: soon", "heads: {type: void, side: 1}", "words: [1]", "counts: {a: b}", "shapes: {type: void}",
	} {
		if check(s, bad) == nil {
			t.Errorf("%s is valid", bad)
		}
	}
	for _, part := range []string{`"default": 18446744073709551615`, `"description": "square Side"`, `"description": "square "`, `"const": "square"`, `"default": "1h30m"`, `"default": [28, 32]`} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("the schema lacks %s\n%s", part, text)
		}
	}
	var names []string
	for _, s := range config.Structs(v, kinds()) {
		names = append(names, s.Name())
	}
	if got, want := strings.Join(names, " "), "settings base option square group void head"; got != want {
		t.Errorf("structs %s, want %s", got, want)
	}
}

func ExampleSchema() {
	text, err := config.Schema(Descent{LR: 0.1, Momentum: 0.9}, nil, "rule", func(t reflect.Type, field string) string {
		return map[string]string{"": "Gradient descent.", "LR": "learning rate"}[field]
	})
	fmt.Printf("%s%v", text, err)
	// Output:
	// {
	//   "$schema": "https://json-schema.org/draft/2020-12/schema",
	//   "title": "rule",
	//   "type": ["object", "null"],
	//   "description": "Gradient descent.",
	//   "properties": {
	//     "lr": {
	//       "type": "number",
	//       "description": "learning rate",
	//       "default": 0.1
	//     },
	//     "momentum": {
	//       "type": "number",
	//       "default": 0.9
	//     }
	//   },
	//   "additionalProperties": false,
	//   "$defs": {}
	// }
	// <nil>
}
