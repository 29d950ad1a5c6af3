package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/gradus-ml/gradus/serve/engine"
)

// small are limits for tests.
func small() Limits {
	l := DefaultLimits()
	l.BodyBytes, l.UnpackedBytes, l.MemoryBytes = 1<<20, 1<<20, 8<<20
	return l
}

// noise are n bytes that no compression makes smaller.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// packers compress as clients do.
var packers = map[string]func(w io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)); return z },
}

func packed(t testing.TB, encoding string, body []byte) []byte {
	t.Helper()
	if packers[encoding] == nil {
		return body
	}
	var b bytes.Buffer
	z := packers[encoding](&b)
	if _, err := z.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// request has a body of an announced length, or of none.
func request(body io.Reader, length int64, encoding string) *http.Request {
	r := httptest.NewRequest("POST", "/", body)
	r.ContentLength = length
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	return r
}

// code is that of an error, or -1.
func code(err error) int {
	var e *engine.Error
	if !errors.As(err, &e) {
		return -1
	}
	return int(e.Code)
}

func TestBody(t *testing.T) {
	s := newStock(small())
	for _, encoding := range []string{"", "identity", "gzip", "deflate", "zstd"} {
		for _, n := range []int{0, 1, 100, smallest - 1, smallest, smallest + 1, first, first + 1, 1<<20 - 1, 1 << 20} {
			want := noise(n)
			sent := packed(t, encoding, want)
			if len(sent) > 1<<20 {
				continue
			}
			for _, length := range []int64{int64(len(sent)), -1} {
				for _, reader := range []io.Reader{bytes.NewReader(sent), iotest.HalfReader(bytes.NewReader(sent)), iotest.DataErrReader(bytes.NewReader(sent))} {
					r := request(reader, length, encoding)
					in := s.receive(r, nil)
					r.Body = in
					got, free, err := Body(r)
					if err != nil {
						t.Fatalf("%q, %d bytes of length %d: %v", encoding, n, length, err)
					}
					if !bytes.Equal(got, want) {
						t.Fatalf("%q, %d bytes of length %d: got %d others", encoding, n, length, len(got))
					}
					if held := s.limits.MemoryBytes - s.budget.free; held != int64(cap(got)) {
						t.Fatalf("%d bytes held for a body of %d", held, cap(got))
					}
					free()
					free()
					in.done()
					if s.budget.free != s.limits.MemoryBytes {
						t.Fatalf("%d bytes of memory are free in the end", s.budget.free)
					}
				}
			}
		}
	}
}

// The window of zstd is of the memory of bodies while one is unpacked.
func TestWindowIsAccountedFor(t *testing.T) {
	s := newStock(DefaultLimits())
	least := s.limits.MemoryBytes
	sent := bytes.NewReader(packed(t, "zstd", []byte("hello")))
	r := request(readerFunc(func(p []byte) (int, error) {
		least = min(least, s.budget.free)
		return sent.Read(p)
	}), -1, "zstd")
	in := s.receive(r, nil)
	r.Body = in
	_, free, err := Body(r)
	if err != nil {
		t.Fatal(err)
	}
	if held := s.limits.MemoryBytes - least; held < window {
		t.Errorf("%d bytes are held while a body is unpacked", held)
	}
	free()
	in.done()
	if s.budget.free != s.limits.MemoryBytes {
		t.Errorf("%d bytes of memory are free in the end", s.budget.free)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestBodyErrors(t *testing.T) {
	zeros := make([]byte, 4<<20)
	gz := packed(t, "gzip", []byte("hello"))
	for name, c := range map[string]struct {
		body     io.Reader
		length   int64
		encoding string
		code     engine.Code
	}{
		"announced":     {iotest.ErrReader(errors.New("read")), 1<<20 + 1, "", engine.TooLarge},
		"chunked":       {bytes.NewReader(zeros), -1, "", engine.TooLarge},
		"one too many":  {bytes.NewReader(zeros[:1<<20+1]), -1, "", engine.TooLarge},
		"gzip":          {bytes.NewReader(packed(t, "gzip", zeros)), -1, "gzip", engine.TooLarge},
		"deflate":       {bytes.NewReader(packed(t, "deflate", zeros)), -1, "deflate", engine.TooLarge},
		"zstd":          {bytes.NewReader(packed(t, "zstd", zeros)), -1, "zstd", engine.TooLarge},
		"zstd's window": {bytes.NewReader([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0, 0, 0, 0}), -1, "zstd", engine.TooLarge},
		"no gzip":       {bytes.NewReader(zeros[:9]), -1, "gzip", engine.Invalid},
		"no deflate":    {bytes.NewReader(zeros[:9]), -1, "deflate", engine.Invalid},
		"no zstd":       {bytes.NewReader(zeros[:9]), -1, "zstd", engine.Invalid},
		"half":          {bytes.NewReader(gz[:len(gz)-3]), -1, "gzip", engine.Invalid},
		"unknown":       {bytes.NewReader(gz), -1, "br", engine.Unsupported},
		"twice":         {bytes.NewReader(gz), -1, "gzip, gzip", engine.Unsupported},
		"broken off":    {iotest.ErrReader(io.ErrUnexpectedEOF), 10, "", engine.Invalid},
	} {
		s := newStock(small())
		for range 2 { // the second time with a decompressor that had failed
			r := request(c.body, c.length, c.encoding)
			r.Body = s.receive(r, nil)
			_, _, err := Body(r)
			if code(err) != int(c.code) {
				t.Errorf("%s: %v (code %d), want %v", name, err, code(err), c.code)
			}
			if s.budget.free != s.limits.MemoryBytes {
				t.Errorf("%s: %d bytes of memory are free in the end", name, s.budget.free)
			}
			if seek, ok := c.body.(io.Seeker); ok {
				seek.Seek(0, io.SeekStart)
			}
		}
	}
}

// What a handler of gRPC reads by itself is bounded a message, and any number
// of messages may come.
func TestMessages(t *testing.T) {
	message := func(flags byte, n uint32, body []byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{flags}, n), body...)
	}
	read := func(body []byte) (held []int64, err error) {
		s := newStock(small())
		r := request(iotest.OneByteReader(bytes.NewReader(body)), -1, "")
		r.Header.Set("Content-Type", "application/grpc+proto")
		in := s.receive(r, nil)
		for p := make([]byte, 16); err == nil; {
			_, err = in.Read(p)
			held = append(held, in.held)
		}
		in.done()
		if s.budget.free != s.limits.MemoryBytes {
			t.Errorf("%d bytes of memory are free in the end", s.budget.free)
		}
		return held, err
	}
	many := bytes.Repeat(message(0, 3000, make([]byte, 3000)), 500)
	held, err := read(many)
	if err != io.EOF {
		t.Errorf("messages that are more than the limit in sum: %v", err)
	}
	for _, h := range held {
		if h > 3000 {
			t.Fatalf("%d bytes held for messages of 3000", h)
		}
	}
	if _, err := read(message(0, 1<<20+1, nil)); code(err) != int(engine.TooLarge) {
		t.Errorf("a large message: %v", err)
	}
	held, err = read(message(1, 10, make([]byte, 10)))
	if want := int64(10 + 10320); err != io.EOF || held[len(held)-2] != want {
		t.Errorf("10 bytes that may unpack to 10320: %d held, %v", held[len(held)-2], err)
	}
	if _, err := read(bytes.Repeat(message(0, 0, nil), 100)); err != io.EOF {
		t.Errorf("empty messages: %v", err)
	}
}

func TestBudget(t *testing.T) {
	b := newBudget(10)
	if err := b.take(t.Context(), 11); code(err) != int(engine.TooLarge) {
		t.Errorf("more than all: %v", err)
	}
	if err := b.take(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.take(ctx, 3); code(err) != int(engine.Canceled) {
		t.Errorf("a client that left: %v", err)
	}
	var order []int64
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, n := range []int64{10, 1} { // the second would have room now, and waits for its turn
		all.Go(func() {
			if err := b.take(t.Context(), n); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, n)
			mu.Unlock()
			b.give(n)
		})
		for {
			b.mu.Lock()
			waiting := len(b.waiting)
			b.mu.Unlock()
			if waiting == i+1 {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	b.give(8)
	all.Wait()
	if len(order) != 2 || order[0] != 10 || b.free != 10 {
		t.Errorf("served %v, %d free", order, b.free)
	}
	if err := b.take(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err := b.take(t.Context(), 1)
	if code(err) != int(engine.Exhausted) || engine.AsError(err).Retry == 0 || time.Since(start) < patience {
		t.Errorf("a full budget: %v after %v", err, time.Since(start))
	}
	if b.give(10); b.free != 10 || len(b.waiting) != 0 {
		t.Errorf("%d free, %d wait", b.free, len(b.waiting))
	}
}

func TestLimits(t *testing.T) {
	if err := DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
	if err := (Limits{}).Validate(); err == nil {
		t.Error("no limits at all are valid")
	}
}

func FuzzBody(f *testing.F) {
	for _, encoding := range []string{"", "gzip", "deflate", "zstd"} {
		f.Add(encoding, packed(f, encoding, []byte("hello, hello, hello")))
		f.Add(encoding, packed(f, encoding, make([]byte, 2<<20)))
	}
	l := small()
	l.UnpackedBytes = 64 << 10
	s := newStock(l)
	f.Fuzz(func(t *testing.T, encoding string, sent []byte) {
		r := request(bytes.NewReader(sent), -1, encoding)
		in := s.receive(r, nil)
		r.Body = in
		body, free, err := Body(r)
		switch {
		case err != nil && code(err) < 0:
			t.Errorf("an error without a code: %v", err)
		case err == nil && int64(len(body)) > max(l.UnpackedBytes, int64(len(sent))):
			t.Errorf("%d bytes became %d", len(sent), len(body))
		case err == nil:
			free()
		}
		in.done()
		if s.budget.free != l.MemoryBytes {
			t.Errorf("%d bytes of memory are free in the end", s.budget.free)
		}
	})
}

// BenchmarkProtect is what a request of a kibibyte costs by the guard, network
// and handler apart.
func BenchmarkProtect(b *testing.B) {
	_, line, err := NewKey("a")
	if err != nil {
		b.Fatal(err)
	}
	for name, keys := range map[string][]string{"open": nil, "key": {line}} {
		b.Run(name, func(b *testing.B) {
			st := settings()
			g, err := New(st)
			if err != nil {
				b.Fatal(err)
			}
			token, line, err := NewKey("b")
			if err != nil {
				b.Fatal(err)
			}
			if keys != nil {
				g.settings.Keys.List = append(keys, line)
				if err := g.Reload(); err != nil {
					b.Fatal(err)
				}
			}
			h := Identify(Recover(slog.New(slog.DiscardHandler), g.Protect(http.HandlerFunc(echo))))
			body := make([]byte, 1<<10)
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				r := request(bytes.NewReader(body), 1<<10, "")
				r.Host = "localhost"
				r.Header.Set("X-API-Key", token)
				w.Body.Reset()
				h.ServeHTTP(w, r)
			}
			if w.Code != 200 {
				b.Error(w.Code)
			}
		})
	}
}
