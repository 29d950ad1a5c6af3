package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve runs a server until the test ends, and its System with it.
func serve(t testing.TB, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// cut sends a whole answer's headers, and n bytes of its body.
func cut(w http.ResponseWriter, b []byte, n int) {
	w.Header().Set("Content-Length", fmt.Sprint(len(b)))
	w.WriteHeader(http.StatusOK)
	w.Write(b[:n])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestHTTP(t *testing.T) {
	plain := text(3 << 20)
	packed := packGzip(plain)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a.csv.gz" {
			w.Write(packed)
			return
		}
		w.Write(plain)
	})
	s := system(t)
	for _, name := range []string{"/a.csv", "/a.csv.gz?key=secret"} {
		if got, err := read(s, url+name); got != string(plain) || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	f, err := s.Open(t.Context(), url+"/a.csv")
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(f, make([]byte, 10)) // and no more of it
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Read(make([]byte, 1)); err == nil {
		t.Error("a closed file was read")
	}
}

// A connection that breaks is made again from where it was, with a server
// that knows ranges and with one that does not.
func TestResume(t *testing.T) {
	plain := text(5 << 20)
	for _, ranges := range []bool{true, false} {
		for _, mark := range []string{`"one"`, "", `W/"weak"`} {
			t.Run(fmt.Sprintf("ranges=%v mark=%s", ranges, mark), func(t *testing.T) {
				var asked []string
				url := serve(t, func(w http.ResponseWriter, r *http.Request) {
					asked = append(asked, r.Header.Get("Range")+" "+r.Header.Get("If-Range"))
					if mark != "" {
						w.Header().Set("ETag", mark)
					}
					switch {
					case !ranges && len(asked) < 4:
						cut(w, plain, len(asked)*1_200_000)
					case !ranges:
						w.Write(plain)
					case len(asked) < 4:
						// Twice 1 MB of the rest.
						var from int
						fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
						rest := plain[from:]
						w.Header().Set("Content-Length", fmt.Sprint(len(rest)))
						if from > 0 {
							w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(plain)-1, len(plain)))
							w.WriteHeader(http.StatusPartialContent)
						}
						w.Write(rest[:1_000_000])
						w.(http.Flusher).Flush()
						panic(http.ErrAbortHandler)
					default:
						http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(plain))
					}
				})
				got, err := read(system(t), url+"/a")
				if got != string(plain) || err != nil {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				if len(asked) != 4 || !strings.HasPrefix(asked[1], "bytes=") {
					t.Errorf("asked for %q", asked)
				}
				if want := mark == `"one"`; strings.HasSuffix(asked[1], `"one"`) != want {
					t.Errorf("asked for %q", asked)
				}
			})
		}
	}
}

// A server that closes its connection inside the body of unknown length.
func TestResumeChunked(t *testing.T) {
	plain := text(1 << 20)
	n := 0
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			w.Write(plain[:500_000])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(plain))
	})
	if got, err := read(system(t), url+"/a"); got != string(plain) || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestChanged(t *testing.T) {
	plain := text(100_000)
	for _, change := range []string{"tag", "size", "satisfiable"} {
		n := 0
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			n++
			w.Header().Set("ETag", `"one"`)
			if n == 1 {
				cut(w, plain, 5000)
			}
			switch change {
			case "tag":
				w.Header().Set("ETag", `"two"`)
				w.Write(plain)
			case "size":
				w.Header().Set("Content-Range", "bytes 5000-5999/6000")
				w.WriteHeader(http.StatusPartialContent)
				w.Write(plain[:1000])
			case "satisfiable":
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			}
		})
		_, err := read(system(t), url+"/a")
		if !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", change, err)
		}
	}
}

func TestRetries(t *testing.T) {
	var n atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case n.Add(1) < 3:
			w.Header().Set("Retry-After", "0")
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case r.URL.Path == "/never":
			http.Error(w, "busy", http.StatusBadGateway)
		default:
			io.WriteString(w, "at last")
		}
	})
	s := system(t)
	if got, err := read(s, url+"/a"); got != "at last" || err != nil || n.Load() != 3 {
		t.Errorf("%q, %v, %d requests", got, err, n.Load())
	}
	n.Store(0)
	_, err := read(s, url+"/never?key=secret")
	wants(t, err, "/never?...: 502 Bad Gateway; tried 4 times: try again later")
	if n.Load() != 4 || strings.Contains(err.Error(), "secret") {
		t.Error(n.Load(), err)
	}
	// Nobody listens.
	_, err = read(s, "http://127.0.0.1:1/a")
	wants(t, err, "http://127.0.0.1:1/a: dial tcp", "tried 4 times")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	s.patience.pause, s.patience.longest = time.Minute, time.Minute
	if _, err := s.Open(ctx, url+"/never"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// A server that breaks off after every few bytes is given up.
func TestNoProgress(t *testing.T) {
	plain := text(100_000)
	n := 0
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		cut(w, plain, n*10)
	})
	_, err := read(system(t), url+"/a")
	wants(t, err, "the connection broke after 40 of 100000 bytes; tried 4 times")
}

// A connection without a byte is given up and made again.
func TestStall(t *testing.T) {
	plain := text(1000)
	var n atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 1:
			<-r.Context().Done() // no answer
		case 2:
			w.Header().Set("Content-Length", "1000")
			w.Write(plain[:300])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(plain))
		}
	})
	s := system(t)
	s.patience.stall = 50 * time.Millisecond
	if got, err := read(s, url+"/a"); got != string(plain) || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	// A reader that takes its time is not what stalls.
	f, err := s.Open(t.Context(), url+"/a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	time.Sleep(120 * time.Millisecond)
	if b, err := io.ReadAll(f); len(b) != 1000 || err != nil || n.Load() != 4 {
		t.Errorf("%d bytes, %v, %d requests", len(b), err, n.Load())
	}
}

func TestStatus(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var code int
		fmt.Sscanf(r.URL.Path, "/%d", &code)
		w.WriteHeader(code)
	})
	s := system(t)
	for code, want := range map[int]string{
		404: "/404: 404 Not Found: check the address",
		403: "/403: 403 Forbidden: the server wants credentials",
		418: "/418: 418 I'm a teapot, want 200",
		501: "/501: 501 Not Implemented, want 200",
		204: "/204: 204 No Content, want 200",
	} {
		_, err := read(s, fmt.Sprintf("%s/%d", url, code))
		wants(t, err, "file: "+url, want)
	}
	_, err := read(s, "http://user:word@127.0.0.1:1:2/")
	wants(t, err, "not a valid address")
}

// The header for one host reaches no other, whoever sends the request on.
func TestAuthorization(t *testing.T) {
	var elsewhere http.Header
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		elsewhere = r.Header
		io.WriteString(w, "other")
	})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer word" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other+"/x", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/again":
			http.Redirect(w, r, "/here", http.StatusFound)
		default:
			io.WriteString(w, "here")
		}
	})
	s := system(t, WithAuthorization(strings.TrimPrefix(url, "http://"), "Bearer word"))
	for path, want := range map[string]string{"/here": "here", "/again": "here", "/away": "other"} {
		if got, err := read(s, url+path); got != want || err != nil {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for _, h := range []string{"Authorization", "Cookie", "Referer"} {
		if elsewhere.Get(h) != "" {
			t.Errorf("the other host got %s %q", h, elsewhere.Get(h))
		}
	}
	elsewhere = nil
	withName := strings.Replace(url, "http://", "http://user:password@", 1)
	if got, err := read(s, withName+"/away"); got != "other" || err != nil || elsewhere.Get("Authorization") != "" {
		t.Errorf("%q, %v, %v", got, err, elsewhere)
	}
	_, err := read(s, url+"/round")
	wants(t, err, "sent on more than 10 times")
	_, err = read(system(t), strings.Replace(url, "http://", "http://user:password@", 1)+"/here")
	wants(t, err, "401 Unauthorized")
	if strings.Contains(err.Error(), "password") {
		t.Error(err)
	}
}

func TestNoDowngrade(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "plain") })
	secure := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
	defer secure.Close()
	_, err := read(system(t, WithTransport(secure.Client().Transport)), secure.URL+"/a")
	wants(t, err, "sent on from https to "+plain)
	_, err = read(system(t), secure.URL+"/a")
	wants(t, err, "certificate")
	if strings.Contains(err.Error(), "tried") {
		t.Error(err)
	}
}

func TestSizeLimit(t *testing.T) {
	plain := text(100_000)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		} else {
			w.Header().Set("Content-Length", "100000")
		}
		w.Write(plain)
	})
	s := system(t, WithLimits(50_000, 10))
	_, err := read(s, url+"/a")
	wants(t, err, "/a: has 100000 bytes, which is over the limit of 50000")
	got, err := read(s, url+"/chunked")
	wants(t, err, "/chunked has more than 50000 bytes, which is over the limit")
	if len(got) > 50_000 {
		t.Error(len(got))
	}
}

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "cache")
	var n atomic.Int32
	plain := text(300_000)
	packed := packGzip(plain)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			cut(w, packed, 1000)
		}
		w.Write(packed)
	}))
	name := server.URL + "/data/houses.csv.gz?version=2"
	s := system(t, WithCache(dir))
	var wg sync.WaitGroup
	for range 5 { // that ask at once
		wg.Go(func() {
			path, err := s.Local(t.Context(), name)
			if err != nil {
				t.Error(err)
			}
			if b, err := os.ReadFile(path); !bytes.Equal(b, plain) || !strings.HasSuffix(path, "-houses.csv") {
				t.Errorf("%s: %d bytes, %v", path, len(b), err)
			}
		})
	}
	wg.Wait()
	if n.Load() != 2 {
		t.Errorf("%d requests", n.Load())
	}
	server.Close()
	// A second run needs no network.
	again := system(t, WithCache(dir))
	if path, err := again.Local(t.Context(), name); err != nil {
		t.Error(path, err)
	}
	if got, err := read(again, name); got != string(plain) || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_, err := again.Local(t.Context(), server.URL+"/other")
	wants(t, err, "/other: dial")
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("the cache holds %v", list)
	}
}

// What breaks off leaves no copy, and no half of one.
func TestCacheFails(t *testing.T) {
	dir := t.TempDir()
	plain := text(100_000)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { cut(w, plain, 1000) })
	s := system(t, WithCache(dir))
	_, err := s.Local(t.Context(), url+"/a")
	wants(t, err, "the connection broke after")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Local(ctx, url+"/a"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("the cache holds %v", list)
	}
	file := filepath.Join(dir, "file")
	write(t, file, nil)
	ok := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write(plain) })
	_, err = system(t, WithCache(file)).Local(t.Context(), ok+"/a")
	wants(t, err, "file: cache: ", file)
}
