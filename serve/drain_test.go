package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A crowd asks a server until it is told to end, or is turned away, and counts.
type crowd struct {
	t        *testing.T
	addr     string
	answered atomic.Int64 // with what it asked for
	lost     atomic.Int64 // sent to a connection, and not answered so
	away     atomic.Int64 // clients that got no connection
	stop     atomic.Bool
	all      sync.WaitGroup
}

const askPenguins = "POST /test/penguins HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"

// gather sends clients of three kinds: HTTP/1.1 on connections that are kept,
// HTTP/1.1 on a new one each time, and HTTP/2, n of each. None of them tries
// anything again that it has sent.
func gather(t *testing.T, addr string, n int) *crowd {
	c := &crowd{t: t, addr: addr}
	for range n {
		c.all.Go(func() { c.http1(true) })
		c.all.Go(func() { c.http1(false) })
		c.all.Go(c.http2)
	}
	return c
}

// refused tells that nobody listens.
func (c *crowd) refused(err error) bool {
	if errors.Is(err, syscall.ECONNREFUSED) {
		c.away.Add(1)
		return true
	}
	return false
}

func (c *crowd) count(status int, text string, err error) {
	if err != nil || status != 200 || text != "answered" {
		if c.lost.Add(1) < 10 {
			c.t.Errorf("lost: status %d, %q, %v", status, text, err)
		}
		return
	}
	c.answered.Add(1)
}

func (c *crowd) http1(keep bool) {
	var conn net.Conn
	var in *bufio.Reader
	for !c.stop.Load() {
		if conn == nil {
			var err error
			if conn, err = net.DialTimeout("tcp", c.addr, 10*time.Second); err != nil {
				if !c.refused(err) {
					c.t.Error(err)
				}
				return
			}
			in = bufio.NewReader(conn)
		}
		_, err := io.WriteString(conn, askPenguins)
		var a *http.Response
		var text []byte
		if err == nil {
			if a, err = http.ReadResponse(in, nil); err == nil {
				text, err = io.ReadAll(a.Body)
			}
		}
		if err != nil {
			c.count(0, "", err)
		} else {
			c.count(a.StatusCode, string(text), nil)
		}
		if err != nil || a.Close || !keep {
			conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		conn.Close()
	}
}

func (c *crowd) http2() {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, Timeout: 20 * time.Second}
	for !c.stop.Load() {
		// Without GetBody nothing is sent twice, but what GOAWAY says was not
		// looked at.
		q, err := http.NewRequestWithContext(context.Background(), "POST", "http://"+c.addr+"/test/penguins", struct{ io.Reader }{strings.NewReader("{}")})
		if err != nil {
			c.t.Error(err)
			return
		}
		a, err := client.Do(q)
		if err != nil {
			if !c.refused(err) {
				c.count(0, "", err)
			}
			return
		}
		text, err := io.ReadAll(a.Body)
		a.Body.Close()
		c.count(a.StatusCode, string(text), err)
	}
}

// Reloads of everything, one after the other, lose no request.
func TestReloadUnderLoad(t *testing.T) {
	s := loaded(t, nil)
	c := gather(t, s.Addr().String(), 4)
	before := int64(0)
	for i := range 20 {
		if err := s.Reload(t.Context()); err != nil {
			t.Errorf("reload %d: %v", i, err)
		}
		for c.answered.Load() < before+20 { // every one is followed by requests
			time.Sleep(time.Millisecond)
		}
		before = c.answered.Load()
	}
	c.stop.Store(true)
	c.all.Wait()
	t.Logf("%d answered, %d lost over 20 reloads", c.answered.Load(), c.lost.Load())
	if n := s.engine.Models()[0].Generation; n != 21 {
		t.Errorf("the model was loaded %d times", n)
	}
	if c.lost.Load() != 0 || c.away.Load() != 0 {
		t.Errorf("%d lost, %d turned away", c.lost.Load(), c.away.Load())
	}
}

// A server that is told to end while clients ask as fast as they can answers
// everything that reached it. Clients end by finding that nobody listens.
func TestDrainUnderLoad(t *testing.T) {
	for i := range 3 {
		s := loaded(t, func(c *Config) { c.Timeouts.Delay = 100 * time.Millisecond })
		c := gather(t, s.Addr().String(), 8)
		for c.answered.Load() < 200 {
			time.Sleep(time.Millisecond)
		}
		s.end()
		for s.Ready() {
			time.Sleep(time.Millisecond)
		}
		// The probe says so while clients are still answered.
		a := request(t, "GET", s.url+"/readyz", "")
		if a.Body.Close(); a.StatusCode != 503 || !a.Close {
			t.Errorf("the probe of a server that ends: %s, asks for another connection: %v", a.Status, a.Close)
		}
		if status, _, _ := ask(t, "GET", s.url+"/livez", ""); status != 200 {
			t.Errorf("it is alive until then: %d", status)
		}
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		s.ended <- nil
		c.all.Wait()
		t.Logf("%d: %d answered, %d lost, %d clients of 24 turned away", i, c.answered.Load(), c.lost.Load(), c.away.Load())
		if c.lost.Load() != 0 || c.away.Load() != 24 {
			t.Errorf("%d lost, %d clients of 24 turned away", c.lost.Load(), c.away.Load())
		}
	}
}

// Requests that take longer than the server gives them at its end are broken
// off, and it says so.
func TestDrainEnds(t *testing.T) {
	s := loaded(t, func(c *Config) { c.Timeouts.Drain = 100 * time.Millisecond })
	inside := make(chan struct{})
	s.mux.HandleFunc("POST /test/stuck", func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
	})
	done := make(chan error)
	go func() {
		a, err := http.Post(s.url+"/test/stuck", "", nil)
		if err == nil {
			a.Body.Close()
			err = fmt.Errorf("answered with %s", a.Status)
		}
		done <- err
	}()
	<-inside
	s.end()
	err := <-s.ended
	if err == nil || !strings.Contains(err.Error(), "1 requests were broken off") {
		t.Errorf("the server ended with %v", err)
	}
	s.ended <- nil
	if err := <-done; err == nil || strings.Contains(err.Error(), "answered") {
		t.Errorf("a request that is broken off: %v", err)
	}
}
