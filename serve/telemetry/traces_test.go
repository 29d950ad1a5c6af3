package telemetry

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
)

// A collector takes traces.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	busy    int // answers that say so first
	posts   int
	spans   []*tracepb.Span
	service string
	key     string
}

func collect(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.posts++
		if c.posts <= c.busy {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.Method != "POST" || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		raw, err := io.ReadAll(z)
		var data tracepb.TracesData
		if err == nil {
			err = proto.Unmarshal(raw, &data)
		}
		if err != nil {
			t.Error(err)
		}
		c.key = r.Header.Get("X-Key")
		for _, rs := range data.ResourceSpans {
			c.service = rs.Resource.Attributes[0].Value.GetStringValue()
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) traces() Traces {
	return Traces{Endpoint: c.URL, Headers: map[string]string{"X-Key": "k"}, Ratio: 0, Service: "test"}
}

// attributeOf is the text of an attribute.
func attributeOf(s *tracepb.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return strings.Trim(strings.SplitN(a.Value.String(), ":", 2)[1], `"`)
		}
	}
	return ""
}

// TestTraces: a request that its client traces has a span below the client's, and
// below that its stages, in order and within; one that is not traced has none.
func TestTraces(t *testing.T) {
	c := collect(t)
	c.busy = 1
	s := serve(t, WithTraces(c.traces()))
	const id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	s.post(t, "/v2/models/penguins/infer", "", "traceparent", "00-"+id+"-"+parent+"-01", "X-Request-Id", "r1")
	s.post(t, "/v2/models/penguins/infer", "", "traceparent", "00-"+id+"-"+parent+"-00")
	s.post(t, "/v2/models/penguins/infer", "", "traceparent", "00-rubbish-01")
	s.post(t, "/v2/models/penguins/infer", "")
	s.Close() // handlers have ended
	if err := s.telemetry.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.service != "test" || c.key != "k" || len(c.spans) != 5 || c.posts != 2 {
		t.Fatalf("service %q, key %q, %d spans, %d posts", c.service, c.key, len(c.spans), c.posts)
	}
	byName := map[string]*tracepb.Span{}
	for _, x := range c.spans {
		byName[x.Name] = x
		if hex.EncodeToString(x.TraceId) != id {
			t.Errorf("%s is of trace %x", x.Name, x.TraceId)
		}
	}
	root := byName["POST /v2/models/{model}/infer"]
	if root == nil || hex.EncodeToString(root.ParentSpanId) != parent || root.Kind != tracepb.Span_SPAN_KIND_SERVER {
		t.Fatalf("%v", root)
	}
	for key, want := range map[string]string{
		"gradus.model": "penguins", "gradus.version": "1", "gradus.request.id": "r1", "http.response.status_code": "200", "http.route": "POST /v2/models/{model}/infer",
	} {
		if got := attributeOf(root, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	at := root.StartTimeUnixNano
	for _, name := range []string{"encode", "queue", "compute", "decode"} {
		x := byName[name]
		if x == nil || string(x.ParentSpanId) != string(root.SpanId) || x.StartTimeUnixNano < at || x.EndTimeUnixNano < x.StartTimeUnixNano || x.EndTimeUnixNano > root.EndTimeUnixNano {
			t.Fatalf("%s: %v, in %v", name, x, root)
		}
		at = x.EndTimeUnixNano
	}
}

// TestRatio traces the share that was asked for.
func TestRatio(t *testing.T) {
	c := collect(t)
	cfg := c.traces()
	cfg.Ratio = 0.25
	tel, err := New(WithTraces(cfg))
	if err != nil {
		t.Fatal(err)
	}
	h := guard.Identify(tel.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})))
	const n = 1600
	for range n {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	if err := tel.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// 400 are expected, with a standard deviation of 17.
	if got := len(c.spans); math.Abs(float64(got)-n/4) > 5*17.4 {
		t.Errorf("%d of %d are traced", got, n)
	}
}

// TestNoCollector: trouble with traces is told once and harms nobody; a redirect
// carries no keys elsewhere.
func TestNoCollector(t *testing.T) {
	var log lines
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("keys %v went elsewhere", r.Header)
	}))
	defer elsewhere.Close()
	c := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer c.Close()
	x := newClient(Traces{Endpoint: c.URL, Headers: map[string]string{"Authorization": "secret"}}, &Telemetry{log: slog.New(slog.NewJSONHandler(&log, nil))})
	for range 3 {
		if err := x.UploadTraces(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
	if line := log.next(t); line["msg"] != "traces not sent" || !strings.Contains(line["error"].(string), "307") || log.b.Len() != 0 {
		t.Errorf("%v", line)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.upload(ctx, nil); err == nil {
		t.Error("sent without time")
	}
}

// TestTracesValidate refuses what can't be meant.
func TestTracesValidate(t *testing.T) {
	if err := DefaultTraces().Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []Traces{
		{}, {Endpoint: "localhost:4318", Service: "s"}, {Endpoint: "ftp://x", Service: "s"}, {Endpoint: "http://u:p@x", Service: "s"},
		{Endpoint: "http://x", Service: "s", Ratio: 2}, {Endpoint: "http://x", Service: "s", Ratio: math.NaN()}, {Endpoint: "http://x"},
		{Endpoint: "http://x", Service: "s", Headers: map[string]string{"a\r\nb": "c"}},
	} {
		if c.Validate() == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// BenchmarkMiddleware is what a request costs that is counted, with and without
// a line in the log and traces.
func BenchmarkMiddleware(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200) })
	quiet := DefaultTraces()
	quiet.Ratio = 0
	for _, c := range []struct {
		name string
		opts []Option
		bare bool
	}{
		{name: "bare", bare: true},
		{name: "metrics"},
		{name: "log", opts: []Option{WithLog(slog.New(slog.NewJSONHandler(io.Discard, nil)), true)}},
		{name: "traces", opts: []Option{WithTraces(quiet)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			tel, err := New(c.opts...)
			if err != nil {
				b.Fatal(err)
			}
			var h http.Handler = handler
			if !c.bare {
				h = tel.Middleware(h)
			}
			h = guard.Identify(h)
			w := httptest.NewRecorder()
			r := httptest.NewRequest("POST", "/v2/models/m/infer", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

var _ engine.Observer = (*Telemetry)(nil)
