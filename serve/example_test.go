package serve_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/gradus-ml/gradus/serve"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := enginetest.Write(dir, enginetest.Mail, 1); err != nil { // or a folder that a run has left
		fmt.Println(err)
		return
	}
	c := serve.Default()
	c.Listen = "127.0.0.1:0"
	model := serve.DefaultModel()
	model.Name, model.Run = "spam", dir
	c.Models = []serve.Model{model}

	e := engine.New(enginetest.Machine())
	defer e.Close()
	s, err := serve.New(e, c)
	if err == nil {
		err = s.Listen()
	}
	if err == nil {
		err = s.Load(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()

	a, err := http.Get("http://" + s.Addr().String() + "/v1/models/spam")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Status)
	a.Body.Close()
	end()
	fmt.Println(<-ended)
	// Output:
	// 200 OK
	// <nil>
}

func ExampleRead() {
	c, err := serve.Read([]byte(`
models:
- {name: mnist, run: runs/mnist}
- {name: mnist, run: runs/mnist-2, version: "2", labels: [canary], weight: 0.1}
limits: {rate: {per_second: 20, burst: 40}}
`), "serve.yaml")
	fmt.Println(len(c.Models), c.Listen, c.Limits.Rate.Burst, err)
	_, err = serve.Read([]byte("limits: {in_flight: 0}\n"), "serve.yaml")
	message, _, _ := strings.Cut(err.Error(), "\n") // then come the line and a caret
	fmt.Println(message)
	// Output:
	// 2 127.0.0.1:8080 40 <nil>
	// serve.yaml:1:10: limits.in_flight: 0 is not in 1..1048576
}
