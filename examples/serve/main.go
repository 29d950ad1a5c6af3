// Command serve answers by a trained model in a server of one's own: all that
// gradus serve answers, under a path, and a route that asks the model itself.
//
//	gradus train mnist
//	go run ./examples/serve runs/mnist
//	curl --data-binary @digit.png localhost:8000/read
//	curl --data-binary @digit.png localhost:8000/models/v1/predict/digits
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve"
	"github.com/gradus-ml/gradus/serve/engine"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("serve wants a run folder, such as runs/mnist")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	e := engine.New(recipe.ThisMachine())
	defer e.Close()
	h, err := newHandler(ctx, e, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8000", Handler: h, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Shutdown(context.Background()) })
	log.Print("listening at http://", server.Addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

// newHandler puts the model of a run folder beside a route of our own.
func newHandler(ctx context.Context, e *engine.Engine, run string) (http.Handler, error) {
	c := serve.Default()
	m := serve.DefaultModel()
	m.Name, m.Run = "digits", run
	c.Models = []serve.Model{m}
	s, err := serve.New(e, c)
	if err != nil {
		return nil, err
	}
	if err := s.Load(ctx); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/models/", http.StripPrefix("/models", s.Handler()))
	mux.HandleFunc("POST /read", func(w http.ResponseWriter, r *http.Request) {
		picture, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "a picture has at most 1 MiB", http.StatusRequestEntityTooLarge)
			return
		}
		answer, err := e.Predict(r.Context(), &engine.Request{
			Model: "digits", N: 1, Columns: map[string][]any{"image": {picture}}, Outputs: []string{"label"},
		})
		if err != nil {
			known := engine.AsError(err) // what a client may know of it
			http.Error(w, known.Message, known.Code.HTTP())
			return
		}
		fmt.Fprintln(w, answer.Outputs[0].Strings[0])
	})
	return mux, nil
}
