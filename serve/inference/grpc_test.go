package inference

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/serve/inference/pb"
)

// rpcServer serves gRPC on an address of its own.
func rpcServer(t testing.TB, h http.Handler) (url string, client *http.Client) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return s.URL, &http.Client{Transport: tr}
}

// invoke calls a method with one answer.
func invoke[Q, A any](ctx context.Context, url string, client *http.Client, method string, q *Q) (*A, error) {
	a, err := connect.NewClient[Q, A](client, url+"/"+ServiceName+"/"+method, connect.WithGRPC()).CallUnary(ctx, connect.NewRequest(q))
	if err != nil {
		return nil, err
	}
	return a.Msg, nil
}

func imageMessage(n int) *pb.ModelInferRequest {
	return &pb.ModelInferRequest{
		ModelName: "digits", Id: "7",
		Inputs:           []*pb.ModelInferRequest_InferInputTensor{{Name: "image", Datatype: "UINT8", Shape: []int64{int64(n), 28, 28}}},
		RawInputContents: [][]byte{rawPixels(n)},
	}
}

func TestRPC(t *testing.T) {
	url, client := rpcServer(t, handler(t, enginetest.Digits, enginetest.Mail))
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	live, err := invoke[pb.ServerLiveRequest, pb.ServerLiveResponse](ctx, url, client, "ServerLive", &pb.ServerLiveRequest{})
	if must(err); !live.GetLive() {
		t.Error("not alive")
	}
	ready, err := invoke[pb.ServerReadyRequest, pb.ServerReadyResponse](ctx, url, client, "ServerReady", &pb.ServerReadyRequest{})
	if must(err); !ready.GetReady() {
		t.Error("not ready")
	}
	server, err := invoke[pb.ServerMetadataRequest, pb.ServerMetadataResponse](ctx, url, client, "ServerMetadata", &pb.ServerMetadataRequest{})
	if must(err); server.GetName() != "gradus" {
		t.Error(server)
	}
	modelReady, err := invoke[pb.ModelReadyRequest, pb.ModelReadyResponse](ctx, url, client, "ModelReady", &pb.ModelReadyRequest{Name: "digits", Version: "1"})
	if must(err); !modelReady.GetReady() {
		t.Error("not ready")
	}
	meta, err := invoke[pb.ModelMetadataRequest, pb.ModelMetadataResponse](ctx, url, client, "ModelMetadata", &pb.ModelMetadataRequest{Name: "digits"})
	if must(err); len(meta.GetInputs()) != 1 || meta.GetPreprocessedInputs()[0].GetDatatype() != "FP32" || fmt.Sprint(meta.GetOutputs()[1].GetShape()) != "[-1 10]" {
		t.Error(meta)
	}
	config, err := invoke[pb.ModelConfigRequest, pb.ModelConfigResponse](ctx, url, client, "ModelConfig", &pb.ModelConfigRequest{Name: "mail"})
	if must(err); config.GetConfig().GetInput()[0].GetDataType() != pb.DataType_TYPE_STRING {
		t.Error(config)
	}
	for _, r := range []*pb.RepositoryIndexRequest{{}, {Ready: true}} {
		index, err := invoke[pb.RepositoryIndexRequest, pb.RepositoryIndexResponse](ctx, url, client, "RepositoryIndex", r)
		if must(err); len(index.GetModels()) != 2 || index.Models[0].State != "READY" {
			t.Error(index)
		}
	}
	answer, err := invoke[pb.ModelInferRequest, pb.ModelInferResponse](ctx, url, client, "ModelInfer", imageMessage(2))
	must(err)
	if answer.GetModelName() != "digits" || answer.GetModelVersion() != "1" || answer.GetId() != "7" || len(answer.GetOutputs()) != 2 || len(answer.RawOutputContents) != 2 {
		t.Fatal(answer)
	}
	if o := answer.Outputs[1]; o.Name != "label_probabilities" || o.Datatype != "FP32" || fmt.Sprint(o.Shape) != "[2 10]" || len(answer.RawOutputContents[1]) != 80 {
		t.Error(answer)
	}
	if list, err := splitBytes(answer.RawOutputContents[0], 2); err != nil || len(list[0]) != 1 {
		t.Error(list, err)
	}
	statistics, err := invoke[pb.ModelStatisticsRequest, pb.ModelStatisticsResponse](ctx, url, client, "ModelStatistics", &pb.ModelStatisticsRequest{})
	if must(err); len(statistics.GetModelStats()) != 2 || statistics.ModelStats[0].InferenceCount != 2 || statistics.ModelStats[0].InferenceStats.Success.Count != 1 || statistics.ModelStats[0].InferenceStats.ComputeInfer.Ns == 0 {
		t.Error(statistics)
	}
	statistics, err = invoke[pb.ModelStatisticsRequest, pb.ModelStatisticsResponse](ctx, url, client, "ModelStatistics", &pb.ModelStatisticsRequest{Name: "mail"})
	if must(err); len(statistics.GetModelStats()) != 1 || statistics.ModelStats[0].ExecutionCount != 0 {
		t.Error(statistics)
	}

	code := func(method string, err error, want connect.Code) {
		t.Helper()
		if connect.CodeOf(err) != want || err == nil {
			t.Errorf("%s: %v, want %v", method, err, want)
		}
	}
	_, err = invoke[pb.RepositoryModelLoadRequest, pb.RepositoryModelLoadResponse](ctx, url, client, "RepositoryModelLoad", &pb.RepositoryModelLoadRequest{ModelName: "digits"})
	code("load", err, connect.CodePermissionDenied)
	_, err = invoke[pb.RepositoryModelUnloadRequest, pb.RepositoryModelUnloadResponse](ctx, url, client, "RepositoryModelUnload", &pb.RepositoryModelUnloadRequest{ModelName: "digits"})
	code("unload", err, connect.CodePermissionDenied)
	_, err = invoke[pb.ServerLiveRequest, pb.ServerLiveResponse](ctx, url, client, "SystemSharedMemoryStatus", &pb.ServerLiveRequest{})
	code("shared memory", err, connect.CodeUnimplemented)
	_, err = invoke[pb.ModelReadyRequest, pb.ModelReadyResponse](ctx, url, client, "ModelReady", &pb.ModelReadyRequest{Name: "none"})
	code("ready", err, connect.CodeNotFound)
	_, err = invoke[pb.ModelMetadataRequest, pb.ModelMetadataResponse](ctx, url, client, "ModelMetadata", &pb.ModelMetadataRequest{Name: "none"})
	code("metadata", err, connect.CodeNotFound)
	_, err = invoke[pb.ModelConfigRequest, pb.ModelConfigResponse](ctx, url, client, "ModelConfig", &pb.ModelConfigRequest{Name: "none"})
	code("config", err, connect.CodeNotFound)
	_, err = invoke[pb.ModelStatisticsRequest, pb.ModelStatisticsResponse](ctx, url, client, "ModelStatistics", &pb.ModelStatisticsRequest{Name: "none"})
	code("statistics", err, connect.CodeNotFound)
	_, err = invoke[pb.ModelInferRequest, pb.ModelInferResponse](ctx, url, client, "ModelInfer", &pb.ModelInferRequest{ModelName: "none"})
	code("infer", err, connect.CodeNotFound)
}

// TestContents sends the same pixels in every way.
func TestContents(t *testing.T) {
	url, client := rpcServer(t, handler(t, enginetest.Digits))
	pixels := rawPixels(1)
	var uints []uint32
	var ints []int32
	var longs []int64
	var ulongs []uint64
	var doubles []float64
	var singles []float32
	raw16 := []byte{}
	for _, p := range pixels {
		uints, ints, longs, ulongs = append(uints, uint32(p)), append(ints, int32(p)), append(longs, int64(p)), append(ulongs, uint64(p))
		x := (float64(p)/255 - 0.1307) / 0.3081
		doubles, singles = append(doubles, x), append(singles, float32(x))
		raw16 = binary.LittleEndian.AppendUint16(raw16, uint16(p))
	}
	var want *pb.ModelInferResponse
	for _, c := range []struct {
		datatype     string
		contents     *pb.InferTensorContents
		raw          []byte
		preprocessed bool
	}{
		{datatype: "UINT8", raw: pixels},
		{datatype: "UINT16", raw: raw16},
		{datatype: "INT16", raw: raw16},
		{datatype: "UINT8", contents: &pb.InferTensorContents{UintContents: uints}},
		{datatype: "UINT16", contents: &pb.InferTensorContents{UintContents: uints}},
		{datatype: "UINT32", contents: &pb.InferTensorContents{UintContents: uints}},
		{datatype: "INT16", contents: &pb.InferTensorContents{IntContents: ints}},
		{datatype: "INT32", contents: &pb.InferTensorContents{IntContents: ints}},
		{datatype: "INT64", contents: &pb.InferTensorContents{Int64Contents: longs}},
		{datatype: "UINT64", contents: &pb.InferTensorContents{Uint64Contents: ulongs}},
		{datatype: "FP64", contents: &pb.InferTensorContents{Fp64Contents: doubles}, preprocessed: true},
		{datatype: "FP32", contents: &pb.InferTensorContents{Fp32Contents: singles}, preprocessed: true},
	} {
		r := &pb.ModelInferRequest{ModelName: "digits", Inputs: []*pb.ModelInferRequest_InferInputTensor{{Name: "image", Datatype: c.datatype, Shape: []int64{1, 1, 28, 28}, Contents: c.contents}}}
		if c.raw != nil {
			r.RawInputContents = [][]byte{c.raw}
		}
		if c.preprocessed {
			r.Parameters = map[string]*pb.InferParameter{"preprocessed": {ParameterChoice: &pb.InferParameter_BoolParam{BoolParam: true}}}
		}
		a, err := invoke[pb.ModelInferRequest, pb.ModelInferResponse](t.Context(), url, client, "ModelInfer", r)
		if err != nil {
			t.Errorf("%s: %v", c.datatype, err)
			continue
		}
		if want == nil {
			want = a
		}
		if c.preprocessed {
			for i := range 10 {
				x, y := math.Float32frombits(binary.LittleEndian.Uint32(a.RawOutputContents[1][4*i:])), math.Float32frombits(binary.LittleEndian.Uint32(want.RawOutputContents[1][4*i:]))
				if math.Abs(float64(x-y)) > 1e-4 {
					t.Errorf("%s: %v, want %v", c.datatype, x, y)
				}
			}
		} else if !proto.Equal(a, want) {
			t.Errorf("%s: %v, want %v", c.datatype, a, want)
		}
	}
}

func TestStream(t *testing.T) {
	url, client := rpcServer(t, handler(t, enginetest.Digits))
	stream := connect.NewClient[pb.ModelInferRequest, pb.ModelStreamInferResponse](client, url+"/"+ServiceName+"/ModelStreamInfer", connect.WithGRPC()).CallBidiStream(t.Context())
	for i := range 3 {
		r := imageMessage(i + 1)
		if i == 1 {
			r.Inputs[0].Name = "picture"
		}
		r.Id = fmt.Sprint("request ", i)
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
		a, err := stream.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if a.InferResponse.GetId() != r.Id || (a.ErrorMessage != "") != (i == 1) || i != 1 && a.InferResponse.Outputs[0].Shape[0] != int64(i+1) {
			t.Errorf("%d: %v", i, a)
		}
	}
	if err := stream.CloseRequest(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	stream.CloseResponse()
}

// Messages of a stream count as requests, and have the time of one.
func TestStreamHasRateAndTimeOfRequests(t *testing.T) {
	for name, c := range map[string]struct {
		rate *guard.Rate
		time time.Duration
		want []string
	}{
		"rate": {&guard.Rate{PerSecond: 0.001, Burst: 2}, time.Minute, []string{"", "", "rate", "rate"}},
		"time": {nil, time.Nanosecond, []string{"time", "time"}},
	} {
		limits := guard.DefaultLimits()
		limits.Rate = c.rate
		g, err := guard.New(guard.Settings{
			Limits: limits, Request: c.time, Stream: time.Minute,
			Scope:   func(*http.Request) guard.Scope { return guard.Predict },
			Streams: func(*http.Request) bool { return true },
		})
		if err != nil {
			t.Fatal(err)
		}
		url, client := rpcServer(t, g.Protect(handler(t, enginetest.Digits)))
		stream := connect.NewClient[pb.ModelInferRequest, pb.ModelStreamInferResponse](client, url+"/"+ServiceName+"/ModelStreamInfer", connect.WithGRPC()).CallBidiStream(t.Context())
		for i, want := range c.want {
			if err := stream.Send(imageMessage(1)); err != nil {
				t.Fatal(err)
			}
			a, err := stream.Receive()
			if err != nil {
				t.Fatal(err)
			}
			if (want == "") != (a.ErrorMessage == "") || !strings.Contains(a.ErrorMessage, want) {
				t.Errorf("%s, message %d: %q, want %q", name, i, a.ErrorMessage, want)
			}
		}
		stream.CloseRequest()
		stream.CloseResponse()
	}
}

func TestMessageErrors(t *testing.T) {
	number := func(x int64) *pb.InferParameter {
		return &pb.InferParameter{ParameterChoice: &pb.InferParameter_Int64Param{Int64Param: x}}
	}
	s := New(enginetest.Engine(t, enginetest.Digits), func() bool { return true })
	text := &pb.InferParameter{ParameterChoice: &pb.InferParameter_StringParam{StringParam: "x"}}
	for name, c := range map[string]struct {
		change func(r *pb.ModelInferRequest)
		want   string
	}{
		"raw count":      {func(r *pb.ModelInferRequest) { r.RawInputContents = append(r.RawInputContents, nil) }, "raw_input_contents has 2 elements, want one for each of 1 inputs"},
		"raw size":       {func(r *pb.ModelInferRequest) { r.RawInputContents[0] = r.RawInputContents[0][1:] }, "inputs[0]: UINT8[1 28 28] takes 784 bytes, got 783"},
		"both":           {func(r *pb.ModelInferRequest) { r.Inputs[0].Contents = &pb.InferTensorContents{} }, "inputs[0]: has contents and raw_input_contents"},
		"datatype":       {func(r *pb.ModelInferRequest) { r.Inputs[0].Datatype = "FP31" }, `inputs[0]: there is no datatype "FP31"`},
		"name":           {func(r *pb.ModelInferRequest) { r.Inputs[0].Name = "" }, "inputs[0]: want a name"},
		"other name":     {func(r *pb.ModelInferRequest) { r.Inputs[0].Name = "x" }, `the model has no input "x"; its inputs are image`},
		"no shape":       {func(r *pb.ModelInferRequest) { r.Inputs[0].Shape = nil }, "inputs[0]: shape: want 1 to "},
		"negative":       {func(r *pb.ModelInferRequest) { r.Inputs[0].Shape[0] = -1 }, "inputs[0]: shape: extent 0 is -1"},
		"huge":           {func(r *pb.ModelInferRequest) { r.Inputs[0].Shape[0] = math.MaxInt64 }, "inputs[0]: shape: extent 0 is 9223372036854775807"},
		"overflow":       {func(r *pb.ModelInferRequest) { r.Inputs[0].Shape = []int64{1 << 30, 1 << 30, 1 << 30} }, "has too many elements"},
		"overflow to it": {func(r *pb.ModelInferRequest) { r.Inputs[0].Shape = []int64{1<<31 - 1, 1<<31 - 1, 4, 4} }, "has too many elements"},
		"no example":     {func(r *pb.ModelInferRequest) { r.Inputs[0].Shape[0] = 0; r.RawInputContents[0] = nil }, "want a value for each example"},
		"sequence":       {func(r *pb.ModelInferRequest) { r.Parameters = map[string]*pb.InferParameter{"sequence_id": number(3)} }, "models of this server keep no state"},
		"timeout":        {func(r *pb.ModelInferRequest) { r.Parameters = map[string]*pb.InferParameter{"timeout": number(-1)} }, "parameters: timeout: want a whole number"},
		"priority":       {func(r *pb.ModelInferRequest) { r.Parameters = map[string]*pb.InferParameter{"priority": text} }, "parameters: priority: want a whole number"},
		"preprocessed":   {func(r *pb.ModelInferRequest) { r.Parameters = map[string]*pb.InferParameter{"preprocessed": text} }, "parameters: preprocessed: want true or false"},
		"shared memory": {func(r *pb.ModelInferRequest) {
			r.Inputs[0].Parameters = map[string]*pb.InferParameter{"shared_memory_region": text}
		}, "this server shares no memory"},
		"output name": {func(r *pb.ModelInferRequest) { r.Outputs = []*pb.ModelInferRequest_InferRequestedOutputTensor{{}} }, "outputs[0]: want a name"},
		"output": {func(r *pb.ModelInferRequest) {
			r.Outputs = []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: "x"}}
		}, `has no output "x"`},
		"classes": {func(r *pb.ModelInferRequest) {
			r.Outputs = []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: "label_logits", Parameters: map[string]*pb.InferParameter{"classification": number(-4)}}}
		}, "classification: want a whole number"},
		"classes of text": {func(r *pb.ModelInferRequest) {
			r.Outputs = []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: "label", Parameters: map[string]*pb.InferParameter{"classification": number(4)}}}
		}, "output label has no scores by class"},
		"output memory": {func(r *pb.ModelInferRequest) {
			r.Outputs = []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: "label", Parameters: map[string]*pb.InferParameter{"shared_memory_region": text}}}
		}, "this server shares no memory"},
		"short contents": {func(r *pb.ModelInferRequest) { r.RawInputContents = nil }, "inputs[0]: contents hold 0 elements of UINT8, and shape [1 28 28] has 784"},
		"large uint8": {func(r *pb.ModelInferRequest) {
			r.RawInputContents = nil
			r.Inputs[0].Shape = []int64{1}
			r.Inputs[0].Contents = &pb.InferTensorContents{UintContents: []uint32{256}}
		}, "element 0 is 256, which is no UINT8"},
		"large int8": {func(r *pb.ModelInferRequest) {
			r.RawInputContents = nil
			r.Inputs[0].Shape = []int64{1}
			r.Inputs[0].Datatype = "INT8"
			r.Inputs[0].Contents = &pb.InferTensorContents{IntContents: []int32{-129}}
		}, "element 0 is -129, which is no INT8"},
		"half contents": {func(r *pb.ModelInferRequest) { r.RawInputContents = nil; r.Inputs[0].Datatype = "FP16" }, "FP16 has no typed contents"},
		"floats": {func(r *pb.ModelInferRequest) {
			r.Inputs[0].Datatype = "FP32"
			r.RawInputContents[0] = make([]byte, 4*784)
		}, "want files, or pixels as whole numbers from 0 to 255, got f32[1 28 28]; a client that does the preprocessing itself says so"},
	} {
		r := imageMessage(1)
		c.change(r)
		_, err := s.modelInfer(t.Context(), r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
}
