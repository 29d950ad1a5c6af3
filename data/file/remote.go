package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"sync/atomic"
	"time"
)

// An origin serves files over a network.
type origin interface {
	// get asks for a file's bytes from an offset on. With the mark of an
	// earlier answer it gives those of the same content, or errChanged.
	get(ctx context.Context, name string, offset int64, mark string) (*answer, error)
}

// An answer is the rest of a file from the offset that was asked for.
type answer struct {
	body io.ReadCloser
	size int64  // of the whole file, or -1
	mark string // tells this content from another, or ""
}

// ErrChanged is wrapped by the error of a remote file that was replaced while
// it was read.
var ErrChanged = errors.New("changed while it was read; read it again")

// A temporaryError may be gone on another try.
type temporaryError struct {
	error
	after time.Duration // that the server asks to wait
}

func (e *temporaryError) Unwrap() error { return e.error }

// patience says how often and how long to try.
type patience struct {
	tries   int           // in a row without progress
	pause   time.Duration // before the second try, doubled for each further
	longest time.Duration // pause
	stall   time.Duration // after which a connection without a byte is given up
}

// progress is how many bytes make a new start of the tries: a server that
// breaks off every few bytes is given up.
const progress = 1 << 20

// wait sleeps before try number n (from 1), half of the time by chance so that
// many readers don't come back at once.
func (p patience) wait(ctx context.Context, n int, after time.Duration) error {
	d := min(p.pause<<(n-1), p.longest)
	d = d/2 + rand.N(d/2+1)
	t := time.NewTimer(max(d, min(after, 4*p.longest)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A remote reads a file of an origin, and goes on where a connection broke.
type remote struct {
	ctx    context.Context
	origin origin
	name   string
	patience
	limit int64

	offset int64 // of the next byte
	size   int64 // or -1
	mark   string
	failed int   // tries since there was progress
	from   int64 // the offset at which the count of tries began
	body   io.ReadCloser
	cancel context.CancelFunc // of the connection
	timer  *time.Timer        // gives the connection up
	stuck  *atomic.Bool       // the timer did
	err    error
}

// openRemote makes the first connection, so that what is not there is told at
// once.
func (s *System) openRemote(ctx context.Context, o origin, name string) (io.ReadCloser, error) {
	r := &remote{ctx: ctx, origin: o, name: name, patience: s.patience, limit: s.sizeBytes, size: -1}
	for {
		err := r.connect()
		if err == nil {
			return r, nil
		}
		if err := r.again(err); err != nil {
			return nil, err
		}
	}
}

// connect asks for the bytes from the offset on.
func (r *remote) connect() error {
	ctx, cancel := context.WithCancel(r.ctx)
	stuck := &atomic.Bool{}
	timer := time.AfterFunc(r.stall, func() { stuck.Store(true); cancel() })
	a, err := r.origin.get(ctx, r.name, r.offset, r.mark)
	if err != nil {
		timer.Stop()
		cancel()
		if stuck.Load() {
			err = &temporaryError{error: fmt.Errorf("no answer in %v", r.stall)}
		}
		return err
	}
	fail := func(err error) error {
		timer.Stop()
		cancel()
		a.body.Close()
		return err
	}
	switch {
	case a.size > r.limit:
		return fail(fmt.Errorf("has %d bytes, which %w of %d; raise it if the file is to be trusted", a.size, ErrLimit, r.limit))
	case r.offset > 0 && (r.size >= 0 && a.size >= 0 && a.size != r.size || r.mark != a.mark):
		return fail(ErrChanged)
	}
	if r.size < 0 {
		r.size = a.size
	}
	timer.Stop()
	r.body, r.mark, r.cancel, r.timer, r.stuck = a.body, a.mark, cancel, timer, stuck
	return nil
}

// again waits before another try, or returns why there is none.
func (r *remote) again(err error) error {
	if ctxErr := r.ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	var temporary *temporaryError
	if !errors.As(err, &temporary) {
		return fmt.Errorf("file: %s: %w", shown(r.name), err)
	}
	if r.offset-r.from >= progress {
		r.failed, r.from = 0, r.offset
	}
	r.failed++
	if r.failed >= r.tries {
		return fmt.Errorf("file: %s: %w; tried %d times: try again later", shown(r.name), temporary.error, r.failed)
	}
	return r.wait(r.ctx, r.failed, temporary.after)
}

// Read reads on, over as many connections as it takes.
func (r *remote) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.err == nil {
		if r.body == nil {
			if err := r.connect(); err != nil {
				r.err = r.again(err)
				continue
			}
		}
		r.timer.Reset(r.stall)
		n, err := r.body.Read(p)
		r.timer.Stop()
		r.offset += int64(n)
		switch {
		case r.offset > r.limit:
			r.err = fmt.Errorf("file: %s has more than %d bytes, which %w; raise it if the file is to be trusted", shown(r.name), r.limit, ErrLimit)
			return 0, r.err
		case r.size >= 0 && r.offset > r.size:
			r.err = fmt.Errorf("file: %s gives more than the %d bytes it announced", shown(r.name), r.size)
			return 0, r.err
		case err == io.EOF && (r.size < 0 || r.offset == r.size):
			r.err = io.EOF
		case err != nil:
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				err = fmt.Errorf("the connection broke after %d of %d bytes", r.offset, r.size)
			}
			if r.stuck.Load() {
				err = fmt.Errorf("no byte came in %v, after %d", r.stall, r.offset)
			}
			r.hangUp()
			r.err = r.again(&temporaryError{error: err})
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// hangUp ends the connection.
func (r *remote) hangUp() {
	if r.body == nil {
		return
	}
	r.timer.Stop()
	r.cancel()
	r.body.Close()
	r.body = nil
}

// Close ends the connection.
func (r *remote) Close() error {
	r.hangUp()
	if r.err == nil {
		r.err = fmt.Errorf("file: %s: read after it was closed", shown(r.name))
	}
	return nil
}

// shown is a name as messages give it: passwords and queries, which may hold
// keys, are left out.
func shown(name string) string {
	u, err := url.Parse(name)
	if err != nil || kindOf(name) != httpFile {
		return name
	}
	if u.RawQuery != "" {
		u.RawQuery = "..."
	}
	return u.Redacted()
}
