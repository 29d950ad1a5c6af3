// Package openapi describes what clients may ask over HTTP, as OpenAPI 3.1: at
// /openapi.json and /openapi.yaml. What is the same for all models stands in
// base.yaml; names of models, and what each of them reads and tells, come from
// what is served.
package openapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/gradus-ml/gradus/serve/engine"
)

//go:embed base.yaml
var base []byte

// A Service has the document of an engine's models. It is safe for concurrent
// use.
type Service struct {
	engine *engine.Engine
	keys   bool
	base   []byte // as JSON

	mu   sync.Mutex
	docs map[string]*document // by what they were made of; at most mostDocuments
}

// mostDocuments is how many are kept: as many sets of models as keys of clients
// may use at a time.
const mostDocuments = 16

// A document is made when it is first asked for.
type document struct {
	json, yaml func() []byte
}

// An Option sets up a Service.
type Option func(*Service)

// WithKeys says that clients need a key.
func WithKeys() Option { return func(s *Service) { s.keys = true } }

// New makes a service.
func New(e *engine.Engine, opts ...Option) *Service {
	s := &Service{engine: e, docs: map[string]*document{}}
	for _, o := range opts {
		o(s)
	}
	var doc object
	if err := yaml.Unmarshal(base, &doc); err != nil {
		panic(fmt.Sprintf("openapi: internal error: %v", err))
	}
	var err error
	if s.base, err = json.Marshal(doc); err != nil {
		panic(fmt.Sprintf("openapi: internal error: %v", err))
	}
	return s
}

// Register puts the service's paths into a mux.
func (s *Service) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, r *http.Request) { send(w, "application/json", s.document(r).json()) })
	mux.HandleFunc("GET /openapi.yaml", func(w http.ResponseWriter, r *http.Request) { send(w, "application/yaml", s.document(r).yaml()) })
}

func send(w http.ResponseWriter, contentType string, text []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.Write(text)
}

// document is that of the models that a client may use.
func (s *Service) document(r *http.Request) *document {
	models := slices.DeleteFunc(s.engine.Models(), func(i *engine.Info) bool { return engine.Allowed(r.Context(), i.Name) != nil })
	var of strings.Builder
	for _, i := range models {
		fmt.Fprintf(&of, "%q %q %q %d,", i.Name, i.Version, i.Labels, i.Generation)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.docs[of.String()]
	if d == nil {
		if len(s.docs) == mostDocuments {
			for k := range s.docs { // any: those of models that have changed since are of no use, and go in time
				delete(s.docs, k)
				break
			}
		}
		d = s.newDocument(models)
		s.docs[of.String()] = d
	}
	return d
}

func (s *Service) newDocument(models []*engine.Info) *document {
	d := &document{json: sync.OnceValue(func() []byte { return s.Document(models) })}
	d.yaml = sync.OnceValue(func() []byte {
		text, err := yaml.JSONToYAML(d.json())
		if err != nil {
			panic(fmt.Sprintf("openapi: internal error: %v", err))
		}
		return text
	})
	return d
}

// An object is one of JSON.
type object = map[string]any

// list is an array of JSON.
func list[T any](items ...T) []any {
	l := make([]any, len(items))
	for i, x := range items {
		l[i] = x
	}
	return l
}

// ref refers to a component.
func ref(path string) object { return object{"$ref": "#/components/" + path} }

// Document describes the server with some versions of models, as JSON.
func (s *Service) Document(models []*engine.Info) []byte {
	var doc object
	if err := json.Unmarshal(s.base, &doc); err != nil {
		panic(fmt.Sprintf("openapi: internal error: %v", err))
	}
	components := doc["components"].(object)
	if !s.keys {
		delete(components, "securitySchemes")
	} else {
		doc["security"] = list(object{"key": []any{}})
	}
	schemas := components["schemas"].(object)
	name := object{"type": "string", "minLength": 1}
	bodies := anyModel()
	answering := answering(models)
	if len(answering) > 0 {
		var names []any
		for _, i := range answering {
			names = append(names, i.Name)
		}
		name["enum"] = names
		bodies = content(answering...)
	}
	schemas["ModelName"] = name
	maps.Copy(schemas, values())
	components["requestBodies"] = object{"Data": object{"required": true, "content": bodies}}

	paths := object{}
	for path, item := range doc["paths"].(object) {
		for suffix, path := range spread(path) {
			paths[path] = s.item(path, suffix, item.(object))
		}
	}
	for _, i := range answering {
		s.model(paths, schemas, i)
	}
	doc["paths"] = paths
	text, err := json.Marshal(doc)
	if err != nil {
		panic(fmt.Sprintf("openapi: internal error: %v", err))
	}
	return text
}

// answering are the versions that answer a request which names none, one of
// each model.
func answering(models []*engine.Info) []*engine.Info {
	var few []*engine.Info
	for _, i := range models {
		if len(i.Signature.Columns) == 0 {
			continue // it could not be loaded
		}
		if n := len(few); n > 0 && few[n-1].Name == i.Name {
			few[n-1] = i
		} else {
			few = append(few, i)
		}
	}
	return few
}

var optional = regexp.MustCompile(`\[([^]]*)\]`)

// spread yields the paths that a path with brackets stands for, with what their
// operations' names end in.
func spread(path string) map[string]string {
	m := optional.FindStringSubmatch(path)
	if m == nil {
		return map[string]string{"": path}
	}
	paths := map[string]string{"": strings.Replace(path, m[0], "", 1)}
	for part := range strings.SplitSeq(m[1], "|") {
		kind := strings.Split(part, "/")[1]
		paths["By"+strings.ToUpper(kind[:1])+kind[1:len(kind)-1]] = strings.Replace(path, m[0], part, 1)
	}
	return paths
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// item completes the operations of a path. It changes nothing of what it is
// given.
func (s *Service) item(path, suffix string, item object) object {
	done := object{}
	for method, v := range item {
		op := maps.Clone(v.(object))
		op["operationId"] = op["operationId"].(string) + suffix
		parameters, _ := op["parameters"].([]any)
		parameters = slices.Clone(parameters)
		for _, m := range placeholder.FindAllStringSubmatch(path, -1) {
			if m[1] != "file" { // which has its own
				parameters = append(parameters, ref("parameters/"+m[1]))
			}
		}
		if len(parameters) > 0 {
			op["parameters"] = parameters
		}
		responses := maps.Clone(op["responses"].(object))
		for _, code := range s.failures(op) {
			if _, ok := responses[code]; ok {
				continue
			}
			responses[code] = ref("responses/Error")
			if code == "429" || code == "503" {
				responses[code] = ref("responses/Busy")
			}
		}
		op["responses"] = responses
		delete(op, "x-fails")
		done[method] = op
	}
	return done
}

// failures are the statuses that an operation may fail with.
func (s *Service) failures(op object) []string {
	var codes []string
	if _, probe := op["security"]; !probe {
		codes = append(codes, "403", "429", "500", "503")
		if s.keys {
			codes = append(codes, "401")
		}
	}
	kinds, _ := op["x-fails"].([]any)
	for _, k := range kinds {
		switch k {
		case "model":
			codes = append(codes, "404", "503")
		case "body":
			codes = append(codes, "400", "408", "413", "415", "429", "500", "504")
		case "accept":
			codes = append(codes, "400", "406")
		default:
			codes = append(codes, k.(string))
		}
	}
	return codes
}
