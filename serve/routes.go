package serve

import (
	"connectrpc.com/connect"

	"github.com/gradus-ml/gradus/serve/page"
	"github.com/gradus-ml/gradus/serve/predict"
	"github.com/gradus-ml/gradus/serve/tensorflow"
)

// routes lists the protocols. Each is a package of its own, whose Service puts
// its paths into the mux.
func (s *Server) routes() {
	// The guard bounds messages as they come, and this what they unpack to.
	messages := connect.WithReadMaxBytes(int(max(s.config.Limits.BodyBytes, s.config.Limits.UnpackedBytes)))
	page.New(s.engine).Register(s.mux)
	predict.New(s.engine).Register(s.mux)
	tensorflow.New(s.engine, messages).Register(s.mux)
}
