package guard

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/gradus-ml/gradus/serve/engine"
)

// refuse is an error for the client that connect, too, knows the code of.
func refuse(code engine.Code, format string, args ...any) *engine.Error {
	e := engine.Errorf(code, format, args...)
	e.Cause = connect.NewError(connect.Code(code.GRPC()), errors.New(e.Message))
	return e
}

// incoming is the body of a request on its way in. Whoever reads it, a handler
// through Body or a handler of gRPC by itself, gets no more than the limits
// allow, no slower than they allow, and only as much as the budget of memory
// has left.
type incoming struct {
	body    io.ReadCloser // as net/http gives it
	stock   *stock
	ctx     context.Context
	control *http.ResponseController // nil where reading has no deadline
	frames  bool                     // messages with a length before each, any number of them
	packed  bool                     // compressed as a whole

	mu      sync.Mutex // between Read and end
	ending  bool       // no further message is read
	whole   bool       // Body reads it, and accounts for the memory
	started time.Time  // of the body, or of a message
	until   time.Time  // the deadline that is set; zero for none
	came    int64      // bytes of the body, or of a message
	left    int64      // bytes of the message that are still to come
	prefix  [5]byte    // of a message
	filled  int        // bytes of the prefix that are there
	held    int64      // bytes of the budget
	err     error      // what reading has ended with
}

// framed tells requests whose body is a stream of messages: gRPC, gRPC-Web and
// the streams of connect.
func framed(contentType string) bool {
	contentType = strings.ToLower(strings.TrimSpace(contentType)) // as connect reads it
	return strings.HasPrefix(contentType, "application/grpc") || strings.HasPrefix(contentType, "application/connect+")
}

func (s *stock) receive(r *http.Request, control *http.ResponseController) *incoming {
	encoding := r.Header.Get("Content-Encoding")
	in := &incoming{
		body: r.Body, stock: s, ctx: r.Context(), control: control,
		frames:  framed(r.Header.Get("Content-Type")),
		packed:  encoding != "" && encoding != "identity",
		started: time.Now(),
	}
	if r.ContentLength != 0 {
		in.deadline()
	}
	return in
}

// Read reads within the limits.
func (in *incoming) Read(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	if err := in.ctx.Err(); err != nil {
		in.err = in.explain(err)
		return 0, in.err
	}
	in.mu.Lock()
	if in.ending && in.between() {
		in.mu.Unlock()
		return 0, io.EOF
	}
	in.deadline()
	in.mu.Unlock()

	n, err := in.body.Read(p)

	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ending && in.between() && errors.Is(err, os.ErrDeadlineExceeded) {
		err = io.EOF
	}
	if n > 0 {
		if limit := in.account(p[:n]); limit != nil {
			in.err = limit
			return 0, in.err
		}
	}
	if err != nil {
		in.err = in.explain(err)
		if err == io.EOF {
			in.clear()
		}
	}
	return n, in.err
}

// between tells that no message is half there.
func (in *incoming) between() bool { return in.frames && in.filled == 0 && in.left == 0 }

// end ends a stream of messages as if the client had said its last: at once, or
// after the message that it is saying.
func (in *incoming) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ending = true
	if in.between() && in.control != nil {
		in.control.SetReadDeadline(time.Unix(1, 0))
	}
}

// Close closes the body.
func (in *incoming) Close() error { return in.body.Close() }

// done gives back what the request still has.
func (in *incoming) done() { in.release(in.held) }

// account counts bytes that came, and takes memory for them.
func (in *incoming) account(p []byte) error {
	limits := &in.stock.limits
	if !in.frames {
		in.came += int64(len(p))
		if in.came > limits.BodyBytes {
			return refuse(engine.TooLarge, "the body has more than %d bytes", limits.BodyBytes)
		}
		if in.whole {
			return nil
		}
		return in.hold(in.need(in.came, in.packed))
	}
	for len(p) > 0 {
		if in.left == 0 && in.filled < len(in.prefix) { // between messages
			if in.filled == 0 {
				in.started, in.came = time.Now(), 0
				in.release(in.held)
			}
			n := copy(in.prefix[in.filled:], p)
			in.filled += n
			p = p[n:]
			if in.filled < len(in.prefix) {
				return nil
			}
			in.left = int64(binary.BigEndian.Uint32(in.prefix[1:]))
			if in.left > limits.BodyBytes {
				return refuse(engine.TooLarge, "the message has %d bytes, and the most is %d", in.left, limits.BodyBytes)
			}
		}
		n := min(in.left, int64(len(p)))
		in.came += n
		in.left -= n
		p = p[n:]
		if err := in.hold(in.need(in.came, in.prefix[0]&1 != 0)); err != nil {
			return err
		}
		if in.left == 0 {
			in.filled = 0
			in.clear()
		}
	}
	return nil
}

// need is the memory that bytes may come to with those who unpack them
// themselves: deflate, the most of all that they unpack, makes 1032 of one.
func (in *incoming) need(came int64, packed bool) int64 {
	if !packed {
		return came
	}
	return came + min(came*1032, in.stock.limits.UnpackedBytes)
}

// hold makes the share of the budget n bytes.
func (in *incoming) hold(n int64) error {
	if n <= in.held {
		return nil
	}
	if err := in.stock.budget.take(in.ctx, n-in.held); err != nil {
		return err
	}
	in.held = n
	return nil
}

// release gives n bytes of the share back, if it has them still.
func (in *incoming) release(n int64) {
	if n = min(n, in.held); n > 0 {
		in.stock.budget.give(n)
		in.held -= n
	}
}

// deadline sets the time at which the next byte must have come: the grace, and
// what the bytes so far may have taken. Between the messages of a stream there
// is none. It is moved in steps, since each move costs a call of the network's
// poller.
func (in *incoming) deadline() {
	if in.control == nil || in.between() && in.came > 0 {
		return
	}
	limits := &in.stock.limits
	at := in.started.Add(limits.Grace + time.Duration(float64(in.came)/float64(limits.BytesPerSecond)*float64(time.Second)))
	if end, ok := in.ctx.Deadline(); ok && end.Before(at) {
		at = end
	}
	if in.until.IsZero() || at.Before(in.until) || at.Sub(in.until) >= limits.Grace/8 {
		in.control.SetReadDeadline(at)
		in.until = at
	}
}

// clear takes the deadline away: what is read now, if anything, is not due.
func (in *incoming) clear() {
	if !in.until.IsZero() {
		in.control.SetReadDeadline(time.Time{})
		in.until = time.Time{}
	}
}

// explain makes of an error of the network one for the client.
func (in *incoming) explain(err error) error {
	switch {
	case err == io.EOF:
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(engine.Slow, "the body comes too slowly")
	case in.ctx.Err() != nil:
		return engine.AsError(in.ctx.Err())
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(engine.Invalid, "the body ends too early")
	}
	return refuse(engine.Invalid, "the body can't be read")
}
