package predict

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// signatures are of columns of all kinds.
var signatures = []*engine.Signature{
	{Columns: []feature.Raw{{Name: "x", Kind: feature.RawImage, Pixels: [3]int{1, 2, 3}}}},
	{Columns: []feature.Raw{{Name: "x", Kind: feature.RawImage, Pixels: [3]int{3, 2, 2}}}},
	{Columns: []feature.Raw{{Name: "x", Kind: feature.RawText}}},
	{Columns: []feature.Raw{{Name: "x", Kind: feature.RawArray, DType: dtype.Float32, Shape: shape.Of(2, 2)}}},
	{Columns: []feature.Raw{
		{Name: "a", Kind: feature.RawNumber, Missing: true},
		{Name: "b", Kind: feature.RawNumber},
		{Name: "c.d", Kind: feature.RawCategory, Choices: []string{"x"}, Missing: true},
		{Name: "e", Kind: feature.RawText},
		{Name: "t", Kind: feature.RawTime, Missing: true},
	}},
	{Columns: []feature.Raw{
		{Name: "i", Kind: feature.RawImage, Pixels: [3]int{1, 1, 1}},
		{Name: "s", Kind: feature.RawAudio, Missing: true},
		{Name: "r", Kind: feature.RawArray, DType: dtype.Int32, Shape: shape.Of(2), Missing: true},
	}},
}

// fuzz decodes bodies of a type as every signature: an error is the client's,
// and without one every column has a value of its kind for every row.
func fuzz(f *testing.F, contentType string) {
	const limit = 50
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		for _, sig := range signatures {
			d := decoder{body: body, contentType: contentType, limit: limit}
			d.reset(sig)
			err := d.decode()
			if !bytes.Equal(body, before) {
				t.Fatal("the body was changed")
			}
			if err != nil {
				if c := engine.AsError(err).Code; c != engine.Invalid && c != engine.TooLarge && c != engine.Unsupported {
					t.Fatalf("%v: %v", c, err)
				}
				d.close()
				continue
			}
			if d.n > limit {
				t.Fatalf("%d rows", d.n)
			}
			for i, c := range sig.Columns {
				values := d.values[i]
				if values == nil && (c.Missing || d.n == 0) {
					continue
				}
				if len(values) != d.n {
					t.Fatalf("column %s has %d values for %d rows", c.Name, len(values), d.n)
				}
				for _, v := range values {
					check(t, c, v)
				}
			}
			d.close()
		}
	})
}

// check wants a value that a column can have.
func check(t *testing.T, c feature.Raw, v any) {
	ok := false
	switch v := v.(type) {
	case nil:
		ok = c.Missing || c.Kind == feature.RawText
	case string:
		ok = c.Kind == feature.RawText || c.Kind == feature.RawCategory || c.Kind == feature.RawTime || c.Kind == feature.RawNumber
	case int64, bool:
		ok = c.Kind == feature.RawNumber || c.Kind == feature.RawCategory || c.Kind == feature.RawTime
	case float64:
		ok = c.Kind == feature.RawNumber || c.Kind == feature.RawCategory || c.Kind == feature.RawTime
	case []byte:
		ok = c.Kind == feature.RawImage || c.Kind == feature.RawAudio
	case *tensor.Tensor:
		switch c.Kind {
		case feature.RawImage:
			ok = v.DType() == dtype.Uint8 && v.Size() > 0
		case feature.RawArray:
			ok = v.DType() == c.DType // the engine looks at its shape
		}
	}
	if !ok {
		t.Fatalf("column %s of kind %s has %T %v", c.Name, c.Kind, v, v)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"x":[[1,2,3],[4,5,6]]}`, `[[1,2,3,4,5,6],[0,0,0,0,0,255]]`, `[[[1]],[[2]]]`, `{"b64":"iVBORw0KGgo="}`, `"text"`, `["a","b"]`, `[]`, `{}`,
		`{"rows":[{"b":1,"e":"x"},{"b":-1e400,"e":"","c":{"d":"x"}}]}`, `{"columns":{"b":[1,2.5],"e":["x",""],"t":["2026-01-01",null],"a":[true,"1"]}}`,
		`{"i":{"b64":""},"r":[1,2]}`, `{"i":[7],"r":[1.5,2]}`, `{"x":"http://127.0.0.1/"}`, `[[1,2],[3,4]]`, `[[[1,2],[3,4]],[[1,2],[3,1e39]]]`,
		strings.Repeat("[", 100000), strings.Repeat(`{"a":`, 100000), `{"x":NaN}`, `{"x":-0}`, `{"x":18446744073709551616}`, "\xef\xbb\xbf{}"} {
		f.Add([]byte(s))
	}
	fuzz(f, "application/json")
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("{\"b\":1,\"e\":\"x\"}\n\n{\"b\":\"2\",\"e\":\"\",\"t\":\"x\"}\r\n"))
	f.Add([]byte("\"a\"\n[1,2,3,4,5,6]\n{\"b64\":\"AAAA\"}"))
	f.Add([]byte(strings.Repeat("1\n", 1000)))
	fuzz(f, "application/x-ndjson")
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,b,c.d,e,t\n1,2,x,y,2026-01-01\n,NA,\"x\n\",\"\"\"\",\n"))
	f.Add([]byte("x\n1\n\"2\n\"\r\n"))
	f.Add([]byte("\xff\xfea,b"))
	f.Add([]byte("x,x\n1,2\n"))
	f.Add([]byte("x\n" + strings.Repeat("1\n", 1000)))
	fuzz(f, "text/csv")
}

func FuzzTSV(f *testing.F) {
	f.Add([]byte("a\tb\tc.d\te\tt\n1\t2\tx\ty\t\n"))
	fuzz(f, "text/tab-separated-values")
}

func FuzzMultipart(f *testing.F) {
	part := "--x\r\nContent-Disposition: form-data; name=\"%\"; filename=\"f\"\r\nContent-Type: application/json\r\n\r\n[1,2]\r\n"
	for _, s := range []string{"--x--", strings.ReplaceAll(part, "%", "x") + "--x--", strings.ReplaceAll(part, "%", "r") + strings.ReplaceAll(part, "%", "i") + "--x--\r\n",
		"--x\r\nContent-Disposition: form-data; name=x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41=\r\n--x--",
		"--x\r\n" + strings.Repeat("A: b\r\n", 1000) + "\r\n\r\n--x--", "--x\r\nContent-Disposition: form-data; name=e\r\n\r\n\r\n--x"} {
		f.Add([]byte(s))
	}
	fuzz(f, "multipart/form-data; boundary=x")
}

func FuzzSniffed(f *testing.F) {
	var b bytes.Buffer
	png.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 2)))
	f.Add(b.Bytes())
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt "))
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPVP8 "))
	f.Add([]byte("\x80\x04N."))
	fuzz(f, "application/octet-stream")
}

func FuzzText(f *testing.F) {
	f.Add([]byte("free money\xff"))
	f.Add([]byte(" \n"))
	fuzz(f, "text/plain")
}

// FuzzHeaders reads what a client says of the types that it sends and takes.
func FuzzHeaders(f *testing.F) {
	f.Add("text/csv;q=0.5, */*;q=0", "text/plain; charset=\"utf-8\"")
	f.Add(";q=,,/;=", "multipart/form-data; boundary=\"")
	f.Fuzz(func(t *testing.T, accept, contentType string) {
		if as, err := negotiate([]string{accept}); err == nil && (as < 0 || as >= forms) || err != nil && engine.AsError(err).Code != engine.Unacceptable {
			t.Fatal(as, err)
		}
		for _, sig := range signatures {
			d := decoder{body: []byte("1"), contentType: contentType, limit: 1}
			d.reset(sig)
			if err := d.decode(); err != nil && engine.AsError(err).Code == engine.Internal {
				t.Fatal(err)
			}
			d.close()
		}
	})
}
