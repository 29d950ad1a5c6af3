package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

const (
	// chunkBytes is how much of a file is read at a time: enough to hide a
	// call, and less than a core's cache.
	chunkBytes = 128 << 10
	// maxRow bounds the memory that one row can ask for: a quote that is
	// never closed makes the rest of a file one row.
	maxRow = 64 << 20
)

// A chunk is the part of a file that is in memory, and moves through it.
type chunk struct {
	ctx    context.Context
	src    io.Reader
	name   string // of the file, for errors
	buf    []byte
	lo, hi int   // what is not used yet: buf[lo:hi]
	offset int64 // of buf[lo] in the file
	line   int   // of buf[lo], from 1
	end    bool  // nothing comes after buf[lo:hi]
}

func newChunk(ctx context.Context, src io.Reader, name string) *chunk {
	size := chunkBytes
	if s, ok := src.(*io.SectionReader); ok && s.Size() < chunkBytes {
		size = int(s.Size()) + 1 // and see its end at once
	}
	return &chunk{ctx: ctx, src: src, name: name, buf: make([]byte, size), line: 1}
}

// rest is what is read and not used.
func (c *chunk) rest() []byte { return c.buf[c.lo:c.hi] }

// take uses n bytes, in which so many lines end.
func (c *chunk) take(n, lines int) {
	c.lo += n
	c.offset += int64(n)
	c.line += lines
}

// more reads on. It moves rest, and makes room for it.
func (c *chunk) more() error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.hi = copy(c.buf, c.rest())
	c.lo = 0
	if c.hi == len(c.buf) {
		if c.hi >= maxRow {
			return c.fail("no row ends within %d MiB after it", maxRow>>20)
		}
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	for c.hi < len(c.buf) { // not io.ReadFull, which gives two ends one name
		n, err := c.src.Read(c.buf[c.hi:])
		c.hi += n
		if err == io.EOF {
			c.end = true
			break
		}
		if err != nil {
			return fmt.Errorf("%s: offset %d: %w", c.name, c.offset+int64(c.hi), err)
		}
	}
	return nil
}

// fail makes an error of the line that rest begins with.
func (c *chunk) fail(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", c.name, c.line, fmt.Errorf(format, args...))
}

// mark passes over a byte order mark of UTF-8 at the file's start, and refuses
// those of UTF-16. It is called first.
func (c *chunk) mark() error {
	if err := c.more(); err != nil {
		return err
	}
	switch head := c.rest(); {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		c.take(3, 0)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return c.fail("the file is UTF-16, want UTF-8; convert it: iconv -f UTF-16 -t UTF-8")
	}
	return nil
}

// peekLine reads to the next line's end: the line without it, the number of
// bytes with it. n is 0 at the end of the file. The bytes are not taken yet.
func (c *chunk) peekLine() (line []byte, n int, err error) {
	seen := 0
	for {
		rest := c.rest()
		if i := bytes.IndexByte(rest[seen:], '\n'); i >= 0 {
			n = seen + i + 1
			return bytes.TrimSuffix(rest[:n-1], []byte("\r")), n, nil
		}
		if c.end {
			return bytes.TrimSuffix(rest, []byte("\r")), len(rest), nil
		}
		seen = len(rest)
		if err := c.more(); err != nil {
			return nil, 0, err
		}
	}
}
