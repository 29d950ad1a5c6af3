package guard

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/gzip"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gradus-ml/gradus/serve/engine"
)

// settings for tests.
func settings() Settings {
	return Settings{
		Limits: small(), Local: true, Request: 10 * time.Second, Stream: time.Minute,
		Scope: func(r *http.Request) Scope {
			switch {
			case strings.HasPrefix(r.URL.Path, "/open"):
				return ""
			case strings.HasPrefix(r.URL.Path, "/admin"):
				return Admin
			}
			return Predict
		},
		Streams: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/Stream") },
	}
}

// listen serves a handler behind a guard, by HTTP/1.1 and HTTP/2 in the clear.
func listen(t *testing.T, g *Guard, log *slog.Logger, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(Identify(Recover(log, g.Protect(h))))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func newGuard(t *testing.T, s Settings) *Guard {
	t.Helper()
	g, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// echo answers with the length of what it got.
func echo(w http.ResponseWriter, r *http.Request) {
	body, free, err := Body(r)
	if err != nil {
		Fail(w, r, err)
		return
	}
	defer free()
	fmt.Fprint(w, len(body))
}

// h2 is a client of HTTP/2 in the clear.
func h2(t *testing.T) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// send makes a request of headers "Name: value" and gives the answer.
func send(t *testing.T, c *http.Client, method, url string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	a, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a, string(text)
}

// peak is how much the heap grows while f runs. The collector runs often, so that
// what counts is what f holds, and not how far a busy machine let it fall behind.
func peak(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	for {
		select {
		case <-done:
			return int64(most - before)
		case <-time.After(5 * time.Millisecond):
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
}

// bomb is a gzip of gib GiB of zeros.
func bomb(t *testing.T, gib int) []byte {
	t.Helper()
	var one bytes.Buffer
	z, _ := gzip.NewWriterLevel(&one, gzip.BestCompression)
	zeros := make([]byte, 1<<20)
	for range 64 {
		z.Write(zeros)
	}
	z.Close()
	return bytes.Repeat(one.Bytes(), gib*16) // members of a gzip follow each other
}

// unary is a method of gRPC that gives the length of what it got.
func unary(l Limits) http.Handler {
	return connect.NewUnaryHandler("/test.Service/Length",
		func(ctx context.Context, r *connect.Request[wrapperspb.BytesValue]) (*connect.Response[wrapperspb.Int64Value], error) {
			return connect.NewResponse(wrapperspb.Int64(int64(len(r.Msg.Value)))), nil
		}, l.HandlerOptions()...)
}

// call calls it with a message as it is on the wire.
func call(t *testing.T, url string, flags byte, message []byte) *http.Response {
	t.Helper()
	body := append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message))), message...)
	a, _ := send(t, h2(t), "POST", url+"/test.Service/Length", bytes.NewReader(body),
		"Content-Type: application/grpc", "Te: trailers", "Grpc-Encoding: gzip")
	return a
}

// status is the code of gRPC's answer.
func status(a *http.Response) string {
	return a.Header.Get("Grpc-Status") + a.Trailer.Get("Grpc-Status")
}

func TestSecurityRow7GzipBomb(t *testing.T) {
	s := settings()
	s.Limits = DefaultLimits()
	s.Limits.BodyBytes = 16 << 20 // of which 10 MB may unpack to 10 GB
	g := newGuard(t, s)
	mux := http.NewServeMux()
	mux.HandleFunc("/", echo)
	mux.Handle("/test.Service/Length", unary(s.Limits))
	server := listen(t, g, slog.New(slog.DiscardHandler), mux)
	body := bomb(t, 10)
	t.Logf("%d bytes that unpack to 10 GiB", len(body))
	for name, f := range map[string]func(){
		"REST": func() {
			a, text := send(t, server.Client(), "POST", server.URL, bytes.NewReader(body), "Content-Encoding: gzip")
			if a.StatusCode != 413 || !strings.Contains(text, "unpacked") {
				t.Errorf("REST: %s %s", a.Status, text)
			}
		},
		"gRPC": func() {
			if a := call(t, server.URL, 1, body); status(a) != "8" {
				t.Errorf("gRPC: status %s %s", status(a), a.Trailer.Get("Grpc-Message"))
			}
		},
	} {
		start := time.Now()
		grown := peak(f)
		t.Logf("%s: %d MiB, %v", name, grown>>20, time.Since(start))
		if most := 4*s.Limits.UnpackedBytes + 2*int64(len(body)); grown > most {
			t.Errorf("%s: the heap grew by %d bytes, want %d at most", name, grown, most)
		}
	}
	if a := call(t, server.URL, 1, packed(t, "gzip", []byte("\x0a\x03abc"))); status(a) != "0" {
		t.Errorf("a sound message: status %s %s", status(a), a.Trailer.Get("Grpc-Message"))
	}
	if a := call(t, server.URL, 0, make([]byte, 17<<20)); status(a) != "8" {
		t.Errorf("a large message: status %s %s", status(a), a.Trailer.Get("Grpc-Message"))
	}
	waitFree(t, g)
}

// waitFree waits until all memory of bodies is given back: an answer comes
// before the request is over.
func waitFree(t *testing.T, g *Guard) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		g.stock.budget.mu.Lock()
		free := g.stock.budget.free
		g.stock.budget.mu.Unlock()
		if free == g.settings.Limits.MemoryBytes {
			return
		}
	}
	t.Error("memory of bodies is not given back")
}

func TestSecurityRow9HostsAndOrigins(t *testing.T) {
	s := settings()
	s.Origins = []string{"https://friend.example"}
	server := listen(t, newGuard(t, s), slog.New(slog.DiscardHandler), http.HandlerFunc(echo))
	for _, c := range []struct {
		method  string
		headers []string
		status  int
	}{
		{"POST", nil, 200},
		{"POST", []string{"Host: localhost:80"}, 200},
		{"POST", []string{"Host: LOCALHOST."}, 200},
		{"POST", []string{"Host: [::1]:8080"}, 200},
		{"POST", []string{"Host: 127.1.2.3"}, 200},
		{"POST", []string{"Host: evil.example"}, 403}, // rebound to 127.0.0.1
		{"GET", []string{"Host: evil.example"}, 403},
		{"POST", []string{"Host: 10.0.0.1"}, 403},
		{"POST", []string{"Host: localhost.evil.example"}, 403},
		{"POST", []string{"Host: evil.example", "Origin: http://evil.example"}, 403},
		{"POST", []string{"Host: localhost", "Origin: http://localhost"}, 200},
		{"POST", []string{"Host: localhost", "Origin: http://localhost:1234"}, 403},
		{"POST", []string{"Origin: https://evil.example"}, 403},
		{"GET", []string{"Origin: https://evil.example"}, 403},
		{"OPTIONS", []string{"Origin: https://evil.example", "Access-Control-Request-Method: POST"}, 403},
		{"POST", []string{"Origin: null"}, 403},
		{"POST", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"POST", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"POST", []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"GET", []string{"Sec-Fetch-Site: cross-site"}, 200}, // a link
		{"POST", []string{"Origin: https://friend.example", "Sec-Fetch-Site: cross-site"}, 200},
		{"POST", []string{"Origin: https://friend.example.evil.example"}, 403},
		{"OPTIONS", []string{"Origin: https://friend.example", "Access-Control-Request-Method: POST"}, 204},
		{"OPTIONS", nil, 200},
	} {
		a, text := send(t, server.Client(), c.method, server.URL, nil, c.headers...)
		if a.StatusCode != c.status {
			t.Errorf("%s %v: %s %s, want %d", c.method, c.headers, a.Status, text, c.status)
		}
		allowed := a.Header.Get("Access-Control-Allow-Origin")
		if want := strings.Contains(fmt.Sprint(c.headers), "Origin: https://friend.example ") || strings.HasSuffix(fmt.Sprint(c.headers), "Origin: https://friend.example]"); want != (allowed == "https://friend.example") {
			t.Errorf("%s %v: allows %q", c.method, c.headers, allowed)
		}
	}
	a, _ := send(t, server.Client(), "GET", server.URL+"/open", nil, "Host: 10.1.2.3:8080")
	if a.StatusCode != 200 {
		t.Errorf("a probe by an address: %s", a.Status)
	}
	// Reachable from elsewhere, where there are keys, any name is right unless
	// some are listed.
	s.Local = false
	for host, want := range map[string]bool{"a.example": true, "b.example": false, "A.example.:80": true, "127.0.0.1": false} {
		s.Hosts = []string{"a.example"}
		if got := newGuard(t, s).entrance.called(host); got != want {
			t.Errorf("with hosts, %s: %v", host, got)
		}
		s.Hosts = nil
		if !newGuard(t, s).entrance.called(host) {
			t.Errorf("without hosts, %s is refused", host)
		}
	}
}

// TestSecurityRow9Private: an image or a link of a page elsewhere asks without an
// Origin, and a private server does not answer it.
func TestSecurityRow9Private(t *testing.T) {
	s := settings()
	s.Private = true
	s.Origins = []string{"https://friend.example"}
	server := listen(t, newGuard(t, s), slog.New(slog.DiscardHandler), http.HandlerFunc(echo))
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"} {
		for _, c := range []struct {
			headers []string
			status  int
		}{
			{nil, 200}, // no browser
			{[]string{"Sec-Fetch-Site: none"}, 200},
			{[]string{"Sec-Fetch-Site: same-origin"}, 200},
			{[]string{"Sec-Fetch-Site: same-site"}, 403},
			{[]string{"Sec-Fetch-Site: cross-site"}, 403},
			{[]string{"Sec-Fetch-Site: of tomorrow"}, 403},
			{[]string{"Sec-Fetch-Site: cross-site", "Origin: https://friend.example"}, 403},
			{[]string{"Origin: https://friend.example"}, 403},
		} {
			a, text := send(t, server.Client(), method, server.URL, nil, c.headers...)
			if a.StatusCode != c.status || a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %v: %s %s, want %d", method, c.headers, a.Status, text, c.status)
			}
		}
	}
}

func TestAccess(t *testing.T) {
	var tokens, lines []string
	for _, line := range []string{"", ":admin", ":models=a", ":rate=1", ":metrics"} {
		token, key, err := NewKey(fmt.Sprint("k", len(lines)))
		if err != nil {
			t.Fatal(err)
		}
		tokens, lines = append(tokens, token), append(lines, key+line)
	}
	s := settings()
	s.Keys.List = lines
	g := newGuard(t, s)
	server := listen(t, g, slog.New(slog.DiscardHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := engine.Allowed(r.Context(), r.URL.Query().Get("model")); err != nil && r.URL.Path != "/open" {
			Fail(w, r, err)
			return
		}
		fmt.Fprint(w, VisitOf(r.Context()).Key)
	}))
	for _, c := range []struct {
		path, header string
		status       int
	}{
		{"/", "", 401},
		{"/", "Authorization: Bearer " + tokens[0], 200},
		{"/", "Authorization: bearer  " + tokens[0] + " ", 200},
		{"/", "X-API-Key: " + tokens[0], 200},
		{"/", "Authorization: Basic " + tokens[0], 401},
		{"/", "Authorization: Bearer " + tokens[0] + "x", 401},
		{"/", "Authorization: Bearer", 401},
		{"/", "Authorization: " + tokens[0], 401},
		{"/", "X-API-Key: " + lines[0], 401},
		{"/admin", "X-API-Key: " + tokens[0], 403},
		{"/admin", "X-API-Key: " + tokens[1], 200},
		{"/", "X-API-Key: " + tokens[1], 200},
		{"/", "X-API-Key: " + tokens[4], 403},
		{"/?model=a", "X-API-Key: " + tokens[2], 200},
		{"/?model=b", "X-API-Key: " + tokens[2], 403},
		{"/?model=b", "X-API-Key: " + tokens[0], 200},
		{"/open", "", 200},
		{"/", "X-API-Key: " + tokens[3], 200},
		{"/", "X-API-Key: " + tokens[3], 429},
	} {
		var headers []string
		if c.header != "" {
			headers = append(headers, c.header)
		}
		a, text := send(t, server.Client(), "GET", server.URL+c.path, nil, headers...)
		if a.StatusCode != c.status {
			t.Errorf("%s %s: %s %s, want %d", c.path, c.header, a.Status, text, c.status)
		}
		if (a.StatusCode == 401) != (a.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s %s: WWW-Authenticate %q", c.path, c.header, a.Header.Get("WWW-Authenticate"))
		}
		if (a.StatusCode == 429) != (a.Header.Get("Retry-After") != "") {
			t.Errorf("%s %s: Retry-After %q", c.path, c.header, a.Header.Get("Retry-After"))
		}
		for _, secret := range tokens {
			if strings.Contains(text, secret) || strings.Contains(fmt.Sprint(a.Header), secret) {
				t.Errorf("%s: the answer shows a key", c.path)
			}
		}
	}
	// gRPC learns it in its own form, whatever the path.
	a, _ := send(t, h2(t), "POST", server.URL+"/x.Y/Z", nil, "Content-Type: application/grpc", "Te: trailers")
	if a.StatusCode != 200 || status(a) != "16" {
		t.Errorf("gRPC without a key: %s, status %s", a.Status, status(a))
	}
}

func TestReloadKeys(t *testing.T) {
	s := settings()
	token, line, err := NewKey("a")
	if err != nil {
		t.Fatal(err)
	}
	s.Keys.File = t.TempDir() + "/keys"
	write(t, s.Keys.File, line)
	g := newGuard(t, s)
	server := listen(t, g, slog.New(slog.DiscardHandler), http.HandlerFunc(echo))
	get := func() int {
		a, _ := send(t, server.Client(), "GET", server.URL, nil, "X-API-Key: "+token)
		return a.StatusCode
	}
	if got := get(); got != 200 {
		t.Fatal(got)
	}
	write(t, s.Keys.File, "nonsense")
	if err := g.Reload(); err == nil || get() != 200 {
		t.Errorf("after a mistake in the file: %v, %d", err, get())
	}
	write(t, s.Keys.File, "# all are gone")
	if err := g.Reload(); err == nil || get() != 200 {
		t.Errorf("after an empty file: %v, %d", err, get())
	}
	_, other, err := NewKey("b")
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.Keys.File, other)
	if err := g.Reload(); err != nil || get() != 401 {
		t.Errorf("after a new key in its place: %v, %d", err, get())
	}
}

func TestRate(t *testing.T) {
	s := settings()
	s.Limits.Rate = &Rate{PerSecond: 0.5, Burst: 2}
	server := listen(t, newGuard(t, s), slog.New(slog.DiscardHandler), http.HandlerFunc(echo))
	for i, want := range []int{200, 200, 429, 429} {
		a, text := send(t, server.Client(), "GET", server.URL, nil)
		if a.StatusCode != want {
			t.Errorf("request %d: %s %s", i, a.Status, text)
		}
		if retry := a.Header.Get("Retry-After"); want == 429 && retry != "2" {
			t.Errorf("Retry-After: %s, want 2", retry)
		}
	}
	if a, _ := send(t, server.Client(), "GET", server.URL+"/open", nil); a.StatusCode != 200 {
		t.Errorf("a probe: %s", a.Status)
	}
	// Addresses are remembered within bounds, and those of one client are one.
	as := newAddresses(Rate{PerSecond: 1, Burst: 1})
	if as.of("[2001:db8::1]:1") != as.of("[2001:db8::ffff:2]:9") || as.of("[2001:db8::1]:1") == as.of("[2001:db8:0:1::1]:1") {
		t.Error("addresses of a /64 are not one")
	}
	if as.of("10.0.0.1:1") != as.of("[::ffff:10.0.0.1]:2") || as.of("10.0.0.1:1") == as.of("10.0.0.2:1") {
		t.Error("addresses of IPv4 are confused")
	}
	for i := range 3 * mostAddresses {
		as.of(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255))
	}
	if len(as.known) != mostAddresses || as.order.Len() != mostAddresses {
		t.Errorf("%d addresses are kept", len(as.known))
	}
}

func TestIDs(t *testing.T) {
	var seen string
	h := Identify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen = ID(r.Context()) }))
	for id, keep := range map[string]bool{
		"": false, "abc-1.2_Z": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, "a\"b": false, "ü": false, "a\x00": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Request-Id"] = []string{id}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if (seen == id) != keep || !sane(seen) || w.Header().Get("X-Request-Id") != seen {
			t.Errorf("id %q became %q, and %q in the answer", id, seen, w.Header().Get("X-Request-Id"))
		}
	}
	if first, second := newID(), newID(); first == second {
		t.Error("two ids are equal")
	}
}

func TestPanic(t *testing.T) {
	var text bytes.Buffer
	var mu sync.Mutex
	log := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(p)
	}), nil))
	server := listen(t, newGuard(t, settings()), log, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/late":
			fmt.Fprint(w, "half of")
			w.(http.Flusher).Flush()
		case "/fine":
			return
		}
		w.Header().Set("Content-Length", "9")
		panic("secret /etc/passwd")
	}))
	for name, c := range map[string]*http.Client{"HTTP/1.1": server.Client(), "HTTP/2": h2(t)} {
		a, body := send(t, c, "GET", server.URL+"/early", nil, "X-Request-Id: early-"+name[5:6])
		if a.StatusCode != 500 || body != `{"error":"internal error"}`+"\n" {
			t.Errorf("%s: %s %s", name, a.Status, body)
		}
		a, err := c.Get(server.URL + "/late")
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(a.Body); err == nil {
			t.Errorf("%s: a broken answer %q passes for a whole one", name, body)
		}
		if a, _ := send(t, c, "GET", server.URL+"/fine", nil); a.StatusCode != 200 {
			t.Errorf("%s: afterwards %s", name, a.Status)
		}
	}
	if a, _ := send(t, h2(t), "POST", server.URL+"/early", nil, "Content-Type: application/grpc", "Te: trailers"); status(a) != "13" {
		t.Errorf("gRPC: status %s", status(a))
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"request=early-1", "request=early-2", "guard_test.go:", "secret"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestDeadline(t *testing.T) {
	s := settings()
	s.Request = 100 * time.Millisecond
	server := listen(t, newGuard(t, s), slog.New(slog.DiscardHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end, _ := r.Context().Deadline()
		fmt.Fprintf(w, "%v ", time.Until(end).Round(50*time.Millisecond))
	}))
	for header, want := range map[string]string{
		"X-Other: 1": "100ms ", "X-Request-Timeout: 50ms": "50ms ", "X-Request-Timeout: 0.05": "50ms ", "X-Request-Timeout: 1h": "100ms ",
		"X-Request-Timeout: 1e99": "100ms ",
	} {
		if _, got := send(t, server.Client(), "GET", server.URL, nil, header); got != want {
			t.Errorf("%q: %q", header, got)
		}
	}
	for _, bad := range []string{"-1", "0", "NaN", "x", "5 s", "-Inf"} {
		if a, text := send(t, server.Client(), "GET", server.URL, nil, "X-Request-Timeout: "+bad); a.StatusCode != 400 {
			t.Errorf("a timeout of %s: %s %s", bad, a.Status, text)
		}
	}
}

func TestInFlight(t *testing.T) {
	s := settings()
	s.Limits.InFlight = 2
	inside, leave := make(chan struct{}), make(chan struct{})
	server := listen(t, newGuard(t, s), slog.New(slog.DiscardHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/open" {
			inside <- struct{}{}
			<-leave
		}
	}))
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { send(t, server.Client(), "GET", server.URL, nil) })
		<-inside
	}
	a, text := send(t, server.Client(), "GET", server.URL, nil)
	if a.StatusCode != 503 || a.Header.Get("Retry-After") != "1" {
		t.Errorf("the third: %s %s", a.Status, text)
	}
	if a, _ := send(t, server.Client(), "GET", server.URL+"/open", nil); a.StatusCode != 200 {
		t.Errorf("a probe: %s", a.Status)
	}
	close(leave)
	all.Wait()
}

// A client that sends a byte now and then, for 20 seconds, is ended before that, by HTTP/1.1 and HTTP/2, and
// with gRPC in its own form; one that sends enough is not.
func TestSlowBody(t *testing.T) {
	s := settings()
	s.Limits.Grace = 500 * time.Millisecond
	s.Limits.BytesPerSecond = 200
	g := newGuard(t, s)
	mux := http.NewServeMux()
	mux.HandleFunc("/", echo)
	mux.Handle("/test.Service/Length", unary(s.Limits))
	server := listen(t, g, slog.New(slog.DiscardHandler), mux)
	drip := func(head string, every time.Duration, n, times int) io.Reader {
		r, w := io.Pipe()
		go func() {
			io.WriteString(w, head)
			for range times {
				if _, err := w.Write(make([]byte, n)); err != nil {
					return
				}
				time.Sleep(every)
			}
			w.Close()
		}()
		return r
	}
	for name, c := range map[string]*http.Client{"HTTP/1.1": server.Client(), "HTTP/2": h2(t)} {
		start := time.Now()
		a, text := send(t, c, "POST", server.URL, drip("", 50*time.Millisecond, 1, 400))
		if a.StatusCode != 408 || time.Since(start) > 10*time.Second {
			t.Errorf("%s: %s %s after %v", name, a.Status, text, time.Since(start))
		}
		if a, text := send(t, c, "POST", server.URL, drip("", 25*time.Millisecond, 100, 40)); a.StatusCode != 200 || text != "4000" {
			t.Errorf("%s, one that sends 4000 bytes in a second: %s %s", name, a.Status, text)
		}
	}
	a, _ := send(t, h2(t), "POST", server.URL+"/test.Service/Length", drip("\x00\x00\x00\x01\x00", 50*time.Millisecond, 1, 400), "Content-Type: application/grpc", "Te: trailers")
	if status(a) != "4" {
		t.Errorf("gRPC: status %s %s", status(a), a.Trailer.Get("Grpc-Message"))
	}
	// Nor does one hold a connection whose body nobody wants.
	start := time.Now()
	a, _ = send(t, server.Client(), "POST", server.URL, drip("", 50*time.Millisecond, 1, 400), "Host: evil.example")
	if a.StatusCode != 403 || time.Since(start) > 10*time.Second {
		t.Errorf("refused: %s after %v", a.Status, time.Since(start))
	}
	waitFree(t, g)
}

func TestSecurityRow20TinyChunks(t *testing.T) {
	s := settings()
	s.Limits = DefaultLimits()
	g := newGuard(t, s)
	server := listen(t, g, slog.New(slog.DiscardHandler), http.HandlerFunc(echo))
	const n = 3 << 20
	chunks := bytes.Repeat([]byte("1\r\nx\r\n"), n)
	grown := peak(func() {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
		c.Write(chunks)
		io.WriteString(c, "0\r\n\r\n")
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Error(err)
			return
		}
		text, _ := io.ReadAll(a.Body)
		if a.StatusCode != 200 || string(text) != fmt.Sprint(n) {
			t.Errorf("%s %s", a.Status, text)
		}
	})
	t.Logf("the heap grew by %d KiB", grown>>10)
	if grown > 4*n {
		t.Errorf("the heap grew by %d bytes for a body of %d", grown, n)
	}
	waitFree(t, g)
}

// A client that asks first is told to send, or why not to.
func TestContinue(t *testing.T) {
	server := listen(t, newGuard(t, settings()), slog.New(slog.DiscardHandler), http.HandlerFunc(echo))
	for length, want := range map[int]string{3: "HTTP/1.1 100 ", 1 << 30: "HTTP/1.1 413 "} {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", length)
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("a body of %d: %q, %v", length, line, err)
		}
		c.Close()
	}
}

// The memory of all bodies together is bounded: the rest is sent away.
func TestBodiesTogether(t *testing.T) {
	s := settings()
	s.Limits.MemoryBytes = 3 << 20
	hold := make(chan struct{})
	var held sync.WaitGroup
	held.Add(2)
	g := newGuard(t, s)
	server := listen(t, g, slog.New(slog.DiscardHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _, err := Body(r) // never freed: that is made up for when the request is over
		if err != nil {
			Fail(w, r, err)
			return
		}
		held.Done()
		<-hold
	}))
	body := make([]byte, 1<<20)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { send(t, server.Client(), "POST", server.URL, bytes.NewReader(body)) })
	}
	held.Wait()
	a, text := send(t, server.Client(), "POST", server.URL, bytes.NewReader(body))
	if a.StatusCode != 429 || a.Header.Get("Retry-After") == "" {
		t.Errorf("beyond the memory: %s %s", a.Status, text)
	}
	close(hold)
	all.Wait()
	waitFree(t, g)
}

// Those without a key have little memory, and none of that of others.
func TestOpenPathsHaveMemoryOfTheirOwn(t *testing.T) {
	s := settings()
	s.Limits = DefaultLimits()
	g := newGuard(t, s)
	mux := http.NewServeMux()
	mux.HandleFunc("/", echo)
	mux.Handle("/open/test.Service/Length", http.StripPrefix("/open", unary(s.Limits.Open())))
	server := listen(t, g, slog.New(slog.DiscardHandler), mux)
	for n, want := range map[int]int{4 << 10: 200, 4<<10 + 1: 413} {
		if a, text := send(t, server.Client(), "POST", server.URL+"/open", bytes.NewReader(make([]byte, n))); a.StatusCode != want {
			t.Errorf("a body of %d: %s %s", n, a.Status, text)
		}
	}
	if a, text := send(t, server.Client(), "POST", server.URL+"/open", bytes.NewReader(packed(t, "gzip", make([]byte, 5<<10))), "Content-Encoding: gzip"); a.StatusCode != 413 {
		t.Errorf("a body that unpacks to 5 KiB: %s %s", a.Status, text)
	}
	if a := call(t, server.URL+"/open", 1, packed(t, "gzip", make([]byte, 64<<10))); status(a) != "8" {
		t.Errorf("a message that unpacks to 64 KiB: status %s", status(a))
	}
	// Many connections announce the most that a message can have, and begin it.
	for range 16 {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /open HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc-web\r\nContent-Length: 67108864\r\n\r\n\x01\x03\xff\xff\xff")
		c.Write(make([]byte, 1<<17))
		if a, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || a.Header.Get("Grpc-Status") == "0" {
			t.Errorf("a message of 64 MiB: %v, %v", a, err)
		}
	}
	waitFree(t, g)
	if g.open.budget.total != 8<<20 || g.open == g.stock {
		t.Errorf("%d bytes are for those without a key", g.open.budget.total)
	}
}

// Streams that need no key are so many and no more; other requests still come in.
func TestOpenStreamsAreBounded(t *testing.T) {
	g := newGuard(t, settings())
	hold := make(chan struct{})
	h := g.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/Stream") {
			<-hold
		}
	}))
	get := func(path string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code
	}
	var all sync.WaitGroup
	for range mostWatching {
		all.Go(func() {
			if got := get("/open/Stream"); got != 200 {
				t.Errorf("a stream: %d", got)
			}
		})
	}
	for g.watching.Load() < mostWatching {
		time.Sleep(time.Millisecond)
	}
	if got := get("/open/Stream"); got != 503 {
		t.Errorf("one stream more: %d", got)
	}
	if got := get("/open/file"); got != 200 {
		t.Errorf("a file: %d", got)
	}
	close(hold)
	all.Wait()
	if got := get("/open/Stream"); got != 200 {
		t.Errorf("a stream afterwards: %d", got)
	}
}

// Messages are accounted for whatever the case that their type is written in.
func TestFramedInAnyCase(t *testing.T) {
	for contentType, want := range map[string]bool{
		"application/grpc": true, "Application/gRPC+proto": true, " APPLICATION/GRPC-WEB": true, "Application/Connect+JSON": true,
		"application/json": false, "": false,
	} {
		if framed(contentType) != want {
			t.Errorf("%q: want %v", contentType, want)
		}
	}
}

// A message that trickles in by HTTP/1.1 ends with the time of its request.
func TestMessageTricklesIn(t *testing.T) {
	s := settings()
	s.Request = 500 * time.Millisecond
	s.Limits.BytesPerSecond, s.Limits.Grace = 1, time.Minute
	g := newGuard(t, s)
	server := listen(t, g, slog.New(slog.DiscardHandler), unary(s.Limits))
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: 1005\r\n\r\n\x00\x00\x00\x03\xe8")
	go func() {
		for range 100 {
			if _, err := c.Write([]byte{0}); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || time.Since(start) > 3*time.Second {
		t.Errorf("answered after %v: %v", time.Since(start), err)
	}
}

// A stream ends when its server is to end, after the message that is under way.
func TestEndStreams(t *testing.T) {
	g := newGuard(t, settings())
	got := make(chan int64, 10)
	server := listen(t, g, slog.New(slog.DiscardHandler), connect.NewBidiStreamHandler("/test.Service/Stream",
		func(ctx context.Context, s *connect.BidiStream[wrapperspb.BytesValue, wrapperspb.Int64Value]) error {
			for {
				m, err := s.Receive()
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
				got <- int64(len(m.Value))
				if err := s.Send(wrapperspb.Int64(int64(len(m.Value)))); err != nil {
					return err
				}
			}
		}, small().HandlerOptions()...))
	r, w := io.Pipe()
	ended := make(chan *http.Response)
	go func() {
		a, _ := send(t, h2(t), "POST", server.URL+"/test.Service/Stream", r, "Content-Type: application/grpc", "Te: trailers")
		ended <- a
	}()
	message := []byte("\x00\x00\x00\x00\x05\x0a\x03abc")
	w.Write(message)
	<-got
	w.Write(message[:7]) // one is under way
	for {                // until the guard has it
		g.mu.Lock()
		var half bool
		for in := range g.streams {
			in.mu.Lock()
			half = in.left > 0
			in.mu.Unlock()
		}
		g.mu.Unlock()
		if half {
			break
		}
		time.Sleep(time.Millisecond)
	}
	g.EndStreams()
	w.Write(message[7:])
	if n := <-got; n != 3 {
		t.Errorf("the message under way has %d bytes", n)
	}
	if a := <-ended; status(a) != "0" {
		t.Errorf("the stream ended with status %s %s", status(a), a.Trailer.Get("Grpc-Message"))
	}
	// One that lies still ends at once, as does one that begins now.
	r, w = io.Pipe()
	defer w.Close()
	a, _ := send(t, h2(t), "POST", server.URL+"/test.Service/Stream", r, "Content-Type: application/grpc", "Te: trailers")
	if status(a) != "0" {
		t.Errorf("a stream that lies still ended with status %s", status(a))
	}
}

// Keys are kept as hashes of one length, and a search looks at every one of
// them by subtle: neither where two hashes differ, nor which key it is, shows in
// the time.
func TestSecurityRow16ConstantTime(t *testing.T) {
	token, line, err := NewKey("a")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(line)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%s %+v", text, key); strings.Contains(s, token) {
		t.Error("a key is kept in the clear")
	}
	// As many hashes are compared for the first key as for the last and for
	// none: count calls by the time of many keys, which would differ by the
	// number of keys if the search ended early.
	const n = 20000
	ring := make(keyring, n)
	for i := range ring {
		ring[i] = &Key{}
		binary.LittleEndian.PutUint64(ring[i].hash[:], uint64(i+1))
	}
	first := *key
	first.Name = "first"
	last := *key
	last.Name = "last"
	ring[0] = &first
	if k := ring.find(token); k == nil || k.Name != "first" {
		t.Fatalf("found %+v", k)
	}
	ring[n-1] = &last // the later of equal ones is found: the search goes on to the end
	if k := ring.find(token); k == nil || k.Name != "last" {
		t.Fatalf("the search ends at the first that is right: %+v", k)
	}
}

func FuzzToken(f *testing.F) {
	f.Add("Bearer x", "y")
	f.Fuzz(func(t *testing.T, authorization, key string) {
		h := http.Header{}
		h.Set("Authorization", authorization)
		h.Set("X-API-Key", key)
		if got := token(h); !strings.Contains(authorization, got) && got != key {
			t.Errorf("%q, %q: %q", authorization, key, got)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("localhost:80", "http://localhost", "id", "1s", "gzip")
	f.Add("[::1]", "null", "", "-1", "")
	s := settings()
	g, err := New(s)
	if err != nil {
		f.Fatal(err)
	}
	h := Identify(g.Protect(http.HandlerFunc(echo)))
	f.Fuzz(func(t *testing.T, host, origin, id, timeout, encoding string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader("abc"))
		r.Host = host
		for name, value := range map[string]string{"Origin": origin, "X-Request-Id": id, "X-Request-Timeout": timeout, "Content-Encoding": encoding} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || !sane(w.Header().Get("X-Request-Id")) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w.Code == 200 && !ours(host) {
			t.Errorf("host %q was let in", host)
		}
	})
}

// ours finds the names of this machine by another way.
func ours(host string) bool {
	u := strings.ToLower(host)
	return strings.Contains(u, "localhost") || strings.Contains(u, "127.") || strings.Contains(u, "::1") || strings.Contains(u, ":1") || strings.Contains(u, "7f")
}
