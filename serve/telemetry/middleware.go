package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
)

// An exchange is a request and its answer, counted as they pass by.
type exchange struct {
	http.ResponseWriter
	body     io.ReadCloser
	status   int
	received int64
	sent     int64
	trace    engine.Trace
}

func (x *exchange) Read(p []byte) (int, error) {
	n, err := x.body.Read(p)
	x.received += int64(n)
	return n, err
}

func (x *exchange) Close() error { return x.body.Close() }

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(p)
	x.sent += int64(n)
	return n, err
}

// Flush sends what is there, for streams.
func (x *exchange) Flush() {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	http.NewResponseController(x.ResponseWriter).Flush()
}

// Unwrap serves http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// Middleware writes down each request that passes. It stands right behind
// guard.Identify, whose Visit tells it what happened further in, and before
// everything that can end a request.
func (t *Telemetry) Middleware(next http.Handler) http.Handler {
	inner := t.Admin(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.inFlight.Inc()
		defer t.inFlight.Dec()
		inner.ServeHTTP(w, r)
	})
}

// Admin is Middleware for administrators, who are not counted as clients under
// way: whoever looks how many there are would find himself.
func (t *Telemetry) Admin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		x := &exchange{ResponseWriter: w}
		defer func() {
			p := recover()
			t.done(r, x, start, p != nil)
			if p != nil {
				panic(p)
			}
		}()
		inner := r.WithContext(engine.WithTrace(r.Context(), &x.trace))
		if r.Body != nil && r.Body != http.NoBody {
			x.body = r.Body
			inner.Body = x
		}
		next.ServeHTTP(x, inner)
	})
}

// broken is the status of an answer that was broken off.
const broken = 0

// done writes down a request that is over.
func (t *Telemetry) done(r *http.Request, x *exchange, start time.Time, aborted bool) {
	took := time.Since(start)
	visit := guard.VisitOf(r.Context())
	rec := x.trace.Record()
	status := x.status
	switch {
	case aborted:
		status = broken
	case status == 0:
		status = http.StatusOK // as net/http says for a handler that says nothing
	}
	k := kind{model: rec.Model, version: rec.Version, protocol: protocol(visit.Route)}
	if rec.Predictions > 0 && k.model == "" {
		k.model = unknown
	}
	rpc, isRPC := grpcStatus(x.Header())
	switch {
	case status == broken:
		k.code = "broken"
	case isRPC:
		k.code = rpc
	default:
		k.code = strconv.Itoa(status)
	}
	t.count(k, &rec, took, x.received, x.sent)
	failed := visit.Err
	if failed == nil && rec.Err != nil {
		failed = rec.Err
	}
	if failed != nil && k.version == "" {
		t.refused(k.model, engine.AsError(failed).Code)
	}
	if t.tracer != nil {
		t.span(r, visit, &rec, k, x, start, status)
	}

	level := slog.LevelInfo
	switch {
	case status >= 500 && status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout || status == broken:
		level = slog.LevelError
	case k.protocol == "probe":
		level = slog.LevelDebug
	}
	if level < t.least || !t.log.Enabled(r.Context(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 20)
	attrs = append(attrs,
		slog.String("id", visit.ID),
		slog.String("method", r.Method),
		slog.String("path", clip(r.URL.Path)),
		slog.String("protocol", k.protocol),
		slog.Int("status", status),
	)
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	if isRPC {
		text("grpc_status", rpc)
	}
	text("model", k.model)
	text("version", k.version)
	if rec.Predictions > 0 {
		attrs = append(attrs,
			slog.Int("examples", rec.N),
			slog.Int("batch", rec.Times.Batch),
			slog.Float64("queue_seconds", rec.Times.Queue.Seconds()),
			slog.Float64("compute_seconds", rec.Times.Compute.Seconds()),
		)
	}
	attrs = append(attrs,
		slog.Int64("received_bytes", x.received),
		slog.Int64("sent_bytes", x.sent),
		slog.Float64("seconds", took.Seconds()),
	)
	text("key", visit.Key)
	text("remote", r.RemoteAddr)
	if failed != nil {
		text("failure", engine.AsError(failed).Code.String())
		text("cause", cause(failed))
	}
	t.log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

// unknown is the model of requests for one that the engine doesn't have.
const unknown = "unknown"

// cause is what went wrong inside the server. What is wrong with a request has a
// text that may repeat parts of it, and is left out.
func cause(err error) string {
	e := engine.AsError(err)
	if e.Code != engine.Internal && e.Code != engine.Unavailable {
		return ""
	}
	if c := errors.Unwrap(e); c != nil {
		return c.Error()
	}
	return e.Message
}

// clip keeps the lines of a log short.
func clip(s string) string {
	const most = 256
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// grpcStatus is the name of the status in the trailer of an answer of gRPC.
func grpcStatus(h http.Header) (name string, ok bool) {
	v := h[http.TrailerPrefix+"Grpc-Status"]
	if v == nil {
		v = h["Grpc-Status"]
	}
	if len(v) == 0 {
		return "", false
	}
	n, err := strconv.ParseUint(v[0], 10, 8)
	if err != nil || n >= uint64(len(grpcNames)) {
		return "Unknown", true
	}
	return grpcNames[n], true
}

var grpcNames = [...]string{
	"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
	"ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
}
