package inference_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/inference"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := enginetest.Write(dir, enginetest.Mail, 1); err != nil {
		panic(err)
	}
	e := engine.New(enginetest.Machine())
	defer e.Close()
	open := func(m recipe.Machine) (*recipe.Saved, error) { return recipe.OpenRun(dir, m) }
	if err := e.Add(context.Background(), engine.Spec{Name: "mail", Version: "1", Weight: 1, Open: open}); err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	inference.New(e, e.Ready).Register(mux)

	ask := func(method, path, body string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	}
	ask("GET", "/v2/models/mail/ready", "")
	ask("GET", "/v2/models/other/ready", "")
	ask("POST", "/v2/models/mail/infer", `{"inputs": [{"name": "text", "shape": [1], "datatype": "FP32", "data": [1]}]}`)
	// Output:
	// 200 {"name":"mail","ready":true}
	// 404 {"error":"there is no model \"other\""}
	// 400 {"error":"column text: want strings, got f32[1]"}
}
