package serve

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gradus-ml/gradus/serve/guard"
)

// plain speaks HTTP/2 without TLS, as gRPC clients do.
func plain() *http.Client {
	t := &http.Transport{Protocols: new(http.Protocols)}
	t.Protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: t}
}

// healthClient asks the health service. Its request is a message of one string,
// its answer one of a number, as these are.
func healthClient(s *running, method string) *connect.Client[wrapperspb.StringValue, wrapperspb.Int32Value] {
	return connect.NewClient[wrapperspb.StringValue, wrapperspb.Int32Value](plain(), s.url+"/grpc.health.v1.Health/"+method, connect.WithGRPC())
}

const serving, notServing = 1, 2

func TestHealth(t *testing.T) {
	s := run(t, nil)
	client := healthClient(s, "Check")
	check := func(service string) (int32, error) {
		a, err := client.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String(service)))
		if err != nil {
			return 0, err
		}
		return a.Msg.Value, nil
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, service := range append(slices.Clone(services), "", "grpc.health.v1.Health", "penguins") {
		if status, err := check(service); status != serving || err != nil {
			t.Errorf("%q: %d, %v", service, status, err)
		}
	}
	if _, err := check("no.such.Service"); connect.CodeOf(err) != connect.CodeNotFound {
		t.Error(err)
	}
}

// Without a key, or with one for other models, a model's name tells nothing.
func TestHealthTellsNoModelsWithoutKey(t *testing.T) {
	var lines, tokens []string
	for name, more := range map[string]string{"all": "", "penguins": ":models=penguins", "others": ":models=others", "metrics": ":metrics"} {
		token, line, err := guard.NewKey(name)
		if err != nil {
			t.Fatal(err)
		}
		lines, tokens = append(lines, line+more), append(tokens, name+" "+token)
	}
	s := loaded(t, func(c *Config) { c.Keys.List = lines })
	client := healthClient(s, "Check")
	for _, nameToken := range append(tokens, "none ", "wrong x") {
		name, token, _ := strings.Cut(nameToken, " ")
		var texts []string
		for _, service := range []string{"penguins", "giraffes", ""} {
			r := connect.NewRequest(wrapperspb.String(service))
			r.Header().Set("X-API-Key", token)
			_, err := client.CallUnary(t.Context(), r)
			may := service == "" || service == "penguins" && (name == "all" || name == "penguins")
			if may != (err == nil) || err != nil && connect.CodeOf(err) != connect.CodeNotFound {
				t.Errorf("key %s, service %q: %v", name, service, err)
			}
			if err != nil {
				texts = append(texts, strings.ReplaceAll(err.Error(), service, "X"))
			}
		}
		if len(texts) == 2 && texts[0] != texts[1] {
			t.Errorf("key %s: the answers %q differ", name, texts)
		}
	}
}

// TestWatchEnds has a client that watches when the server is to end: it learns
// that, and the server does not wait for it to go.
func TestWatchEnds(t *testing.T) {
	s := loaded(t, func(c *Config) { c.Timeouts.Delay = 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := healthClient(s, "Watch").CallServerStream(ctx, connect.NewRequest(wrapperspb.String("")))
	if err != nil {
		t.Fatal(err)
	}
	if !stream.Receive() || stream.Msg().Value != serving {
		t.Fatalf("%v, %v", stream.Msg(), stream.Err())
	}
	start := time.Now()
	s.end()
	if !stream.Receive() || stream.Msg().Value != notServing {
		t.Errorf("%v, %v", stream.Msg(), stream.Err())
	}
	if stream.Receive() {
		t.Errorf("%v follows", stream.Msg())
	}
	err = <-s.ended
	s.ended <- err
	if took := time.Since(start); err != nil || took > s.config.Timeouts.Drain/2 {
		t.Errorf("ended after %v: %v", took, err)
	}
}

func TestReflection(t *testing.T) {
	s := run(t, nil)
	stream := grpcreflect.NewClient(plain(), s.url, connect.WithGRPC()).NewStream(t.Context())
	defer stream.Close()
	names, err := stream.ListServices()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range append(slices.Clone(services), "grpc.health.v1.Health") {
		if !slices.Contains(names, protoreflect.FullName(want)) {
			t.Errorf("%v lacks %s", names, want)
		}
		if files, err := stream.FileContainingSymbol(protoreflect.FullName(want)); err != nil || len(files) == 0 {
			t.Errorf("%s: %v", want, err)
		}
	}
}
