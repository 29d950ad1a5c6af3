package serve

import (
	"container/list"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/gradus-ml/gradus/serve/telemetry"
)

// A lobby is the connections that a listener has open, a bounded number. One more
// takes the place of that which has lain still for longest, as in nginx; if none
// lies still it is told so and closed. Connections that wait to be accepted would
// be no better: who can't be answered had better know.
type lobby struct {
	net.Listener
	most       int
	clear      bool                 // without TLS
	tell       *telemetry.Telemetry // nil for nobody
	processors int

	mu   sync.Mutex
	open map[net.Conn]*list.Element // in idle, or nil while something is asked
	idle list.List                  // of net.Conn
	size atomic.Int32               // of open
}

func newLobby(l net.Listener, most int, clear bool, tell *telemetry.Telemetry) *lobby {
	return &lobby{Listener: l, most: most, clear: clear, tell: tell, processors: runtime.GOMAXPROCS(0), open: map[net.Conn]*list.Element{}}
}

// Accept waits for a connection that there is room for.
func (l *lobby) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.enter(c) {
			return c, err
		}
		l.refuse(c)
	}
}

// enter makes room for a connection, or tells that there is none.
func (l *lobby) enter(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.most {
		still := l.idle.Front()
		if still == nil {
			return false
		}
		oldest := still.Value.(net.Conn)
		oldest.Close()
		l.leave(oldest)
		if l.tell != nil {
			l.tell.Crowded(true)
		}
	}
	l.open[c] = nil
	l.changed()
	return true
}

// leave forgets a connection. It may have been forgotten before.
func (l *lobby) leave(c net.Conn) {
	if still := l.open[c]; still != nil {
		l.idle.Remove(still)
	}
	delete(l.open, c)
	l.changed()
}

func (l *lobby) changed() {
	l.size.Store(int32(len(l.open)))
	if l.tell != nil {
		l.tell.Connections(len(l.open))
	}
}

// state is told by http.Server what becomes of a connection.
func (l *lobby) state(c net.Conn, s http.ConnState) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	still, ok := l.open[c]
	if !ok {
		return
	}
	switch s {
	case http.StateActive:
		if still != nil {
			l.idle.Remove(still)
			l.open[c] = nil
		}
	case http.StateIdle:
		if still == nil {
			l.open[c] = l.idle.PushBack(c)
		}
	case http.StateClosed, http.StateHijacked:
		l.leave(c)
	}
}

// full is what a client hears that there is no room for. With TLS the connection
// ends, for a handshake is too much to ask of who has no room.
var full = func() []byte {
	const text = `{"error":"the server has as many connections as it can take"}` + "\n"
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"+
		"Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}()

// refuse closes a connection that there is no room for.
func (l *lobby) refuse(c net.Conn) {
	if l.clear {
		c.Write(full) // into a buffer that is empty
	}
	c.Close()
	if l.tell != nil {
		l.tell.Crowded(false)
	}
}

// turns has connections take turns. One whose client is quick has its next
// request there before its answer is written; it would go on at once, in what is
// left of its time, and leave the others waiting until the runtime takes the
// processor away, 10 ms later. With 16 clients of a text classifier on two
// processors that made a p99 of 36 ms of one of 8 (tools/serve/load).
func (l *lobby) turns(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if int(l.size.Load()) > l.processors {
			runtime.Gosched()
		}
		next.ServeHTTP(w, r)
	})
}
