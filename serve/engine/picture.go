package engine

import (
	"context"
	"sync"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/image"
)

const (
	// mostPixels is the most that a picture of a request may have, whatever the
	// model's own limit is: a file of some kilobytes can say that it has any
	// number. Photographs have 24 million.
	mostPixels = 1 << 25
	// manyPixels is what a small picture has at most. Decoders take up to 8 bytes
	// a pixel: so many small pictures, or so many large ones, have half a gigabyte
	// while they are decoded. Further ones wait, small ones not for large ones.
	manyPixels = 1 << 20
	mostSmall  = 64
	mostLarge  = 2
)

// A decoding has the turns of pictures that are decoded.
type decoding struct{ small, large chan struct{} }

func newDecoding() decoding {
	return decoding{make(chan struct{}, mostSmall), make(chan struct{}, mostLarge)}
}

// pictures lets files of an input be decoded, so many at a time.
type pictures struct {
	decoding           // of the engine
	headers  sync.Pool // of *image.Decoder
}

// limit makes inputs that read pictures refuse those that are too large, and
// wait for their turn.
func (e *Engine) limit(inputs []input) {
	for i := range inputs {
		if enc, ok := inputs[i].Encoder.(*feature.ImageEncoder); ok {
			enc.MaxPixels = min(enc.MaxPixels, mostPixels) // before it is used first
			p := &pictures{decoding: e.decoding}
			p.headers.New = func() any { return &image.Decoder{Mode: enc.Mode, MaxPixels: enc.MaxPixels} }
			inputs[i].pictures = p
		}
	}
}

// enter waits until a file may be decoded. The error is that of its header, or
// of the context.
func (p *pictures) enter(ctx context.Context, file []byte) (leave func(), err error) {
	d := p.headers.Get().(*image.Decoder)
	h, err := d.Header(file)
	p.headers.Put(d)
	if err != nil {
		return nil, err
	}
	turn := p.large
	if h.Width*h.Height <= manyPixels {
		turn = p.small
	}
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
