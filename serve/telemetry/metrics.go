package telemetry

import (
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/gradus-ml/gradus/serve/engine"
)

// metrics are those that are counted as things happen. Labels have few values
// whatever clients send: models and versions are those that the engine has, or
// "unknown".
type metrics struct {
	registry *prometheus.Registry

	requests    *prometheus.CounterVec   // model, version, protocol, code
	seconds     *prometheus.HistogramVec // model, version, protocol
	stages      *prometheus.HistogramVec // model, version, stage
	examples    *prometheus.CounterVec   // model, version
	rejections  *prometheus.CounterVec   // model, version, reason
	inFlight    prometheus.Gauge
	connections prometheus.Gauge
	crowded     *prometheus.CounterVec // which
	received    *prometheus.CounterVec // protocol
	sent        *prometheus.CounterVec // protocol

	batchExamples *prometheus.HistogramVec // model, version
	batchSeconds  *prometheus.HistogramVec // model, version
	padding       *prometheus.CounterVec   // model, version
	failedBatches *prometheus.CounterVec   // model, version

	series  sync.Map // of kind to *series
	batches sync.Map // of [2]string to *batches
}

// seconds are from a tenth of a millisecond to half a minute.
func secondsBuckets() []float64 { return prometheus.ExponentialBuckets(1e-4, 2, 19) }

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(h)
		return h
	}
	m.requests = counter("gradus_requests_total", "Requests that were answered, by HTTP status, or by gRPC's for its requests.", "model", "version", "protocol", "code")
	m.seconds = histogram("gradus_request_seconds", "Time from a request's header to the end of its answer.", secondsBuckets(), "model", "version", "protocol")
	m.stages = histogram("gradus_request_stage_seconds", "Time that predictions took in a stage: encode, queue, compute, decode.", secondsBuckets(), "model", "version", "stage")
	m.examples = counter("gradus_examples_total", "Examples that were answered.", "model", "version")
	m.rejections = counter("gradus_rejections_total", "Requests that were turned away, or given up, by reason.", "model", "version", "reason")
	m.received = counter("gradus_request_bytes_total", "Bytes of the bodies of requests.", "protocol")
	m.sent = counter("gradus_response_bytes_total", "Bytes of the bodies of answers.", "protocol")
	m.batchExamples = histogram("gradus_batch_examples", "Examples of requests in a batch.", prometheus.ExponentialBuckets(1, 2, 11), "model", "version")
	m.batchSeconds = histogram("gradus_batch_seconds", "Time that a batch was computed for.", secondsBuckets(), "model", "version")
	m.padding = counter("gradus_batch_padding_examples_total", "Examples that were added to batches to fill them up.", "model", "version")
	m.failedBatches = counter("gradus_batch_failures_total", "Batches that could not be computed at once.", "model", "version")
	m.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{Name: "gradus_requests_in_flight", Help: "Requests of clients that are being read, worked on or answered."})
	m.connections = prometheus.NewGauge(prometheus.GaugeOpts{Name: "gradus_connections", Help: "Connections of clients."})
	m.crowded = counter("gradus_connections_crowded_total", "Connections that were closed since there were too many: new ones, or ones that lay idle for the sake of new ones.", "which")
	m.crowded.WithLabelValues("new")
	m.crowded.WithLabelValues("idle")
	m.registry.MustRegister(m.inFlight, m.connections,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return m
}

// kind is what requests are counted by.
type kind struct{ model, version, protocol, code string }

// series are the metrics of a kind of request, found once.
type series struct {
	requests, examples, received, sent      prometheus.Counter
	seconds, encode, queue, compute, decode prometheus.Observer
}

func (m *metrics) of(k kind) *series {
	if s, ok := m.series.Load(k); ok {
		return s.(*series)
	}
	s := &series{
		requests: m.requests.WithLabelValues(k.model, k.version, k.protocol, k.code),
		seconds:  m.seconds.WithLabelValues(k.model, k.version, k.protocol),
		received: m.received.WithLabelValues(k.protocol),
		sent:     m.sent.WithLabelValues(k.protocol),
	}
	if k.version != "" {
		s.examples = m.examples.WithLabelValues(k.model, k.version)
		s.encode = m.stages.WithLabelValues(k.model, k.version, "encode")
		s.queue = m.stages.WithLabelValues(k.model, k.version, "queue")
		s.compute = m.stages.WithLabelValues(k.model, k.version, "compute")
		s.decode = m.stages.WithLabelValues(k.model, k.version, "decode")
	}
	m.series.Store(k, s)
	return s
}

// count counts a request.
func (m *metrics) count(k kind, rec *engine.Record, took time.Duration, received, sent int64) {
	s := m.of(k)
	s.requests.Inc()
	s.seconds.Observe(took.Seconds())
	s.received.Add(float64(received))
	s.sent.Add(float64(sent))
	if s.examples == nil {
		return
	}
	s.examples.Add(float64(rec.N))
	if t := rec.Times; t.Batch > 0 { // it was computed
		s.encode.Observe(t.Encode.Seconds())
		s.queue.Observe(t.Queue.Seconds())
		s.compute.Observe(t.Compute.Seconds())
		s.decode.Observe(t.Decode.Seconds())
	}
}

// batches are the metrics of a version's batches.
type batches struct {
	examples, seconds prometheus.Observer
	padding, failures prometheus.Counter
}

// Computed counts a batch.
func (m *metrics) Computed(b engine.Batch) {
	key := [2]string{b.Model, b.Version}
	found, ok := m.batches.Load(key)
	if !ok {
		found = &batches{
			examples: m.batchExamples.WithLabelValues(b.Model, b.Version),
			seconds:  m.batchSeconds.WithLabelValues(b.Model, b.Version),
			padding:  m.padding.WithLabelValues(b.Model, b.Version),
			failures: m.failedBatches.WithLabelValues(b.Model, b.Version),
		}
		m.batches.Store(key, found)
	}
	s := found.(*batches)
	s.examples.Observe(float64(b.Examples))
	s.seconds.Observe(b.Compute.Seconds())
	s.padding.Add(float64(b.Padded - b.Examples))
	if b.Failed {
		s.failures.Inc()
	}
}

// Rejected counts a request that a version did not answer.
func (m *metrics) Rejected(model, version string, reason engine.Code) {
	m.rejections.WithLabelValues(model, version, reason.String()).Inc()
}

// Connections tells how many connections of clients there are.
func (m *metrics) Connections(n int) { m.connections.Set(float64(n)) }

// Crowded counts a connection that was closed since there were too many: a new
// one, or one that lay idle.
func (m *metrics) Crowded(idle bool) {
	which := "new"
	if idle {
		which = "idle"
	}
	m.crowded.WithLabelValues(which).Inc()
}

// refused counts a request that no version has seen.
func (m *metrics) refused(model string, reason engine.Code) {
	switch reason {
	case engine.TooLarge, engine.Slow, engine.Exhausted, engine.Unavailable, engine.Deadline, engine.Canceled, engine.Denied, engine.Forbidden:
		m.rejections.WithLabelValues(model, "", reason.String()).Inc()
	}
}

// protocol names what a request speaks, by the pattern that its path was known
// by.
func protocol(route string) string {
	if _, path, ok := strings.Cut(route, " "); ok {
		route = path
	}
	for _, p := range [...]struct{ prefix, name string }{
		{"/v2", "inference"},
		{"/v1/predict", "predict"},
		{"/v1/explain", "predict"},
		{"/v1/models", "tensorflow"},
		{"/inference.", "inference_grpc"},
		{"/tensorflow.", "tensorflow_grpc"},
		{"/grpc.", "grpc"},
		{"/livez", "probe"},
		{"/readyz", "probe"},
		{"/metrics", "probe"},
		{"/admin/", "admin"},
		{"/debug/", "admin"},
		{"/", "page"},
	} {
		if strings.HasPrefix(route, p.prefix) {
			return p.name
		}
	}
	return "none"
}

// models tell of an engine's.
type models struct{ engine *engine.Engine }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	modelState    = describe("gradus_model_state", "1 for the state that a version is in, otherwise 0.", "model", "version", "state")
	modelBytes    = describe("gradus_model_bytes", "Memory that a loaded version needs.", "model", "version")
	modelWeight   = describe("gradus_model_weight", "Share of the requests that name no version.", "model", "version")
	modelRequests = describe("gradus_model_requests_in_flight", "Requests that a version is answering.", "model", "version")
	queueExamples = describe("gradus_queue_examples", "Examples that wait to be computed.", "model", "version")
	modelLoads    = describe("gradus_model_loads_total", "Times that a version was loaded.", "model", "version")
	loadFailures  = describe("gradus_model_load_failures_total", "Times that a version could not be loaded.", "model", "version")
	evictions     = describe("gradus_model_evictions_total", "Times that a version gave its memory to another.", "model", "version")
	memoryBytes   = describe("gradus_memory_bytes", "Memory that all loaded versions need.")
	memoryBudget  = describe("gradus_memory_budget_bytes", "Memory that all loaded versions may need.")
)

var states = [...]engine.State{engine.Loading, engine.Ready, engine.Cold, engine.Failed, engine.Draining}

// Describe lists what Collect gives.
func (m models) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		modelState, modelBytes, modelWeight, modelRequests, queueExamples, modelLoads, loadFailures, evictions, memoryBytes, memoryBudget,
	} {
		ch <- d
	}
}

// Collect looks at the models.
func (m models) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for _, i := range m.engine.Models() {
		for _, s := range states {
			in := 0.0
			if s == i.State {
				in = 1
			}
			gauge(modelState, in, i.Name, i.Version, string(s))
		}
		gauge(modelBytes, float64(i.Bytes), i.Name, i.Version)
		gauge(modelWeight, i.Weight, i.Name, i.Version)
		gauge(modelRequests, float64(i.Requests), i.Name, i.Version)
		gauge(queueExamples, float64(i.Waiting), i.Name, i.Version)
		counter(modelLoads, i.Generation, i.Name, i.Version)
		counter(loadFailures, i.Failures, i.Name, i.Version)
		counter(evictions, i.Evictions, i.Name, i.Version)
	}
	used, budget := m.engine.Memory()
	gauge(memoryBytes, float64(used))
	gauge(memoryBudget, float64(budget))
}
