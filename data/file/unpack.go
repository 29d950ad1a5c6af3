package file

import (
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrLimit is wrapped by the error of a file that is larger, or unpacks to
// more, than the System's limits allow.
var ErrLimit = errors.New("is over the limit")

// zstdWindow is the most memory that a zstd file may ask for; it is what the
// zstd program allows without its option --long.
const zstdWindow = 128 << 20

// ratioFrom is the unpacked size from which the ratio counts. Small files are
// harmless, and a file of one repeated byte may well be a fair one.
const ratioFrom = 1 << 20

// packing returns the ending of a name that says how it is compressed, or "".
func packing(name string) string {
	if kindOf(name) == httpFile {
		if u, err := url.Parse(name); err == nil {
			name = u.Path
		}
	}
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".gz", ".tgz", ".zst", ".bz2":
		return ext
	}
	return ""
}

// unpack reads what a file holds. It takes over the file, on an error too.
func (s *System) unpack(packed io.ReadCloser, name string) (io.ReadCloser, error) {
	ext := packing(name)
	if ext == "" {
		return packed, nil
	}
	u := &unpacker{packed: packed, name: shown(name), limit: s.sizeBytes, ratio: s.ratio}
	var err error
	switch in := (*counted)(u); ext {
	case ".gz", ".tgz":
		var z *gzip.Reader
		if z, err = gzip.NewReader(in); err == nil {
			u.plain, u.end = z, z.Close
		}
	case ".zst":
		var z *zstd.Decoder
		z, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err == nil {
			u.plain, u.end = z, func() error { z.Close(); return nil }
		}
	case ".bz2":
		u.plain, u.end = bzip2.NewReader(in), func() error { return nil }
	}
	if err != nil {
		return nil, errors.Join(u.fail(err), packed.Close())
	}
	return u, nil
}

// An unpacker reads what a compressed file holds, and no more of it than its
// limits allow.
type unpacker struct {
	packed io.ReadCloser
	plain  io.Reader
	end    func() error
	name   string

	in, out      int64 // bytes read and given
	limit, ratio int64
	readErr      error // of packed
}

// counted is the reader of the packed bytes.
type counted unpacker

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.packed.Read(p)
	c.in += int64(n)
	if err != nil && err != io.EOF {
		c.readErr = err
	}
	return n, err
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.plain.Read(p)
	u.out += int64(n)
	switch {
	case u.out > u.limit:
		return 0, fmt.Errorf("file: %s unpacks to more than %d bytes, which %w; raise it if the file is to be trusted", u.name, u.limit, ErrLimit)
	case u.out > ratioFrom && u.out/u.ratio > u.in:
		return 0, fmt.Errorf("file: %s unpacks to more than %d times its size (%d bytes so far), which %w; unpack it by other means if it is to be trusted", u.name, u.ratio, u.out, ErrLimit)
	case err == nil || err == io.EOF:
		return n, err
	}
	return n, u.fail(err)
}

// fail says where the packed bytes are wrong; an error of reading them stays
// what it is.
func (u *unpacker) fail(err error) error {
	if u.readErr != nil {
		return u.readErr
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("file: %s: ends after %d bytes in the middle of its compressed data (truncated?): %w", u.name, u.in, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("file: %s: near offset %d: not well compressed: %w", u.name, u.in, err)
}

func (u *unpacker) Close() error { return errors.Join(u.end(), u.packed.Close()) }
