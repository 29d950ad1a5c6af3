package image

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"strings"
	"testing"
)

// Every file gives the very bytes that Pillow gives.
func TestDecodeIsPillows(t *testing.T) {
	g := openGolden(t, "testdata/decode.safetensors")
	rgb, grey := NewDecoder(RGB), NewDecoder(Grey)
	var im Image
	for name := range g.cases {
		file := g.tensor(name + "/file").Bytes()
		if err := rgb.Decode(&im, file); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		compare(t, name+"/rgb", &im, g.image(name+"/rgb"), 0)
		if err := grey.Decode(&im, file); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		compare(t, name+"/l", &im, g.image(name+"/l"), 0)
	}
}

// A part is what Crop leaves of the whole, whatever the format and orientation.
func TestDecodePart(t *testing.T) {
	g := openGolden(t, "testdata/decode.safetensors")
	d := NewDecoder(RGB)
	var whole, part Image
	for name := range g.cases {
		file := g.tensor(name + "/file").Bytes()
		if err := d.Decode(&whole, file); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w, h := whole.Width, whole.Height
		for _, r := range []Rect{{0, 0, 1, 1}, {w - 1, h - 1, 1, 1}, {w / 3, h / 4, w - w/3, h - h/4}, {w / 2, h / 2, (w + 3) / 4, (h + 3) / 4}, {0, h / 2, w, 1}} {
			head, err := d.Header(file)
			if err == nil {
				err = d.DecodePart(&part, file, head, r)
			}
			if err != nil {
				t.Errorf("%s %v: %v", name, r, err)
				continue
			}
			want := New(1, 1, 1)
			want.Copy(&whole)
			want.Crop(r)
			compare(t, name+" "+r.String(), &part, want, 0)
		}
	}
}

func encode(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSixteenBits(t *testing.T) {
	m := image.NewNRGBA64(image.Rect(0, 0, 1, 1))
	m.SetNRGBA64(0, 0, color.NRGBA64{R: 0x12ff, G: 0x8000, B: 0xff01, A: 0x4000})
	grey := image.NewGray16(image.Rect(0, 0, 1, 1))
	grey.SetGray16(0, 0, color.Gray16{Y: 0x3456})
	for _, c := range []struct {
		file []byte
		want []uint8
	}{
		{encode(t, m), []uint8{0x12, 0x80, 0xff}},
		{encode(t, grey), []uint8{0x34, 0x34, 0x34}},
	} {
		var im Image
		if err := NewDecoder(RGB).Decode(&im, c.file); err != nil || !bytes.Equal(im.Pix, c.want) {
			t.Errorf("%x, %v; want %x", im.Pix, err, c.want)
		}
	}
}

func TestBackground(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 3, 1))
	copy(m.Pix, []uint8{10, 20, 30, 255, 10, 20, 30, 0, 100, 0, 200, 128})
	file := encode(t, m)
	d := NewDecoder(RGB)
	d.Background = &[3]uint8{255, 255, 255}
	var im Image
	// (100*128 + 255*127) / 255 = 177.2, 127, (200*128 + 255*127) / 255 = 227.4
	if err := d.Decode(&im, file); err != nil || !bytes.Equal(im.Pix, []uint8{10, 20, 30, 255, 255, 255, 177, 127, 227}) {
		t.Errorf("over white: %v, %v", im.Pix, err)
	}
	d.Mode = RGBA
	if err := d.Decode(&im, file); err != nil || !bytes.Equal(im.Pix, m.Pix) {
		t.Errorf("rgba: %v, %v", im.Pix, err)
	}
}

// A picture smaller than its canvas stands where the file says, amid what is
// transparent.
func TestGIFCanvas(t *testing.T) {
	p := image.NewPaletted(image.Rect(1, 1, 3, 2), color.Palette{color.RGBA{9, 9, 9, 255}, color.RGBA{1, 2, 3, 255}, color.RGBA{}})
	p.Pix[0], p.Pix[1] = 1, 0
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{p}, Delay: []int{0}, Config: image.Config{Width: 4, Height: 2}}); err != nil {
		t.Fatal(err)
	}
	d := NewDecoder(RGB)
	d.Background = &[3]uint8{7, 7, 7}
	want := bytes.Repeat([]uint8{7}, 4*2*3)
	copy(want[3*5:], []uint8{1, 2, 3, 9, 9, 9})
	var im Image
	if err := d.Decode(&im, b.Bytes()); err != nil || im.Width != 4 || !bytes.Equal(im.Pix, want) {
		t.Errorf("%v, %v; want %v", im.Pix, err, want)
	}
}

// bomb is a PNG file that tells a size and holds next to nothing.
func bomb(width, height uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	head := []byte("IHDR")
	head = binary.BigEndian.AppendUint32(head, width)
	head = binary.BigEndian.AppendUint32(head, height)
	head = append(head, 8, 2, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, 13)
	b = append(b, head...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(head))
	idat := []byte("IDAT\x78\x9c")
	b = binary.BigEndian.AppendUint32(b, uint32(len(idat)-4))
	b = append(b, idat...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(idat))
}

func TestHostileSizes(t *testing.T) {
	webp := []byte("RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00\xff\xff\xff\xff\xff\xff")
	gif := []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00,")
	jpeg := []byte("\xff\xd8\xff\xc0\x00\x11\x08\x2e\xe0\x2e\xe0\x03\x01\x22\x00\x02\x11\x00\x03\x11\x00\xff\xda")
	inner := []byte("RIFF\x30\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00\x01\x00\x00\x01\x00\x00VP8L\x05\x00\x00\x00\x2f\xff\xff\xff\x0f\x00")
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"png", "the limit is 89478485", bomb(1<<20, 1<<20)},
		{"png within the limit", "in a file of", bomb(9000, 9000)},
		{"webp", "file without an image", webp},
		{"webp frame", "on a canvas of 2 x 2", inner},
		{"gif", "the limit is 89478485", gif},
		{"jpeg", "the limit is 89478485", jpeg},
		{"empty", "are no PNG, JPEG, WebP or GIF file", nil},
		{"text", "are no PNG, JPEG, WebP or GIF file", []byte("cat,dog\n")},
	} {
		var im Image
		err := NewDecoder(RGB).Decode(&im, c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if cap(im.Pix) > 0 {
			t.Errorf("%s: memory was set aside for %d bytes of pixels", c.name, cap(im.Pix))
		}
	}
}

// A file that is cut off anywhere is an error, not half an image. The
// last bytes of other formats than JPEG hold no pixels.
func TestTruncated(t *testing.T) {
	g := openGolden(t, "testdata/decode.safetensors")
	d := NewDecoder(RGB)
	var im Image
	for _, name := range []string{"jpeg_16x8_420", "jpeg_16x8_420_progressive", "jpeg_restarts", "png_rgb", "gif", "webp", "webp_lossless", "webp_alpha"} {
		file := g.tensor(name + "/file").Bytes()
		slack := map[byte]int{'p': 12, 'g': 2, 'w': 1}[name[0]]
		step := 1
		if name[0] != 'j' {
			step = 11
		}
		for n := len(file) - slack - 1; n >= 0; n -= step {
			if err := d.Decode(&im, file[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are an image", name, n, len(file))
				break
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	g := openGolden(f, "testdata/decode.safetensors")
	for name := range g.cases {
		f.Add(g.tensor(name + "/file").Bytes())
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, m := range modes {
			d := NewDecoder(m)
			d.MaxPixels = 1 << 16
			d.Background = &[3]uint8{1, 2, 3}
			var im Image
			if err := d.Decode(&im, file); err != nil {
				continue
			}
			if im.Width*im.Height > d.MaxPixels || im.Channels != m.Channels() || len(im.Pix) != im.Width*im.Height*im.Channels {
				t.Errorf("%d x %d pixels of %d channels in %d bytes", im.Width, im.Height, im.Channels, len(im.Pix))
			}
		}
	})
}
