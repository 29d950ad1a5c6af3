package guard

import (
	"container/list"
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/gradus-ml/gradus/serve/engine"
)

// mostAddresses is how many addresses have their rates kept. One that has not
// asked for the longest is forgotten first.
const mostAddresses = 16 << 10

// addresses limits the rate of each address.
type addresses struct {
	rate  Rate
	mu    sync.Mutex
	known map[netip.Prefix]*list.Element // of *visitor
	order list.List                      // the last to ask in front
}

// A visitor is an address that has asked.
type visitor struct {
	prefix netip.Prefix
	left   *rate.Limiter
}

func newAddresses(r Rate) *addresses {
	return &addresses{rate: r, known: map[netip.Prefix]*list.Element{}}
}

func (r Rate) limiter() *rate.Limiter { return rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst) }

// of is the limiter of an address, HOST:PORT. The 2^64 addresses that a client
// has in IPv6 are one.
func (a *addresses) of(remote string) *rate.Limiter {
	var prefix netip.Prefix // of addresses without a number, such as those in the file system
	if host, _, err := net.SplitHostPort(remote); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil {
			ip = ip.Unmap().WithZone("")
			bits := ip.BitLen()
			if ip.Is6() {
				bits = 64
			}
			prefix = netip.PrefixFrom(ip, bits).Masked()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if e, ok := a.known[prefix]; ok {
		a.order.MoveToFront(e)
		return e.Value.(*visitor).left
	}
	if len(a.known) >= mostAddresses {
		last := a.order.Back()
		delete(a.known, last.Value.(*visitor).prefix)
		a.order.Remove(last)
	}
	v := &visitor{prefix, a.rate.limiter()}
	a.known[prefix] = a.order.PushFront(v)
	return v.left
}

// A turn is what every message of a stream has: its share of the client's rate,
// and the time of a request.
type turn struct {
	left *rate.Limiter
	time time.Duration
}

type turnKey struct{}

// Again takes a message of a stream from the client's rate, as a request of its
// own. It is not for the first, which the stream itself was taken for.
func Again(ctx context.Context) error {
	t, _ := ctx.Value(turnKey{}).(turn)
	return allow(t.left)
}

// Turn gives a message of a stream the time that a request has.
func Turn(ctx context.Context) (context.Context, context.CancelFunc) {
	if t, ok := ctx.Value(turnKey{}).(turn); ok {
		return context.WithTimeout(ctx, t.time)
	}
	return context.WithCancel(ctx)
}

// allow takes one request from what a client has left; nil is any number.
func allow(l *rate.Limiter) error {
	if l == nil {
		return nil
	}
	r := l.Reserve()
	wait := r.Delay()
	if wait == 0 {
		return nil
	}
	r.Cancel()
	err := refuse(engine.Exhausted, "more requests than the client's rate allows")
	err.Retry = min(wait, time.Hour)
	return err
}
