package main

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// The route of its own, and what a server answers under the path, are asked.
func TestHandler(t *testing.T) {
	e := engine.New(enginetest.Machine())
	defer e.Close()
	h, err := newHandler(t.Context(), e, enginetest.Folder(t, enginetest.Digits, 1))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 28, 28))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, body string
		code       int
		want       string
	}{
		{"/read", picture.String(), 200, `^[0-9]\n$`},
		{"/read", "no picture", 400, "image"},
		{"/read", strings.Repeat("x", 1<<20+1), 413, "at most 1 MiB"},
		{"/models/v1/predict/digits", picture.String(), 200, `"label":\{"class":"[0-9]"`},
	} {
		r, err := http.Post(server.URL+c.path, "image/png", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != c.code || !regexp.MustCompile(c.want).Match(got) {
			t.Errorf("%s: %d %v %s", c.path, r.StatusCode, err, got)
		}
	}
}
