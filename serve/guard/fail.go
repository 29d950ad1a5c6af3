package guard

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"

	"connectrpc.com/connect"

	"github.com/gradus-ml/gradus/serve/engine"
)

// Fail answers a request with an error: the status of its code, and
//
//	{"error": "column age: \"abc\" is not a number"}
//
// which is the form of the Open Inference Protocol and of TensorFlow Serving.
// gRPC gets the code and the text in its own form.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	e := engine.AsError(err)
	VisitOf(r.Context()).Err = err
	h := w.Header()
	if e.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.Retry.Seconds()))))
	}
	h.Set("X-Content-Type-Options", "nosniff")
	if framed(r.Header.Get("Content-Type")) {
		if rpc := connect.NewErrorWriter(); rpc.IsSupported(r) {
			rpc.Write(w, r, connect.NewError(connect.Code(e.Code.GRPC()), errors.New(e.Message)))
			return
		}
	}
	if r.ProtoMajor == 1 && (e.Code == engine.TooLarge || e.Code == engine.Slow) {
		h.Set("Connection", "close") // the rest of the body is not waited for
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(e.Code.HTTP())
	json.NewEncoder(w).Encode(map[string]string{"error": e.Message})
}
