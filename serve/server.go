// Package serve makes a service of trained models.
package serve

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/gradus-ml/gradus/serve/engine"
)

// A Server answers requests by the models of an engine.
type Server struct {
	engine *engine.Engine
	mux    *http.ServeMux
}

// New makes a server.
func New(e *engine.Engine) *Server {
	s := &Server{engine: e, mux: http.NewServeMux()}
	s.routes()
	return s
}

// Handler answers all public requests.
func (s *Server) Handler() http.Handler { return s.mux }

// Serve answers on a listener until the context ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{Handler: s.Handler()}
	h.Protocols = new(http.Protocols)
	h.Protocols.SetHTTP1(true)
	h.Protocols.SetUnencryptedHTTP2(true) // as gRPC clients speak it without TLS
	stop := context.AfterFunc(ctx, func() { h.Shutdown(context.Background()) })
	defer stop()
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
