package serve

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/train"
)

// A witness is a client who asks all the time, in good order, while others do
// what they shouldn't.
type witness struct {
	stop     atomic.Bool
	done     chan struct{}
	answered atomic.Int64
	failed   atomic.Int64
}

func watching(t *testing.T, s *running) *witness {
	w := &witness{done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for !w.stop.Load() {
			status, text, _ := ask(t, "POST", s.url+"/test/penguins", "{}")
			if status != 200 || text != "answered" {
				if w.failed.Add(1) < 5 {
					t.Errorf("the witness got %d %s", status, text)
				}
			} else {
				w.answered.Add(1)
			}
		}
	}()
	return w
}

// during demands that the witness is answered while f runs, and after.
func (w *witness) during(t *testing.T, what string, f func()) {
	t.Helper()
	before := w.answered.Load()
	f()
	for end := time.Now().Add(10 * time.Second); w.answered.Load() < before+5; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: nobody is answered any more", what)
		}
	}
}

func (w *witness) end(t *testing.T) {
	w.stop.Store(true)
	<-w.done
	if w.failed.Load() > 0 {
		t.Errorf("the witness was not answered %d times", w.failed.Load())
	}
	t.Logf("the witness was answered %d times", w.answered.Load())
}

// settle waits until there are no more goroutines, and no more heap by much,
// than before.
func settle(t *testing.T, goroutines int, heap uint64) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	http2Client.CloseIdleConnections()
	var m runtime.MemStats
	n := 0
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		runtime.GC()
		runtime.ReadMemStats(&m)
		if n = runtime.NumGoroutine(); n <= goroutines && m.HeapAlloc < heap+16<<20 {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	t.Errorf("%d goroutines, %d before; the heap has %d bytes, %d before\n%s", n, goroutines, m.HeapAlloc, heap, stacks)
}

func state() (goroutines int, heap uint64) {
	http.DefaultClient.CloseIdleConnections()
	http2Client.CloseIdleConnections()
	time.Sleep(50 * time.Millisecond)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}

// raw sends bytes and leaves, at once or by breaking the connection off.
func raw(t *testing.T, addr string, reset bool, parts ...string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		io.WriteString(c, p)
	}
	if reset {
		c.(*net.TCPConn).SetLinger(0)
	}
	c.Close()
}

// preface is what HTTP/2 begins with, and settings.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// frame is one of HTTP/2.
func frame(kind, flags byte, stream uint32, payload string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))[1:]
	b = append(b, kind, flags)
	return string(binary.BigEndian.AppendUint32(b, stream)) + payload
}

// rpcHeader is the header of a call of gRPC, as HPACK has it.
func rpcHeader(path string) string {
	b := []byte{0x83, 0x86} // POST, http
	literal := func(name, value string) {
		b = append(append(append(b, 0, byte(len(name))), name...), byte(len(value)))
		b = append(b, value...)
	}
	literal(":path", path)
	literal(":authority", "localhost")
	literal("content-type", "application/grpc")
	literal("te", "trailers")
	return string(b)
}

// Clients that leave in every phase of a request, that send what is no HTTP, or
// that send slowly, take nothing from others and leave nothing behind.
func TestClientsThatVanish(t *testing.T) {
	s := loaded(t, func(c *Config) {
		c.Timeouts.Header = 500 * time.Millisecond
		c.Limits.Grace = 500 * time.Millisecond
	})
	ask(t, "POST", s.url+"/test/penguins", "{}")
	goroutines, heap := state()
	w := watching(t, s)
	addr := s.Addr().String()
	head := "POST /test/penguins HTTP/1.1\r\nHost: localhost\r\n"
	call := preface + frame(1, 4, 1, rpcHeader("/inference.GRPCInferenceService/ModelInfer"))
	phases := map[string][]string{
		"at once":                {},
		"in the request line":    {"POST /te"},
		"in the header":          {head + "X-A: "},
		"before the body":        {head + "Content-Length: 100\r\n\r\n"},
		"in the body":            {head + "Content-Length: 100\r\n\r\nhalf"},
		"in a chunk":             {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nab"},
		"in the size of a chunk": {head + "Transfer-Encoding: chunked\r\n\r\nfff"},
		"between chunks":         {head + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"},
		"before the answer":      {head + "Content-Length: 2\r\n\r\n{}"},
		"in the second request":  {head + "Content-Length: 2\r\n\r\n{}" + head},
		"in the preface":         {preface[:10]},
		"after the preface":      {preface},
		"in a frame's header":    {preface + "\x00\x00"},
		"in a header frame":      {preface + frame(1, 4, 1, rpcHeader("/x.Y/Z"))[:20]},
		"before a continuation":  {preface + frame(1, 0, 1, rpcHeader("/x.Y/Z")[:10])},
		"before a message":       {call},
		"in a message":           {call + frame(0, 0, 1, "\x00\x00\x00\x00\x64half")},
		"before an rpc's answer": {call + frame(0, 1, 1, "\x00\x00\x00\x00\x00")},
		"a stream":               {preface + frame(1, 4, 1, rpcHeader("/inference.GRPCInferenceService/ModelStreamInfer")) + frame(0, 0, 1, "\x00\x00\x00\x00\x00")},
		"by resets":              {call + frame(3, 0, 1, "\x00\x00\x00\x08") + frame(1, 4, 3, rpcHeader("/x.Y/Z")) + frame(3, 0, 3, "\x00\x00\x00\x08")},
	}
	for name, parts := range phases {
		w.during(t, name, func() {
			for i := range 20 {
				raw(t, addr, i%2 == 0, parts...)
			}
		})
	}
	noise := make([]byte, 4096)
	rand.Read(noise)
	w.during(t, "noise", func() {
		for i := range 20 {
			raw(t, addr, false, string(noise[i:]))
			raw(t, addr, false, preface, string(noise[i:]))
			raw(t, addr, false, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", string(noise[i:])) // TLS
		}
	})
	w.during(t, "many resets", func() { // CVE-2023-44487
		var b strings.Builder
		b.WriteString(preface)
		for i := range uint32(2000) {
			b.WriteString(frame(1, 5, 2*i+1, rpcHeader("/x.Y/Z")) + frame(3, 0, 2*i+1, "\x00\x00\x00\x08"))
		}
		raw(t, addr, false, b.String())
	})
	w.during(t, "continuations without an end", func() { // CVE-2023-45288
		var b strings.Builder
		b.WriteString(preface + frame(1, 0, 1, rpcHeader("/x.Y/Z")))
		for range 1000 {
			b.WriteString(frame(9, 0, 1, strings.Repeat("\x00\x01a\x01b", 1000)))
		}
		raw(t, addr, false, b.String())
	})
	w.during(t, "a byte a while", func() {
		var conns []net.Conn
		for _, start := range []string{"POST", head + "Content-Length: 100\r\n\r\n", head + "Transfer-Encoding: chunked\r\n\r\n1", call + frame(0, 0, 1, "\x00\x00\x00\x00\x64")} {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, start)
			conns = append(conns, c)
		}
		for range 20 {
			time.Sleep(50 * time.Millisecond)
			for i, c := range conns {
				if i < 3 {
					c.Write([]byte("1"))
				} else {
					io.WriteString(c, frame(0, 0, 1, "1"))
				}
			}
		}
		for i, c := range conns[:3] { // each has got its answer, and its end
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			text, err := io.ReadAll(c)
			if err != nil && os.IsTimeout(err) {
				t.Errorf("slow client %d still has its connection", i)
			}
			if i == 1 && !bytes.Contains(text, []byte("408")) {
				t.Errorf("slow client %d got %q", i, text)
			}
		}
	})
	w.end(t)
	settle(t, goroutines+2, heap)
	if n := s.public.guard.Inside(); n != 0 {
		t.Errorf("%d requests are still counted", n)
	}
}

// Requests that are wrong get the status of their mistake, and take nothing
// from others.
func TestWrongRequests(t *testing.T) {
	s := loaded(t, func(c *Config) { c.Limits.BodyBytes, c.Limits.UnpackedBytes = 1<<20, 1<<20 })
	ask(t, "POST", s.url+"/test/penguins", "{}")
	goroutines, heap := state()
	w := watching(t, s)
	for range 5 {
		for what, c := range map[string]struct {
			path, body string
			headers    []string
			status     int
		}{
			"a panic":             {"/test/panic", "", nil, 500},
			"no such model":       {"/test/other", "{}", nil, 404},
			"too large":           {"/test/penguins", strings.Repeat("a", 1<<20+1), nil, 413},
			"no gzip":             {"/test/penguins", "abc", []string{"Content-Encoding: gzip"}, 400},
			"unknown encoding":    {"/test/penguins", "abc", []string{"Content-Encoding: br"}, 415},
			"no path":             {"/nothing", "abc", nil, 404},
			"foreign":             {"/test/penguins", "abc", []string{"Host: evil.example"}, 403},
			"a timeout's mistake": {"/test/penguins", "abc", []string{"X-Request-Timeout: never"}, 400},
			"no time":             {"/test/penguins", "abc", []string{"X-Request-Timeout: 1ns"}, 504},
		} {
			w.during(t, what, func() {
				if status, text, h := ask(t, "POST", s.url+c.path, c.body, c.headers...); status != c.status {
					t.Errorf("%s: %d %s, want %d", what, status, text, c.status)
				} else {
					checkAnswer(t, what, status, text, h, s.config.Models[0].Run)
				}
			})
		}
	}
	w.end(t)
	settle(t, goroutines+2, heap)
}

// Models whose files are broken, replaced and broken again while they are read
// never keep others from answers, and what is loaded goes on.
func TestModelsThatBreak(t *testing.T) {
	dir := enginetest.Folder(t, enginetest.Penguins, 3)
	s := loaded(t, func(c *Config) {
		m := DefaultModel()
		m.Name, m.Run = "shaky", dir
		c.Models = append(c.Models, m)
	})
	weights := filepath.Join(dir, filepath.FromSlash(train.WeightsFile))
	w := watching(t, s)
	for i := range 3 {
		w.during(t, "truncated", func() {
			if err := os.Truncate(weights, 50); err != nil {
				t.Fatal(err)
			}
			status, text, h := ask(t, "POST", s.admin+"/admin/models/shaky/reload", "")
			if status < 400 {
				t.Errorf("a truncated model was loaded: %d %s", status, text)
			}
			checkAnswer(t, "a truncated model", status, text, h, dir)
			if status, text, _ := ask(t, "POST", s.url+"/test/shaky", ""); status != 200 {
				t.Errorf("the one before no longer answers: %d %s", status, text)
			}
		})
		w.during(t, "replaced while it is loaded", func() {
			done := make(chan error)
			go func() { done <- enginetest.Write(dir, enginetest.Penguins, uint64(i)+10) }()
			for range 10 { // some of them see half a model
				status, text, h := ask(t, "POST", s.admin+"/admin/models/shaky/reload", "")
				if status >= 400 {
					checkAnswer(t, "a model that is written", status, text, h, dir)
				}
				if status, text, _ := ask(t, "POST", s.url+"/test/shaky", ""); status != 200 {
					t.Errorf("the one before no longer answers: %d %s", status, text)
				}
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			if status, text, _ := ask(t, "POST", s.admin+"/admin/models/shaky/reload", ""); status != 200 {
				t.Errorf("the new model: %d %s", status, text)
			}
		})
	}
	w.during(t, "gone", func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		status, text, h := ask(t, "POST", s.admin+"/admin/reload", "")
		if status != 503 {
			t.Errorf("a model that is gone: %d %s", status, text)
		}
		checkAnswer(t, "a model that is gone", status, text, h, dir)
	})
	w.end(t)
}
