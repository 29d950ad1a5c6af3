package guard

import (
	"context"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"

	"github.com/gradus-ml/gradus/serve/engine"
)

// A Visit is what is known of a request, more and more as it goes in. What
// stands around a Guard, to write down what happens, reads it when the request
// is over.
type Visit struct {
	ID    string // of the request
	Key   string // the name of the client's key, "" without
	Route string // the pattern that the path was known by, "" for none
	Err   error  // what Fail was called with, with the cause that the client does not see
}

type visitKey struct{}

// VisitOf is that of a request; of one that no Identify has seen, an empty one.
func VisitOf(ctx context.Context) *Visit {
	if v, ok := ctx.Value(visitKey{}).(*Visit); ok {
		return v
	}
	return &Visit{}
}

// ID is the id of the request, for logs and answers.
func ID(ctx context.Context) string { return VisitOf(ctx).ID }

// idHeader carries ids.
const idHeader = "X-Request-Id"

// Identify gives every request a Visit and an id: the one of its header
// X-Request-Id if that is sane, otherwise a new one. The answer has it too.
func Identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &Visit{ID: r.Header.Get(idHeader)}
		if !sane(v.ID) {
			v.ID = newID()
		}
		w.Header().Set(idHeader, v.ID)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

// sane ids have 1 to 64 letters, digits and . _ -.
func sane(id string) bool {
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 64
}

// newID is 128 random bits. They need not be secret.
func newID() string {
	var b [16]byte
	for i := range 2 {
		bits := rand.Uint64()
		for k := range 8 {
			b[8*i+k] = byte(bits >> (8 * k))
		}
	}
	return hex.EncodeToString(b[:])
}

// Recover ends a request that panics, and that request alone: with 500 if the
// answer has not begun, otherwise by breaking it off, so that no client takes a
// part for the whole. The log has the stack.
func Recover(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { // a handler's way to break off
				panic(p)
			}
			log.Error("panic", "request", ID(r.Context()), "method", r.Method, "route", VisitOf(r.Context()).Route, "panic", p, "stack", string(debug.Stack()))
			if a.begun {
				panic(http.ErrAbortHandler)
			}
			for _, h := range []string{"Content-Encoding", "Content-Length", "Etag", "Last-Modified"} {
				w.Header().Del(h)
			}
			Fail(w, r, engine.Errorf(engine.Internal, "internal error"))
		}()
		next.ServeHTTP(a, r)
	})
}

// An answer knows whether it has begun.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (a *answer) WriteHeader(status int) {
	a.begun = a.begun || status >= 200
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(p)
}

// Flush sends what is there, for streams.
func (a *answer) Flush() {
	a.begun = true
	http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap serves http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
