package openapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// TestBounded: however many sets of models there are over time, few documents
// are kept.
func TestBounded(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Mail)
	s := New(e)
	mux := http.NewServeMux()
	s.Register(mux)
	for i := range 3 * mostDocuments {
		if err := e.SetLabels(enginetest.Mail, map[string]string{fmt.Sprint("label", i): "1"}); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
		if w.Code != 200 || len(s.docs) > mostDocuments {
			t.Fatalf("%d: status %d, %d documents", i, w.Code, len(s.docs))
		}
	}
	if len(s.docs) != mostDocuments {
		t.Errorf("%d documents, want %d", len(s.docs), mostDocuments)
	}
}
