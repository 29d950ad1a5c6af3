package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
)

// webpSize reads the sizes of a WebP file, of all its parts: a frame of another
// size than the canvas is refused before memory is set aside for either.
func webpSize(file []byte) (width, height int, err error) {
	for at := 12; at+8 <= len(file); {
		name, n := string(file[at:at+4]), int64(binary.LittleEndian.Uint32(file[at+4:]))
		b := file[at+8:]
		var w, h int
		switch name {
		case "VP8X":
			if len(b) < 10 {
				return 0, 0, errors.New("image: webp: the file ends within its header")
			}
			if b[0]&2 != 0 {
				return 0, 0, fmt.Errorf("image: webp: %w: an animation", errors.ErrUnsupported)
			}
			w = 1 + int(uint32(b[4])|uint32(b[5])<<8|uint32(b[6])<<16)
			h = 1 + int(uint32(b[7])|uint32(b[8])<<8|uint32(b[9])<<16)
		case "VP8 ":
			if len(b) < 10 {
				return 0, 0, errors.New("image: webp: the file ends within its header")
			}
			w, h = int(binary.LittleEndian.Uint16(b[6:])&0x3fff), int(binary.LittleEndian.Uint16(b[8:])&0x3fff)
		case "VP8L":
			if len(b) < 5 {
				return 0, 0, errors.New("image: webp: the file ends within its header")
			}
			v := binary.LittleEndian.Uint32(b[1:])
			w, h = 1+int(v&0x3fff), 1+int(v>>14&0x3fff)
		}
		if w > 0 {
			if width > 0 && (w != width || h != height) {
				return 0, 0, fmt.Errorf("image: webp: a frame of %d x %d on a canvas of %d x %d", w, h, width, height)
			}
			width, height = w, h
		}
		if name == "VP8 " || name == "VP8L" {
			return width, height, nil
		}
		if n+n&1 > int64(len(b)) {
			break
		}
		at += 8 + int(n+n&1)
	}
	return 0, 0, errors.New("image: webp: a file without an image")
}

// vp8 converts the planes of a WebP file as libwebp does: colours are doubled
// by the weights 9, 3, 3, 1 of 16, and 16 to 235 is black to white.
func vp8(dst *Image, src *image.YCbCr, alpha []uint8, stride int) {
	w, h, n := dst.Width, dst.Height, dst.Channels
	cw, ch := (w+1)/2, (h+1)/2
	for y := range h {
		near, far := y/2, min(max(y/2-1+y%2*2, 0), ch-1)
		u0, u1 := src.Cb[near*src.CStride:][:cw], src.Cb[far*src.CStride:][:cw]
		v0, v1 := src.Cr[near*src.CStride:][:cw], src.Cr[far*src.CStride:][:cw]
		line := src.Y[y*src.YStride:][:w]
		row := dst.Row(y)
		for x, l := range line {
			a := x / 2
			b := min(max(a-1+x%2*2, 0), cw-1)
			p := row[x*n : x*n+n]
			p[0], p[1], p[2] = yuv(int(l), mix(u0[a], u0[b], u1[a], u1[b]), mix(v0[a], v0[b], v1[a], v1[b]))
			if alpha != nil {
				p[3] = alpha[y*stride+x]
			}
		}
	}
}

// mix is (9a + 3b + 3c + d + 8) / 16, rounded on its way as libwebp's
// upsampling.c does it.
func mix(a, b, c, d uint8) int {
	sum := int(a) + int(b) + int(c) + int(d) + 8
	diagonal := (sum + 2*(int(b)+int(c))) >> 3
	return (diagonal + int(a)) >> 1
}

// yuv is libwebp's conversion, 14 bits after the point.
func yuv(y, u, v int) (r, g, b uint8) {
	y = y * 19077 >> 8
	return clip6(y + v*26149>>8 - 14234), clip6(y - u*6419>>8 - v*13320>>8 + 8708), clip6(y + u*33050>>8 - 17685)
}

func clip6(v int) uint8 { return uint8(min(max(v>>6, 0), 255)) }
