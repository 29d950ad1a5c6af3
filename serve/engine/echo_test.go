package engine_test

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/tensor"
)

// Errors do not repeat the whole of what a client wrote.
func TestNamesInErrorsAreShort(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Mail)
	long := strings.Repeat("x", 1<<20)
	for i, r := range []*engine.Request{
		{N: 1, Columns: map[string][]any{"text": {"hello"}}, Outputs: []string{long}},
		{N: 1, Columns: map[string][]any{"text": {"hello"}, long: {"hello"}}},
		{N: 1, Tensors: map[string]*tensor.Tensor{long: tensor.Must(tensor.Of([]float32{1}, 1, 1))}},
		{N: 1, Columns: map[string][]any{"text": {"hello"}}, Version: long},
	} {
		r.Model = enginetest.Mail
		_, err := e.Predict(t.Context(), r)
		if err == nil || !strings.Contains(err.Error(), strings.Repeat("x", 40)) || len(err.Error()) > 300 {
			t.Errorf("%d: an error of %d bytes: %.300v", i, len(engine.AsError(err).Message), err)
		}
	}
}
