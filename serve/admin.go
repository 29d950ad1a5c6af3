package serve

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
)

// adminScope is what a key must be good for on the administrators' listener.
func adminScope(r *http.Request) guard.Scope {
	switch {
	case open[r.URL.Path]:
		return ""
	case r.URL.Path == "/metrics":
		return guard.Metrics
	}
	return guard.Admin
}

// adminStreams tells what may take longer than a request of clients: profiles,
// and models that are loaded.
func adminStreams(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/debug/") || strings.HasPrefix(r.URL.Path, "/admin/")
}

// adminMux has what administrators may ask. No request names a file or address:
// models come from the folders of the settings alone.
func (s *Server) adminMux() *http.ServeMux {
	mux := http.NewServeMux()
	probes(mux, s)
	handle := func(pattern string, f func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				guard.Fail(w, r, err)
			}
		})
	}
	handle("GET /admin/models", s.listModels)
	handle("POST /admin/models/{model}/reload", s.reloadModel)
	handle("POST /admin/models/{model}/versions/{version}/reload", s.reloadModel)
	handle("POST /admin/models/{model}/versions/{version}/load", s.loadModel)
	handle("DELETE /admin/models/{model}/versions/{version}", s.unloadModel)
	handle("PUT /admin/models/{model}/weights", s.setWeights)
	handle("PUT /admin/models/{model}/labels", s.setLabels)
	handle("POST /admin/reload", func(w http.ResponseWriter, r *http.Request) error {
		if err := s.Reload(r.Context()); err != nil {
			return &engine.Error{Code: engine.Unavailable, Message: "not all could be read again; the log tells why", Cause: err}
		}
		return s.listModels(w, r)
	})
	if s.tell != nil {
		mux.Handle("GET /metrics", s.tell.Metrics())
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// A modelState is an engine.Info as administrators see it.
type modelState struct {
	Model      string       `json:"model"`
	Version    string       `json:"version"`
	Labels     []string     `json:"labels,omitempty"`
	Weight     float64      `json:"weight"`
	State      engine.State `json:"state"`
	Problem    string       `json:"problem,omitempty"`
	LoadedAt   *time.Time   `json:"loaded_at,omitempty"`
	Generation int          `json:"generation"`
	Failures   int          `json:"failures"`
	Evictions  int          `json:"evictions"`
	Bytes      int64        `json:"bytes"`
	Requests   int          `json:"requests"`
}

func (s *Server) listModels(w http.ResponseWriter, r *http.Request) error {
	list := struct {
		Models      []modelState `json:"models"`
		MemoryBytes int64        `json:"memory_bytes"`
		BudgetBytes int64        `json:"budget_bytes"`
	}{Models: []modelState{}}
	for _, i := range s.engine.Models() {
		m := modelState{
			Model: i.Name, Version: i.Version, Labels: i.Labels, Weight: i.Weight, State: i.State, Problem: i.Problem,
			Generation: i.Generation, Failures: i.Failures, Evictions: i.Evictions, Bytes: i.Bytes, Requests: i.Requests,
		}
		if !i.LoadedAt.IsZero() {
			m.LoadedAt = &i.LoadedAt
		}
		list.Models = append(list.Models, m)
	}
	list.MemoryBytes, list.BudgetBytes = s.engine.Memory()
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(list)
}

func (s *Server) reloadModel(w http.ResponseWriter, r *http.Request) error {
	name, version := r.PathValue("model"), r.PathValue("version")
	err := s.engine.Reload(r.Context(), name, version)
	var known *engine.Error
	switch {
	case err == nil:
		return s.listModels(w, r)
	case errors.As(err, &known):
		return err
	}
	message := "not all versions could be loaded again; the log tells why"
	if i, err := s.engine.Info(name, version); err == nil && version != "" {
		message = i.Problem
	}
	return &engine.Error{Code: engine.Unavailable, Message: message, Cause: err}
}

// loadModel loads a version that the settings name, after it was unloaded.
func (s *Server) loadModel(w http.ResponseWriter, r *http.Request) error {
	for _, m := range s.config.Models {
		if m.Name == r.PathValue("model") && m.Version == r.PathValue("version") {
			if err := s.engine.Add(r.Context(), s.spec(m)); err != nil {
				return &engine.Error{Code: engine.Unavailable, Message: "the version can't be loaded; the log tells why", Cause: err}
			}
			return s.listModels(w, r)
		}
	}
	return engine.Errorf(engine.NotFound, "the settings have no such version of a model")
}

func (s *Server) unloadModel(w http.ResponseWriter, r *http.Request) error {
	if err := s.engine.Remove(r.Context(), r.PathValue("model"), r.PathValue("version")); err != nil {
		return err
	}
	return s.listModels(w, r)
}

func (s *Server) setWeights(w http.ResponseWriter, r *http.Request) error {
	var weights map[string]float64
	if err := decode(r, &weights, `an object of versions with their weights, {"1": 0.9, "2": 0.1}`); err != nil {
		return err
	}
	if err := s.engine.SetWeights(r.PathValue("model"), weights); err != nil {
		return err
	}
	return s.listModels(w, r)
}

func (s *Server) setLabels(w http.ResponseWriter, r *http.Request) error {
	var labels map[string]string
	if err := decode(r, &labels, `an object of labels with their versions, {"stable": "1"}`); err != nil {
		return err
	}
	if err := s.engine.SetLabels(r.PathValue("model"), labels); err != nil {
		return err
	}
	return s.listModels(w, r)
}

// decode reads a body of JSON.
func decode(r *http.Request, into any, want string) error {
	body, free, err := guard.Body(r)
	if err != nil {
		return err
	}
	defer free()
	if err := json.Unmarshal(body, into); err != nil || string(body) == "null" {
		return engine.Errorf(engine.Invalid, "the body must be %s", want)
	}
	return nil
}
