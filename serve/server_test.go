package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/guard"
)

// A running server is one of a test, on an address of its own.
type running struct {
	*Server
	url, admin string
	end        context.CancelFunc // the word to end
	ended      chan error         // what Run returned
	log        *record
}

// record keeps a log.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// penguin is a request to the model for tests.
var penguin = map[string][]any{
	"species": {"Adelie"}, "island": {"Torgersen"}, "bill_length_mm": {39.1}, "bill_depth_mm": {18.7},
	"flipper_length_mm": {181.0}, "body_mass_g": {3750.0}, "sex": {"male"}, "year": {2007.0},
}

// run starts a server of a model of penguins. A path of the tests' own,
// POST /test/MODEL, asks it.
func run(t *testing.T, change func(c *Config), opts ...Option) *running {
	t.Helper()
	c := Default()
	c.Listen, c.Admin = "127.0.0.1:0", "127.0.0.1:0"
	model := DefaultModel()
	model.Name, model.Run = enginetest.Penguins, enginetest.Folder(t, enginetest.Penguins, 1)
	c.Models = []Model{model}
	if change != nil {
		change(&c)
	}
	r := &running{ended: make(chan error, 1), log: &record{}}
	e := engine.New(enginetest.Machine())
	t.Cleanup(func() { e.Close() })
	log := slog.New(slog.NewTextHandler(r.log, nil))
	s, err := New(e, c, append([]Option{WithLog(log)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = s
	s.mux.HandleFunc("POST /test/{model}", func(w http.ResponseWriter, q *http.Request) {
		_, free, err := guard.Body(q)
		if err != nil {
			guard.Fail(w, q, err)
			return
		}
		defer free()
		columns := map[string][]any{}
		info, err := e.Info(q.PathValue("model"), q.URL.Query().Get("version"))
		if err == nil {
			for _, c := range info.Signature.Columns {
				columns[c.Name] = penguin[c.Name]
			}
			_, err = e.Predict(q.Context(), &engine.Request{Model: info.Name, Version: info.Version, N: 1, Columns: columns})
		}
		if err != nil {
			guard.Fail(w, q, err)
			return
		}
		io.WriteString(w, "answered")
	})
	s.mux.HandleFunc("POST /test/panic", func(w http.ResponseWriter, q *http.Request) { panic("at /etc/passwd") })
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + s.Addr().String()
	if a := s.AdminAddr(); a != nil {
		r.admin = "http://" + a.String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.end = cancel
	go func() { r.ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-r.ended:
		case <-time.After(20 * time.Second):
			t.Error("the server does not end")
		}
	})
	return r
}

// loaded is run with its models loaded.
func loaded(t *testing.T, change func(c *Config), opts ...Option) *running {
	t.Helper()
	r := run(t, change, opts...)
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// ask makes a request of headers "Name: value". Trailers are among the headers
// of the answer.
func ask(t testing.TB, method, url, body string, headers ...string) (status int, text string, h http.Header) {
	t.Helper()
	a := request(t, method, url, body, headers...)
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range a.Trailer {
		a.Header[name] = append(a.Header[name], values...)
	}
	return a.StatusCode, string(b), a.Header
}

// http2Client speaks HTTP/2 in the clear, as clients of gRPC do.
var http2Client = func() *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: tr}
}()

func request(t testing.TB, method, url, body string, headers ...string) *http.Response {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			q.Host = value
		}
		q.Header.Add(name, value)
	}
	c := http.DefaultClient
	if strings.HasPrefix(q.Header.Get("Content-Type"), "application/grpc") {
		c = http2Client
	}
	a, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestProbes(t *testing.T) {
	s := run(t, nil)
	for _, url := range []string{s.url, s.admin} {
		if status, text, _ := ask(t, "GET", url+"/livez", ""); status != 200 {
			t.Errorf("alive before models are loaded: %d %s", status, text)
		}
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{s.url, s.admin} {
		if status, text, _ := ask(t, "GET", url+"/readyz", ""); status != 200 {
			t.Errorf("ready: %d %s", status, text)
		}
	}
	if status, text, _ := ask(t, "POST", s.url+"/test/penguins", ""); status != 200 {
		t.Errorf("%d %s", status, text)
	}
}

func TestUnknownPaths(t *testing.T) {
	s := loaded(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nothing", 404}, {"POST", "/nothing/at/all", 404}, {"DELETE", "/livez", 405}, {"GET", "/test/penguins", 405},
	} {
		status, text, h := ask(t, c.method, s.url+c.path, "")
		var e struct{ Error string }
		if status != c.status || json.Unmarshal([]byte(text), &e) != nil || e.Error == "" || h.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, text)
		}
		if (status == 405) != (h.Get("Allow") != "") {
			t.Errorf("%s %s: Allow %q", c.method, c.path, h.Get("Allow"))
		}
	}
}

func TestAdmin(t *testing.T) {
	s := loaded(t, func(c *Config) {
		second := c.Models[0]
		second.Version, second.Labels = "2", []string{"canary"}
		c.Models = append(c.Models, second)
	})
	type state struct {
		Models []struct {
			Model, Version, State string
			Labels                []string
			Weight                float64
			Generation            int
			LoadedAt              time.Time `json:"loaded_at"`
		}
		MemoryBytes int64 `json:"memory_bytes"`
	}
	do := func(method, path, body string, want int) (st state) {
		t.Helper()
		status, text, _ := ask(t, method, s.admin+path, body)
		if status != want {
			t.Errorf("%s %s %s: %d %s, want %d", method, path, body, status, text, want)
		}
		if status == 200 {
			if err := json.Unmarshal([]byte(text), &st); err != nil {
				t.Errorf("%s %s: %v", method, path, err)
			}
		}
		return st
	}
	st := do("GET", "/admin/models", "", 200)
	if len(st.Models) != 2 || st.Models[0].State != "ready" || st.Models[0].LoadedAt.IsZero() || st.MemoryBytes == 0 || st.Models[1].Labels[0] != "canary" {
		t.Fatalf("models: %+v", st)
	}
	if st = do("POST", "/admin/models/penguins/versions/2/reload", "", 200); st.Models[1].Generation != 2 || st.Models[0].Generation != 1 {
		t.Errorf("after a reload of version 2: %+v", st)
	}
	if st = do("POST", "/admin/models/penguins/reload", "", 200); st.Models[1].Generation != 3 || st.Models[0].Generation != 2 {
		t.Errorf("after a reload of all: %+v", st)
	}
	if st = do("PUT", "/admin/models/penguins/weights", `{"1": 0.25, "2": 0.75}`, 200); st.Models[0].Weight != 0.25 || st.Models[1].Weight != 0.75 {
		t.Errorf("weights: %+v", st)
	}
	if st = do("PUT", "/admin/models/penguins/labels", `{"canary": "1"}`, 200); len(st.Models[0].Labels) != 1 || len(st.Models[1].Labels) != 0 {
		t.Errorf("labels: %+v", st)
	}
	do("PUT", "/admin/models/penguins/labels", `{}`, 200)
	if st = do("DELETE", "/admin/models/penguins/versions/2", "", 200); len(st.Models) != 1 {
		t.Errorf("after an unload: %+v", st)
	}
	if status, _, _ := ask(t, "POST", s.url+"/test/penguins?version=2", ""); status != 404 {
		t.Errorf("an unloaded version: %d", status)
	}
	if st = do("POST", "/admin/models/penguins/versions/2/load", "", 200); len(st.Models) != 2 {
		t.Errorf("after a load: %+v", st)
	}
	if status, text, _ := ask(t, "POST", s.url+"/test/penguins?version=2", ""); status != 200 {
		t.Errorf("a version that was loaded again: %d %s", status, text)
	}
	do("POST", "/admin/reload", "", 200)
	do("PUT", "/admin/models/penguins/weights", `{"1": -1}`, 400)
	do("PUT", "/admin/models/penguins/weights", `[1]`, 400)
	do("PUT", "/admin/models/penguins/weights", `null`, 400)
	do("PUT", "/admin/models/penguins/weights", `{"9": 1}`, 404)
	do("PUT", "/admin/models/penguins/labels", `{"x y": "1"}`, 400)
	do("PUT", "/admin/models/other/labels", `{}`, 404)
	do("DELETE", "/admin/models/penguins/versions/3", "", 404)
	do("POST", "/admin/models/penguins/versions/3/load", "", 404)
	do("POST", "/admin/models/other/versions/1/load", "", 404)
	if status, text, _ := ask(t, "GET", s.admin+"/debug/pprof/goroutine?debug=1", ""); status != 200 || !strings.Contains(text, "goroutine profile") {
		t.Errorf("a profile: %d %.100s", status, text)
	}
}

func TestUnix(t *testing.T) {
	path := t.TempDir() + "/socket"
	// One that was killed has left its socket.
	old, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	old.Close()
	s := loaded(t, func(c *Config) { c.Listen = "unix:" + path })
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	defer c.CloseIdleConnections()
	a, err := c.Post("http://localhost/test/penguins", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != 200 {
		t.Error(a.Status)
	}
	if _, err := listen("unix:" + path); err == nil {
		t.Error("two servers on a socket")
	}
	s.end()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	s.ended <- nil
	if _, err := listen("unix:" + t.TempDir() + "/none/socket"); err == nil {
		t.Error("a socket in a folder that isn't there")
	}
}
