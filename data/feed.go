package data

import (
	"context"
	"fmt"
	"iter"

	"github.com/gradus-ml/gradus/rng"
)

// A Feed is what training reads: epochs of batches. Which batch comes at a
// place (epoch, index) is a function of the feed's settings alone, so that a
// run goes on at the place where it stopped. A [Loader] is a Feed over a
// Dataset.
type Feed interface {
	// From yields the batches of an epoch from number index on. A batch is
	// valid until the next one is asked for. The first error, the context's
	// included, is yielded last and alone. When the loop ends, early or not,
	// nothing of it keeps running and no file stays open.
	From(ctx context.Context, epoch, index int) iter.Seq2[*Batch, error]
	// Batches is the number of batches in an epoch; ok is false when only
	// reading to the end can tell.
	Batches() (n int, ok bool)
}

// A Draw keys what is random about one example: one seed, epoch and example
// draw the same numbers whatever worker handles it, in whatever order.
type Draw struct {
	Training bool   // false asks for the example as it is, without augmentation
	Seed     uint64 // of the run
	Epoch    int
	Item     int // number of the example in its dataset
}

// Stream returns the random numbers of a part of the example's preparation,
// such as "image.crop". The path is part of the record of runs and never
// changes.
func (d Draw) Stream(path string) *rng.Stream {
	return rng.NewStream(d.Seed, fmt.Sprintf("%s#%d", path, d.Epoch), uint64(d.Item))
}
