package serve

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A line is a connection to a server that a test speaks over by itself.
type line struct {
	net.Conn
	in *bufio.Reader
}

func (l *line) say(t *testing.T, text string) {
	t.Helper()
	l.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(l, text); err != nil {
		t.Fatal(err)
	}
}

// hear reads an answer.
func (l *line) hear(t *testing.T) (status int, text string) {
	t.Helper()
	a, err := http.ReadResponse(l.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// ended wants the connection to have been closed by the server.
func (l *line) ended(t *testing.T) {
	t.Helper()
	l.SetDeadline(time.Now().Add(20 * time.Second))
	if b, err := l.in.ReadByte(); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection goes on with %q, %v", b, err)
	}
}

// until waits for what a lobby comes to.
func (l *lobby) until(t *testing.T, open, idle int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		o, i := len(l.open), l.idle.Len()
		l.mu.Unlock()
		if o == open && i == idle {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections, %d idle, want %d and %d", o, i, open, idle)
		}
	}
}

const (
	probe = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
	begun = "POST /test/penguins HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n"
)

// Of a bounded number of connections one that lies still makes room for a new one;
// where none does the new one is turned away, and what is under way goes on.
func TestConnections(t *testing.T) {
	tell, err := Default().Telemetry(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := loaded(t, func(c *Config) { c.Limits.Connections = 2 }, WithTelemetry(tell))
	room := s.public.listener
	dial := func() *line {
		t.Helper()
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return &line{c, bufio.NewReader(c)}
	}
	first, second := dial(), dial()
	first.say(t, begun)
	second.say(t, begun)
	room.until(t, 2, 0)
	third := dial()
	third.say(t, probe)
	if status, text := third.hear(t); status != 503 || !strings.Contains(text, `{"error":"the server has as many connections`) {
		t.Errorf("the third: %d %s", status, text)
	}
	third.ended(t)
	for _, l := range []*line{second, first} { // which is idle for longer then
		l.say(t, "{}")
		if status, text := l.hear(t); status != 200 || text != "answered" {
			t.Errorf("%d %s", status, text)
		}
		room.until(t, 2, map[*line]int{second: 1, first: 2}[l])
	}
	third = dial()
	third.say(t, probe)
	if status, text := third.hear(t); status != 200 {
		t.Errorf("the third, in the place of the second: %d %s", status, text)
	}
	second.ended(t)
	first.say(t, probe)
	if status, text := first.hear(t); status != 200 {
		t.Errorf("the first: %d %s", status, text)
	}
	room.until(t, 2, 2)
	_, text, _ := ask(t, "GET", s.admin+"/metrics", "")
	for _, want := range []string{"gradus_connections 2\n", `gradus_connections_crowded_total{which="idle"} 1`, `gradus_connections_crowded_total{which="new"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	first.Close()
	third.Close()
	room.until(t, 0, 0)

	// A connection of HTTP/2 lies still too, and its client makes another one.
	const rpc = "/grpc.health.v1.Health/Check"
	ask(t, "POST", s.url+rpc, "\x00\x00\x00\x00\x00", "Content-Type: application/grpc")
	room.until(t, 1, 1)
	first, second = dial(), dial()
	first.say(t, begun)
	second.say(t, begun)
	room.until(t, 2, 0)
	second.Close()
	room.until(t, 1, 0)
	if status, _, h := ask(t, "POST", s.url+rpc, "\x00\x00\x00\x00\x00", "Content-Type: application/grpc"); status != 200 || h.Get("Grpc-Status") != "0" {
		t.Errorf("%d %v", status, h)
	}
	http2Client.CloseIdleConnections()
	first.Close()
	room.until(t, 0, 0)
}

// With TLS there is no word for those who are turned away.
func TestConnectionsTLS(t *testing.T) {
	dir := t.TempDir()
	cert := certificate(t, dir, "a")
	s := run(t, func(c *Config) {
		c.Limits.Connections = 1
		c.TLS = &TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), MinVersion: "1.2"}
	})
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	dial := func() (*line, error) {
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", s.Addr().String(), &tls.Config{RootCAs: roots})
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { c.Close() })
		return &line{c, bufio.NewReader(c)}, nil
	}
	first, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(); err == nil {
		t.Error("a second one beside one that has said nothing")
	} else if e := (tls.RecordHeaderError{}); errors.As(err, &e) {
		t.Errorf("it was answered in the clear: %v", err)
	}
	first.say(t, probe)
	if status, text := first.hear(t); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	s.public.listener.until(t, 1, 1)
	second, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	second.say(t, probe)
	if status, text := second.hear(t); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	first.ended(t)
}

// A request on one of many connections goes behind what is ready to run.
func TestTurns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	l := newLobby(nil, 10, true, nil)
	handler := func(ready *atomic.Bool, before *int) http.Handler {
		return l.turns(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if ready.Load() {
				*before++
			}
		}))
	}
	count := func() (before int) {
		for range 100 {
			var ready atomic.Bool
			done := make(chan struct{})
			go func() { ready.Store(true); close(done) }()
			handler(&ready, &before).ServeHTTP(nil, nil)
			<-done
		}
		return before
	}
	l.size.Store(1)
	if n := count(); n > 50 {
		t.Errorf("a connection of its own waited for others %d times of 100", n)
	}
	l.size.Store(2)
	if n := count(); n < 90 { // the runtime looks at those behind first at every 61st turn
		t.Errorf("others were first %d times of 100", n)
	}
}
