package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/openapi"
	"github.com/gradus-ml/gradus/serve/predict"
)

var kinds = []string{enginetest.Digits, enginetest.Penguins, enginetest.Masses, enginetest.Mail}

// parse reads JSON as package jsonschema takes it.
func parse(t *testing.T, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, text)
	}
	return v
}

// at goes down into a document by keys.
func at(t *testing.T, v any, keys ...string) any {
	t.Helper()
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok || m[k] == nil {
			t.Fatalf("there is no %q of %q", k, keys)
		}
		v = m[k]
	}
	return v
}

// compiler knows the document, so that its schemas can be compiled.
func compiler(t *testing.T, doc any) *jsonschema.Compiler {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("http://localhost/openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

func schema(t *testing.T, c *jsonschema.Compiler, keys ...string) *jsonschema.Schema {
	t.Helper()
	pointer := ""
	for _, k := range keys {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "{", "%7B", "}", "%7D").Replace(k)
	}
	s, err := c.Compile("http://localhost/openapi.json#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestValid holds the document against the schema of such documents, and compiles
// all schemas that it has.
func TestValid(t *testing.T) {
	text, err := os.ReadFile("testdata/openapi-3.1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("https://spec.openapis.org/oas/3.1/schema/2022-10-07", parse(t, text)); err != nil {
		t.Fatal(err)
	}
	meta, err := c.Compile("https://spec.openapis.org/oas/3.1/schema/2022-10-07")
	if err != nil {
		t.Fatal(err)
	}
	e := enginetest.Engine(t, kinds...)
	for _, s := range []*openapi.Service{openapi.New(e), openapi.New(e, openapi.WithKeys())} {
		for _, models := range [][]*engine.Info{nil, e.Models()} {
			doc := parse(t, s.Document(models))
			if err := meta.Validate(doc); err != nil {
				t.Fatalf("%d models: %v", len(models), err)
			}
			c := compiler(t, doc)
			for name := range at(t, doc, "components", "schemas").(map[string]any) {
				schema(t, c, "components", "schemas", name)
			}
			ids := map[string]bool{}
			for path, item := range at(t, doc, "paths").(map[string]any) {
				for method, op := range item.(map[string]any) {
					id := at(t, op, "operationId").(string)
					if ids[id] {
						t.Errorf("%s is the name of two operations", id)
					}
					ids[id] = true
					for code, r := range at(t, op, "responses").(map[string]any) {
						if r.(map[string]any)["$ref"] != nil {
							continue
						}
						content, _ := r.(map[string]any)["content"].(map[string]any)
						for kind, m := range content {
							if m.(map[string]any)["schema"] != nil {
								schema(t, c, "paths", path, method, "responses", code, "content", kind, "schema")
							}
						}
					}
				}
			}
		}
	}
}

// TestServed asks for the document.
func TestServed(t *testing.T) {
	mux := http.NewServeMux()
	openapi.New(enginetest.Engine(t, enginetest.Mail)).Register(mux)
	get := func(path, contentType string) []byte {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 200 || w.Header().Get("Content-Type") != contentType {
			t.Fatalf("%s: %d %v", path, w.Code, w.Header())
		}
		return w.Body.Bytes()
	}
	doc := get("/openapi.json", "application/json")
	if names := at(t, parse(t, doc), "components", "schemas", "ModelName", "enum"); fmt.Sprint(names) != "[mail]" {
		t.Errorf("models %v", names)
	}
	asYAML, err := yaml.YAMLToJSON(get("/openapi.yaml", "application/yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(doc, &a) != nil || json.Unmarshal(asYAML, &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("the forms differ")
	}
	if !bytes.Equal(doc, get("/openapi.json", "application/json")) {
		t.Error("the document is another one the second time")
	}
}

// TestKept: documents are made once for each set of models that a client may
// use, in each form, however clients take turns.
func TestKept(t *testing.T) {
	mux := http.NewServeMux()
	openapi.New(enginetest.Engine(t, enginetest.Mail, enginetest.Penguins)).Register(mux)
	get := func(path string, models ...string) *answer {
		a := answer{header: http.Header{}}
		r := httptest.NewRequest("GET", path, nil)
		mux.ServeHTTP(&a, r.WithContext(engine.Only(r.Context(), models)))
		return &a
	}
	first := map[string]*byte{}
	for range 3 {
		for _, path := range []string{"/openapi.json", "/openapi.yaml"} {
			for _, model := range []string{enginetest.Mail, enginetest.Penguins} {
				a := get(path, model)
				if text := string(a.text); !strings.Contains(text, "Rows."+model) || strings.Count(text, "Rows.") != strings.Count(text, "Rows."+model) {
					t.Errorf("%s for %s has models that its key is not good for", path, model)
				}
				if at := path + model; first[at] == nil {
					first[at] = &a.text[0]
				} else if first[at] != &a.text[0] {
					t.Errorf("%s for %s is made again", path, model)
				}
			}
		}
	}
}

// answer keeps what a handler writes, not a copy of it.
type answer struct {
	header http.Header
	text   []byte
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(int)             {}
func (a *answer) Write(p []byte) (int, error) { a.text = p; return len(p), nil }

// TestBodies: what the server takes fits the schema of the model's bodies, and
// what does not fit is not taken. What fits is taken, but for images, of which a
// schema can't say that they are. Answers fit theirs.
func TestBodies(t *testing.T) {
	e := enginetest.Engine(t, kinds...)
	doc := parse(t, openapi.New(e).Document(e.Models()))
	c := compiler(t, doc)
	mux := http.NewServeMux()
	predict.New(e).Register(mux)

	b64 := `{"b64":"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"}`
	values := []string{"null", "true", "0", "-1", "1.5", "256", "1e39", "-3.4e38", "1e-300", "123456789012345678901234567890", `""`, `" "`, `"a"`, `"17"`, `" 17 "`, `"1e5"`, `"-.5"`, `"1e39"`,
		`"male"`, `"2026-01-31"`, "[]", "[1]", "[[1]]", "[null]", "[1,2]", `["a"]`, `["a","b"]`, "[[1,2],[3,4]]", "[[1,2],[3]]", "[[[1,2]]]", "[[[[1]]]]", `[1,"a"]`,
		"{}", b64, `{"b64":"*"}`, `{"b64":1}`, `{"b64":"YQ","x":1}`, "[" + strings.TrimSuffix(strings.Repeat("7,", 784), ",") + "]"}
	beyond := []string{`"1e39"`, b64} // a text that is beyond float32, bytes that are no text: what no pattern tells
	taken := 0
	for _, i := range e.Models() {
		sig := &i.Signature
		bodies := append([]string{`{"rows":[]}`, `{"rows":[{}]}`, `{"columns":{}}`, `{"rows":1}`, `{"columns":[]}`, `{"other":1}`}, values...)
		for _, v := range values {
			for _, col := range sig.Columns {
				row := fmt.Sprintf(`{%q:%s}`, col.Name, v)
				bodies = append(bodies, row, "["+row+"]", "["+v+"]", "["+v+","+v+"]", `{"rows":[`+row+`,`+row+`]}`, `{"rows":[`+v+`]}`, fmt.Sprintf(`{"columns":{%q:[%s]}}`, col.Name, v),
					fmt.Sprintf(`{"columns":{%q:%s}}`, col.Name, v), fmt.Sprintf(`{%q:%s,"other":1}`, col.Name, v))
			}
		}
		path := "/v1/predict/" + i.Name
		rows := schema(t, c, "components", "schemas", "Rows."+i.Name)
		answer := schema(t, c, "paths", path, "post", "responses", "200", "content", "application/json", "schema")
		wrong := schema(t, c, "components", "schemas", "Error")
		responses := at(t, doc, "paths", path, "post", "responses").(map[string]any)
		for _, body := range bodies {
			r := httptest.NewRequest("POST", path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			fits := rows.Validate(parse(t, []byte(body)))
			if w.Code == 200 && fits != nil {
				t.Errorf("%s takes %.200s, which does not fit its schema: %v", path, body, fits)
			}
			if w.Code != 200 && fits == nil && i.Name != enginetest.Digits && !slices.ContainsFunc(beyond, func(v string) bool { return strings.Contains(body, v) }) {
				t.Errorf("%s refuses %.200s, which fits its schema: %s", path, body, w.Body)
			}
			if responses[fmt.Sprint(w.Code)] == nil {
				t.Errorf("%s answers %.200s with %d", path, body, w.Code)
			}
			form := wrong
			if w.Code == 200 {
				taken++
				form = answer
			}
			if err := form.Validate(parse(t, w.Body.Bytes())); err != nil {
				t.Errorf("%s answers %.200s with %s: %v", path, body, w.Body, err)
			}
		}
	}
	if taken < 100 {
		t.Errorf("%d bodies were taken", taken)
	}
}

func Example() {
	e := engine.New(enginetest.Machine())
	defer e.Close()
	mux := http.NewServeMux()
	openapi.New(e).Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	var doc struct {
		OpenAPI string
		Info    struct{ Title string }
	}
	err := json.Unmarshal(w.Body.Bytes(), &doc)
	fmt.Println(doc, err)
	// Output:
	// {3.1.0 {Gradus}} <nil>
}
