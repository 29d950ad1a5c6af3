package serve

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
)

func TestDefault(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	text, err := config.Encode(c, Kinds())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read(text, "serve.yaml")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if second, _ := config.Encode(again, Kinds()); string(second) != string(text) {
		t.Errorf("default settings come back as\n%s\nnot as\n%s", second, text)
	}
}

func TestRead(t *testing.T) {
	c, err := Read([]byte(`
models:
- {name: mnist, run: runs/mnist}
- {name: mnist, run: runs/mnist2, version: "2", labels: [canary], weight: 0.1, batching: {max_delay: 5ms}}
listen: 0.0.0.0:443
tls: {cert: cert.pem, key: key.pem}
keys: {file: keys}
limits: {rate: {per_second: 5}}
timeouts: {request: 5s}
`), "serve.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Models[0]; m.Version != "1" || m.Weight != 1 || m.Batching != nil {
		t.Errorf("a model starts from %+v", m)
	}
	if b := c.Models[1].Batching; b.Queue != Default().Batching.Queue {
		t.Errorf("batching of a model starts from %+v", b)
	}
	if c.TLS.MinVersion != "1.2" || c.Limits.Rate.Burst != 100 || c.Limits.BodyBytes != Default().Limits.BodyBytes {
		t.Errorf("settings are %+v", c)
	}
}

// Settings are judged when those of the command line stand over them, and
// mistakes have their places.
func TestReadOver(t *testing.T) {
	text := []byte("listen: 0.0.0.0:80\nlimits:\n  in_flight: 0\n")
	_, err := Read(text, "serve.yaml", func(c *Config) { c.Keys.File = "keys" })
	if err == nil || !strings.Contains(err.Error(), "serve.yaml:3:") || strings.Contains(err.Error(), "listen") {
		t.Errorf("got %v", err)
	}
	c, err := Read(text, "serve.yaml", func(c *Config) { c.Keys.File, c.Limits.InFlight = "keys", 5 })
	if err != nil || c.Listen != "0.0.0.0:80" || c.Limits.InFlight != 5 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestValidate(t *testing.T) {
	for change, want := range map[string]string{
		"listen: 0.0.0.0:8080":                           "listen: other machines can reach 0.0.0.0:8080, so clients must have keys",
		"listen: ':8080'":                                "must have keys",
		"listen: '[::]:8080'":                            "must have keys",
		"listen: example.org:80":                         "must have keys",
		"admin: 10.0.0.1:8081":                           "admin: other machines can reach",
		"listen: 8080":                                   "HOST:PORT",
		"listen: 'unix:'":                                "wants a path",
		"admin: 127.0.0.1:8080":                          "an address of its own",
		"tls: {cert: a}":                                 "cert and key must be files",
		"origins: [example.org]":                         "SCHEME://HOST",
		"origins: ['https://a/b']":                       "SCHEME://HOST",
		"hosts: ['*']":                                   "no name of a host",
		"limits: {body_bytes: 0}":                        "limits.body_bytes",
		"limits: {in_flight: -1}":                        "limits.in_flight",
		"limits: {memory_bytes: 9}":                      "limits.memory_bytes",
		"timeouts: {request: 0s}":                        "timeouts.request",
		"keys: {list: [abc]}":                            "NAME:sha256:HEX",
		"log: {level: loud}":                             "log.level",
		"models: [{name: ../etc, run: a}]":               "no name of a model",
		"models: [{name: a, run: a, version: '1/2'}]":    "not a number",
		"models: [{name: a, run: a, labels: ['../x']}]":  "no label",
		"models: [{name: a, run: a, weight: -1}]":        "weight",
		"models: [{name: a, run: a}, {name: a, run: b}]": "there is a 1 of a before",
		"models: [{name: a, run: a, labels: [x]}, {name: a, version: '2', labels: [x]}]": "there is a x of a before",
	} {
		_, err := Read([]byte(change), "serve.yaml")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", change, err, want)
		}
	}
	for _, good := range []string{"listen: localhost:0", "listen: '[::1]:0'", "listen: 127.9.9.9:1", "listen: unix:/run/x.sock", "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0"} {
		if _, err := Read([]byte(good), "serve.yaml"); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}
