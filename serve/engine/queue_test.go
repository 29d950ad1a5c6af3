package engine

import (
	"context"
	"errors"
	"testing"
	"time"
)

// within fails a test if something does not end.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s does not end", what)
	}
}

// queued puts a job of n examples into a new queue of batches of 2.
func queued(ctx context.Context, n int) (*queue, *job) {
	q := newQueue(ladder{1, 2}, 10, 0)
	j := &job{ctx: ctx, n: n, answers: make(chan answer, 1)}
	q.enter(n)
	q.put([]*job{j})
	return q, j
}

// A job whose rest runs out of time, and of which a part then fails, is answered
// once.
func TestOneAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	q, j := queued(ctx, 3)
	var first, second batch
	q.take(&first)
	cancel()
	q.take(&second)
	if first.n != 2 || second.n != 0 {
		t.Fatalf("batches of %d and %d", first.n, second.n)
	}
	within(t, "the answer to a part", func() { q.answered(first.parts, first.n, time.Millisecond, errors.New("it failed")) })
	if a := <-j.answers; !errors.Is(a.err, context.Canceled) || !a.last {
		t.Errorf("got %+v", a)
	}
	if q.held != 0 || q.rows != 0 || len(j.answers) != 0 {
		t.Errorf("%d held, %d rows, %d more answers", q.held, q.rows, len(j.answers))
	}
}

// Who withdraws a job gets its inputs back: no instance reads them then, unless
// they are the job's own.
func TestWithdrawn(t *testing.T) {
	q, j := queued(t.Context(), 2)
	var b batch
	q.take(&b)
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.withdraw(j)
	}()
	select {
	case <-done:
		t.Error("an instance still reads")
	case <-time.After(20 * time.Millisecond):
	}
	q.answered(b.parts, b.n, time.Millisecond, nil)
	within(t, "withdrawing", func() { <-done })

	q, j = queued(t.Context(), 1)
	j.own = true
	q.take(&b)
	within(t, "withdrawing what has memory of its own", func() { q.withdraw(j) })
}

// An instance that comes to one who has left goes on to the next who waits.
func TestBorrowed(t *testing.T) {
	for range 200 {
		q := newQueue(ladder{1}, 10, 0)
		i := &instance{work: make(chan struct{}, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		wait := func(n int) {
			for {
				q.mu.Lock()
				ready := len(q.wanted) == n
				q.mu.Unlock()
				if ready {
					return
				}
				time.Sleep(10 * time.Microsecond)
			}
		}
		left := make(chan struct{})
		go func() {
			defer close(left)
			if i, err := q.borrow(ctx); err == nil {
				q.again(i)
			}
		}()
		wait(1)
		got := make(chan *instance, 1)
		go func() {
			i, _ := q.borrow(context.Background())
			got <- i
		}()
		wait(2)
		go cancel()
		q.again(i)
		within(t, "waiting for an instance", func() {
			if <-got != i {
				t.Error("another instance")
			}
		})
		<-left
	}
}
