package serve

import (
	"github.com/gradus-ml/gradus/serve/inference"
	"github.com/gradus-ml/gradus/serve/openapi"
	"github.com/gradus-ml/gradus/serve/page"
	"github.com/gradus-ml/gradus/serve/predict"
	"github.com/gradus-ml/gradus/serve/tensorflow"
)

// routes lists the protocols. Each is a package of its own, whose Service puts
// its paths into the mux.
func (s *Server) routes() {
	messages := s.config.Limits.HandlerOptions()
	s.describe(messages)
	inference.New(s.engine, s.Ready, messages...).Register(s.mux)
	var document []openapi.Option
	if s.config.Keys.Any() {
		document = append(document, openapi.WithKeys())
	}
	openapi.New(s.engine, document...).Register(s.mux)
	page.New(s.engine).Register(s.mux)
	predict.New(s.engine).Register(s.mux)
	tensorflow.New(s.engine, messages...).Register(s.mux)
}
