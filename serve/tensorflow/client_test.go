package tensorflow

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestClients has the clients of TensorFlow Serving speak to the service:
// GRADUS_SERVE_PYTHON is a Python that has what tools/serve/tfserving.py names.
func TestClients(t *testing.T) {
	python := os.Getenv("GRADUS_SERVE_PYTHON")
	if python == "" {
		t.Skip("GRADUS_SERVE_PYTHON is not set")
	}
	_, url := server(t)
	address := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/v1/models/")
	out, err := exec.CommandContext(t.Context(), python, "../../tools/serve/tfserving.py", address).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"status", "metadata", "predict", "image", "text", "classify", "regress", "errors"} {
		if !strings.Contains(string(out), "ok "+name+"\n") {
			t.Errorf("no %s in\n%s", name, out)
		}
	}
}
