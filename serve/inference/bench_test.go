package inference

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// A sink takes an answer.
type sink struct {
	header http.Header
	status int
	n      int
}

func (s *sink) Header() http.Header  { return s.header }
func (s *sink) WriteHeader(code int) { s.status = code }
func (s *sink) Write(b []byte) (int, error) {
	s.n += len(b)
	return len(b), nil
}

// The requests of benchmarks: a digit in several forms.
func benchmarkRequests() map[string]func() *http.Request {
	request := func(body []byte, header string) func() *http.Request {
		return func() *http.Request {
			r := httptest.NewRequest("POST", "/v2/models/digits/infer", bytes.NewReader(body))
			if header != "" {
				r.Header.Set(headerLength, header)
			}
			return r
		}
	}
	var floats []string
	raw := []byte{}
	for _, p := range rawPixels(1) {
		x := (float32(p)/255 - 0.1307) / 0.3081
		floats = append(floats, strconv.FormatFloat(float64(x), 'g', -1, 32))
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	bytesHead := `{"parameters":{"binary_data_output":true},"inputs":[{"name":"image","shape":[1,28,28],"datatype":"UINT8","parameters":{"binary_data_size":784}}]}`
	floatsHead := `{"parameters":{"binary_data_output":true,"preprocessed":true},"inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"FP32","parameters":{"binary_data_size":3136}}]}`
	return map[string]func() *http.Request{
		"json/pixels":   request([]byte(`{"inputs":[{"name":"image","shape":[1,784],"datatype":"UINT8","data":`+pixels(1)+`}]}`), ""),
		"json/floats":   request([]byte(`{"parameters":{"preprocessed":true},"inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"FP32","data":[`+strings.Join(floats, ",")+`]}]}`), ""),
		"binary/pixels": request(append([]byte(bytesHead), rawPixels(1)...), strconv.Itoa(len(bytesHead))),
		"binary/floats": request(append([]byte(floatsHead), raw...), strconv.Itoa(len(floatsHead))),
	}
}

// BenchmarkInfer is the handler with the engine.
func BenchmarkInfer(b *testing.B) {
	h := handler(b, enginetest.Digits)
	for name, request := range benchmarkRequests() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := &sink{header: http.Header{}}
				h.ServeHTTP(w, request())
				if w.n == 0 || w.status != 0 {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// BenchmarkDecode is what the handler does before the engine, and what there is
// to do with an answer.
func BenchmarkDecode(b *testing.B) {
	s := New(enginetest.Engine(b, enginetest.Digits), func() bool { return true })
	for name, request := range benchmarkRequests() {
		b.Run(name, func(b *testing.B) {
			r := request()
			body := make([]byte, r.ContentLength)
			r.Body.Read(body)
			header := r.Header.Get(headerLength)
			doc, c, err := decode(body, header)
			if err != nil {
				b.Fatal(err)
			}
			_, resp, _, err := s.predict(b.Context(), "digits", "", c)
			if err != nil {
				b.Fatal(err)
			}
			doc.Free()
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				doc, c, err := decode(body, header)
				if err != nil {
					b.Fatal(err)
				}
				answers, err := c.answers(resp)
				if err != nil {
					b.Fatal(err)
				}
				if buf, _, err = appendAnswer(buf[:0], resp, "", answers); err != nil {
					b.Fatal(err)
				}
				doc.Free()
			}
		})
	}
	b.Run("message", func(b *testing.B) {
		m := imageMessage(1)
		text, err := proto.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			m.Reset()
			if err := proto.Unmarshal(text, m); err != nil {
				b.Fatal(err)
			}
			if _, err := decodeMessage(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
