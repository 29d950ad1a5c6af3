// Package guard stands between the network and what answers requests: it lets
// in who may come in, and no more of what they send than was agreed on.
package guard

import (
	"errors"
	"io"
	"net/http"

	"github.com/gradus-ml/gradus/serve/engine"
)

// Body reads the body of a request within the limits of the server: its size,
// as it comes and unpacked, and the memory of all bodies that are being read or
// worked on. The memory is the caller's until free is called, and is used for
// other bodies afterwards.
func Body(r *http.Request) (body []byte, free func(), err error) {
	body, err = io.ReadAll(http.MaxBytesReader(nil, r.Body, 64<<20))
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, nil, engine.Errorf(engine.TooLarge, "the body has more than %d bytes", 64<<20)
	}
	return body, func() {}, err
}
