// Package serve makes a service of trained models.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/serve/page"
	"github.com/gradus-ml/gradus/serve/telemetry"
)

// A Server answers requests by the models of an engine: those of clients on one
// listener, and those of its administrators on another.
type Server struct {
	config   Config
	engine   *engine.Engine
	log      *slog.Logger
	tell     *telemetry.Telemetry // nil for nobody
	spec     func(Model) engine.Spec
	mux      *http.ServeMux // what clients may ask
	certs    *certs         // nil in the clear
	public   front
	admin    front
	draining atomic.Bool
}

// A front is what stands behind one listener.
type front struct {
	guard    *guard.Guard
	handler  http.Handler
	listener *lobby // nil before Listen, or without one
}

// An Option sets up a server.
type Option func(*Server)

// WithLog sets where the server writes; the default is nowhere.
func WithLog(l *slog.Logger) Option { return func(s *Server) { s.log = l } }

// WithTelemetry sets who is told of requests. Administrators get its metrics at
// /metrics. It is not closed with the server.
func WithTelemetry(t *telemetry.Telemetry) Option { return func(s *Server) { s.tell = t } }

// WithSpec sets how the models of the settings are opened; the default opens
// run folders.
func WithSpec(f func(Model) engine.Spec) Option { return func(s *Server) { s.spec = f } }

// New makes a server of settings, and reads what files they name. It refuses to
// open the models to other machines without keys.
func New(e *engine.Engine, c Config, opts ...Option) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Server{config: c, engine: e, log: slog.New(slog.DiscardHandler), spec: Model.Spec, mux: http.NewServeMux()}
	for _, o := range opts {
		o(s)
	}
	if c.TLS != nil {
		var err error
		if s.certs, err = newCerts(*c.TLS, s.log); err != nil {
			return nil, err
		}
	}
	s.routes()
	probes(s.mux, s)
	if err := s.front(&s.public, c.Listen, s.mux, publicScope, streams); err != nil {
		return nil, err
	}
	if c.Admin != "" {
		if err := s.front(&s.admin, c.Admin, s.adminMux(), adminScope, adminStreams); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// front puts the guard before a mux.
func (s *Server) front(f *front, listen string, mux *http.ServeMux, scope func(*http.Request) guard.Scope, streams func(*http.Request) bool) error {
	g, err := guard.New(guard.Settings{
		Limits:  s.config.Limits,
		Keys:    s.config.Keys,
		Hosts:   s.config.Hosts,
		Origins: s.config.Origins,
		Local:   local(listen),
		Private: f == &s.admin,
		Request: s.config.Timeouts.Request,
		Stream:  s.config.Timeouts.Stream,
		Scope:   scope,
		Streams: streams,
	})
	if err != nil {
		return err
	}
	f.guard = g
	f.handler = guard.Recover(s.log, s.closing(g.Protect(routed(mux))))
	switch {
	case s.tell == nil:
	case f == &s.admin:
		f.handler = s.tell.Admin(f.handler)
	default:
		f.handler = s.tell.Middleware(f.handler)
	}
	f.handler = guard.Identify(f.handler)
	return nil
}

// Handler answers what clients ask.
func (s *Server) Handler() http.Handler { return s.public.handler }

// AdminHandler answers what administrators ask; nil without an address for them.
func (s *Server) AdminHandler() http.Handler { return s.admin.handler }

// closing asks clients to come by a new connection, which may lead elsewhere,
// once the server is to end.
func (s *Server) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close") // HTTP/2 makes GOAWAY of it
		}
		next.ServeHTTP(w, r)
	})
}

// routed answers what the mux knows nothing of in the form of all errors.
func routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			guard.VisitOf(r.Context()).Route = pattern
			mux.ServeHTTP(w, r)
			return
		}
		unknown := answerHeader{}
		h.ServeHTTP(&unknown, r)
		err := engine.Errorf(engine.NotFound, "there is nothing at this path")
		if allow := unknown.Header().Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			err = engine.Errorf(engine.NoMethod, "the path is there for %s, not for %s", allow, r.Method)
		} else if guard.RPC(r) {
			err = engine.Errorf(engine.NoMethod, "there is no such method")
		}
		guard.Fail(w, r, err)
	})
}

// answerHeader is an answer of which the header is of interest.
type answerHeader struct{ header http.Header }

func (a *answerHeader) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}
func (a *answerHeader) Write(p []byte) (int, error) { return len(p), nil }
func (a *answerHeader) WriteHeader(int)             {}

// open are the paths that anybody may ask, at any time.
var open = map[string]bool{
	"/livez": true, "/readyz": true,
	"/v2/health/live": true, "/v2/health/ready": true,
	"/grpc.health.v1.Health/Check": true, "/grpc.health.v1.Health/Watch": true,
}

func publicScope(r *http.Request) guard.Scope {
	if open[r.URL.Path] || page.Open(r.URL.Path) {
		return ""
	}
	return guard.Predict
}

// streams tells calls that go on.
func streams(r *http.Request) bool {
	switch r.URL.Path {
	case "/inference.GRPCInferenceService/ModelStreamInfer",
		"/grpc.health.v1.Health/Watch",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo":
		return true
	}
	return false
}

// probes are what orchestrators ask.
func probes(mux *http.ServeMux, s *Server) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if !s.Ready() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ok\n"))
	})
}

// Ready tells whether requests should be sent here: all models are there, and
// the server is not about to end.
func (s *Server) Ready() bool { return !s.draining.Load() && s.engine.Ready() }

// Load loads the models of the settings.
func (s *Server) Load(ctx context.Context) error {
	var errs []error
	for _, m := range s.config.Models {
		if err := s.engine.Add(ctx, s.spec(m)); err != nil {
			errs = append(errs, fmt.Errorf("model %s: %w", m.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Reload reads keys, certificates and models again. What can't be read stays as
// it is. No request is lost.
func (s *Server) Reload(ctx context.Context) error {
	var errs []error
	for _, f := range []*front{&s.public, &s.admin} {
		if f.guard != nil {
			errs = append(errs, f.guard.Reload())
		}
	}
	if s.certs != nil {
		errs = append(errs, s.certs.reload())
	}
	errs = append(errs, s.engine.Reload(ctx, "", ""))
	return errors.Join(errs...)
}

// Listen takes the addresses of the settings.
func (s *Server) Listen() error {
	for _, f := range []struct {
		*front
		listen string
	}{{&s.public, s.config.Listen}, {&s.admin, s.config.Admin}} {
		if f.listen == "" {
			continue
		}
		l, err := listen(f.listen)
		if err == nil && !s.config.Keys.Any() && !localAddr(l.Addr()) {
			l.Close()
			err = s.config.open(l.Addr().String()) // a name such as localhost that leads elsewhere
		}
		if err != nil {
			if s.public.listener != nil {
				s.public.listener.Close()
			}
			return err
		}
		tell := s.tell
		if f.front == &s.admin {
			tell = nil // which tells of clients
		}
		f.listener = newLobby(l, s.config.Limits.Connections, s.certs == nil, tell)
	}
	return nil
}

// Addr is where clients are listened to, after Listen.
func (s *Server) Addr() net.Addr { return s.public.listener.Addr() }

// AdminAddr is where administrators are listened to, nil if nowhere.
func (s *Server) AdminAddr() net.Addr {
	if s.admin.listener == nil {
		return nil
	}
	return s.admin.listener.Addr()
}

// Run serves until the context ends, and then finishes what is under way: it
// says to be not ready, waits for load balancers to see it, turns new
// connections away, and ends those there are when their requests are answered.
// It does not close the engine.
func (s *Server) Run(ctx context.Context) error {
	if s.public.listener == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	failed := make(chan error, 2)
	public := s.start(&s.public, failed)
	var admin *http.Server
	if s.admin.listener != nil {
		admin = s.start(&s.admin, failed)
		defer admin.Close()
	}
	defer public.Close()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return s.drain(public)
}

// start serves a listener in the background.
func (s *Server) start(f *front, failed chan<- error) *http.Server {
	h := s.server(f.listener.turns(f.handler))
	h.ConnState = f.listener.state
	s.log.Info("listening", "address", f.listener.Addr().String())
	go func() {
		var err error
		if s.certs != nil {
			err = h.ServeTLS(f.listener, "", "")
		} else {
			err = h.Serve(f.listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return h
}

// streamsPerConnection is how many requests a connection of HTTP/2 may have
// under way.
const streamsPerConnection = 250

// server is what speaks HTTP, within limits.
func (s *Server) server(handler http.Handler) *http.Server {
	h := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: s.config.Timeouts.Header,
		IdleTimeout:       s.config.Timeouts.Idle,
		MaxHeaderBytes:    s.config.Limits.HeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // of connections, which anybody can make fail
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streamsPerConnection, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		Protocols:         new(http.Protocols),
	}
	h.Protocols.SetHTTP1(true)
	if s.certs != nil {
		h.TLSConfig = s.certs.config()
		h.Protocols.SetHTTP2(true)
	} else {
		h.Protocols.SetUnencryptedHTTP2(true) // as gRPC clients speak it without TLS
	}
	return h
}

// settling is the time from the moment that new connections are turned away to
// the end of idle ones: a request that a client has just sent arrives in it, and
// every client that keeps asking has been told to come by another connection.
const settling = 250 * time.Millisecond

// drain ends a server without losing a request.
func (s *Server) drain(public *http.Server) error {
	s.draining.Store(true)
	s.log.Info("draining", "requests", s.public.guard.Inside())
	time.Sleep(s.config.Timeouts.Delay)
	hush(s.public.listener.Listener)
	time.Sleep(settling)
	s.public.guard.EndStreams()
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Timeouts.Drain)
	defer cancel()
	if err := public.Shutdown(ctx); err != nil {
		return fmt.Errorf("%d requests were broken off after %v", s.public.guard.Inside(), s.config.Timeouts.Drain)
	}
	return nil
}
