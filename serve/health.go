package serve

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/inference"
	"github.com/gradus-ml/gradus/serve/tensorflow"
)

// services are those of gRPC that models answer through.
var services = []string{inference.ServiceName, tensorflow.PredictionService, tensorflow.ModelService}

// describe registers gRPC's health service and reflection, by which clients
// such as grpcurl find out what there is.
func (s *Server) describe(messages []connect.HandlerOption) {
	path, h := grpchealth.NewHandler(health{s}, s.config.Limits.Open().HandlerOptions()...)
	s.mux.Handle(path, s.endingWatches(h))
	reflector := grpcreflect.NewStaticReflector(append(slices.Clone(services), grpchealth.HealthV1ServiceName)...)
	s.mux.Handle(grpcreflect.NewHandlerV1(reflector, messages...))
	s.mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector, messages...))
}

// health tells the state of the server, by the name of a service or by none, and
// of a model by its name, to those who may use it.
type health struct{ *Server }

func (h health) Check(ctx context.Context, r *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	ready := h.Ready()
	if r.Service != "" && r.Service != grpchealth.HealthV1ServiceName && !slices.Contains(services, r.Service) {
		i, err := h.engine.Info(r.Service, "")
		if err != nil || engine.Allowed(ctx, r.Service) != nil { // one answer for both: names are for those with a key
			return nil, connect.NewError(connect.CodeNotFound, fmt.Errorf("there is no model %.200q", r.Service))
		}
		ready = i.Ready && !h.draining.Load()
	}
	status := grpchealth.StatusNotServing
	if ready {
		status = grpchealth.StatusServing
	}
	return &grpchealth.CheckResponse{Status: status}, nil
}

// glance is how often those who watch are told what has changed.
const glance = 250 * time.Millisecond

// Watch looks again and again.
func (h health) Watch(ctx context.Context, r *grpchealth.CheckRequest, onChange func()) (stop func(), err error) {
	if _, err := h.Check(ctx, r); err != nil {
		return nil, err
	}
	ctx, stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		ticks := time.NewTicker(glance)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				onChange()
			}
		}
	}()
	return stop, nil
}

// endingWatches ends the calls that watch when the server is about to end, and
// they have been told so.
func (s *Server) endingWatches(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !streams(r) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		go func() {
			ticks := time.NewTicker(glance)
			defer ticks.Stop()
			for last := false; ; {
				select {
				case <-ctx.Done():
					return
				case <-ticks.C:
					if last {
						cancel()
					}
					last = s.draining.Load()
				}
			}
		}()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
