package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/guard"
)

var bird = map[string][]any{"bill_length_mm": {44.0}, "bill_depth_mm": {"17"}, "flipper_length_mm": {int64(200)}, "body_mass_g": {nil}, "island": {"Dream"}}

// A server has a model of penguins, asked for by a path of its own and by gRPC,
// and what else a request can end in.
type server struct {
	*httptest.Server
	engine    *engine.Engine
	telemetry *Telemetry
}

func serve(t *testing.T, opts ...Option) server {
	t.Helper()
	tel, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(enginetest.Machine(), engine.WithObserver(tel))
	t.Cleanup(func() { e.Close() })
	tel.Watch(e)
	if err := e.Add(t.Context(), engine.Folder("penguins", "1", enginetest.Folder(t, enginetest.Penguins, 1))); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/models/{model}/infer", func(w http.ResponseWriter, r *http.Request) {
		body, free, err := guard.Body(r)
		if err == nil {
			defer free()
			_, err = e.Predict(r.Context(), &engine.Request{Model: r.PathValue("model"), Version: r.URL.Query().Get("version"), N: 1, Columns: bird})
		}
		if err != nil {
			guard.Fail(w, r, err)
			return
		}
		w.Write(body)
	})
	mux.HandleFunc("GET /v1/models/{model}", func(w http.ResponseWriter, r *http.Request) {
		guard.Fail(w, r, engine.Errorf(engine.Denied, "no"))
	})
	mux.HandleFunc("POST /v1/predict/{model}", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("half of it"))
		panic(http.ErrAbortHandler)
	})
	const call = "/inference.GRPCInferenceService/ModelInfer"
	mux.Handle(call, connect.NewUnaryHandler(call, func(ctx context.Context, r *connect.Request[wrapperspb.StringValue]) (*connect.Response[wrapperspb.StringValue], error) {
		if _, err := e.Predict(ctx, &engine.Request{Model: r.Msg.Value, N: 1, Columns: bird}); err != nil {
			return nil, connect.NewError(connect.Code(engine.AsError(err).Code.GRPC()), err)
		}
		return connect.NewResponse(r.Msg), nil
	}))
	routed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, guard.VisitOf(r.Context()).Route = mux.Handler(r)
		guard.VisitOf(r.Context()).Key = "ann"
		mux.ServeHTTP(w, r)
	})
	s := httptest.NewUnstartedServer(guard.Identify(tel.Middleware(routed)))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return server{s, e, tel}
}

// post is a request by REST, and the status of its answer, 0 if that breaks off.
func (s server) post(t *testing.T, path, body string, header ...string) int {
	r, err := http.NewRequest("POST", s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	a, err := s.Client().Do(r)
	if err != nil {
		return 0
	}
	defer a.Body.Close()
	if _, err := io.ReadAll(a.Body); err != nil {
		return 0
	}
	return a.StatusCode
}

func (s server) call(t *testing.T, model string) error {
	c := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](s.Client(), s.URL+"/inference.GRPCInferenceService/ModelInfer", connect.WithGRPC())
	_, err := c.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String(model)))
	return err
}

// scrape reads the metrics as Prometheus does.
func (s server) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	s.telemetry.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatal(w.Code, err)
	}
	return families
}

// value adds up the metrics of a name that have labels, given as "key=value".
func value(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	sum := 0.0
	for _, m := range families[name].GetMetric() {
		all := true
		for _, want := range labels {
			found := false
			for _, l := range m.Label {
				found = found || l.GetName()+"="+l.GetValue() == want
			}
			all = all && found
		}
		switch {
		case !all:
		case m.Histogram != nil:
			sum += float64(m.Histogram.GetSampleCount())
		default:
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// TestMetrics counts what clients have seen, while somebody scrapes.
func TestMetrics(t *testing.T) {
	s := serve(t)
	var ok, missing, rpcOK, rpcMissing, broken atomic.Int64
	var clients sync.WaitGroup
	end := make(chan struct{})
	scraped := make(chan struct{})
	go func() {
		defer close(scraped)
		for {
			select {
			case <-end:
				return
			default:
				s.scrape(t)
			}
		}
	}()
	for c := range 4 {
		clients.Go(func() {
			for i := range 50 {
				switch s.post(t, "/v2/models/penguins/infer", "12345") {
				case 200:
					ok.Add(1)
				default:
					t.Error("a request failed")
				}
				if s.post(t, fmt.Sprintf("/v2/models/guess-%d-%d/infer", c, i), "") == 404 {
					missing.Add(1)
				}
				if s.call(t, "penguins") == nil {
					rpcOK.Add(1)
				}
				if connect.CodeOf(s.call(t, fmt.Sprintf("guess-%d-%d", c, i))) == connect.CodeNotFound {
					rpcMissing.Add(1)
				}
				if i%10 == 0 && s.post(t, "/v1/predict/penguins", "") == 0 {
					broken.Add(1)
				}
			}
		})
	}
	clients.Wait()
	close(end)
	<-scraped
	s.Close() // answers reach clients before they are counted
	f := s.scrape(t)
	check := func(want float64, name string, labels ...string) {
		t.Helper()
		if got := value(f, name, labels...); got != want {
			t.Errorf("%s %v is %v, want %v", name, labels, got, want)
		}
	}
	known := []string{"model=penguins", "version=1"}
	check(float64(ok.Load()), "gradus_requests_total", append(known, "protocol=inference", "code=200")...)
	check(float64(missing.Load()), "gradus_requests_total", "model=unknown", "protocol=inference", "code=404")
	check(float64(rpcOK.Load()), "gradus_requests_total", append(known, "protocol=inference_grpc", "code=OK")...)
	check(float64(rpcMissing.Load()), "gradus_requests_total", "model=unknown", "protocol=inference_grpc", "code=NotFound")
	check(float64(broken.Load()), "gradus_requests_total", "protocol=predict", "code=broken")
	if ok.Load() != 200 || missing.Load() != 200 || rpcOK.Load() != 200 || rpcMissing.Load() != 200 || broken.Load() != 20 {
		t.Errorf("clients saw %d %d %d %d %d", ok.Load(), missing.Load(), rpcOK.Load(), rpcMissing.Load(), broken.Load())
	}
	check(820, "gradus_requests_total")
	check(820, "gradus_request_seconds")
	check(400, "gradus_examples_total", known...)
	for _, stage := range []string{"encode", "queue", "compute", "decode"} {
		check(400, "gradus_request_stage_seconds", append(known, "stage="+stage)...)
	}
	check(5*200, "gradus_request_bytes_total", "protocol=inference")
	check(0, "gradus_requests_in_flight")
	check(1, "gradus_model_state", append(known, "state=ready")...)
	check(1, "gradus_model_state", known...)
	check(1, "gradus_model_loads_total", known...)
	check(0, "gradus_model_load_failures_total", known...)
	check(0, "gradus_queue_examples", known...)
	check(float64(info(t, s.engine).Bytes), "gradus_model_bytes", known...)
	check(float64(info(t, s.engine).Bytes), "gradus_memory_bytes")
	if n := value(f, "gradus_batch_examples", known...); n < 1 || n > 400 {
		t.Errorf("%v batches", n)
	}
	if sum := f["gradus_batch_examples"].Metric[0].Histogram.GetSampleSum(); sum != 400 {
		t.Errorf("%v examples in batches", sum)
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes", "process_cpu_seconds_total"} {
		if value(f, name) <= 0 {
			t.Errorf("%s is missing", name)
		}
	}
	// 400 names that nobody has have made no more series than one.
	for name, family := range f {
		if strings.HasPrefix(name, "gradus_") && len(family.Metric) > 6 {
			t.Errorf("%s has %d series", name, len(family.Metric))
		}
		if strings.Contains(family.String(), "guess") {
			t.Errorf("%s has names that clients made up", name)
		}
		if strings.HasPrefix(name, "gradus_") && family.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
	}
}

func info(t *testing.T, e *engine.Engine) *engine.Info {
	i, err := e.Info("penguins", "")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestRejections: what is turned away is counted by its reason, by the engine or
// before.
func TestRejections(t *testing.T) {
	s := serve(t)
	a, err := s.Client().Get(s.URL + "/v1/models/penguins")
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.engine.Predict(ctx, &engine.Request{Model: "penguins", N: 1, Columns: bird})
	if err := s.engine.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.post(t, "/v2/models/penguins/infer", ""); got != 503 {
		t.Errorf("status %d", got)
	}
	s.Close() // answers reach clients before they are counted
	f := s.scrape(t)
	for _, want := range [][]string{{"reason=denied"}, {"reason=canceled", "model=penguins", "version=1"}, {"reason=unavailable", "model=penguins"}} {
		if got := value(f, "gradus_rejections_total", want...); got != 1 {
			t.Errorf("%v: %v", want, got)
		}
	}
	if got := value(f, "gradus_rejections_total"); got != 3 {
		t.Errorf("%v in all", got)
	}
}

// lines is a log for several goroutines.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// next waits for a line.
func (l *lines) next(t *testing.T) map[string]any {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		l.mu.Lock()
		line, err := l.b.ReadBytes('\n')
		l.mu.Unlock()
		if err == nil {
			var m map[string]any
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			return m
		}
	}
	t.Fatal("no line in the log")
	return nil
}

// TestLog: one line for each request, and in it neither what was asked nor keys.
func TestLog(t *testing.T) {
	var log lines
	s := serve(t, WithLog(slog.New(slog.NewJSONHandler(&log, nil)), true))
	secret := []string{"X-Request-Id", "abc-1", "Authorization", "Bearer topsecret", "X-API-Key", "topsecret"}
	s.post(t, "/v2/models/penguins/infer?api_key=topsecret", "topsecret", secret...)
	line := log.next(t)
	for key, want := range map[string]any{
		"msg": "request", "level": "INFO", "id": "abc-1", "method": "POST", "path": "/v2/models/penguins/infer", "protocol": "inference",
		"model": "penguins", "version": "1", "status": 200.0, "examples": 1.0, "received_bytes": 9.0, "sent_bytes": 9.0, "key": "ann",
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	for _, key := range []string{"seconds", "queue_seconds", "compute_seconds"} {
		if d, ok := line[key].(float64); !ok || d < 0 {
			t.Errorf("%s is %v", key, line[key])
		}
	}
	if strings.Contains(fmt.Sprint(line), "topsecret") || !strings.Contains(fmt.Sprint(line["remote"]), "127.0.0.1") {
		t.Errorf("%v", line)
	}
	s.call(t, "nothing")
	if line := log.next(t); line["grpc_status"] != "NotFound" || line["status"] != 200.0 || line["model"] != unknown || line["failure"] != "not_found" {
		t.Errorf("%v", line)
	}
	s.post(t, "/v1/predict/x", "")
	if line := log.next(t); line["status"] != 0.0 || line["level"] != "ERROR" {
		t.Errorf("%v", line)
	}
	s.post(t, "/"+strings.Repeat("x", 1000), "")
	if line := log.next(t); line["protocol"] != "none" || len(line["path"].(string)) > 300 {
		t.Errorf("%v", line)
	}
}
