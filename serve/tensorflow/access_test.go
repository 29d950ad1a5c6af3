package tensorflow

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/tensorflow/pb"
)

// A key for one model tells nothing of others, not even which there are.
func TestKeysOfOtherModels(t *testing.T) {
	mux := http.NewServeMux()
	New(enginetest.Engine(t, enginetest.Penguins, enginetest.Mail)).Register(mux)
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(engine.Only(r.Context(), []string{"mail"})))
	}))
	h.Config.Protocols = new(http.Protocols)
	h.Config.Protocols.SetHTTP1(true)
	h.Config.Protocols.SetUnencryptedHTTP2(true)
	h.Start()
	t.Cleanup(h.Close)
	url := h.URL + "/v1/models/"

	for _, c := range []struct{ rest, body string }{
		{"", ""}, {"/versions/1", ""}, {"/versions/2", ""}, {"/labels/latest", ""}, {"/metadata", ""}, {"/versions/1/metadata", ""}, {"/versions/2/metadata", ""},
		{":predict", `{"instances":[` + adelie + `]}`}, {":classify", `{"examples":[` + adelie + `]}`}, {":regress", `{"examples":[` + adelie + `]}`},
		{"/versions/1:predict", `{"instances":[` + adelie + `]}`}, {"/versions/2:predict", `{"instances":[` + adelie + `]}`},
		{":predict", "{"}, {":classify", "{"}, {":regress", "{"}, // which is not read
	} {
		status, answer := call(t, url+"penguins"+c.rest, c.body)
		unknown, want := call(t, url+"foxes"+c.rest, c.body)
		if status != 403 || status != unknown || answer != want {
			t.Errorf("%s %s: got %d %s, and for an unknown model %d %s", c.rest, c.body, status, answer, unknown, want)
		}
	}
	if status, answer := call(t, url+"mail/metadata", ""); status != 200 {
		t.Errorf("the key's own model: got %d %s", status, answer)
	}

	for method, ask := range map[string]func(string) error{
		"Predict": func(m string) error {
			_, err := ask[pb.PredictResponse](t, url, PredictionService+"/Predict", &pb.PredictRequest{ModelSpec: spec(m), Inputs: inputs()})
			return err
		},
		"Classify": func(m string) error {
			_, err := ask[pb.ClassificationResponse](t, url, PredictionService+"/Classify", &pb.ClassificationRequest{ModelSpec: spec(m)})
			return err
		},
		"Regress": func(m string) error {
			_, err := ask[pb.RegressionResponse](t, url, PredictionService+"/Regress", &pb.RegressionRequest{ModelSpec: spec(m)})
			return err
		},
		"MultiInference": func(m string) error {
			_, err := ask[pb.MultiInferenceResponse](t, url, PredictionService+"/MultiInference", &pb.MultiInferenceRequest{Tasks: []*pb.InferenceTask{{ModelSpec: spec(m)}}})
			return err
		},
		"GetModelMetadata": func(m string) error {
			_, err := ask[pb.GetModelMetadataResponse](t, url, PredictionService+"/GetModelMetadata", &pb.GetModelMetadataRequest{ModelSpec: spec(m), MetadataField: []string{"signature_def"}})
			return err
		},
		"GetModelStatus": func(m string) error {
			_, err := ask[pb.GetModelStatusResponse](t, url, ModelService+"/GetModelStatus", &pb.GetModelStatusRequest{ModelSpec: spec(m)})
			return err
		},
		"HandleReloadConfigRequest": func(string) error {
			_, err := ask[pb.ReloadConfigResponse](t, url, ModelService+"/HandleReloadConfigRequest", &pb.ReloadConfigRequest{})
			return err
		},
	} {
		err, unknown := ask("penguins"), ask("foxes")
		if connect.CodeOf(err) != connect.CodePermissionDenied || unknown == nil || err.Error() != unknown.Error() || strings.Contains(err.Error(), "penguins") {
			t.Errorf("%s: got %v, and for an unknown model %v", method, err, unknown)
		}
	}
}
