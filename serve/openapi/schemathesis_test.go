package openapi_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/serve"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/guard"
)

// TestSchemathesis lets schemathesis ask a server all that its document says,
// and much else. GRADUS_SERVE_PYTHON is a Python in whose environment it is.
func TestSchemathesis(t *testing.T) {
	python := os.Getenv("GRADUS_SERVE_PYTHON")
	if python == "" {
		t.Skip("GRADUS_SERVE_PYTHON names no Python with schemathesis")
	}
	key, line, err := guard.NewKey("client", guard.Predict)
	if err != nil {
		t.Fatal(err)
	}
	c := serve.Default()
	c.Listen, c.Admin = "127.0.0.1:0", ""
	c.Keys.List = []string{line}
	s, err := serve.New(enginetest.Engine(t, enginetest.Digits, enginetest.Penguins), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	limited, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	cmd := exec.CommandContext(limited, "../../tools/serve/schemathesis.sh", "http://"+s.Addr().String(), "--max-examples", "2", "--workers", "2", "--header", "Authorization: Bearer "+key)
	cmd.Env = append(os.Environ(), "SCHEMATHESIS="+filepath.Join(filepath.Dir(python), "schemathesis"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
