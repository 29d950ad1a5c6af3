package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/config"
)

// A shape is one of several structs.
type shape interface{ area() float64 }

type square struct {
	Side float64 `yaml:"side"`
	Name string  `yaml:"name"`
}

func (s square) area() float64 { return s.Side * s.Side }

type group struct {
	Shapes []shape `yaml:"shapes"`
	Scale  *int    `yaml:"scale"`
}

func (g *group) area() (sum float64) {
	for _, s := range g.Shapes {
		sum += s.area()
	}
	return sum
}

type void struct{}

func (void) area() float64 { return 0 }

// A colour is one of a few words.
type colour string

func (colour) Values() []string { return []string{"red", "green"} }

// A level has a text of its own.
type level int

func (l level) MarshalText() ([]byte, error) { return []byte(strings.Repeat("x", int(l))), nil }
func (l *level) UnmarshalText(text []byte) error {
	if strings.Trim(string(text), "x") != "" {
		return fmt.Errorf("want some x, got %q", text)
	}
	*l = level(len(text))
	return nil
}

type option struct {
	Low  float64 `yaml:"low"`
	High float64 `yaml:"high"`
}

// A head has a shape among its own keys.
type head struct {
	Weight float64 `yaml:"weight"`
	Shape  shape   `yaml:",inline"`
}

type base struct {
	Seed uint64 `yaml:"seed"`
}

type settings struct {
	base
	//lint:ignore U1000 a field that reflection passes over
	base2   `yaml:"-"`
	Base    base           `yaml:",inline"`
	Name    string         `yaml:"name"`
	On      bool           `yaml:"on"`
	Steps   int            `yaml:"steps"`
	Small   int8           `yaml:"small"`
	Byte    uint8          `yaml:"byte"`
	Rate    float64        `yaml:"rate"`
	Half    float32        `yaml:"half"`
	Every   time.Duration  `yaml:"every"`
	Colour  colour         `yaml:"colour"`
	Level   level          `yaml:"level"`
	Maybe   *float64       `yaml:"maybe"`
	Option  *option        `yaml:"option"`
	Size    [2]int         `yaml:"size"`
	Words   []string       `yaml:"words,one"`
	Grid    [][]int        `yaml:"grid"`
	Options []option       `yaml:"options"`
	Counts  map[string]int `yaml:"counts"`
	Names   map[int]string `yaml:"names"`
	Shape   shape          `yaml:"shape"`
	Heads   []head         `yaml:"heads,one"`
	Shapes  []shape        `yaml:"shapes"`
	Hidden  func()         `yaml:"-"`
	//lint:ignore U1000 another
	private int
}

//lint:ignore U1000 embedded
type base2 struct{}

func kinds() config.Kinds {
	return config.Kinds{
		reflect.TypeFor[shape](): {
			{Name: "square", Default: square{Side: 1}},
			{Name: "group", Default: &group{}},
			{Name: "void", Default: void{}},
			{Name: "cube", Not: "it is no plane figure"},
		},
		reflect.TypeFor[option](): {{Default: option{High: 1}}},
	}
}

// full has something in every field.
func full() settings {
	half, two := 0.5, 2
	return settings{
		Base: base{Seed: math.MaxUint64}, Name: "a: b # c", On: true, Steps: -3, Small: math.MinInt8, Byte: 255, Rate: 1e-7, Half: 0.1,
		Every: 90 * time.Minute, Colour: "green", Level: 3, Maybe: &half, Option: &option{Low: -1, High: math.Inf(1)},
		Size: [2]int{28, 32}, Words: []string{"no", "1e3", "", "~", "größe", "\x00\u2028\"\\", "😀", " x ", "a\n\tb\r\n", "- a", "0x1f"},
		Grid: [][]int{{1, 2}, nil, {3}}, Options: []option{{1, 2}, {}}, Counts: map[string]int{"a": 1, "": 2, "b: c": 3, "true": 4},
		Names: map[int]string{-1: "minus", 10: "ten"}, Shape: &group{Shapes: []shape{square{Side: 2}, &group{}, nil, void{}}, Scale: &two},
		Heads:  []head{{Weight: 1, Shape: void{}}, {Weight: 2, Shape: square{Side: 3}}},
		Shapes: []shape{void{}},
	}
}

func TestRoundTrip(t *testing.T) {
	one := full()
	one.Heads, one.Words, one.Option = one.Heads[1:], one.Words[:1], nil
	for _, want := range []settings{full(), one, {Colour: "red"}} {
		for path, encode := range map[string]func(any, config.Kinds) ([]byte, error){"a.yaml": config.Encode, "a.json": config.EncodeJSON} {
			if path == "a.json" && want.Option != nil {
				want.Option = &option{Low: -1, High: 1e300}
			}
			text, err := encode(want, kinds())
			if err != nil {
				t.Fatal(err)
			}
			var got settings
			if err := config.Decode(text, path, &got, kinds()); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %+v\nwant %+v\n%s", path, got, want, text)
			}
			if path == "a.json" && !json.Valid(text) {
				t.Errorf("no JSON: %s", text)
			}
			// JSON is YAML.
			got = settings{}
			if err := config.Decode(text, "a.yaml", &got, kinds()); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s as YAML: %v, got %+v\nwant %+v\n%s", path, err, got, want, text)
			}
		}
	}
}

// What a person reads and writes.
func TestEncode(t *testing.T) {
	v := struct {
		Name    string           `yaml:"name"`
		Every   time.Duration    `yaml:"every"`
		Size    [2]int           `yaml:"size"`
		Rates   []float64        `yaml:"rates"`
		Shape   shape            `yaml:"shape"`
		Options []option         `yaml:"options"`
		Long    []string         `yaml:"long"`
		Empty   []string         `yaml:"empty"`
		Nothing *option          `yaml:"nothing"`
		Heads   []head           `yaml:"heads,one"`
		Nested  map[string][]int `yaml:"nested"`
		Times   []time.Duration  `yaml:"times"`
	}{
		Name: "s3://bucket/x", Every: time.Hour, Size: [2]int{28, 28}, Rates: []float64{0.05, 1e-7, 1, 0.1307},
		Shape: &group{Shapes: []shape{square{2, "a b"}}}, Options: []option{{1, 2}, {0, math.Inf(-1)}},
		Long:  []string{strings.Repeat("a", 60), strings.Repeat("b", 60)},
		Heads: []head{{3, void{}}}, Nested: map[string][]int{"b": {1}, "a": nil},
		Times: []time.Duration{0, time.Second, time.Minute, 90 * time.Minute, 1500 * time.Millisecond},
	}
	text, err := config.Encode(v, kinds())
	if err != nil {
		t.Fatal(err)
	}
	want := `name: "s3://bucket/x"
every: 1h
size: [28, 28]
rates: [0.05, 1.0e-07, 1, 0.1307]
shape:
  type: group
  shapes:
    - {type: square, side: 2, name: "a b"}
  scale: null
options:
  - {low: 1, high: 2}
  - {low: 0, high: -.inf}
long:
  - ` + strings.Repeat("a", 60) + `
  - ` + strings.Repeat("b", 60) + `
empty: []
nothing: null
heads:
  type: void
  weight: 3
nested:
  a: []
  b: [1]
times: [0s, 1s, 1m, 1h30m, 1.5s]
`
	if string(text) != want {
		t.Errorf("got\n%s", text)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for want, v := range map[string]any{
		"not UTF-8":              struct{ Name string }{"\xff"},
		"no kind of":             struct{ Shape shape }{other{}},
		"nil *config_test.group": struct{ Shape shape }{(*group)(nil)},
		"JSON has no number":     struct{ Rate float64 }{math.NaN()},
		"there is no":            struct{ Heads []head }{[]head{{}}},
	} {
		if _, err := config.EncodeJSON(v, kinds()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

type other struct{ void }

func TestDecodeKeeps(t *testing.T) {
	half := 0.5
	shared := []shape{square{Side: 7}}
	v := settings{Steps: 4, Maybe: &half, Option: &option{Low: -5, High: 5}, Shape: square{Side: 9, Name: "old"}, Shapes: shared, Words: []string{"a", "b"}}
	before := v
	err := config.Decode([]byte(`
maybe: 0.25
option: {low: 0}
shape: {type: square, name: new}
shapes: [void, {type: square}]
words: lone
options: [{low: 1}, {high: 3}]
`), "a.yaml", &v, kinds())
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		Steps: 4, Maybe: v.Maybe, Option: &option{0, 5}, Shape: square{9, "new"}, Shapes: []shape{void{}, square{Side: 1}},
		Words: []string{"lone"}, Options: []option{{1, 1}, {0, 3}},
	}
	if !reflect.DeepEqual(v, want) || *v.Maybe != 0.25 {
		t.Errorf("got %+v\nwant %+v", v, want)
	}
	if half != 0.5 || before.Option.Low != -5 || shared[0] != (square{Side: 7}) {
		t.Error("decoding changes what was shared")
	}

	// Another type starts from its own default; a bare word is its short form.
	for text, want := range map[string]shape{
		"shape: {type: group, scale: null}": &group{},
		"shape: group":                      &group{},
		"shape: square":                     square{9, "new"},
		"shape: {side: 3}":                  square{3, "new"},
		"shape: null":                       nil,
	} {
		v.Shape = square{9, "new"}
		if err := config.Decode([]byte(text), "a.yaml", &v, kinds()); err != nil || !reflect.DeepEqual(v.Shape, want) {
			t.Errorf("%s: %v, %+v, want %+v", text, err, v.Shape, want)
		}
	}

	// A mistake leaves all as it was.
	now := v
	if err := config.Decode([]byte("steps: 9\nname: [1]\n"), "a.yaml", &v, kinds()); err == nil || !reflect.DeepEqual(v, now) {
		t.Errorf("error %v, %+v", err, v)
	}
}

func TestScalars(t *testing.T) {
	for text, want := range map[string]settings{
		"steps: 60_000":       {Steps: 60000},
		"steps: 0x1f":         {Steps: 31},
		"steps: 010":          {Steps: 10},
		"steps: +3":           {Steps: 3},
		"rate: 1e-3":          {Rate: 1e-3},
		"rate: .5":            {Rate: 0.5},
		"rate: 3":             {Rate: 3},
		"rate: -.Inf":         {Rate: math.Inf(-1)},
		"on: True":            {On: true},
		"name: 1.10":          {Name: "1.10"},
		"name: yes":           {Name: "yes"},
		"name: 'true'":        {Name: "true"},
		"name: |\n  a\n  b":   {Name: "a\nb"},
		"name: >\n  a\n  b\n": {Name: "a b\n"},
		"every: 10m":          {Every: 10 * time.Minute},
		"level: xx":           {Level: 2},
		"heads: void":         {Heads: []head{{Shape: void{}}}},
		"words: &w [a]\nshapes: [&s {type: square, side: 3}, *s]": {Words: []string{"a"}, Shapes: []shape{square{Side: 3}, square{Side: 3}}},
		"# nothing":              {},
		"":                       {},
		"\ufeffsteps: 1":         {Steps: 1},
		"steps: 1\r\non: true":   {Steps: 1, On: true},
		"---\nsteps: 1\n...":     {Steps: 1},
		"option:\n  # low: 3":    {},
		"words:":                 {},
		"{steps: 1, on: true}":   {Steps: 1, On: true},
		"counts: {}\ngrid: [[]]": {Grid: [][]int{nil}},
	} {
		var got settings
		if err := config.Decode([]byte(text), "a.yaml", &got, kinds()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, got %+v, want %+v", text, err, got, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"stepps: 1":                       "a.yaml:1:1: unknown key stepps; did you mean steps?\n    1 | stepps: 1\n      | ^",
		"option: {lo: 1}":                 "a.yaml:1:10: unknown key lo in option; did you mean low?",
		"shape: {type: squire}":           "a.yaml:1:15: shape has no type squire; did you mean square?",
		"shape: qqqqqqqqqqq":              "a.yaml:1:8: shape has no type qqqqqqqqqqq; there are square, group, void",
		"shape: cube":                     "a.yaml:1:8: shape can't be cube: it is no plane figure",
		"shape: {type: cube}":             "a.yaml:1:15: shape can't be cube: it is no plane figure",
		"shape: {side: 1}":                "a.yaml:1:8: shape wants a type, square, group or void",
		"shape: [1]":                      "a.yaml:1:8: shape wants a type, square, group or void, got a list",
		"shape: {type: }":                 "shape.type wants square, group or void, got nothing",
		"shape: {type: square, sides: 2}": "a.yaml:1:23: unknown key sides in shape of type square; did you mean side?",
		"heads: {type: void, wieght: 2}":  "unknown key wieght in heads of type void; did you mean weight?",
		"heads: [{weight: 2}]":            "a.yaml:1:9: heads.0 wants a type",
		"shapes:\n  - void\n  - {type: group, shapes: [{type: void, x: 1}]}": "a.yaml:3:41: unknown key x in shapes.1.shapes.0 of type void",
		"colour: rde":                 "a.yaml:1:9: colour can't be rde; did you mean red?",
		"level: y":                    `a.yaml:1:8: level: want some x, got "y"`,
		"level: [x]":                  "level wants a word, got a list",
		"steps: ten":                  "a.yaml:1:8: steps wants a whole number, got ten",
		"steps: 1.5":                  "steps wants a whole number, got 1.5",
		"steps: '3'":                  `steps wants a whole number, got "3"`,
		"steps: 99999999999999999999": "steps wants a whole number in -9223372036854775808..9223372036854775807, got 99999999999999999999",
		"small: 128":                  "small wants a whole number in -128..127, got 128",
		"byte: 256":                   "byte wants a whole number from 0 up in 0..255, got 256",
		"seed: -1":                    "seed wants a whole number from 0 up, got -1",
		"steps: 1__0":                 "steps wants a whole number",
		"rate: inf":                   "rate wants a number, got inf",
		"rate: 0x1p-2":                "rate wants a number",
		"rate: 1e999":                 "rate wants a number, got 1e999",
		"rate:":                       "a.yaml:1:1: rate wants a number, got nothing",
		"on: yes":                     "on wants true or false, got yes",
		"name: true":                  "name wants a text, in quotes if it is a word of YAML, got true",
		"name: {a: 1}":                "name wants a text, got keys with values",
		"every: 10":                   "every wants a time such as 90s or 1h30m, got 10",
		"size: [1]":                   "a.yaml:1:7: size wants a list of 2, got 1",
		"size: 3":                     "size wants a list of 2, got 3",
		"grid: 3":                     "grid wants a list, got 3",
		"counts: 3":                   "counts wants keys with values, got 3",
		"counts: {a: b}":              "counts.a wants a whole number, got b",
		"names: {a: b}":               "names.a wants a whole number, got a",
		"option: 3":                   "option wants keys with values, got 3",
		"- 1":                         "a.yaml:1:1: the file wants keys with values, got a list",
		"steps: 1\nsteps: 2":          "a.yaml:2:1: key steps is given twice, first in line 1",
		"counts: {a: 1, a: 2}":        "a.yaml:1:16: key a is given twice, first in line 1",
		"steps: *x":                   "a.yaml:1:8: there is no &x before this",
		"counts: &x {a: *x}":          "there is no &x before this",
		"name: !!str x":               "settings have no tags",
		"option: {<<: {low: 1}}":      "a key must be a name",
		"? [1]\n: 2":                  "a.yaml:2:1: found an invalid key",
		"steps: 1\n---\non: true":     "a.yaml:3:1: settings are one document",
		"a: b: c":                     "a.yaml:1:4: mapping value is not allowed in this context",
		"steps: [1":                   "a.yaml:1:",
		"\tsteps: 1":                  "a.yaml:1:6: tab character",
		"steps: \x1b[31m":             "a.yaml:1:",
	} {
		var got settings
		err := config.Decode([]byte(text), "a.yaml", &got, kinds())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v\nwant %s", text, err, want)
		}
		var all config.Errors
		if !errors.As(err, &all) || strings.ContainsRune(fmt.Sprint(err), '\x1b') {
			t.Errorf("%q: %T %v", text, err, err)
		}
	}
}

func TestJSONMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "a.json:1:1: the JSON ends before it is complete",
		"{\n \"steps\": 1":                 "a.json:2:12: the JSON ends before it is complete",
		"{\n \"steps\": tru}":              "a.json:2:1",
		"{\"steps\": 1} x":                 "a.json:1:14: settings are one value",
		"{\"steps\": 1,\n \"steps\": 2}":   "a.json:2:2: key steps is given twice, first in line 1",
		"{\n  \"stepps\" : 1}":             "a.json:2:3: unknown key stepps; did you mean steps?\n    2 |   \"stepps\" : 1}\n      |   ^",
		"{\"größe\": 1, \"steps\": \"é\"}": "a.json:1:23: steps wants a whole number, got \"é\"",
		"{\"steps\": 1.5}":                 "a.json:1:11: steps wants a whole number, got 1.5",
		"[1, 2]":                           "a.json:1:1: the file wants keys with values, got a list",
		strings.Repeat("[", 200000):        "a.json:1:102: settings are nested at most 100 deep",
		`{"shape": ` + strings.Repeat(`{"type":"group","shapes":[`, 60) + strings.Repeat("]}", 60) + "}": "nested at most",
	} {
		var got settings
		err := config.Decode([]byte(text), "a.json", &got, kinds())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50q: error %.300v\nwant %s", text, err, want)
		}
	}
}

// All mistakes come at once, in the order of the text, those of overrides last.
func TestAllMistakes(t *testing.T) {
	d, err := config.Parse([]byte("seed: x\nshape: {type: square, sid: 1}\nsteps: 1\nsteps: 2\nzzz: 1\n"), "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Set("options=[{hihg: 1}]"); err != nil {
		t.Fatal(err)
	}
	var got settings
	var all config.Errors
	if err := d.Decode(&got, kinds()); !errors.As(err, &all) {
		t.Fatal(err)
	}
	var places []string
	for _, e := range all {
		places = append(places, fmt.Sprintf("%d:%d%s", e.Line, e.Column, e.Set))
	}
	if got, want := strings.Join(places, " "), "1:7 2:23 4:1 5:1 0:0options=[{hihg: 1}]"; got != want {
		t.Errorf("mistakes at %s, want %s", got, want)
	}
}

func TestLimits(t *testing.T) {
	bomb := "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for i := range 30 {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	for name, tc := range map[string]struct{ text, want string }{
		"aliases":   {bomb, "with all aliases written out"},
		"size":      {strings.Repeat("#", 1<<20), "the file has 1048576 bytes"},
		"brackets":  {"grid: " + strings.Repeat("[", 50000), "nested at most 100 deep"},
		"braces":    {strings.Repeat("{a: ", 50000), "nested at most 100 deep"},
		"dashes":    {strings.Repeat("- ", 50000), "nested at most 100 deep"},
		"questions": {strings.Repeat("? ", 50000), "nested at most 100 deep"},
		"tags":      {strings.Repeat("!a ", 50000), "at most 200 tags and anchors"},
		"anchors":   {strings.Repeat("&a ", 50000), "at most 200 tags and anchors"},
		"keys":      {strings.Repeat("a:\n", 80000), "at most 5000 keys"},
		"few keys":  {strings.Repeat("a:\n", 5000), "given twice"},
		"flow keys": {"{" + strings.Repeat("a: 1,", 50000) + "}", "given twice"},
		"texts":     {strings.Repeat("'a' ", 60000), "not allowed"},
	} {
		start := time.Now()
		var got settings
		err := config.Decode([]byte(tc.text), "a.yaml", &got, kinds())
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %.300v, want one with %q", name, err, tc.want)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestSet(t *testing.T) {
	const text = `
shape: square
option: {low: 1}
heads:
  - &h {type: square, side: 2, weight: 3}
  - *h
grid: [[1, 2], [3]]
`
	for _, tc := range []struct {
		sets string
		edit func(s *settings)
	}{
		{"steps=3", func(s *settings) { s.Steps = 3 }},
		{"option.high=1e-3 option.low=0.5", func(s *settings) { s.Option = &option{0.5, 1e-3} }},
		{"option=null", func(s *settings) { s.Option = nil }},
		{"grid.0.1=7", func(s *settings) { s.Grid = [][]int{{1, 7}, {3}} }},
		{"grid.1=[7,8]", func(s *settings) { s.Grid = [][]int{{1, 2}, {7, 8}} }},
		{"shape.side=4", func(s *settings) { s.Shape = square{Side: 4} }},
		{"shape=group shape.scale=2", func(s *settings) { s.Shape = &group{Scale: new(2)} }},
		{"shape.name=a*b=&c", func(s *settings) { s.Shape = square{1, "a*b=&c"} }},
		{`shape.name=""`, func(s *settings) { s.Shape = square{1, ""} }},
		{"heads.0.weight=5", func(s *settings) { s.Heads[0].Weight = 5 }},
		{"heads.1.weight=5", func(s *settings) { s.Heads[1].Weight = 5 }},
		{"heads.0.type=void", func(s *settings) { s.Heads[0] = head{0, void{}} }},
		{"heads.0.weight=9 heads.0.type=void", func(s *settings) { s.Heads[0] = head{9, void{}} }},
		{"heads.0.type=square", func(s *settings) {}},
		{"counts.a=1 counts.b=2", func(s *settings) { s.Counts = map[string]int{"a": 1, "b": 2} }},
	} {
		d, err := config.Parse([]byte(text), "a.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for set := range strings.FieldsSeq(tc.sets) {
			if err := d.Set(set); err != nil {
				t.Fatal(err)
			}
		}
		want := settings{Shape: square{Side: 1}, Option: &option{1, 1}, Grid: [][]int{{1, 2}, {3}}, Heads: []head{{3, square{Side: 2}}, {3, square{Side: 2}}}}
		tc.edit(&want)
		var got settings
		if err := d.Decode(&got, kinds()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", tc.sets, err, got, want)
		}
	}
	for set, want := range map[string]string{
		"steps":                           "steps: wants KEY=VALUE",
		"=3":                              `=3: "" is no key`,
		"a..b=3":                          `"a..b" is no key`,
		"name=":                           "name=: wants a value",
		"stepps=3":                        "stepps=3: unknown key stepps; did you mean steps?",
		"steps=x":                         "steps=x: steps wants a whole number, got x",
		"steps.a=1":                       "steps.a=1: steps wants a whole number, got keys with values",
		"option.hihg=1":                   "option.hihg=1: unknown key hihg in option; did you mean high?",
		"grid.5=1":                        "grid.5=1: grid has no element 5; it has 2, numbered from 0",
		"grid.a=1":                        "grid is a list, whose elements have numbers: grid.0",
		"grid.0.x=1":                      "grid.0 is a list",
		"size=[1":                         "size=[1: ",
		"size=[1] a: 2":                   "size=[1] a: 2: ",
		"shape=squire":                    "shape=squire: shape has no type squire; did you mean square?",
		"name=[!!a b]":                    "settings have no tags",
		strings.Repeat("a.", 200) + "a=1": "has 201 parts",
	} {
		d, err := config.Parse([]byte(text), "a.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err = d.Set(set); err == nil {
			err = d.Decode(&settings{}, kinds())
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one with %q", set, err, want)
		}
	}
}

func TestLocate(t *testing.T) {
	d, err := config.Parse([]byte("steps: 0\noption:\n  low: 1\ngrid:\n  - [1]\n  - [2]\n"), "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Set("rate=-1"); err != nil {
		t.Fatal(err)
	}
	plain := errors.New("something else")
	err = d.Locate(errors.Join(
		config.Under("rate", errors.New("must not be negative")),
		config.Under("option", errors.Join(config.Under("high", errors.New("missing")), config.Under("low", errors.New("too high")))),
		config.Under("grid", config.Under("1", errors.New("short"))),
		config.Under("name", errors.New("empty")),
		config.Under("option", errors.New("low must be above 1")),
		plain, nil,
	))
	const want = `something else
a.yaml: name: empty
a.yaml:2:1: option.high: missing
    2 | option:
      | ^
a.yaml:3:3: option.low: too high
    3 |   low: 1
      |   ^
a.yaml:3:3: option: low must be above 1
    3 |   low: 1
      |   ^
a.yaml:6:5: grid.1: short
    6 |   - [2]
      |     ^
rate=-1: rate: must not be negative`
	if got := err.Error(); got != want {
		t.Errorf("got\n%s", got)
	}
	if !errors.Is(err, plain) || d.Locate(nil) != nil || config.Under("a", nil) != nil {
		t.Error("errors get lost")
	}
}

func TestCheckFormat(t *testing.T) {
	for text, want := range map[string]string{
		"format: 3\nnew: 1": "a.yaml:1:9: format 3 is newer than this program, which knows formats up to 2",
		"format: 2":         "", "format: 1": "", "format: x": "", "steps: 1": "", "": "",
	} {
		d, err := config.Parse([]byte(text), "a.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := d.CheckFormat(2); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestLongLine(t *testing.T) {
	var v settings
	err := config.Decode([]byte("words: ["+strings.Repeat("é, ", 500)+"{a: 1}, "+strings.Repeat("b, ", 500)+"]"), "a.yaml", &v, kinds())
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || len([]rune(lines[1])) > 140 || []rune(lines[1])[len([]rune(lines[2]))-1] != '{' {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	text, err := config.Encode(full(), kinds())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, true)
	text, _ = config.EncodeJSON(settings{Colour: "red"}, kinds())
	f.Add(text, false)
	f.Add([]byte("a: &x [1, *x]\n? b\n: !c d\n--- |\n e"), true)
	f.Add([]byte("shape: {type: group, shapes: [void, {type: square}]}\nnames: {1: a}\nwords: >-\n  b\n"), true)
	f.Fuzz(func(t *testing.T, text []byte, yaml bool) {
		path := "a.json"
		if yaml {
			path = "a.yaml"
		}
		var v settings
		d, err := config.Parse(text, path)
		if err == nil {
			_ = d.Set("shape.name=x") // over anything that was parsed
			_ = d.Set("grid.0.0=1")
			err = d.Decode(&v, kinds())
		}
		if err != nil {
			if !errors.As(err, new(config.Errors)) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		first, err := config.Encode(v, kinds())
		if err != nil {
			return // text that is not UTF-8
		}
		var again settings
		if err := config.Decode(first, "a.yaml", &again, kinds()); err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		if second, err := config.Encode(again, kinds()); err != nil || string(second) != string(first) {
			t.Fatalf("%v\n%s\n%s", err, first, second)
		}
	})
}

// Every text comes back as it was, from YAML and from JSON.
func FuzzText(f *testing.F) {
	for _, s := range full().Words {
		f.Add(s)
	}
	for _, s := range []string{"null", "Yes", "2001-12-14", "1_000", "0o7", ".5", "+1", "a:", "a #b", "%a", "@a", "=", "<<", "---", "...", "\u0085", "\ufeff", "12e03", "0b1", "1:30", "\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := struct {
			Words []string       `yaml:"words"`
			Map   map[string]int `yaml:"map"`
			Name  string         `yaml:"name"`
		}{[]string{s, "x"}, map[string]int{s: 1}, s}
		for path, encode := range map[string]func(any, config.Kinds) ([]byte, error){"a.yaml": config.Encode, "a.json": config.EncodeJSON} {
			text, err := encode(v, nil)
			if err != nil {
				return // not UTF-8
			}
			got := v
			got.Words, got.Map, got.Name = nil, nil, ""
			if err := config.Decode(text, path, &got, nil); err != nil || !reflect.DeepEqual(got, v) {
				t.Fatalf("%v\n%s%+v", err, text, got)
			}
		}
	})
}
