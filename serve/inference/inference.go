// Package inference speaks the Open Inference Protocol, version 2, as clients of
// KServe and Triton do: over REST, with the extension for binary data of
// tensors, and over gRPC.
//
// The inputs of a model are its columns, one value for each example along the
// first axis: numbers of any numeric type, [n] or [n 1], where null and NaN
// stand for one that is missing; texts, categories, times and files as BYTES;
// images also as pixels UINT8, [n C Y X], [n Y X C], [n Y X] or [n Y*X]. The
// server does what training did with them. A client that sends what the network
// itself takes, such as normalised images, says so by the parameter
// "preprocessed": true of the request; its inputs are then named and shaped as
// preprocessed_inputs of the model's metadata tell.
//
// The first axis of outputs is that of examples too. Outputs that a request does
// not name, and that need not be named, all come. The parameter "classification":
// k of an output with scores by class gives its k best as "score:index:label".
//
// Of other parameters, "timeout" is a time in microseconds that the request has;
// "priority" changes nothing; sequences and shared memory are refused; and
// unknown ones are left alone. In JSON, an input with the parameter
// "content_type": "base64" holds files; strings without it are text.
//
// JSON and the protocol have no NaN and no infinity. An output that holds them
// is an error of the server in JSON, and is told as it is in binary data.
package inference

import (
	"encoding/json"
	"net/http"
	"strconv"

	"connectrpc.com/connect"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
)

// A Service answers requests of the protocol.
type Service struct {
	engine     *engine.Engine
	isReady    func() bool
	options    []connect.HandlerOption
	statistics statistics
}

// New makes a service. It asks ready whether the server takes requests; the
// options are those of its gRPC methods, such as [connect.WithReadMaxBytes].
func New(e *engine.Engine, ready func() bool, options ...connect.HandlerOption) *Service {
	return &Service{engine: e, isReady: ready, options: options}
}

// Register puts the paths of the protocol into a mux.
func (s *Service) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /v2", s.server)
	mux.HandleFunc("GET /v2/{$}", s.server)
	mux.HandleFunc("GET /v2/health/live", func(w http.ResponseWriter, r *http.Request) { write(w, map[string]bool{"live": true}) })
	mux.HandleFunc("GET /v2/health/ready", s.ready)
	mux.HandleFunc("GET /v2/models", s.models)
	mux.HandleFunc("GET /v2/models/stats", s.allStatistics)
	mux.HandleFunc("POST /v2/repository/index", s.index)
	mux.HandleFunc("POST /v2/repository/models/{model}/load", s.refuseLoading)
	mux.HandleFunc("POST /v2/repository/models/{model}/unload", s.refuseLoading)
	for _, model := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		mux.HandleFunc("GET "+model, s.of(s.metadata))
		mux.HandleFunc("GET "+model+"/ready", s.of(s.modelReady))
		mux.HandleFunc("GET "+model+"/config", s.of(s.config))
		mux.HandleFunc("GET "+model+"/stats", s.of(s.modelStatistics))
		mux.HandleFunc("POST "+model+"/infer", s.infer)
	}
	for _, path := range []string{"systemsharedmemory/", "cudasharedmemory/", "logging", "trace/setting", "models/{model}/trace/setting"} {
		mux.HandleFunc("/v2/"+path, refuseExtension)
	}
	s.registerRPC(mux)
}

// write answers with JSON.
func write(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("inference: internal error: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Write(text)
}

// of looks up the version that a path names.
func (s *Service) of(f func(i *engine.Info) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		model := r.PathValue("model")
		err := engine.Allowed(r.Context(), model)
		if err == nil {
			var i *engine.Info
			if i, err = s.engine.Info(model, r.PathValue("version")); err == nil {
				var v any
				if v, err = f(i); err == nil {
					write(w, v)
					return
				}
			}
		}
		guard.Fail(w, r, err)
	}
}

func (s *Service) server(w http.ResponseWriter, r *http.Request) { write(w, serverMetadata()) }

func (s *Service) ready(w http.ResponseWriter, r *http.Request) {
	if !s.isReady() {
		guard.Fail(w, r, engine.Errorf(engine.Unavailable, "the server is not ready"))
		return
	}
	write(w, map[string]bool{"ready": true})
}

func (s *Service) models(w http.ResponseWriter, r *http.Request) {
	names := []string{}
	for _, i := range s.known(r.Context()) {
		if len(names) == 0 || names[len(names)-1] != i.Name {
			names = append(names, i.Name)
		}
	}
	write(w, map[string][]string{"models": names})
}

func (s *Service) metadata(i *engine.Info) (any, error) { return s.modelMetadata(i), nil }

func (s *Service) modelReady(i *engine.Info) (any, error) {
	if !i.Ready {
		return nil, notReady(i)
	}
	return map[string]any{"name": i.Name, "ready": true}, nil
}

func (s *Service) config(i *engine.Info) (any, error) {
	c := modelConfig(i)
	type tensor struct {
		Name     string  `json:"name"`
		DataType string  `json:"data_type"`
		Dims     []int64 `json:"dims"`
		Optional bool    `json:"optional,omitempty"`
	}
	v := struct {
		Name         string   `json:"name"`
		Platform     string   `json:"platform"`
		Backend      string   `json:"backend"`
		MaxBatchSize int32    `json:"max_batch_size"`
		Input        []tensor `json:"input"`
		Output       []tensor `json:"output"`
	}{Name: c.Name, Platform: c.Platform, Backend: c.Backend, MaxBatchSize: c.MaxBatchSize}
	for _, in := range c.Input {
		v.Input = append(v.Input, tensor{in.Name, in.DataType.String(), in.Dims, in.Optional})
	}
	for _, out := range c.Output {
		v.Output = append(v.Output, tensor{out.Name, out.DataType.String(), out.Dims, false})
	}
	return v, nil
}

func (s *Service) modelStatistics(i *engine.Info) (any, error) {
	return statisticsAnswer{[]modelStatistics{s.statistics.of(i)}}, nil
}

func (s *Service) allStatistics(w http.ResponseWriter, r *http.Request) {
	list := statisticsAnswer{[]modelStatistics{}}
	for _, i := range s.known(r.Context()) {
		list.Models = append(list.Models, s.statistics.of(i))
	}
	write(w, list)
}

func (s *Service) index(w http.ResponseWriter, r *http.Request) {
	body, free, err := guard.Body(r)
	if err != nil {
		guard.Fail(w, r, err)
		return
	}
	defer free()
	ready, err := wantsReady(body)
	if err != nil {
		guard.Fail(w, r, err)
		return
	}
	type entry struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		State   string `json:"state"`
		Reason  string `json:"reason"`
	}
	list := []entry{}
	for _, m := range s.repository(r.Context(), ready) {
		list = append(list, entry{m.Name, m.Version, m.State, m.Reason})
	}
	write(w, list)
}

// errLoading says who loads models.
var errLoading = engine.Errorf(engine.Forbidden, "models are not loaded or unloaded here; those who run the server do that")

func (s *Service) refuseLoading(w http.ResponseWriter, r *http.Request) {
	guard.Fail(w, r, errLoading)
}

func refuseExtension(w http.ResponseWriter, r *http.Request) {
	guard.Fail(w, r, engine.Errorf(engine.Invalid, "this server has no shared memory, and no settings of logs and traces for clients"))
}
