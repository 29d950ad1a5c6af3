// Package telemetry writes down what a server does: metrics for Prometheus, a
// line in the log for each request, and traces for OpenTelemetry. It holds
// nothing of what requests ask, and no keys.
package telemetry

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/gradus-ml/gradus/serve/engine"
)

// Telemetry is told of requests by its middleware and of batches by an engine,
// whose Observer it is. It is safe for concurrent use.
type Telemetry struct {
	*metrics
	log    *slog.Logger
	least  slog.Level   // of the lines for requests
	tracer trace.Tracer // nil without traces, which then cost nothing
	end    func(context.Context) error
}

// An Option sets up a Telemetry.
type Option func(*Telemetry) error

// WithLog sets where each request is written down, or only those that the server
// failed at, and trouble with sending traces; the default is nowhere.
func WithLog(l *slog.Logger, each bool) Option {
	return func(t *Telemetry) error {
		t.log, t.least = l, slog.LevelError
		if each {
			t.least = slog.LevelDebug // what the log leaves out it leaves out itself
		}
		return nil
	}
}

// New makes a Telemetry.
//
//	t, err := telemetry.New(telemetry.WithLog(log, true))
//	e := engine.New(machine, engine.WithObserver(t))
//	t.Watch(e)
//	handler = guard.Identify(t.Middleware(handler))
func New(opts ...Option) (*Telemetry, error) {
	t := &Telemetry{
		metrics: newMetrics(),
		log:     slog.New(slog.DiscardHandler),
		end:     func(context.Context) error { return nil },
	}
	for _, o := range opts {
		if err := o(t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Watch makes metrics tell of the models of an engine: their state, memory,
// loads and queues, as they are when somebody looks.
func (t *Telemetry) Watch(e *engine.Engine) { t.registry.MustRegister(models{e}) }

// Registry takes metrics of others that are to be shown with these.
func (t *Telemetry) Registry() *prometheus.Registry { return t.registry }

// Metrics answers with all metrics, in the text form of Prometheus or as
// OpenMetrics.
func (t *Telemetry) Metrics() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4})
}

// Close sends what traces are not sent yet.
func (t *Telemetry) Close(ctx context.Context) error { return t.end(ctx) }
