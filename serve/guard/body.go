// Package guard stands between the network and what answers requests: it lets
// in who may come in, and no more of what they send than was agreed on.
package guard

import (
	"errors"
	"io"
	"math/bits"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/gradus-ml/gradus/serve/engine"
)

// Body reads the body of a request within the limits of the server: its size,
// as it comes and unpacked (gzip, deflate, zstd), and the memory of all bodies
// that are being read or worked on. The memory is the caller's until free is
// called, and is used for other bodies afterwards. Errors are for Fail.
func Body(r *http.Request) (body []byte, free func(), err error) {
	in, ok := r.Body.(*incoming)
	if !ok { // nothing of this package stands in front
		in = newStock(DefaultLimits()).receive(r, nil)
	}
	return in.read(r)
}

// The sizes of buffers are powers of two, from smallest on.
const (
	smallest = 4 << 10
	classes  = 32
	// A buffer is at first no larger than this, and then grows by what has
	// come: who announces much and sends little takes little.
	first  = 256 << 10
	growth = 8
)

// A stock has the memory of bodies: a budget, and buffers and decompressors
// that are used again.
type stock struct {
	limits           Limits
	budget           *budget
	buffers          [classes]sync.Pool // of *[]byte
	gzip, zlib, zstd sync.Pool
}

func newStock(l Limits) *stock { return &stock{limits: l, budget: newBudget(l.MemoryBytes)} }

// class is the number of the smallest buffers of n bytes.
func class(n int64) int { return bits.Len64(uint64(max(n, smallest)-1)) - bits.Len64(smallest-1) }

// buffer is an empty one of at least n bytes.
func (s *stock) buffer(n int64) *[]byte {
	k := class(n)
	if b, ok := s.buffers[k].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, smallest<<k)
	return &b
}

func (s *stock) recycle(b *[]byte) {
	*b = (*b)[:0]
	s.buffers[class(int64(cap(*b)))].Put(b)
}

// read reads all of a body.
func (in *incoming) read(r *http.Request) ([]byte, func(), error) {
	limits := &in.stock.limits
	if r.ContentLength > limits.BodyBytes {
		return nil, nil, refuse(engine.TooLarge, "the body has %d bytes, and the most is %d", r.ContentLength, limits.BodyBytes)
	}
	in.whole = true
	in.frames = false
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if encoding == "" || encoding == "identity" {
		return in.all(in, limits.BodyBytes, r.ContentLength)
	}
	if encoding == "zstd" {
		// On a server with little memory, small bodies still come in.
		n := min(window+slack, in.stock.budget.total/4)
		if err := in.hold(in.held + n); err != nil {
			return nil, nil, err
		}
		defer in.release(n)
	}
	unpacked, recycle, err := in.stock.unpack(in, encoding)
	if err != nil {
		return nil, nil, in.unpacking(err, encoding)
	}
	defer recycle()
	body, free, err := in.all(unpacked, limits.UnpackedBytes, -1)
	return body, free, in.unpacking(err, encoding)
}

// unpack reads what a client has compressed.
func (s *stock) unpack(r io.Reader, encoding string) (unpacked io.Reader, recycle func(), err error) {
	switch encoding {
	case "gzip", "x-gzip":
		z, ok := s.gzip.Get().(*gzip.Reader)
		if ok {
			err = z.Reset(r)
		} else if z, err = gzip.NewReader(r); err != nil {
			return nil, nil, err
		}
		return z, func() { s.gzip.Put(z) }, err
	case "deflate":
		z, ok := s.zlib.Get().(io.ReadCloser)
		if ok {
			err = z.(zlib.Resetter).Reset(r, nil)
		} else if z, err = zlib.NewReader(r); err != nil {
			return nil, nil, err
		}
		return z, func() { s.zlib.Put(z) }, err
	case "zstd":
		z, ok := s.zstd.Get().(*zstd.Decoder)
		if ok {
			err = z.Reset(r)
		} else if z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(uint64(max(s.limits.UnpackedBytes, window))), zstd.WithDecoderMaxWindow(window)); err != nil {
			return nil, nil, err
		}
		return z, func() { s.zstd.Put(z) }, err
	}
	return nil, nil, refuse(engine.Unsupported, "the server unpacks gzip, deflate and zstd, not the body's encoding")
}

// window is the memory that a zstd stream may ask for; RFC 8878 wants decoders
// to support 8 MiB.
const window = 8 << 20

// slack is what a decoder of zstd has besides its window.
const slack = 512 << 10

// unpacking tells errors of the network from those of what has come.
func (in *incoming) unpacking(err error, encoding string) error {
	if err == nil || errors.As(err, new(*engine.Error)) {
		return err
	}
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return refuse(engine.TooLarge, "the body has more than %d bytes unpacked", in.stock.limits.UnpackedBytes)
	}
	return refuse(engine.Invalid, "the body is no whole %s", encoding)
}

// all reads to the end. The claim is the number of bytes that a client has
// announced, below 0 if none.
func (in *incoming) all(r io.Reader, limit, claim int64) (body []byte, free func(), err error) {
	s := in.stock
	held := int64(0) // of the buffer
	var b *[]byte
	drop := func() {
		if b != nil {
			s.recycle(b)
			in.release(held)
			b = nil
		}
	}
	grow := func(n int64) error {
		size := int64(smallest) << class(n)
		if err := in.hold(in.held + size); err != nil {
			return err
		}
		next := s.buffer(size)
		if b != nil {
			*next = append(*next, *b...)
		}
		drop()
		b, held = next, size
		return nil
	}
	defer func() {
		if err != nil {
			drop()
		}
	}()
	if claim == 0 {
		return nil, func() {}, nil
	}
	for {
		if b == nil || len(*b) == min(cap(*b), int(limit)) {
			// One byte tells whether there is more at all.
			var probe [1]byte
			n, err := io.ReadFull(r, probe[:])
			if n == 1 {
				have := int64(0)
				if b != nil {
					have = int64(len(*b))
				}
				want := max(2*have, smallest)
				if claim > have {
					want = min(claim, max(first, growth*have))
				}
				if have == limit {
					return nil, nil, refuse(engine.TooLarge, "the body has more than %d bytes unpacked", limit)
				}
				if err := grow(min(want, limit)); err != nil {
					return nil, nil, err
				}
				*b = append(*b, probe[0])
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, nil, err
			}
		}
		n, err := r.Read((*b)[len(*b):min(cap(*b), int(limit))])
		*b = (*b)[:len(*b)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if b == nil {
		return nil, func() {}, nil
	}
	return *b, sync.OnceFunc(drop), nil
}
