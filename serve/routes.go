package serve

import (
	"github.com/gradus-ml/gradus/serve/page"
	"github.com/gradus-ml/gradus/serve/predict"
	"github.com/gradus-ml/gradus/serve/tensorflow"
)

// routes lists the protocols. Each is a package of its own, whose Service puts
// its paths into the mux.
func (s *Server) routes() {
	page.New(s.engine).Register(s.mux)
	predict.New(s.engine).Register(s.mux)
	tensorflow.New(s.engine).Register(s.mux)
}
