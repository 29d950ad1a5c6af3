package cli

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/internal/machine"
	"github.com/gradus-ml/gradus/serve"
)

// A manager is what started the server and wants to know how it is: systemd, or
// nobody. The protocol is sd_notify's: lines to a socket that the environment
// names.
type manager struct {
	socket string        // "" for nobody
	every  time.Duration // 0 where no sign of life is wanted
	log    *slog.Logger
}

// newManager reads the environment that a manager has set.
func newManager(log *slog.Logger) *manager {
	m := &manager{socket: os.Getenv("NOTIFY_SOCKET"), log: log}
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	pid := os.Getenv("WATCHDOG_PID")
	if err == nil && usec > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		m.every = time.Duration(usec) * time.Microsecond / 2
	}
	return m
}

func (m *manager) ready()    { m.tell("READY=1") }
func (m *manager) stopping() { m.tell("STOPPING=1") }

// reloading tells the time too, which a manager that waits for ready needs.
func (m *manager) reloading() {
	m.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", machine.MonotonicMicros()))
}

// beat ticks when a sign of life is due.
func (m *manager) beat() *time.Ticker {
	if m.socket == "" || m.every == 0 {
		t := time.NewTicker(time.Hour)
		t.Stop()
		return t
	}
	return time.NewTicker(m.every)
}

// alive gives a sign of life if the server answers.
func (m *manager) alive(s *serve.Server) {
	r, err := http.NewRequest(http.MethodGet, "http://localhost/livez", http.NoBody)
	if err != nil {
		return
	}
	a := status{header: http.Header{}}
	if s.Handler().ServeHTTP(&a, r); a.code == 0 || a.code == http.StatusOK {
		m.tell("WATCHDOG=1")
	}
}

// A status is an answer of which no more than that is of interest.
type status struct {
	header http.Header
	code   int // 0 until it is written
}

func (s *status) Header() http.Header         { return s.header }
func (s *status) Write(p []byte) (int, error) { return len(p), nil }
func (s *status) WriteHeader(code int)        { s.code = code }

// tell sends a message. Who can't be told is told nothing: the server's work goes
// on.
func (m *manager) tell(lines ...string) {
	if m.socket == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"}) // @ begins an abstract name for both
	if err == nil {
		defer c.Close()
		_, err = c.Write([]byte(strings.Join(lines, "\n")))
	}
	if err != nil {
		m.log.Warn("the service manager can't be told", "error", err)
	}
}
