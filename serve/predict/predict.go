// Package predict answers POST /v1/predict/MODEL: data as they are, a picture, a
// text, rows of JSON or CSV, go in by their Content-Type, and what a person reads
// comes out, as `gradus predict` prints it.
package predict

import (
	"context"
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
	d := decoder{body: body, contentType: r.Header.Get("Content-Type"), limit: s.rows}
	defer d.close()
	a, err := s.ask(r.Context(), model, r.PathValue("version"), &d)
	if err != nil {
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

// part is how many rows are asked for at a time: the queues of models are not
// made for all of a long table.
const part = 128

// ask predicts the rows of a request, all by one version.
func (s *Service) ask(ctx context.Context, model, version string, d *decoder) (*engine.Response, error) {
	q := engine.Request{Model: model, Version: version, Outputs: []string{}, Results: true}
	var all *engine.Response
	from := 0
	q.Fill = func(_ string, sig *engine.Signature) error {
		if d.sig != sig { // at first, and when the version was loaded again since
			d.reset(sig)
			if err := d.decode(); err != nil {
				return err
			}
			if d.n == 0 {
				return engine.Errorf(engine.Invalid, "the request has no rows")
			}
		}
		q.N = min(d.n-from, part)
		q.Columns = d.columns(from, from+q.N)
		return nil
	}
	for {
		a, err := s.engine.Predict(ctx, &q)
		if x := (*engine.ExampleError)(nil); errors.As(err, &x) {
			return nil, d.fail(from+x.Example, "%v", x)
		}
		if from > 0 && engine.AsError(err).Code == engine.NotFound {
			err = engine.Errorf(engine.Unavailable, "version %s was taken away while it answered", q.Version)
		}
		if err != nil {
			return nil, err
		}
		if all == nil {
			all, q.Version = a, a.Version
		} else {
			all.N += a.N
			all.Results = append(all.Results, a.Results...)
		}
		if from += a.N; from >= d.n {
			return all, nil
		}
	}
}

var nosniff = []string{"nosniff"}

// mostTop is the most that a client can want of classes.
const mostTop = 1_000_000

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
		if n, err := strconv.Atoi(text[0]); err == nil && n > 0 && n <= mostTop {
			return n, nil
		}
	}
	return 0, engine.Errorf(engine.Invalid, "top: %.40q is not a number of classes, 1 to %d", text, mostTop)
}

// buffers holds *[]byte for answers.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// keep gives a buffer to the next answer, unless it is one of the rare large ones.
func keep(buf *[]byte) {
	if cap(*buf) <= 1<<20 {
		buffers.Put(buf)
	}
}
