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

	"connectrpc.com/connect"

	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/inference/pb"
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

const row = `{"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750, "island": "Torgersen", "sex": "male"}`

// askPenguins is the same request as curl makes it, and as a client of gRPC.
var (
	askPenguins = fmt.Sprintf("POST /v1/predict/penguins HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(row), row)
	askInfer    = infer(enginetest.Penguins)
)

func infer(model string) *pb.ModelInferRequest {
	q := &pb.ModelInferRequest{ModelName: model}
	for name, value := range map[string]float64{"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750} {
		q.Inputs = append(q.Inputs, &pb.ModelInferRequest_InferInputTensor{Name: name, Datatype: "FP64", Shape: []int64{1, 1}, Contents: &pb.InferTensorContents{Fp64Contents: []float64{value}}})
	}
	for name, value := range map[string]string{"island": "Torgersen", "sex": "male"} {
		q.Inputs = append(q.Inputs, &pb.ModelInferRequest_InferInputTensor{Name: name, Datatype: "BYTES", Shape: []int64{1, 1}, Contents: &pb.InferTensorContents{BytesContents: [][]byte{[]byte(value)}}})
	}
	return q
}

// gather sends clients of three kinds: HTTP/1.1 on connections that are kept,
// HTTP/1.1 on a new one each time, and gRPC, n of each. None of them tries
// anything again, but for calls of gRPC that the server's GOAWAY has said not to
// be looked at.
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
	if err != nil || status != 200 || !strings.Contains(text, "Adelie") && !strings.Contains(text, "Gentoo") && !strings.Contains(text, "Chinstrap") {
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
	client := connect.NewClient[pb.ModelInferRequest, pb.ModelInferResponse](&http.Client{Transport: tr, Timeout: 20 * time.Second},
		"http://"+c.addr+"/inference.GRPCInferenceService/ModelInfer", connect.WithGRPC())
	for !c.stop.Load() {
		a, err := client.CallUnary(context.Background(), connect.NewRequest(askInfer))
		switch {
		case err == nil:
			c.count(200, a.Msg.String(), nil)
		case c.refused(err):
			return
		default:
			c.count(0, "", err)
			return
		}
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
		s := loaded(t, func(c *Config) { c.Timeouts.Delay = 50 * time.Millisecond })
		c := gather(t, s.Addr().String(), 8)
		for c.answered.Load() < 200 {
			time.Sleep(time.Millisecond)
		}
		s.end()
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

// From the word to end on the probe says so, and answers ask clients to come by
// another connection, while clients are still answered.
func TestDrainProbes(t *testing.T) {
	s := loaded(t, func(c *Config) { c.Timeouts.Delay = 2 * time.Second })
	s.end()
	for s.Ready() {
		time.Sleep(time.Millisecond)
	}
	for path, want := range map[string]int{"/readyz": 503, "/v2/health/ready": 503, "/livez": 200} {
		a := request(t, "GET", s.url+path, "")
		if a.Body.Close(); a.StatusCode != want || !a.Close {
			t.Errorf("%s of a server that ends: %s, asks for another connection: %v", path, a.Status, a.Close)
		}
	}
	if status, text, _ := ask(t, "POST", s.url+"/test/penguins", "{}"); status != 200 {
		t.Errorf("a request to a server that ends: %d %s", status, text)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	s.ended <- nil
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
