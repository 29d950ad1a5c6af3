package guard

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/gradus-ml/gradus/serve/engine"
)

// Fail answers a request with an error: the status of its code, and
//
//	{"error": "column age: \"abc\" is not a number"}
//
// which is the form of the Open Inference Protocol and of TensorFlow Serving.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	e := engine.AsError(err)
	h := w.Header()
	if e.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.Retry.Seconds()))))
	}
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.Code.HTTP())
	json.NewEncoder(w).Encode(map[string]string{"error": e.Message})
}
