package tensorflow

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/tensorflow/pb"
	"github.com/gradus-ml/gradus/tensor"
)

// ask calls a method as clients of gRPC do.
func ask[A, Q any](t testing.TB, url, method string, q *Q) (*A, error) {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	c := connect.NewClient[Q, A](&http.Client{Transport: transport}, strings.TrimSuffix(url, "/v1/models/")+"/"+method, connect.WithGRPC())
	a, err := c.CallUnary(t.Context(), connect.NewRequest(q))
	if err != nil {
		return nil, err
	}
	return a.Msg, nil
}

func spec(name string) *pb.ModelSpec { return &pb.ModelSpec{Name: name} }

func floatsProto(data []float64) *pb.TensorProto {
	return protoOf(&engine.Answer{Tensor: tensor.Must(tensor.Of(data))}, len(data))
}

func textsProto(data ...string) *pb.TensorProto {
	return protoOf(&engine.Answer{Strings: data}, len(data))
}

func inputs() map[string]*pb.TensorProto {
	return map[string]*pb.TensorProto{
		"bill_length_mm": floatsProto([]float64{39.1, 46.1}), "bill_depth_mm": floatsProto([]float64{18.7, 13.2}),
		"flipper_length_mm": floatsProto([]float64{181, 211}), "body_mass_g": floatsProto([]float64{3750, 4500}),
		"island": textsProto("Torgersen", "Biscoe"),
	}
}

// features is one penguin.
func features() *pb.Input {
	number := func(x float32) *pb.Feature {
		return &pb.Feature{Kind: &pb.Feature_FloatList{FloatList: &pb.FloatList{Value: []float32{x}}}}
	}
	text := func(s string) *pb.Feature {
		return &pb.Feature{Kind: &pb.Feature_BytesList{BytesList: &pb.BytesList{Value: [][]byte{[]byte(s)}}}}
	}
	return &pb.Input{Kind: &pb.Input_ExampleListWithContext{ExampleListWithContext: &pb.ExampleListWithContext{
		Examples: []*pb.Example{{Features: &pb.Features{Feature: map[string]*pb.Feature{
			"bill_length_mm": number(39.5), "bill_depth_mm": number(18.5), "flipper_length_mm": number(181), "sex": text("male"),
			"body_mass_g": {Kind: &pb.Feature_Int64List{Int64List: &pb.Int64List{Value: []int64{3750}}}},
		}}}},
		Context: &pb.Example{Features: &pb.Features{Feature: map[string]*pb.Feature{"island": text("Torgersen")}}},
	}}}
}

// The same penguin by REST.
const likewise = `{"examples":[{"bill_length_mm":39.5,"bill_depth_mm":18.5,"flipper_length_mm":181,"body_mass_g":3750,"island":"Torgersen","sex":"male"}]}`

func TestGRPCPredict(t *testing.T) {
	_, url := server(t)
	a, err := ask[pb.PredictResponse](t, url, "tensorflow.serving.PredictionService/Predict", &pb.PredictRequest{
		ModelSpec: &pb.ModelSpec{Name: "penguins", VersionChoice: &pb.ModelSpec_Version{Version: wrapperspb.Int64(1)}}, Inputs: inputs(),
	})
	if err != nil {
		t.Fatal(err)
	}
	status, answer := call(t, url+"penguins:predict", `{"inputs":`+strings.Replace(both, `["male",null]`, `[null,null]`, 1)+`}`)
	want := decode[struct {
		Outputs struct {
			Species       []string    `json:"species"`
			Probabilities [][]float32 `json:"species_probabilities"`
		}
	}](t, status, answer).Outputs
	got := a.Outputs
	if p := got["species_probabilities"]; len(got) != 2 || !reflect.DeepEqual(p.GetFloatVal(), append(want.Probabilities[0], want.Probabilities[1]...)) || p.TensorShape.Dim[1].Size != 3 {
		t.Errorf("got %v, want %v", got, want)
	}
	if s := got["species"].GetStringVal(); len(s) != 2 || string(s[0]) != want.Species[0] || string(s[1]) != want.Species[1] {
		t.Errorf("got %s, want %v", s, want)
	}
	if m := a.ModelSpec; m.Name != "penguins" || m.GetVersion().GetValue() != 1 || m.SignatureName != "serving_default" {
		t.Errorf("got %v", m)
	}

	// Outputs that must be asked for, and finished tensors.
	tensors := map[string]*pb.TensorProto{
		"measures": protoOf(&engine.Answer{Tensor: tensor.Must(tensor.Of([]float32{1, 2, 3, 4}, 1, 4))}, 1),
		"kinds":    {Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{1, 7}), FloatVal: []float32{0}},
	}
	a, err = ask[pb.PredictResponse](t, url, "tensorflow.serving.PredictionService/Predict", &pb.PredictRequest{
		ModelSpec: &pb.ModelSpec{Name: "penguins", SignatureName: "preprocessed"}, Inputs: tensors, OutputFilter: []string{"species_logits"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Outputs["species_logits"]; len(a.Outputs) != 1 || len(got.GetFloatVal()) != 3 || a.ModelSpec.SignatureName != "preprocessed" {
		t.Errorf("got %v", a)
	}
}

func TestGRPCImages(t *testing.T) {
	_, url := server(t)
	file, rows := picture(3)
	var pixels []byte
	for _, row := range rows {
		for _, x := range row {
			pixels = append(pixels, byte(x))
		}
	}
	var want []float32
	for _, p := range []*pb.TensorProto{
		textsProto(string(file)),
		{Dtype: pb.DataType_DT_UINT8, TensorShape: protoShape([]int{1, 28, 28, 1}), TensorContent: pixels},
		{Dtype: pb.DataType_DT_UINT8, TensorShape: protoShape([]int{1, 28, 28}), TensorContent: pixels},
	} {
		a, err := ask[pb.PredictResponse](t, url, "tensorflow.serving.PredictionService/Predict", &pb.PredictRequest{ModelSpec: spec("digits"), Inputs: map[string]*pb.TensorProto{"image": p}})
		if err != nil {
			t.Fatal(err)
		}
		got := a.Outputs["label_probabilities"].GetFloatVal()
		if want == nil {
			want = got
		}
		if len(got) != 10 || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestGRPCExamples(t *testing.T) {
	_, url := server(t)
	classes, err := ask[pb.ClassificationResponse](t, url, "tensorflow.serving.PredictionService/Classify", &pb.ClassificationRequest{ModelSpec: spec("penguins"), Input: features()})
	if err != nil {
		t.Fatal(err)
	}
	status, answer := call(t, url+"penguins:classify", likewise)
	want := decode[struct{ Results [][][2]any }](t, status, answer).Results[0]
	got := classes.GetResult().GetClassifications()
	if len(got) != 1 || len(got[0].Classes) != 3 {
		t.Fatalf("got %v", got)
	}
	for i, c := range got[0].Classes {
		if c.Label != want[i][0] || c.Score != float32(want[i][1].(float64)) {
			t.Errorf("got %v, want %v", c, want[i])
		}
	}

	values, err := ask[pb.RegressionResponse](t, url, "tensorflow.serving.PredictionService/Regress", &pb.RegressionRequest{ModelSpec: spec("masses"), Input: features()})
	if err != nil {
		t.Fatal(err)
	}
	status, answer = call(t, url+"masses:regress", likewise)
	mass := decode[struct{ Results []float64 }](t, status, answer).Results
	if r := values.GetResult().GetRegressions(); len(r) != 1 || r[0].Value != float32(mass[0]) {
		t.Errorf("got %v, want %v", r, mass)
	}

	many, err := ask[pb.MultiInferenceResponse](t, url, "tensorflow.serving.PredictionService/MultiInference", &pb.MultiInferenceRequest{
		Tasks: []*pb.InferenceTask{{ModelSpec: spec("masses"), MethodName: "tensorflow/serving/regress"}}, Input: features(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := many.GetResults(); len(r) != 1 || r[0].GetRegressionResult().GetRegressions()[0].Value != float32(mass[0]) {
		t.Errorf("got %v, want %v", r, mass)
	}
}

func TestGRPCModel(t *testing.T) {
	s, url := server(t)
	status, err := ask[pb.GetModelStatusResponse](t, url, "tensorflow.serving.ModelService/GetModelStatus", &pb.GetModelStatusRequest{ModelSpec: spec("penguins")})
	if err != nil {
		t.Fatal(err)
	}
	if v := status.GetModelVersionStatus(); len(v) != 1 || v[0].Version != 1 || v[0].State != pb.ModelVersionStatus_AVAILABLE || v[0].Status.ErrorCode != pb.Code_OK {
		t.Errorf("got %v", v)
	}
	meta, err := ask[pb.GetModelMetadataResponse](t, url, "tensorflow.serving.PredictionService/GetModelMetadata", &pb.GetModelMetadataRequest{ModelSpec: spec("penguins"), MetadataField: []string{"signature_def"}})
	if err != nil {
		t.Fatal(err)
	}
	var defs pb.SignatureDefMap
	if err := meta.Metadata["signature_def"].UnmarshalTo(&defs); err != nil {
		t.Fatal(err)
	}
	info, err := s.engine.Info("penguins", "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := defs.String(), signatureDefs(&info.Signature).String(); len(defs.SignatureDef) != 2 || len(got) != len(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestGRPCErrors(t *testing.T) {
	_, url := server(t)
	predict := func(q *pb.PredictRequest) error {
		_, err := ask[pb.PredictResponse](t, url, "tensorflow.serving.PredictionService/Predict", q)
		return err
	}
	without, longer, other, content := inputs(), inputs(), inputs(), inputs()
	delete(without, "body_mass_g") // which may be missing
	longer["sex"] = textsProto("male")
	other["wings"] = textsProto("male", "male")
	content["island"].TensorContent = []byte{1}
	huge := inputs()
	huge["sex"] = &pb.TensorProto{Dtype: pb.DataType_DT_STRING, TensorShape: protoShape([]int{1 << 30})}
	many := map[string]*pb.TensorProto{"text": floatsProto(make([]float64, 1025))} // which are no texts
	multi := func(tasks ...*pb.InferenceTask) error {
		_, err := ask[pb.MultiInferenceResponse](t, url, "tensorflow.serving.PredictionService/MultiInference", &pb.MultiInferenceRequest{Tasks: tasks, Input: features()})
		return err
	}
	classify := func(m *pb.ModelSpec) *pb.InferenceTask {
		return &pb.InferenceTask{ModelSpec: m, MethodName: "tensorflow/serving/classify"}
	}
	metadata := func(fields ...string) error {
		_, err := ask[pb.GetModelMetadataResponse](t, url, "tensorflow.serving.PredictionService/GetModelMetadata", &pb.GetModelMetadataRequest{ModelSpec: spec("masses"), MetadataField: fields})
		return err
	}
	_, status := ask[pb.GetModelStatusResponse](t, url, "tensorflow.serving.ModelService/GetModelStatus", &pb.GetModelStatusRequest{})
	_, label := ask[pb.GetModelStatusResponse](t, url, "tensorflow.serving.ModelService/GetModelStatus", &pb.GetModelStatusRequest{ModelSpec: &pb.ModelSpec{Name: "masses", VersionChoice: &pb.ModelSpec_VersionLabel{VersionLabel: "beta"}}})
	_, reload := ask[pb.ReloadConfigResponse](t, url, "tensorflow.serving.ModelService/HandleReloadConfigRequest", &pb.ReloadConfigRequest{})
	_, empty := ask[pb.ClassificationResponse](t, url, "tensorflow.serving.PredictionService/Classify", &pb.ClassificationRequest{ModelSpec: spec("penguins")})
	_, numbers := ask[pb.ClassificationResponse](t, url, "tensorflow.serving.PredictionService/Classify", &pb.ClassificationRequest{ModelSpec: spec("masses"), Input: features()})
	_, classes := ask[pb.RegressionResponse](t, url, "tensorflow.serving.PredictionService/Regress", &pb.RegressionRequest{ModelSpec: spec("penguins"), Input: features()})
	for i, c := range []struct {
		err  error
		code connect.Code
		want string
	}{
		{predict(&pb.PredictRequest{}), connect.CodeNotFound, ""},
		{predict(&pb.PredictRequest{ModelSpec: spec("foxes")}), connect.CodeNotFound, `there is no model "foxes"`},
		{predict(&pb.PredictRequest{ModelSpec: &pb.ModelSpec{Name: "masses", SignatureName: "mine"}}), connect.CodeInvalidArgument, `there is no signature "mine"`},
		{predict(&pb.PredictRequest{ModelSpec: spec("mail")}), connect.CodeInvalidArgument, "input text is missing"},
		{predict(&pb.PredictRequest{ModelSpec: spec("penguins")}), connect.CodeInvalidArgument, "no examples"},
		{predict(&pb.PredictRequest{ModelSpec: spec("penguins"), Inputs: without}), 0, ""},
		{predict(&pb.PredictRequest{ModelSpec: spec("penguins"), Inputs: longer}), connect.CodeInvalidArgument, "input sex has 1 examples, and another one has 2"},
		{predict(&pb.PredictRequest{ModelSpec: spec("penguins"), Inputs: other}), connect.CodeInvalidArgument, `there is no input "wings"`},
		{predict(&pb.PredictRequest{ModelSpec: spec("penguins"), Inputs: content}), connect.CodeInvalidArgument, "input island: strings stand in string_val"},
		{predict(&pb.PredictRequest{ModelSpec: spec("penguins"), Inputs: huge}), connect.CodeResourceExhausted, "input sex: has 0 values for shape [1073741824]"},
		{predict(&pb.PredictRequest{ModelSpec: spec("mail"), Inputs: many}), connect.CodeResourceExhausted, "the request has 1025 examples, at most 1024 are taken at a time"},
		{predict(&pb.PredictRequest{ModelSpec: spec("penguins"), Inputs: inputs(), OutputFilter: []string{"wings"}}), connect.CodeInvalidArgument, `no output "wings"`},
		{predict(&pb.PredictRequest{ModelSpec: spec("digits"), Inputs: map[string]*pb.TensorProto{"image": floatsProto([]float64{1})}}), connect.CodeInvalidArgument, `signature_name "preprocessed"`},
		{multi(), connect.CodeInvalidArgument, "the request has no tasks"},
		{multi(classify(spec("penguins")), classify(spec("digits"))), connect.CodeInvalidArgument, "task 1 is of another model than the first one"},
		{multi(classify(spec("penguins")), classify(spec("penguins"))), connect.CodeInvalidArgument, "task 1 asks for what another one asks for"},
		{multi(&pb.InferenceTask{ModelSpec: spec("penguins")}), connect.CodeInvalidArgument, `method_name is ""`},
		{multi(classify(&pb.ModelSpec{Name: "penguins", SignatureName: "mine"})), connect.CodeInvalidArgument, `task 0: there is no signature "mine"`},
		{metadata(), connect.CodeInvalidArgument, "metadata_field is missing, want signature_def"},
		{metadata("assets"), connect.CodeInvalidArgument, `there are no metadata "assets", but signature_def`},
		{status, connect.CodeNotFound, ""},
		{label, connect.CodeNotFound, ""},
		{reload, connect.CodePermissionDenied, "models are added and reloaded through the administration's listener"},
		{empty, connect.CodeInvalidArgument, "the request has no examples"},
		{numbers, connect.CodeInvalidArgument, "model masses has no classes; regress or predict may be meant"},
		{classes, connect.CodeInvalidArgument, "model penguins has no target that is a number; classify or predict may be meant"},
	} {
		if c.code == 0 {
			if c.err != nil {
				t.Errorf("%d: %v", i, c.err)
			}
			continue
		}
		if c.err == nil || connect.CodeOf(c.err) != c.code || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%d: got %v, want %v: %s", i, c.err, c.code, c.want)
		}
	}
}
