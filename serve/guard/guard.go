package guard

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/gradus-ml/gradus/serve/engine"
)

// Settings say whom a Guard lets in, and with what.
type Settings struct {
	Limits  Limits
	Keys    Keys
	Hosts   []string // names that the server is called by; none for any, or for those of this machine if it is Local
	Origins []string // of web pages elsewhere that may ask
	Local   bool     // other machines can't reach the server
	Private bool     // no page of another site may ask, or lead here, by any method; Origins are of no use then
	Request time.Duration
	Stream  time.Duration // of requests that Streams tells
	// Scope tells what a key must be good for; "" lets anybody in, at any time:
	// it is for probes, and for what is no secret and costs nothing. What they
	// send is within Limits.Open.
	Scope func(r *http.Request) Scope
	// Streams tells requests that go on; nil for none.
	Streams func(r *http.Request) bool
}

// A Guard stands in front of a listener. It is safe for concurrent use.
type Guard struct {
	settings  Settings
	entrance  *entrance
	stock     *stock
	open      *stock // of those whom anybody is let in with
	clients   atomic.Pointer[clients]
	addresses *addresses // nil without a rate
	inside    atomic.Int64
	watching  atomic.Int64 // streams that need no key

	mu      sync.Mutex
	streams map[*incoming]struct{} // under way
	ending  bool
}

// clients are the keys, and what each client has left of its rate.
type clients struct {
	ring keyring
	left map[*Key]*rate.Limiter
}

// New makes a guard, and reads the keys.
func New(s Settings) (*Guard, error) {
	e, err := newEntrance(s)
	if err != nil {
		return nil, err
	}
	g := &Guard{settings: s, entrance: e, stock: newStock(s.Limits), open: newStock(s.Limits.Open()), streams: map[*incoming]struct{}{}}
	if s.Limits.Rate != nil {
		g.addresses = newAddresses(*s.Limits.Rate)
	}
	return g, g.Reload()
}

// Reload reads the keys again. On a mistake those before stay.
func (g *Guard) Reload() error {
	ring, err := g.settings.Keys.read()
	if err != nil {
		return err
	}
	c := &clients{ring, map[*Key]*rate.Limiter{}}
	for _, k := range ring {
		if r := k.Rate; r != nil {
			c.left[k] = r.limiter()
		} else if r := g.settings.Limits.Rate; r != nil {
			c.left[k] = r.limiter()
		}
	}
	g.clients.Store(c)
	return nil
}

// Inside is the number of requests that are being read or worked on.
func (g *Guard) Inside() int { return int(g.inside.Load()) }

// Protect puts the guard in front of a handler.
func (g *Guard) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		scope := g.settings.Scope(r)
		stock := g.stock
		if scope == "" {
			stock = g.open
		}
		in := stock.receive(r, control)
		defer in.done()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")

		if scope == "" {
			if g.stream(r) {
				defer g.watching.Add(-1)
				if g.watching.Add(1) > mostWatching {
					g.full(w, r)
					return
				}
			}
			g.admit(w, g.anybody(r), in, control, next)
			return
		}
		if err := g.entrance.check(r); err != nil {
			Fail(w, r, err)
			return
		}
		if g.entrance.share(w, r) {
			return
		}
		key, left, err := g.identify(r, scope)
		if err != nil {
			if engine.AsError(err).Code == engine.Denied {
				h.Set("WWW-Authenticate", `Bearer realm="gradus"`)
			}
			Fail(w, r, err)
			return
		}
		if key != nil {
			VisitOf(r.Context()).Key = key.Name
			if key.Models != nil {
				r = r.WithContext(engine.Only(r.Context(), key.Models))
			}
		}
		defer g.inside.Add(-1)
		if g.inside.Add(1) > int64(g.settings.Limits.InFlight) {
			g.full(w, r)
			return
		}
		if g.stream(r) {
			r = r.WithContext(context.WithValue(r.Context(), turnKey{}, turn{left, g.settings.Request}))
		}
		g.admit(w, r, in, control, next)
	})
}

// mostWatching is how many streams that need no key there are at a time.
const mostWatching = 256

// full sends a request away that there is no room for.
func (g *Guard) full(w http.ResponseWriter, r *http.Request) {
	full := refuse(engine.Unavailable, "the server has as many requests as it can take")
	full.Retry = time.Second
	Fail(w, r, full)
}

// stream tells a request that goes on.
func (g *Guard) stream(r *http.Request) bool {
	return g.settings.Streams != nil && g.settings.Streams(r)
}

// anybody has a request that needs no key know of the models that it could use
// with the one that it has: where there are keys and it has none, of no model.
func (g *Guard) anybody(r *http.Request) *http.Request {
	c := g.clients.Load()
	if len(c.ring) == 0 {
		return r
	}
	var models []string
	if token := token(r.Header); token != "" {
		if key := c.ring.find(token); key != nil && key.May(Predict) {
			if key.Models == nil {
				return r
			}
			models = key.Models
		}
	}
	return r.WithContext(engine.Only(r.Context(), models))
}

// EndStreams lets every stream end when the messages that have come are
// answered, as if its client had said its last.
func (g *Guard) EndStreams() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ending = true
	for in := range g.streams {
		in.end()
	}
}

func (g *Guard) enter(in *incoming) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams[in] = struct{}{}
	if g.ending {
		in.end()
	}
}

func (g *Guard) leave(in *incoming) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.streams, in)
}

// admit passes a request on with its deadlines.
func (g *Guard) admit(w http.ResponseWriter, r *http.Request, in *incoming, control *http.ResponseController, next http.Handler) {
	limit := g.settings.Request
	if g.stream(r) {
		limit = g.settings.Stream
		g.enter(in)
		defer g.leave(in)
	}
	if asked := r.Header.Get(timeoutHeader); asked != "" {
		d, err := timeout(asked)
		if err != nil {
			Fail(w, r, err)
			return
		}
		limit = min(limit, d)
	}
	// A client that does not read its answer holds nothing for longer than
	// this either.
	control.SetWriteDeadline(time.Now().Add(limit + g.settings.Limits.Grace))
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	r = r.WithContext(ctx)
	in.ctx = ctx
	if r.Body != http.NoBody {
		r.Body = in
	}
	next.ServeHTTP(w, r)
}

// timeoutHeader lets clients have less time than the server gives.
const timeoutHeader = "X-Request-Timeout"

// timeout reads a time as Go writes it, or in seconds.
func timeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		var seconds float64
		seconds, err = strconv.ParseFloat(s, 64)
		d = time.Duration(min(seconds, 1e6) * float64(time.Second))
	}
	if err != nil || d <= 0 {
		return 0, refuse(engine.Invalid, "the header %s wants a time such as 250ms or 1.5", timeoutHeader)
	}
	return d, nil
}

// identify finds out whose request it is, and whether it may come in. Without
// keys everybody may.
func (g *Guard) identify(r *http.Request, scope Scope) (*Key, *rate.Limiter, error) {
	c := g.clients.Load()
	var key *Key
	if token := token(r.Header); token != "" && len(c.ring) > 0 {
		key = c.ring.find(token)
	}
	if key != nil {
		left := c.left[key]
		if err := allow(left); err != nil {
			return nil, nil, err
		}
		if !key.May(scope) {
			return nil, nil, refuse(engine.Forbidden, "the key is not good for this")
		}
		return key, left, nil
	}
	var left *rate.Limiter
	if g.addresses != nil {
		left = g.addresses.of(r.RemoteAddr)
		if err := allow(left); err != nil {
			return nil, nil, err
		}
	}
	if len(c.ring) > 0 {
		return nil, nil, refuse(engine.Denied, "a valid key is needed, as Authorization: Bearer KEY or X-API-Key: KEY")
	}
	return nil, left, nil
}

// token is the key that a request shows.
func token(h http.Header) string {
	scheme, token, ok := strings.Cut(h.Get("Authorization"), " ")
	if ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return h.Get("X-API-Key")
}
