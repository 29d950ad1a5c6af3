package serve

import (
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/serve/telemetry"
)

// TestTelemetry: what clients ask is counted and written down, and metrics are
// for administrators.
func TestTelemetry(t *testing.T) {
	var log record
	c := Default()
	tell, err := c.Telemetry(slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	r := loaded(t, nil, WithTelemetry(tell))
	for _, q := range []struct {
		method, path string
		status       int
	}{{"POST", "/test/penguins", 200}, {"POST", "/test/other", 404}, {"POST", "/test/panic", 500}, {"GET", "/nowhere", 404}, {"GET", "/livez", 200}, {"GET", "/metrics", 404}} {
		if status, text, _ := ask(t, q.method, r.url+q.path, "", "X-Request-Id: id-"+strings.ReplaceAll(q.path[1:], "/", "-")); status != q.status {
			t.Errorf("%s: %d %s", q.path, status, text)
		}
	}
	inMetrics := []string{
		`gradus_requests_total{code="200",model="penguins",protocol="page",version="1"} 1`,
		`gradus_requests_total{code="404",model="",protocol="none",version=""} 2`,
		`gradus_requests_total{code="500",model="",protocol="page",version=""} 1`,
		`gradus_requests_total{code="200",model="",protocol="probe",version=""} 1`,
		`gradus_requests_in_flight 0`,
	}
	inLog := []string{
		"level=INFO msg=request id=id-test-penguins method=POST path=/test/penguins protocol=page status=200 model=penguins version=1 examples=1 ",
		"id=id-test-other ", "level=ERROR msg=request id=id-test-panic ",
	}
	// Answers reach clients before they are counted and written down.
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		status, text, _ := ask(t, "GET", r.admin+"/metrics", "")
		if status != 200 {
			t.Fatalf("%d %s", status, text)
		}
		m := slices.IndexFunc(inMetrics, func(want string) bool { return !strings.Contains(text, want+"\n") })
		l := slices.IndexFunc(inLog, func(want string) bool { return !strings.Contains(log.String(), want) })
		if m < 0 && l < 0 {
			break
		}
		if !time.Now().After(end) {
			continue
		}
		if m >= 0 {
			t.Fatalf("no %s in\n%s", inMetrics[m], text)
		}
		t.Fatalf("no %s in\n%s", inLog[l], log.String())
	}
	if strings.Contains(log.String(), "livez") || strings.Contains(log.String(), "/etc/passwd") {
		t.Errorf("probes and panics are not for this log:\n%s", log.String())
	}
}

// TestTracesSettings reads them from a file.
func TestTracesSettings(t *testing.T) {
	c, err := Read([]byte("traces:\n  endpoint: http://collector:4318\nlog:\n  requests: false\n"), "serve.yaml")
	if err != nil || c.Traces == nil || !reflect.DeepEqual(*c.Traces, telemetry.Traces{Endpoint: "http://collector:4318", Ratio: 0.01, Service: "gradus"}) {
		t.Errorf("%+v %v", c.Traces, err)
	}
	if _, err := Read([]byte("traces:\n  endpoint: collector\n"), "serve.yaml"); err == nil || !strings.Contains(err.Error(), "traces") {
		t.Errorf("%v", err)
	}
}
