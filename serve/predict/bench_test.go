package predict_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/serve/predict"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A sink is a ResponseWriter that keeps nothing.
type sink struct {
	header http.Header
	code   int
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(c int)   { s.code = c }
func (s *sink) Write(b []byte) (int, error) {
	return len(b), nil
}

func (s *sink) SetReadDeadline(time.Time) error { return nil }

// BenchmarkPredict asks about one example, with one client: "engine" by values
// that are ready, "handler" by a request that comes by a guard. What both add is
// the difference.
func BenchmarkPredict(b *testing.B) {
	mail := "From: someone\nSubject: free money\n\n" + string(bytes.Repeat([]byte("you have won a prize, click here now to claim it. "), 20))
	row := `{"sex":"male","island":"Dream","bill_length_mm":44.5,"bill_depth_mm":17.5,"flipper_length_mm":200,"body_mass_g":3800}`
	var values map[string]any
	if err := json.Unmarshal([]byte(row), &values); err != nil {
		b.Fatal(err)
	}
	columns := map[string][]any{}
	for name, v := range values {
		columns[name] = []any{v}
	}
	for _, c := range []struct {
		name, model, contentType, body string
		columns                        map[string][]any
	}{
		{"digit", enginetest.Digits, "application/json", `{"image":` + flat() + `}`, map[string][]any{"image": {tensor.New(dtype.Uint8, shape.Of(1, 28, 28))}}},
		{"mail", enginetest.Mail, "text/plain", mail, map[string][]any{"text": {mail}}},
		{"row", enginetest.Penguins, "application/json", row, columns},
	} {
		e := enginetest.Engine(b, c.model)
		b.Run(c.name+"/engine", func(b *testing.B) {
			q := engine.Request{Model: c.model, N: 1, Columns: c.columns, Results: true}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Predict(b.Context(), &q); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/handler", func(b *testing.B) {
			mux := http.NewServeMux()
			predict.New(e).Register(mux)
			g, err := guard.New(guard.Settings{Limits: guard.DefaultLimits(), Request: time.Minute, Scope: func(*http.Request) guard.Scope { return guard.Predict }})
			if err != nil {
				b.Fatal(err)
			}
			h := g.Protect(mux)
			w := &sink{header: http.Header{}}
			u := &url.URL{Path: "/v1/predict/" + c.model}
			body := bytes.NewReader(nil)
			header := http.Header{"Content-Type": {c.contentType}}
			text := []byte(c.body)
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(text)
				r := &http.Request{Method: "POST", URL: u, Header: header, Body: io.NopCloser(body), ContentLength: int64(len(text))}
				clear(w.header)
				w.code = 200
				h.ServeHTTP(w, r)
				if w.code != 200 {
					b.Fatal(w.code)
				}
			}
		})
	}
}
