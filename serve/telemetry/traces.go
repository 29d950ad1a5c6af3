package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
)

// Traces say where traces of requests are sent, and of how many. It is data, a
// part of a server's settings.
type Traces struct {
	Endpoint string            `json:"endpoint" yaml:"endpoint"` // of a collector that takes OTLP over HTTP, such as "http://localhost:4318"; /v1/traces is added
	Headers  map[string]string `json:"headers" yaml:"headers"`   // sent along, for collectors that ask for a key
	Ratio    float64           `json:"ratio" yaml:"ratio"`       // share of the requests that are traced, 0 to 1, where the client has not decided it by a header traceparent
	Service  string            `json:"service" yaml:"service"`   // the name of this server among those of others
}

// DefaultTraces traces one request of a hundred.
func DefaultTraces() Traces {
	return Traces{Endpoint: "http://localhost:4318", Ratio: 0.01, Service: "gradus"}
}

// Validate tells all that is wrong.
func (c Traces) Validate() error {
	var errs []error
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		errs = append(errs, fmt.Errorf("endpoint: %q is not http://HOST:PORT or https://HOST:PORT", c.Endpoint))
	}
	if !(c.Ratio >= 0 && c.Ratio <= 1) {
		errs = append(errs, fmt.Errorf("ratio: %v is not in 0..1", c.Ratio))
	}
	if c.Service == "" {
		errs = append(errs, errors.New("service: a name is wanted"))
	}
	for name, value := range c.Headers {
		if name == "" || strings.ContainsAny(name+value, "\r\n\x00") || strings.ContainsAny(name, " :") {
			errs = append(errs, fmt.Errorf("headers: %q is no name of a header, or its value has more than a line", name))
		}
	}
	return errors.Join(errs...)
}

// WithTraces sends traces.
func WithTraces(c Traces) Option {
	return func(t *Telemetry) error {
		if err := c.Validate(); err != nil {
			return fmt.Errorf("traces: %w", err)
		}
		exporter, err := otlptrace.New(context.Background(), newClient(c, t))
		if err != nil {
			return fmt.Errorf("traces: %w", err)
		}
		provider := sdk.NewTracerProvider(
			sdk.WithBatcher(exporter,
				sdk.WithMaxQueueSize(2048), sdk.WithMaxExportBatchSize(512),
				sdk.WithBatchTimeout(5*time.Second), sdk.WithExportTimeout(exportTimeout)),
			sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(c.Ratio))),
			sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", c.Service))),
			sdk.WithRawSpanLimits(sdk.SpanLimits{
				AttributeValueLengthLimit: 256, AttributeCountLimit: 32,
				EventCountLimit: 1, LinkCountLimit: 1, AttributePerEventCountLimit: 1, AttributePerLinkCountLimit: 1,
			}),
		)
		t.tracer = provider.Tracer("github.com/gradus-ml/gradus/serve")
		t.end = provider.Shutdown
		return nil
	}
}

// span tells of a request: one span, and one for each stage of its prediction.
// They are made when it is over, so that what is not traced costs nothing.
func (t *Telemetry) span(r *http.Request, visit *guard.Visit, rec *engine.Record, k kind, x *exchange, start time.Time, status int) {
	end := time.Now()
	ctx := propagation.TraceContext{}.Extract(context.WithoutCancel(r.Context()), propagation.HeaderCarrier(r.Header))
	name := visit.Route
	if name == "" {
		name = "unknown path" // which could be anything
	}
	ctx, s := t.tracer.Start(ctx, name, trace.WithTimestamp(start), trace.WithSpanKind(trace.SpanKindServer))
	if !s.IsRecording() {
		return
	}
	attrs := []attribute.KeyValue{
		attribute.String("http.request.method", r.Method),
		attribute.String("http.route", visit.Route),
		attribute.Int("http.response.status_code", status),
		attribute.Int64("http.request.body.size", x.received),
		attribute.Int64("http.response.body.size", x.sent),
		attribute.String("gradus.request.id", visit.ID),
		attribute.String("gradus.protocol", k.protocol),
	}
	if rpc, ok := grpcStatus(x.Header()); ok {
		attrs = append(attrs, attribute.String("rpc.system", "grpc"), attribute.String("rpc.response.status_code", rpc))
		if rpc != "OK" {
			s.SetStatus(codes.Error, rpc)
		}
	} else if status >= 500 || status == broken {
		s.SetStatus(codes.Error, "")
	}
	if rec.Predictions > 0 {
		attrs = append(attrs,
			attribute.String("gradus.model", k.model),
			attribute.String("gradus.version", k.version),
			attribute.Int("gradus.examples", rec.N),
			attribute.Int("gradus.batch", rec.Times.Batch),
		)
	}
	s.SetAttributes(attrs...)
	at := rec.Times.Start
	for _, stage := range [...]struct {
		name string
		took time.Duration
	}{{"encode", rec.Times.Encode}, {"queue", rec.Times.Queue}, {"compute", rec.Times.Compute}, {"decode", rec.Times.Decode}} {
		if rec.Times.Batch == 0 { // nothing was computed
			break
		}
		_, c := t.tracer.Start(ctx, stage.name, trace.WithTimestamp(at))
		at = at.Add(stage.took)
		c.End(trace.WithTimestamp(at))
	}
	s.End(trace.WithTimestamp(end))
}

// A client sends spans as OTLP over HTTP, in protobuf. It is the Client of an
// otlptrace exporter; the one of otlptracehttp would bring gRPC and half again
// of the program's size.
type client struct {
	url    string
	header http.Header
	http   http.Client
	log    func() *slog.Logger
	told   atomic.Int64 // when trouble was last told of, in Unix seconds
}

const (
	exportTimeout = 30 * time.Second // for all tries of a batch of spans
	tries         = 4
)

func newClient(c Traces, t *Telemetry) *client {
	x := &client{
		url:    strings.TrimSuffix(c.Endpoint, "/") + "/v1/traces",
		header: http.Header{"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"gzip"}},
		log:    func() *slog.Logger { return t.log }, // set by another option, perhaps later
	}
	for name, value := range c.Headers {
		x.header.Set(name, value)
	}
	x.http.Timeout = exportTimeout
	x.http.Transport = &http.Transport{MaxIdleConns: 1, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second}
	// A collector that sends elsewhere gets no keys sent there.
	x.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return x
}

// Start has nothing to do: connections are made when they are wanted.
func (c *client) Start(context.Context) error { return nil }

// Stop closes connections.
func (c *client) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces sends spans, again after a while if the collector is busy. What
// can't be sent is dropped and told in the log, once a minute at most: traces
// are not worth more.
func (c *client) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	err := c.upload(ctx, spans)
	if now, last := time.Now().Unix(), c.told.Load(); err != nil && now >= last+60 && c.told.CompareAndSwap(last, now) {
		c.log().Warn("traces not sent", "endpoint", c.url, "error", err)
	}
	return nil // an error would go to a handler that all of a program shares
}

func (c *client) upload(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// TracesData has the form of the request of the collector's service.
	raw, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(raw); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	for try := 1; ; try++ {
		wait, err := c.post(ctx, packed.Bytes())
		if err == nil || wait < 0 || try == tries {
			return err
		}
		select {
		case <-time.After(max(wait, time.Duration(math.Pow(2, float64(try)))*100*time.Millisecond)):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// post tries once. A wait below 0 says that another try is of no use.
func (c *client) post(ctx context.Context, body []byte) (wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	r.Header = c.header
	a, err := c.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	io.Copy(io.Discard, io.LimitReader(a.Body, 64<<10)) // so that the connection is used again
	switch a.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(a.Header.Get("Retry-After"))
		return time.Duration(min(max(seconds, 0), 30)) * time.Second, fmt.Errorf("the collector answers %s", a.Status)
	}
	return -1, fmt.Errorf("the collector answers %s", a.Status)
}
