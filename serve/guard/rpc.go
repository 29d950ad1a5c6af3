package guard

import (
	"io"
	"net/http"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/gzip"

	"github.com/gradus-ml/gradus/serve/engine"
)

// RPC tells requests of gRPC, whose answers have another form.
func RPC(r *http.Request) bool { return framed(r.Header.Get("Content-Type")) }

// HandlerOptions are for handlers of connect, which read bodies by themselves:
// the limits of a message, unpacked, too, and errors that show nothing of the
// program.
func (l Limits) HandlerOptions() []connect.HandlerOption {
	options := []connect.HandlerOption{
		connect.WithReadMaxBytes(int(max(l.BodyBytes, l.UnpackedBytes))),
		// connect unpacks what is above its own limit, too, to tell how much it
		// is; this one stops.
		connect.WithCompression("gzip",
			func() connect.Decompressor { return &unpacker{limit: l.UnpackedBytes} },
			func() connect.Compressor { return gzip.NewWriter(io.Discard) }),
		connect.WithCompressMinBytes(1 << 10),
	}
	for _, c := range codecs {
		options = append(options, connect.WithCodec(c))
	}
	return options
}

// An unpacker ends with an error where a message is too long.
type unpacker struct {
	gzip.Reader
	limit, left int64
}

func (u *unpacker) Reset(r io.Reader) error {
	u.left = u.limit
	return u.Reader.Reset(r)
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if u.left -= int64(n); u.left < 0 {
		return 0, refuse(engine.TooLarge, "the message has more than %d bytes unpacked", u.limit)
	}
	return n, err
}
