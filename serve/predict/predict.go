// Package predict answers POST /v1/predict/MODEL: data as they are, a picture, a
// text, rows of JSON or CSV, go in by their Content-Type, and what a person reads
// comes out, as `gradus predict` prints it.
package predict

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
)

// DefaultRows is the largest number of rows of a request.
const DefaultRows = 10_000

// A Service answers by the models of an engine. It is safe for concurrent use.
type Service struct {
	engine *engine.Engine
	rows   int
}

// An Option sets up a Service.
type Option func(*Service)

// WithRows sets the largest number of rows of a request.
func WithRows(n int) Option { return func(s *Service) { s.rows = n } }

// New makes a service.
func New(e *engine.Engine, opts ...Option) *Service {
	s := &Service{engine: e, rows: DefaultRows}
	for _, o := range opts {
		o(s)
	}
	return s
}

// Register puts the service's paths into a mux.
func (s *Service) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/predict", s.list)
	mux.HandleFunc("GET /v1/predict/{model}", s.describe)
	mux.HandleFunc("GET /v1/predict/{model}/versions/{version}", s.describe)
	mux.HandleFunc("POST /v1/predict/{model}", s.predict)
	mux.HandleFunc("POST /v1/predict/{model}/versions/{version}", s.predict)
}

// predict answers a request.
func (s *Service) predict(w http.ResponseWriter, r *http.Request) {
	if err := s.answer(w, r); err != nil {
		guard.Fail(w, r, err)
	}
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request) error {
	start := time.Now()
	as, err := negotiate(r.Header["Accept"])
	if err != nil {
		return err
	}
	top, err := topOf(r)
	if err != nil {
		return err
	}
	model := r.PathValue("model")
	if err := engine.Allowed(r.Context(), model); err != nil {
		return err
	}
	body, free, err := guard.Body(r)
	if err != nil {
		return err
	}
	defer free()
	d := decoder{body: body, limit: s.rows}
	defer d.close()
	q := engine.Request{Model: model, Version: r.PathValue("version"), Results: true}
	q.Fill = func(_ string, sig *engine.Signature) error {
		d.reset(sig)
		if err := d.decode(r.Header.Get("Content-Type")); err != nil {
			return err
		}
		if d.n == 0 {
			return engine.Errorf(engine.Invalid, "the request has no rows")
		}
		q.N, q.Columns = d.n, d.columns()
		return nil
	}
	a, err := s.engine.Predict(r.Context(), &q)
	if err != nil {
		if x := (*engine.ExampleError)(nil); errors.As(err, &x) {
			return d.fail(x.Example, "%v", x)
		}
		return err
	}
	buf := buffers.Get().(*[]byte)
	defer keep(buf)
	text, err := as.write((*buf)[:0], a, top, start)
	if err != nil {
		return err
	}
	*buf = text
	h := w.Header()
	h["Content-Type"] = contentTypes[as]
	h["X-Content-Type-Options"] = nosniff
	h["Content-Length"] = []string{strconv.Itoa(len(text))}
	w.Write(text)
	return nil
}

var nosniff = []string{"nosniff"}

// topOf is how many classes the client wants to know of, 0 for all.
func topOf(r *http.Request) (int, error) {
	if r.URL.RawQuery == "" {
		return 0, nil
	}
	text := r.URL.Query()["top"]
	if text == nil {
		return 0, nil
	}
	if len(text) == 1 {
		if n, err := strconv.Atoi(text[0]); err == nil && n > 0 {
			return n, nil
		}
	}
	return 0, engine.Errorf(engine.Invalid, "top: %.40q is not a positive number of classes", text)
}

// buffers holds *[]byte for answers.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// keep gives a buffer to the next answer, unless it is one of the rare large ones.
func keep(buf *[]byte) {
	if cap(*buf) <= 1<<20 {
		buffers.Put(buf)
	}
}
