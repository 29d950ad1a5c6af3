package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gradus-ml/gradus/tensor"
)

// A job is examples of one request that have one length.
type job struct {
	ctx     context.Context
	length  int              // the rung of lengths that the examples are filled up to
	in      []*tensor.Tensor // [n ...] for each input
	out     []*tensor.Tensor // [n ...] for each target; who waits for the answer owns it
	n       int
	own     bool        // in is memory of the job, for the next one
	answers chan answer // room for one: the batcher gives no more

	// Of the queue, under its lock.
	queued  time.Time
	next    int           // the first example that no instance has taken
	left    int           // examples that are not answered
	taken   int           // parts that instances have, and have not answered
	compute time.Duration // of the batches that the job was part of
	batch   int           // examples in the largest of them
}

// An answer tells of a job. Nothing follows the last one.
type answer struct {
	err     error
	last    bool
	queue   time.Duration // waiting for company and for processors
	compute time.Duration
	batch   int
}

// A queue holds the jobs of a version until an instance takes them, the oldest
// first. Requests enter before their examples are encoded: so the memory of all
// examples that wait is bounded, a client that must come again learns it at no
// cost, and an instance knows whom it may wait for.
type queue struct {
	sizes ladder        // of batches
	most  int           // examples in a batch, the last of sizes
	limit int           // examples that have entered and that no instance has taken
	delay time.Duration // that jobs wait for company

	mu      sync.Mutex
	timer   *time.Timer // claims an instance for jobs that have waited enough
	jobs    []*job
	rows    int           // examples of jobs that no instance has taken
	held    int           // the same, and those on their way
	coming  int           // requests on their way
	due     time.Time     // when the jobs wait no longer
	pace    time.Duration // of one example, lately
	company bool          // the last batch had several requests
	closed  bool
	idle    []*instance
	wanted  []chan *instance // of those who want an instance for themselves
	all     int              // instances
	ended   sync.Cond        // a batch has been answered, or an instance is idle
}

func newQueue(sizes ladder, limit int, delay time.Duration) *queue {
	q := &queue{sizes: sizes, most: sizes[len(sizes)-1], limit: limit, delay: delay}
	q.ended.L = &q.mu
	q.timer = time.AfterFunc(time.Hour, q.dueNow)
	q.timer.Stop()
	return q
}

// enter makes room for a request's n examples, or tells that there is none.
func (q *queue) enter(n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return Errorf(Unavailable, "the model is being unloaded")
	case n > q.limit:
		return Errorf(TooLarge, "the request has %d examples, at most %d are taken at a time", n, q.limit)
	case q.held+n > q.limit:
		e := Errorf(Exhausted, "too many requests wait for the model")
		e.Retry = max(time.Millisecond, time.Duration(q.held)*q.pace)
		return e
	}
	q.held += n
	q.coming++
	return nil
}

// leave gives up the room for n examples of a request that was on its way.
func (q *queue) leave(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held -= n
	q.coming--
	q.send()
}

// put queues the jobs of a request that has entered. It returns an instance that
// may take jobs now, which is the caller's, and whether others are about to enter,
// by what was lately.
func (q *queue) put(jobs []*job) (i *instance, company bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.coming--
	now := time.Now()
	for _, j := range jobs {
		j.queued, j.left = now, j.n
		if q.closed {
			q.held -= j.n
			j.answers <- answer{err: Errorf(Unavailable, "the model is being unloaded"), last: true}
			continue
		}
		due := now.Add(q.delay)
		if deadline, ok := j.ctx.Deadline(); ok { // half of the time is for computing
			due = earlier(due, now.Add(deadline.Sub(now)/2))
		}
		if len(q.jobs) > 0 {
			due = earlier(due, q.due)
		}
		q.due = due
		q.jobs = append(q.jobs, j)
		q.rows += j.n
	}
	i = q.claim()
	return i, q.most > 1 && (q.company || len(q.idle)+1 < q.all)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// withdraw takes a job whose client has left out of the queue. Its inputs may be
// the body of the request, which serves another one afterwards: then it returns
// when no instance reads them any more.
func (q *queue) withdraw(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.jobs, j); i >= 0 {
		q.remove(i)
		q.send()
	}
	for !j.own && j.taken > 0 {
		q.ended.Wait()
	}
}

// remove takes job i out of the queue.
func (q *queue) remove(i int) {
	j := q.jobs[i]
	q.rows -= j.n - j.next
	q.held -= j.n - j.next
	q.jobs = slices.Delete(q.jobs, i, i+1)
}

// ready reports whether an instance may take jobs.
func (q *queue) ready() bool {
	return len(q.jobs) > 0 && (q.coming == 0 || q.rows >= q.most || q.closed || !time.Now().Before(q.due))
}

// claim takes an idle instance if it may take jobs, and otherwise sees to it that
// one is claimed in time.
func (q *queue) claim() *instance {
	switch n := len(q.idle); {
	case len(q.jobs) == 0 || n == 0: // who has an instance looks for jobs in the end
	case q.ready():
		i := q.idle[n-1]
		q.idle = q.idle[:n-1]
		return i
	default:
		q.timer.Reset(time.Until(q.due))
	}
	return nil
}

// send lets an idle instance compute if it may take jobs.
func (q *queue) send() {
	if i := q.claim(); i != nil {
		i.work <- struct{}{}
	}
}

func (q *queue) dueNow() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.send()
}

// again reports whether an instance may go on with other jobs. If not it is idle,
// or belongs to somebody who wanted one.
func (q *queue) again(i *instance) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.wanted) == 0 && q.ready() {
		return true
	}
	q.rest(i)
	return false
}

// rest gives an instance to the first of those who want one, or makes it idle.
func (q *queue) rest(i *instance) {
	if len(q.wanted) > 0 {
		q.wanted[0] <- i
		q.wanted = slices.Delete(q.wanted, 0, 1)
		return
	}
	q.idle = append(q.idle, i)
	q.send() // later
	q.ended.Broadcast()
}

// borrow waits for an instance, which again returns.
func (q *queue) borrow(ctx context.Context) (*instance, error) {
	q.mu.Lock()
	if n := len(q.idle); n > 0 {
		i := q.idle[n-1]
		q.idle = q.idle[:n-1]
		q.mu.Unlock()
		return i, nil
	}
	given := make(chan *instance, 1)
	q.wanted = append(q.wanted, given)
	q.mu.Unlock()
	select {
	case i := <-given:
		return i, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if k := slices.Index(q.wanted, given); k >= 0 {
		q.wanted = slices.Delete(q.wanted, k, k+1)
	} else {
		q.rest(<-given)
	}
	return nil, ctx.Err()
}

// take fills an empty batch with jobs of one length. Of a job that is too large
// the rest goes behind the others. Jobs whose time is over are answered so. It
// reports whether the batch is of one request, and no other waits or is on its way.
func (q *queue) take(b *batch) (alone bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	most := q.sizes.fit(q.available())
	for i := 0; i < len(q.jobs) && b.n < most; {
		j := q.jobs[i]
		if err := over(j.ctx, now); err != nil {
			q.remove(i)
			if j.left > 0 { // a part under way may have told before
				j.left = 0
				j.answers <- answer{err: err, last: true, queue: now.Sub(j.queued)}
			}
			continue
		}
		if b.n > 0 && j.length != b.length {
			i++
			continue
		}
		b.length = j.length
		n := min(j.n-j.next, most-b.n)
		b.parts = append(b.parts, part{job: j, lo: j.next, hi: j.next + n, wait: now.Sub(j.queued)})
		b.n += n
		j.taken++
		q.remove(i)
		if j.next += n; j.next < j.n {
			q.jobs = append(q.jobs, j)
			q.rows += j.n - j.next
			q.held += j.n - j.next
		}
	}
	q.company = len(b.parts) > 1
	if len(q.jobs) > 0 { // they have waited enough
		q.due = now
		q.send()
	}
	return len(b.parts) == 1 && q.rows == 0 && q.coming == 0
}

// available is the number of examples that wait and have the length of the oldest
// one, as far as a batch can hold them.
func (q *queue) available() int {
	n := 0
	for _, j := range q.jobs {
		if j.length == q.jobs[0].length {
			if n += j.n - j.next; n >= q.most {
				return q.most
			}
		}
	}
	return n
}

// over tells that the time of a job is over, or that its client has left.
func over(ctx context.Context, now time.Time) error {
	if deadline, ok := ctx.Deadline(); ok && !now.Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// answered tells of parts that were computed, or could not be.
func (q *queue) answered(parts []part, examples int, took time.Duration, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		const share = 8 // of the newest batch in the pace
		q.pace += (took/time.Duration(examples) - q.pace) / share
	}
	now := time.Now()
	for _, p := range parts {
		j := p.job
		j.taken--
		j.compute += took
		j.batch = max(j.batch, examples)
		if j.left == 0 {
			continue // another part has failed
		}
		j.left -= p.hi - p.lo
		if err != nil {
			j.left = 0
			for i, other := range q.jobs {
				if other == j {
					q.remove(i)
					break
				}
			}
		}
		if j.left == 0 {
			j.answers <- answer{err: err, last: true, queue: max(0, now.Sub(j.queued)-j.compute), compute: j.compute, batch: j.batch}
		}
	}
	q.ended.Broadcast() // who withdraws a job waits for its parts
}

// waiting is the number of examples that no instance has taken.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rows
}

// close waits until all jobs are answered and all instances are idle.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.timer.Stop()
	q.send()
	for len(q.idle) < q.all {
		q.ended.Wait()
	}
}
