package inference_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/serve"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// server starts a real one, with all that stands before the protocols.
func server(t *testing.T) (address string) {
	t.Helper()
	c := serve.Default()
	c.Listen, c.Admin = "127.0.0.1:0", ""
	s, err := serve.New(enginetest.Engine(t, enginetest.Digits, enginetest.Mail, enginetest.Masses), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}

// client runs a program that ends well if the server does what it wants.
func client(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// python is an interpreter that has tritonclient[all] and pillow.
func python(t *testing.T) string {
	p := os.Getenv("GRADUS_SERVE_PYTHON")
	if p == "" {
		t.Skip("GRADUS_SERVE_PYTHON names no Python with tritonclient[all] and pillow")
	}
	return p
}

func TestTritonHTTP(t *testing.T) {
	client(t, python(t), "../../tools/serve/triton_http.py", server(t))
}

func TestTritonGRPC(t *testing.T) {
	client(t, python(t), "../../tools/serve/triton_grpc.py", server(t))
}

func TestCurl(t *testing.T) {
	for _, program := range []string{"bash", "curl", "grpcurl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	client(t, "bash", "../../tools/serve/inference.sh", server(t))
}
