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
	// manyPixels is what a picture has that waits to be decoded while two like
	// it are. Decoders take up to 8 bytes a pixel: with 32 million, those two
	// have half a gigabyte.
	manyPixels  = 1 << 20
	mostDecoded = 2
)

// pictures lets files of an input be decoded, a few large ones at a time.
type pictures struct {
	large   chan struct{} // of the engine
	headers sync.Pool     // of *image.Decoder
}

// limit makes inputs that read pictures refuse those that are too large, and
// wait for their turn with large ones.
func (e *Engine) limit(inputs []input) {
	for i := range inputs {
		if enc, ok := inputs[i].Encoder.(*feature.ImageEncoder); ok {
			enc.MaxPixels = min(enc.MaxPixels, mostPixels) // before it is used first
			p := &pictures{large: e.large}
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
	if h.Width*h.Height <= manyPixels {
		return func() {}, nil
	}
	select {
	case p.large <- struct{}{}:
		return func() { <-p.large }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
