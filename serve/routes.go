package serve

// routes lists the protocols. Each is a package of its own, whose Service puts
// its paths into the mux.
func (s *Server) routes() {
}
