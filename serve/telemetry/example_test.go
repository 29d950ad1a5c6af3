package telemetry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/serve/telemetry"
)

func Example() {
	t, err := telemetry.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := guard.Identify(t.Middleware(http.NotFoundHandler()))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/nowhere", nil))

	answer := httptest.NewRecorder()
	t.Metrics().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if strings.HasPrefix(line, "gradus_requests_total") {
			fmt.Print(line)
		}
	}
	// Output: gradus_requests_total{code="404",model="",protocol="none",version=""} 1
}
