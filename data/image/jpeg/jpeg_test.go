package jpeg

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/format/safetensors"
)

// files are the JPEG files of the goldens of package image, whose tests compare
// what comes of them with libjpeg's.
func files(t testing.TB) map[string][]byte {
	f, err := safetensors.Open("../testdata/decode.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string][]byte{}
	for _, name := range f.Names() {
		if base, ok := strings.CutSuffix(name, "/file"); ok && strings.HasPrefix(name, "jpeg") {
			b, err := f.Raw(name)
			if err != nil {
				t.Fatal(err)
			}
			all[base] = b
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d files", len(all))
	}
	return all
}

func decode(d *Decoder, file []byte, r *Rect) ([]byte, error) {
	h, err := d.Open(file)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &Rect{0, 0, h.Width, h.Height}
	}
	out := make([]byte, (r.X1-r.X0)*(r.Y1-r.Y0)*h.Channels)
	return out, d.Decode(out, *r)
}

// Whatever the rectangle, its pixels are those of the whole image.
func TestRectangles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var d Decoder
	for name, file := range files(t) {
		whole, err := decode(&d, file, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		h := d.header
		for range 20 {
			x, y := r.IntN(h.Width), r.IntN(h.Height)
			part := Rect{x, y, x + 1 + r.IntN(h.Width-x), y + 1 + r.IntN(h.Height-y)}
			got, err := decode(&d, file, &part)
			if err != nil {
				t.Errorf("%s: %v: %v", name, part, err)
				continue
			}
			n := (part.X1 - part.X0) * h.Channels
			for y := part.Y0; y < part.Y1; y++ {
				if !bytes.Equal(got[(y-part.Y0)*n:][:n], whole[(y*h.Width+part.X0)*h.Channels:][:n]) {
					t.Errorf("%s: %v: row %d differs", name, part, y)
					break
				}
			}
		}
	}
}

// What one file leaves in the decoder's memory changes nothing in the next.
func TestNothingStays(t *testing.T) {
	all := files(t)
	var d Decoder
	for range 3 {
		for name, file := range all { // in an order of its own each time
			var fresh Decoder
			want, err := decode(&fresh, file, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := decode(&d, file, nil); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: other pixels after other files; %v", name, err)
			}
		}
	}
}

func TestHeader(t *testing.T) {
	all := files(t)
	for name, want := range map[string]Header{
		"jpeg_61x43_420":             {61, 43, 3, 1, false},
		"jpeg_61x43_422_progressive": {61, 43, 3, 1, true},
		"jpeg_grey":                  {50, 38, 1, 1, false},
		"jpeg_cmyk":                  {50, 38, 4, 1, false},
		"jpeg_orientation_6":         {50, 38, 3, 6, false},
	} {
		var d Decoder
		if h, err := d.Open(all[name]); h != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", name, h, err, want)
		}
	}
}

func TestBrokenFiles(t *testing.T) {
	good := files(t)["jpeg_restarts"]
	edit := func(from, to string) []byte {
		if !bytes.Contains(good, []byte(from)) {
			t.Fatalf("the file lacks %q", from)
		}
		return bytes.Replace(bytes.Clone(good), []byte(from), []byte(to), 1)
	}
	for _, c := range []struct {
		name, want  string
		file        []byte
		unsupported bool
	}{
		{"arithmetic", "lossless, hierarchical or arithmetic", edit("\xff\xc0", "\xff\xc9"), true},
		{"12 bits", "samples of 12 bits", edit("\xff\xc0\x00\x11\x08", "\xff\xc0\x00\x11\x0c"), true},
		{"no height", "0 pixels", edit("\x08\x00\x26\x00\x32", "\x08\x00\x00\x00\x32"), false},
		{"more pixels than bits", "in 1", edit("\x08\x00\x26\x00\x32", "\x08\xff\xff\xff\xff"), false},
		{"restart out of turn", "restart 3 is out of turn", edit("\xff\xd1", "\xff\xd3"), false},
		{"wrong frame length", "a frame header of", edit("\xff\xc0\x00\x11", "\xff\xc0\x00\x10"), false},
		{"no tables", "before its quantization table", edit("\xff\xdb", "\xff\xfe"), false},
	} {
		var d Decoder
		_, err := decode(&d, c.file, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "jpeg: at byte ") || errors.Is(err, errors.ErrUnsupported) != c.unsupported {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	file := files(t)["jpeg_61x43_420"]
	var d Decoder
	out := make([]byte, 61*43*3)
	if n := testing.AllocsPerRun(10, func() {
		if _, err := d.Open(file); err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(out, Rect{0, 0, 61, 43}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDecode(f *testing.F) {
	for _, file := range files(f) {
		f.Add(file, uint8(3), uint8(200))
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, file []byte, a, b uint8) {
		h, err := d.Open(file)
		if err != nil || h.Width*h.Height > 1<<18 {
			return
		}
		x, y := int(a)*(h.Width-1)/255, int(b)*(h.Height-1)/255
		r := Rect{x, y, x + (h.Width-x+1)/2, y + (h.Height-y+1)/2}
		part := make([]byte, (r.X1-r.X0)*(r.Y1-r.Y0)*h.Channels)
		if d.Decode(part, r) != nil {
			return
		}
		whole, err := decode(&d, file, nil)
		if err != nil {
			return // what only the whole reads may be broken
		}
		for y := r.Y0; y < r.Y1; y++ {
			n := (r.X1 - r.X0) * h.Channels
			if !bytes.Equal(part[(y-r.Y0)*n:][:n], whole[(y*h.Width+r.X0)*h.Channels:][:n]) {
				t.Fatalf("row %d of %v differs from the whole's", y, r)
			}
		}
	})
}
