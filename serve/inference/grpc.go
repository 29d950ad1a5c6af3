package inference

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"

	"connectrpc.com/connect"

	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/serve/inference/pb"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// ServiceName is the protocol's over gRPC.
const ServiceName = "inference.GRPCInferenceService"

// registerRPC puts the methods into a mux.
func (s *Service) registerRPC(mux *http.ServeMux) {
	unary(s, mux, "ServerLive", func(context.Context, *pb.ServerLiveRequest) (*pb.ServerLiveResponse, error) {
		return &pb.ServerLiveResponse{Live: true}, nil
	})
	unary(s, mux, "ServerReady", func(context.Context, *pb.ServerReadyRequest) (*pb.ServerReadyResponse, error) {
		return &pb.ServerReadyResponse{Ready: s.isReady()}, nil
	})
	unary(s, mux, "ServerMetadata", func(context.Context, *pb.ServerMetadataRequest) (*pb.ServerMetadataResponse, error) {
		return serverMetadata(), nil
	})
	unary(s, mux, "ModelReady", func(ctx context.Context, r *pb.ModelReadyRequest) (*pb.ModelReadyResponse, error) {
		i, err := s.info(ctx, r.Name, r.Version)
		if err != nil {
			return nil, err
		}
		return &pb.ModelReadyResponse{Ready: i.Ready}, nil
	})
	unary(s, mux, "ModelMetadata", func(ctx context.Context, r *pb.ModelMetadataRequest) (*pb.ModelMetadataResponse, error) {
		i, err := s.info(ctx, r.Name, r.Version)
		if err != nil {
			return nil, err
		}
		return s.modelMetadata(i), nil
	})
	unary(s, mux, "ModelConfig", func(ctx context.Context, r *pb.ModelConfigRequest) (*pb.ModelConfigResponse, error) {
		i, err := s.info(ctx, r.Name, r.Version)
		if err != nil {
			return nil, err
		}
		return &pb.ModelConfigResponse{Config: modelConfig(i)}, nil
	})
	unary(s, mux, "ModelStatistics", func(ctx context.Context, r *pb.ModelStatisticsRequest) (*pb.ModelStatisticsResponse, error) {
		list := s.known(ctx)
		if r.Name != "" {
			i, err := s.info(ctx, r.Name, r.Version)
			if err != nil {
				return nil, err
			}
			list = []*engine.Info{i}
		}
		a := &pb.ModelStatisticsResponse{}
		for _, i := range list {
			a.ModelStats = append(a.ModelStats, s.statistics.of(i).proto())
		}
		return a, nil
	})
	unary(s, mux, "RepositoryIndex", func(ctx context.Context, r *pb.RepositoryIndexRequest) (*pb.RepositoryIndexResponse, error) {
		return &pb.RepositoryIndexResponse{Models: s.repository(ctx, r.Ready)}, nil
	})
	unary(s, mux, "RepositoryModelLoad", func(context.Context, *pb.RepositoryModelLoadRequest) (*pb.RepositoryModelLoadResponse, error) {
		return nil, errLoading
	})
	unary(s, mux, "RepositoryModelUnload", func(context.Context, *pb.RepositoryModelUnloadRequest) (*pb.RepositoryModelUnloadResponse, error) {
		return nil, errLoading
	})
	unary(s, mux, "ModelInfer", s.modelInfer)
	mux.Handle("POST /"+ServiceName+"/ModelStreamInfer", connect.NewBidiStreamHandler("/"+ServiceName+"/ModelStreamInfer", s.streamInfer, s.options...))
	mux.HandleFunc("POST /"+ServiceName+"/", func(w http.ResponseWriter, r *http.Request) {
		guard.Fail(w, r, engine.Errorf(engine.NoMethod, "this server has no shared memory, and no settings of logs and traces for clients"))
	})
}

// unary registers a method with one answer.
func unary[Q, A any](s *Service, mux *http.ServeMux, method string, f func(context.Context, *Q) (*A, error)) {
	path := "/" + ServiceName + "/" + method
	mux.Handle("POST "+path, connect.NewUnaryHandler(path, func(ctx context.Context, r *connect.Request[Q]) (*connect.Response[A], error) {
		a, err := f(ctx, r.Msg)
		if err != nil {
			return nil, fail(ctx, err)
		}
		return connect.NewResponse(a), nil
	}, s.options...))
}

// fail is an error as connect sends it.
func fail(ctx context.Context, err error) error {
	guard.VisitOf(ctx).Err = err
	e := engine.AsError(err)
	return connect.NewError(connect.Code(e.Code.GRPC()), errors.New(e.Message))
}

func (s *Service) info(ctx context.Context, model, version string) (*engine.Info, error) {
	if err := engine.Allowed(ctx, model); err != nil {
		return nil, err
	}
	return s.engine.Info(model, version)
}

// modelInfer answers a request for a prediction.
func (s *Service) modelInfer(ctx context.Context, r *pb.ModelInferRequest) (*pb.ModelInferResponse, error) {
	if err := engine.Allowed(ctx, r.ModelName); err != nil {
		return nil, err
	}
	c, err := decodeMessage(r)
	if err != nil {
		return nil, err
	}
	_, resp, answers, err := s.predict(ctx, r.ModelName, r.ModelVersion, c)
	if err != nil {
		return nil, err
	}
	a := &pb.ModelInferResponse{ModelName: resp.Model, ModelVersion: resp.Version, Id: c.id}
	for i := range answers {
		o := &answers[i]
		out := &pb.ModelInferResponse_InferOutputTensor{Name: o.name, Datatype: o.datatype.name}
		for _, d := range o.shape {
			out.Shape = append(out.Shape, int64(d))
		}
		a.Outputs = append(a.Outputs, out)
		a.RawOutputContents = append(a.RawOutputContents, o.appendRaw(make([]byte, 0, o.size())))
	}
	return a, nil
}

// streamInfer answers each request of a stream, in their order. What is wrong
// with one does not end the stream. Each has the time of a request, and counts as
// one.
func (s *Service) streamInfer(ctx context.Context, stream *connect.BidiStream[pb.ModelInferRequest, pb.ModelStreamInferResponse]) error {
	answer := func(r *pb.ModelInferRequest, first bool) (*pb.ModelInferResponse, error) {
		if !first {
			if err := guard.Again(ctx); err != nil {
				return nil, err
			}
		}
		ctx, cancel := guard.Turn(ctx)
		defer cancel()
		return s.modelInfer(ctx, r)
	}
	for first := true; ; first = false {
		r, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		a := &pb.ModelStreamInferResponse{}
		if a.InferResponse, err = answer(r, first); err != nil {
			if ctx.Err() != nil {
				return fail(ctx, err)
			}
			a.ErrorMessage = engine.AsError(err).Message
			a.InferResponse = &pb.ModelInferResponse{Id: r.Id}
		}
		if err := stream.Send(a); err != nil {
			return err
		}
	}
}

// decodeMessage reads a message.
func decodeMessage(r *pb.ModelInferRequest) (*call, error) {
	c := &call{id: r.Id, binary: true}
	for name, p := range r.Parameters {
		var err error
		errorf := parameterError("parameters", name)
		switch name {
		case "preprocessed":
			b, ok := p.GetParameterChoice().(*pb.InferParameter_BoolParam)
			if !ok {
				return nil, errorf("want true or false")
			}
			c.preprocessed = b.BoolParam
		case "timeout":
			var x uint64
			x, err = naturalParameter(p, errorf)
			c.timeout = microseconds(x)
		case "priority":
			_, err = naturalParameter(p, errorf)
		default:
			err = refused(name, errorf)
		}
		if err != nil {
			return nil, err
		}
	}
	if n := len(r.RawInputContents); n > 0 && n != len(r.Inputs) {
		return nil, engine.Errorf(engine.Invalid, "raw_input_contents has %d elements, want one for each of %d inputs", n, len(r.Inputs))
	}
	for i, m := range r.Inputs {
		var raw *[]byte
		if len(r.RawInputContents) > 0 {
			raw = &r.RawInputContents[i]
		}
		in, err := decodeInputMessage(m, raw)
		if err != nil {
			return nil, engine.Errorf(engine.Invalid, "inputs[%d]: %s", i, engine.AsError(err).Message)
		}
		c.inputs = append(c.inputs, in)
	}
	for i, m := range r.Outputs {
		o := output{name: m.Name}
		if o.name == "" {
			return nil, engine.Errorf(engine.Invalid, "outputs[%d]: want a name", i)
		}
		for name, p := range m.Parameters {
			errorf := parameterError("outputs", name)
			if name != "classification" {
				if err := refused(name, errorf); err != nil {
					return nil, err
				}
				continue
			}
			x, err := naturalParameter(p, errorf)
			if err != nil {
				return nil, err
			}
			o.classes = int(min(x, math.MaxInt32))
		}
		c.outputs = append(c.outputs, o)
	}
	return c, nil
}

func parameterError(where, name string) func(string, ...any) *engine.Error {
	return func(format string, args ...any) *engine.Error {
		return engine.Errorf(engine.Invalid, where+": %.40s: "+format, append([]any{name}, args...)...)
	}
}

func naturalParameter(p *pb.InferParameter, errorf func(string, ...any) *engine.Error) (uint64, error) {
	switch v := p.GetParameterChoice().(type) {
	case *pb.InferParameter_Int64Param:
		if v.Int64Param >= 0 {
			return uint64(v.Int64Param), nil
		}
	case *pb.InferParameter_Uint64Param:
		return v.Uint64Param, nil
	}
	return 0, errorf("want a whole number from 0 on")
}

// decodeInputMessage reads an input, whose data are typed or raw.
func decodeInputMessage(m *pb.ModelInferRequest_InferInputTensor, raw *[]byte) (in input, err error) {
	in.name = m.Name
	if in.name == "" {
		return in, engine.Errorf(engine.Invalid, "want a name")
	}
	d, err := parseDatatype(m.Datatype)
	if err != nil {
		return in, err
	}
	for name := range m.Parameters {
		if err := refused(name, parameterError("parameters", name)); err != nil {
			return in, err
		}
	}
	if n := len(m.Shape); n < 1 || n > shape.MaxRank {
		return in, engine.Errorf(engine.Invalid, "shape: want 1 to %d extents", shape.MaxRank)
	}
	dims := make([]int, len(m.Shape))
	for i, x := range m.Shape {
		if x < 0 || x > math.MaxInt32 {
			return in, engine.Errorf(engine.Invalid, "shape: extent %d is %d, want 0 to %d", i, x, math.MaxInt32)
		}
		dims[i] = int(x)
	}
	if raw != nil {
		if m.Contents != nil {
			return in, engine.Errorf(engine.Invalid, "has contents and raw_input_contents; want one or the other")
		}
		in.array, err = fromRaw(d, dims, *raw)
		return in, err
	}
	in.array, err = fromContents(d, dims, m.Contents)
	return in, err
}

// fromContents makes an array of typed elements.
func fromContents(d datatype, dims []int, c *pb.InferTensorContents) (columns.Array, error) {
	n, err := count(dims)
	if err != nil {
		return columns.Array{}, err
	}
	var t *tensor.Tensor
	got := 0
	switch d.name {
	case "BYTES":
		got = len(c.GetBytesContents())
		if got == n {
			return columns.Array{Strings: c.GetBytesContents(), Shape: dims}, nil
		}
	case "BOOL":
		t, got = elements(d, dims, n, c.GetBoolContents())
	case "INT32", "INT16", "INT8":
		t, got = elements(d, dims, n, c.GetIntContents())
	case "INT64":
		t, got = elements(d, dims, n, c.GetInt64Contents())
	case "UINT32":
		t, got = elements(d, dims, n, c.GetUintContents())
	case "UINT16", "UINT8":
		list := c.GetUintContents()
		if got = len(list); got == n {
			most := uint32(math.MaxUint8)
			if d.size == 2 {
				most = math.MaxUint16
			}
			t = tensor.New(d.dtype, shape.Of(dims...))
			for i, x := range list {
				if x > most {
					return columns.Array{}, engine.Errorf(engine.Invalid, "element %d is %d, which is no %s", i, x, d.name)
				}
				t.SetInt(i, int64(x))
			}
		}
	case "UINT64":
		t, got = elements(d, dims, n, c.GetUint64Contents())
	case "FP32":
		t, got = elements(d, dims, n, c.GetFp32Contents())
	case "FP64":
		t, got = elements(d, dims, n, c.GetFp64Contents())
	default:
		return columns.Array{}, engine.Errorf(engine.Invalid, "%s has no typed contents; send raw_input_contents", d.name)
	}
	if got != n {
		return columns.Array{}, engine.Errorf(engine.Invalid, "contents hold %d elements of %s, and shape %v has %d", got, d.name, dims, n)
	}
	return columns.Array{Numbers: t}, d.check(t)
}

// elements wraps a list if it has n elements.
func elements[T bool | int32 | int64 | uint32 | uint64 | float32 | float64](d datatype, dims []int, n int, list []T) (*tensor.Tensor, int) {
	if len(list) != n {
		return nil, len(list)
	}
	t, err := tensor.Of(list, dims...)
	if err != nil {
		panic("inference: internal error: " + err.Error())
	}
	return t, n
}
