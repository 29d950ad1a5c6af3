package tensorflow

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/tensorflow/pb"
	"github.com/gradus-ml/gradus/tensor"
)

// The gRPC services, for those who tell clients what there is.
const (
	PredictionService = "tensorflow.serving.PredictionService"
	ModelService      = "tensorflow.serving.ModelService"
)

// registerGRPC puts the methods of the services into a mux.
func (s *Service) registerGRPC(mux *http.ServeMux, opts []connect.HandlerOption) {
	handle(mux, opts, PredictionService+"/Predict", s.grpcPredict)
	handle(mux, opts, PredictionService+"/Classify", s.grpcClassify)
	handle(mux, opts, PredictionService+"/Regress", s.grpcRegress)
	handle(mux, opts, PredictionService+"/MultiInference", s.grpcMultiInference)
	handle(mux, opts, PredictionService+"/GetModelMetadata", s.grpcMetadata)
	handle(mux, opts, ModelService+"/GetModelStatus", s.grpcStatus)
	handle(mux, opts, ModelService+"/HandleReloadConfigRequest", s.grpcReload)
}

// handle registers one method, whose errors get their codes.
func handle[Q, A any](mux *http.ServeMux, opts []connect.HandlerOption, method string, call func(context.Context, *Q) (*A, error)) {
	mux.Handle("/"+method, connect.NewUnaryHandler("/"+method, func(ctx context.Context, q *connect.Request[Q]) (*connect.Response[A], error) {
		a, err := call(ctx, q.Msg)
		if err != nil {
			e := engine.AsError(err)
			return nil, connect.NewError(connect.Code(e.Code.GRPC()), errors.New(e.Message))
		}
		return connect.NewResponse(a), nil
	}, opts...))
}

// versionOf is the number or label that a request means.
func versionOf(m *pb.ModelSpec) string {
	if v := m.GetVersion(); v != nil {
		return strconv.FormatInt(v.GetValue(), 10)
	}
	return m.GetVersionLabel()
}

// specOf tells which version has answered.
func specOf(name, version, signature string) *pb.ModelSpec {
	m := &pb.ModelSpec{Name: name, SignatureName: signature}
	m.VersionChoice = &pb.ModelSpec_Version{Version: wrapperspb.Int64(numberOf(version))}
	return m
}

// numberOf is a version as a number.
func numberOf(version string) int64 {
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	return n
}

// specFor is specOf an answer.
func specFor(a *engine.Response, q *pb.ModelSpec) *pb.ModelSpec {
	name := q.GetSignatureName()
	if name == "" {
		name = servingDefault
	}
	return specOf(a.Model, a.Version, name)
}

func (s *Service) grpcPredict(ctx context.Context, q *pb.PredictRequest) (*pb.PredictResponse, error) {
	spec := q.GetModelSpec()
	if err := engine.Allowed(ctx, spec.GetName()); err != nil {
		return nil, err
	}
	r := &engine.Request{Model: spec.GetName(), Version: versionOf(spec), Outputs: q.GetOutputFilter()}
	r.Fill = func(_ string, sig *engine.Signature) error {
		g, err := signatureOf(sig, spec.GetSignatureName())
		if err != nil {
			return err
		}
		return g.tensors(q.GetInputs(), r)
	}
	a, err := s.engine.Predict(ctx, r)
	if err != nil {
		return nil, err
	}
	p := &pb.PredictResponse{ModelSpec: specFor(a, spec), Outputs: map[string]*pb.TensorProto{}}
	for i := range a.Outputs {
		p.Outputs[a.Outputs[i].Name] = protoOf(&a.Outputs[i], a.N)
	}
	return p, nil
}

// tensors completes a request by tensors.
func (g *signature) tensors(inputs map[string]*pb.TensorProto, r *engine.Request) error {
	names := g.inputs()
	arrays := make([]columns.Array, len(names))
	for name, p := range inputs {
		i := slices.Index(names, name)
		if i < 0 {
			return engine.Errorf(engine.Invalid, "there is no input %.100q; the model has %q", name, names)
		}
		a, err := arrayOf(p)
		if err != nil {
			code := engine.Invalid
			if e := (*engine.Error)(nil); errors.As(err, &e) {
				code = e.Code
			}
			return engine.Errorf(code, "input %s: %v", name, err)
		}
		arrays[i] = a
	}
	if g.preprocessed {
		r.Tensors = map[string]*tensor.Tensor{}
	} else {
		r.Columns = map[string][]any{}
	}
	for i, name := range names {
		if _, ok := inputs[name]; !ok {
			if g.preprocessed || !g.Columns[i].Missing {
				return engine.Errorf(engine.Invalid, "input %s is missing", name)
			}
			continue
		}
		n := arrays[i].N()
		var err error
		if r.N == 0 {
			err = r.Enter(n)
		} else if n != r.N {
			err = engine.Errorf(engine.Invalid, "input %s has %d examples, and another one has %d", name, n, r.N)
		}
		if err != nil {
			return err
		}
		if g.preprocessed {
			r.Tensors[name], err = columns.Tensor(g.Tensors[i], arrays[i])
		} else {
			r.Columns[name], err = columns.Values(g.Columns[i], arrays[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// question reads what classify and regress are asked.
func (q *question) read(spec *pb.ModelSpec, input *pb.Input) error {
	q.model, q.version, q.signature = spec.GetName(), versionOf(spec), spec.GetSignatureName()
	var err error
	q.examples, err = protoExamples(input)
	return err
}

// protoExamples reads examples.
func protoExamples(input *pb.Input) (*examples, error) {
	list := input.GetExampleList().GetExamples()
	context := input.GetExampleListWithContext()
	if context != nil {
		list = context.GetExamples()
	}
	switch {
	case len(list) == 0:
		return nil, engine.Errorf(engine.Invalid, "the request has no examples")
	case len(list) > mostExamples:
		return nil, engine.Errorf(engine.TooLarge, "the request has %d examples, at most %d are taken at a time", len(list), mostExamples)
	}
	all := &examples{shared: protoExample(context.GetContext())}
	for k, p := range list {
		if err := all.add(protoExample(p)); err != nil {
			return nil, engine.Errorf(engine.Invalid, "example %d: %v", k, err)
		}
	}
	return all, nil
}

func protoExample(p *pb.Example) example {
	e := example{}
	for name, f := range p.GetFeatures().GetFeature() {
		l := list{bytes: f.GetBytesList().GetValue(), ints: f.GetInt64List().GetValue()}
		for _, x := range f.GetFloatList().GetValue() {
			l.floats = append(l.floats, float64(x))
		}
		e[name] = l
	}
	return e
}

func (s *Service) grpcClassify(ctx context.Context, q *pb.ClassificationRequest) (*pb.ClassificationResponse, error) {
	if err := engine.Allowed(ctx, q.GetModelSpec().GetName()); err != nil {
		return nil, err
	}
	var ask question
	if err := ask.read(q.GetModelSpec(), q.GetInput()); err != nil {
		return nil, err
	}
	a, classes, err := s.classify(ctx, &ask)
	if err != nil {
		return nil, err
	}
	return &pb.ClassificationResponse{ModelSpec: specFor(a, q.GetModelSpec()), Result: protoClasses(classes)}, nil
}

func protoClasses(all [][]class) *pb.ClassificationResult {
	p := &pb.ClassificationResult{}
	for _, classes := range all {
		one := &pb.Classifications{}
		for _, c := range classes {
			one.Classes = append(one.Classes, &pb.Class{Label: c.label, Score: c.score})
		}
		p.Classifications = append(p.Classifications, one)
	}
	return p
}

func (s *Service) grpcRegress(ctx context.Context, q *pb.RegressionRequest) (*pb.RegressionResponse, error) {
	if err := engine.Allowed(ctx, q.GetModelSpec().GetName()); err != nil {
		return nil, err
	}
	var ask question
	if err := ask.read(q.GetModelSpec(), q.GetInput()); err != nil {
		return nil, err
	}
	a, values, err := s.regress(ctx, &ask)
	if err != nil {
		return nil, err
	}
	return &pb.RegressionResponse{ModelSpec: specFor(a, q.GetModelSpec()), Result: protoValues(values)}, nil
}

func protoValues(values []float64) *pb.RegressionResult {
	p := &pb.RegressionResult{}
	for _, x := range values {
		p.Regressions = append(p.Regressions, &pb.Regression{Value: float32(x)})
	}
	return p
}

// grpcMultiInference answers several tasks about the same examples. As with
// TensorFlow Serving all are of one model, and none comes twice.
func (s *Service) grpcMultiInference(ctx context.Context, q *pb.MultiInferenceRequest) (*pb.MultiInferenceResponse, error) {
	type key struct{ signature, method string }
	seen := map[key]bool{}
	tasks := q.GetTasks()
	if len(tasks) == 0 {
		return nil, engine.Errorf(engine.Invalid, "the request has no tasks")
	}
	if err := engine.Allowed(ctx, tasks[0].GetModelSpec().GetName()); err != nil {
		return nil, err
	}
	for i, t := range tasks {
		spec := t.GetModelSpec()
		k := key{spec.GetSignatureName(), t.GetMethodName()}
		if k.signature == "" {
			k.signature = servingDefault
		}
		switch {
		case spec.GetName() != tasks[0].GetModelSpec().GetName():
			return nil, engine.Errorf(engine.Invalid, "task %d is of another model than the first one", i)
		case seen[k]:
			return nil, engine.Errorf(engine.Invalid, "task %d asks for what another one asks for", i)
		case k.method != "tensorflow/serving/classify" && k.method != "tensorflow/serving/regress":
			return nil, engine.Errorf(engine.Invalid, "task %d: method_name is %.100q, want tensorflow/serving/classify or tensorflow/serving/regress", i, k.method)
		case k.signature != servingDefault && k.signature != preprocessed:
			return nil, engine.Errorf(engine.Invalid, "task %d: there is no signature %.100q, but %s and %s", i, k.signature, servingDefault, preprocessed)
		}
		seen[k] = true
	}
	p := &pb.MultiInferenceResponse{}
	for _, t := range tasks {
		var ask question
		if err := ask.read(t.GetModelSpec(), q.GetInput()); err != nil {
			return nil, err
		}
		one := &pb.InferenceResult{}
		if t.GetMethodName() == "tensorflow/serving/classify" {
			a, classes, err := s.classify(ctx, &ask)
			if err != nil {
				return nil, err
			}
			one.ModelSpec = specFor(a, t.GetModelSpec())
			one.Result = &pb.InferenceResult_ClassificationResult{ClassificationResult: protoClasses(classes)}
		} else {
			a, values, err := s.regress(ctx, &ask)
			if err != nil {
				return nil, err
			}
			one.ModelSpec = specFor(a, t.GetModelSpec())
			one.Result = &pb.InferenceResult_RegressionResult{RegressionResult: protoValues(values)}
		}
		p.Results = append(p.Results, one)
	}
	return p, nil
}

func (s *Service) grpcMetadata(ctx context.Context, q *pb.GetModelMetadataRequest) (*pb.GetModelMetadataResponse, error) {
	if err := engine.Allowed(ctx, q.GetModelSpec().GetName()); err != nil {
		return nil, err
	}
	if len(q.GetMetadataField()) == 0 {
		return nil, engine.Errorf(engine.Invalid, "metadata_field is missing, want signature_def")
	}
	for _, f := range q.GetMetadataField() {
		if f != "signature_def" {
			return nil, engine.Errorf(engine.Invalid, "there are no metadata %.100q, but signature_def", f)
		}
	}
	spec := q.GetModelSpec()
	info, err := s.engine.Info(spec.GetName(), versionOf(spec))
	if err != nil {
		return nil, err
	}
	defs, err := anypb.New(signatureDefs(&info.Signature))
	if err != nil {
		return nil, err
	}
	return &pb.GetModelMetadataResponse{
		ModelSpec: specOf(info.Name, info.Version, ""),
		Metadata:  map[string]*anypb.Any{"signature_def": defs},
	}, nil
}

func (s *Service) grpcStatus(ctx context.Context, q *pb.GetModelStatusRequest) (*pb.GetModelStatusResponse, error) {
	if err := engine.Allowed(ctx, q.GetModelSpec().GetName()); err != nil {
		return nil, err
	}
	infos, err := s.status(q.GetModelSpec().GetName(), versionOf(q.GetModelSpec()))
	if err != nil {
		return nil, err
	}
	p := &pb.GetModelStatusResponse{}
	for _, i := range infos {
		state, status := stateOf(i)
		p.ModelVersionStatus = append(p.ModelVersionStatus, &pb.ModelVersionStatus{Version: numberOf(i.Version), State: state, Status: status})
	}
	return p, nil
}

// grpcReload is for administrators, who have a listener of their own.
func (s *Service) grpcReload(context.Context, *pb.ReloadConfigRequest) (*pb.ReloadConfigResponse, error) {
	return nil, engine.Errorf(engine.Forbidden, "models are added and reloaded through the administration's listener")
}
