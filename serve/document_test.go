package serve

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// patterns lists those of a mux, which it tells nobody.
func patterns(t *testing.T, mux *http.ServeMux) []string {
	t.Helper()
	var all []string
	add := func(list reflect.Value) {
		for i := range list.Len() {
			all = append(all, list.Index(i).Elem().FieldByName("str").String())
		}
	}
	index := reflect.ValueOf(mux).Elem().FieldByName("index")
	for _, list := range index.FieldByName("segments").Seq2() {
		add(list)
	}
	add(index.FieldByName("multis"))
	slices.Sort(all)
	return slices.Compact(all)
}

// refused are paths of extensions that the server does not have: it only says so.
var refused = []string{"/v2/systemsharedmemory/", "/v2/cudasharedmemory/", "/v2/logging", "/v2/trace/setting", "/v2/models/{model}/trace/setting"}

// rpc is the path of a service or method of gRPC.
var rpc = regexp.MustCompile(`^(POST )?/([a-z][a-z0-9_]*\.)+[A-Z]\w*/`)

// TestDocument: the OpenAPI document has an operation for every route of the
// mux, and no other, and what they answer to a first request is among what it
// says that they do.
func TestDocument(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Penguins)
	s, err := New(e, Default())
	if err != nil {
		t.Fatal(err)
	}
	do := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(method, "http://localhost"+path, strings.NewReader("{}")))
		return w
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Responses  map[string]any
			Parameters []struct {
				Name   string
				Schema struct{ Enum []string }
			}
		}
	}
	if err := json.Unmarshal(do("GET", "/openapi.json").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for _, p := range patterns(t, s.mux) {
		if !rpc.MatchString(p) && !slices.Contains(refused, p) {
			missing[p] = true
		}
	}
	if len(missing) < 30 {
		t.Fatalf("the mux has %d routes", len(missing))
	}
	for path, operations := range doc.Paths {
		for method, op := range operations {
			method = strings.ToUpper(method)
			files := []string{""}
			for _, p := range op.Parameters {
				if p.Name == "file" {
					files = p.Schema.Enum
				}
			}
			for _, file := range files {
				at := strings.NewReplacer("{model}", enginetest.Penguins, "{version}", "1", "{number}", "1", "{label}", "stable", "{file}", file).Replace(path)
				_, pattern := s.mux.Handler(httptest.NewRequest(method, at, nil))
				if pattern == "" {
					t.Errorf("%s %s: no route", method, path)
					continue
				}
				delete(missing, pattern)
				w := do(method, at)
				if op.Responses[strconv.Itoa(w.Code)] == nil {
					t.Errorf("%s %s answers %d %s", method, at, w.Code, w.Body)
				}
				if w.Code == 404 && !strings.Contains(path, "{label}") {
					t.Errorf("%s %s: %s", method, at, w.Body)
				}
			}
		}
	}
	for p := range missing {
		t.Errorf("%s has no operation", p)
	}
}
