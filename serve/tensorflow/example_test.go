package tensorflow_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/tensorflow"
)

func Example() {
	e := engine.New(enginetest.Machine())
	defer e.Close()
	mux := http.NewServeMux()
	tensorflow.New(e).Register(mux)
	server := httptest.NewServer(mux)
	defer server.Close()

	resp, err := http.Post(server.URL+"/v1/models/foxes:predict", "application/json", strings.NewReader(`{"instances": [1]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(answer), err)
	// Output:
	// 404 {"error":"there is no model \"foxes\""}
	//  <nil>
}
