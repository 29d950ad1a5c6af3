// Package jpeg decodes JPEG files to the very bytes that libjpeg gives: its
// integer transform, its smooth upsampling of colour and its conversion to RGB.
// A rectangle of an image is decoded in less time than all of it.
//
// Baseline, extended and progressive files of 8 bits with 1, 3 or 4 components
// are read. Arithmetic coding, 12 bits and lossless files are not.
package jpeg

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A Header is what a file says of its image.
type Header struct {
	Width, Height int
	// Channels is 1 for grey, 3 for RGB and 4 for CMYK, in which 0 is no ink.
	Channels int
	// Orientation is the EXIF tag, 1 to 8; 1 for none.
	Orientation int
	Progressive bool
}

// A Rect is the pixels x of X0 <= x < X1, and y likewise.
type Rect struct{ X0, Y0, X1, Y1 int }

// A Decoder reads files, one after another. It keeps its memory from one to
// the next; the zero Decoder is ready. It is not safe for concurrent use.
type Decoder struct {
	header Header
	file   []byte
	at     int // offset of the next marker

	components []component
	hMax, vMax int // largest sampling factors
	mcusX      int // minimal coded units in a row of the image
	mcusY      int
	space      space
	quant      [4]quantizer
	dc, ac     [4]huffman
	interval   int // of restarts, in units; 0 for none

	// Of the rectangle that is decoded: the units that cover it.
	ux0, uy0, ux1, uy1 int

	scan     []byte    // entropy-coded bytes of a scan, without stuffing
	segments []segment // of scan, between restarts
	rows     [4][]byte // upsampled rows of components
	sums     []byte    // of neighbours, on the way to a row
}

// A component is one plane of the image.
type component struct {
	id            byte
	h, v          int // sampling factors
	quant         int // number of its table
	width, height int // in samples
	blocksX       int // in a row of the image, whole units
	blocksY       int

	dc, ac int // tables of the present scan

	samples []byte // of the units that are decoded
	stride  int
	x0, y0  int // the first sample's place

	coefficients []int16 // of progressive files: blocks of 64, zigzag order
}

// space is what the components are.
type space uint8

const (
	grey space = iota
	rgb
	yCbCr
	cmyk
	ycck
)

// A quantizer holds step<<8 | place for each coefficient in zigzag order.
// What lies past number 63 is for coefficients of broken blocks.
type quantizer struct {
	steps   [80]uint32
	defined bool
}

// zigzag is the place in a block, row by row, of the coefficients in the order
// of the file; a run past the end of a block stays at its last place.
var zigzag = [80]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
	63, 63, 63, 63, 63, 63, 63, 63,
	63, 63, 63, 63, 63, 63, 63, 63,
}

// errUnsupported is what all files have in common that are valid and not read.
var errUnsupported = errors.ErrUnsupported

// errorf begins with the offset in the file.
func errorf(at int, format string, args ...any) error {
	return fmt.Errorf("jpeg: at byte %d: %w", at, fmt.Errorf(format, args...))
}

const (
	markSOF0 = 0xC0
	markSOF1 = 0xC1
	markSOF2 = 0xC2
	markDHT  = 0xC4
	markDAC  = 0xCC
	markSOF  = 0xCF
	markRST0 = 0xD0
	markRST7 = 0xD7
	markSOI  = 0xD8
	markEOI  = 0xD9
	markSOS  = 0xDA
	markDQT  = 0xDB
	markDRI  = 0xDD
	markAPP0 = 0xE0
	markAPP1 = 0xE1
	markAPPE = 0xEE
)

// Open reads the headers of a file, which stays in use until the next Open.
// Nothing is allocated by the sizes that the file tells.
func (d *Decoder) Open(file []byte) (Header, error) {
	if len(file) < 2 || file[0] != 0xFF || file[1] != markSOI {
		return Header{}, errorf(0, "no JPEG file begins like this")
	}
	d.file, d.at = file, 2
	d.header = Header{Orientation: 1}
	d.components = d.components[:0]
	d.interval = 0
	for i := range 4 {
		d.quant[i].defined, d.dc[i].defined, d.ac[i].defined = false, false, false
	}
	var jfif, adobe bool
	var transform byte
	for {
		at := d.at
		mark, body, err := d.segment()
		if err != nil {
			return Header{}, err
		}
		switch {
		case mark == markAPP0 && len(body) >= 5 && string(body[:5]) == "JFIF\x00":
			jfif = true
		case mark == markAPP1 && len(body) >= 6 && string(body[:6]) == "Exif\x00\x00":
			if o := orientation(body[6:]); o != 0 {
				d.header.Orientation = o
			}
		case mark == markAPPE && len(body) >= 12 && string(body[:5]) == "Adobe":
			adobe, transform = true, body[11]
		case mark == markSOF0 || mark == markSOF1 || mark == markSOF2:
			d.header.Progressive = mark == markSOF2
			if err := d.frame(at, body); err != nil {
				return Header{}, err
			}
			d.space = d.colours(jfif, adobe, transform)
			return d.header, nil
		case mark > markSOF0 && mark <= markSOF && mark != markDHT && mark != markDAC:
			return Header{}, errorf(at, "%w: coding %d (lossless, hierarchical or arithmetic)", errUnsupported, mark-markSOF0)
		case mark == markSOS || mark == markEOI:
			return Header{}, errorf(at, "no frame before marker %#x", mark)
		default:
			if err := d.tables(at, mark, body); err != nil {
				return Header{}, err
			}
		}
	}
}

// segment reads a marker and what belongs to it. Bytes before a marker that
// are none are skipped, as libjpeg does.
func (d *Decoder) segment() (mark byte, body []byte, err error) {
	f := d.file
	i := d.at
	for i < len(f) && f[i] != 0xFF {
		i++
	}
	for i < len(f) && f[i] == 0xFF {
		i++
	}
	if i >= len(f) {
		return 0, nil, errorf(len(f), "the file ends before its image does")
	}
	mark = f[i]
	i++
	if mark == 0 {
		d.at = i
		return d.segment()
	}
	if mark == markEOI || mark == markSOI || mark == 0x01 || mark >= markRST0 && mark <= markRST7 {
		d.at = i
		return mark, nil, nil
	}
	if i+2 > len(f) {
		return 0, nil, errorf(len(f), "the file ends before its image does")
	}
	n := int(binary.BigEndian.Uint16(f[i:]))
	if n < 2 || i+n > len(f) {
		return 0, nil, errorf(i, "a segment of %d bytes, %d are left", n, len(f)-i)
	}
	d.at = i + n
	return mark, f[i+2 : i+n], nil
}

// frame reads the sizes and the components.
func (d *Decoder) frame(at int, b []byte) error {
	if len(b) < 6 || len(b) != 6+3*int(b[5]) {
		return errorf(at, "a frame header of %d bytes", len(b))
	}
	if b[0] != 8 {
		return errorf(at, "%w: samples of %d bits, want 8", errUnsupported, b[0])
	}
	h := &d.header
	h.Height, h.Width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	h.Channels = int(b[5])
	if h.Width == 0 || h.Height == 0 {
		return errorf(at, "an image of %d x %d pixels", h.Width, h.Height)
	}
	if c := h.Channels; c != 1 && c != 3 && c != 4 {
		return errorf(at, "%w: %d components, want 1, 3 or 4", errUnsupported, c)
	}
	if cap(d.components) < 4 {
		d.components = make([]component, 0, 4)
	}
	d.components = d.components[:h.Channels]
	d.hMax, d.vMax = 1, 1
	for i := range d.components {
		c := &d.components[i]
		c.id, c.h, c.v, c.quant = b[6+3*i], int(b[7+3*i]>>4), int(b[7+3*i]&15), int(b[8+3*i])
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.quant > 3 {
			return errorf(at, "component %d has sampling %d x %d and table %d", i, c.h, c.v, c.quant)
		}
		for j := range i {
			if d.components[j].id == c.id {
				return errorf(at, "two components have the name %d", c.id)
			}
		}
		d.hMax, d.vMax = max(d.hMax, c.h), max(d.vMax, c.v)
	}
	d.mcusX, d.mcusY = ceil(h.Width, 8*d.hMax), ceil(h.Height, 8*d.vMax)
	for i := range d.components {
		c := &d.components[i]
		if d.hMax%c.h != 0 || d.vMax%c.v != 0 {
			return errorf(at, "%w: component %d is sampled %d x %d of %d x %d", errUnsupported, i, c.h, c.v, d.hMax, d.vMax)
		}
		c.width, c.height = ceil(h.Width*c.h, d.hMax), ceil(h.Height*c.v, d.vMax)
		c.blocksX, c.blocksY = d.mcusX*c.h, d.mcusY*c.v
	}
	return nil
}

func ceil(a, b int) int { return (a + b - 1) / b }

// colours tells what the components are, by libjpeg's rules.
func (d *Decoder) colours(jfif, adobe bool, transform byte) space {
	c := d.components
	switch len(c) {
	case 1:
		return grey
	case 4:
		if !adobe || transform == 0 {
			return cmyk
		}
		return ycck
	}
	switch {
	case jfif:
		return yCbCr
	case adobe && transform == 0:
		return rgb
	case !adobe && c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B':
		return rgb
	}
	return yCbCr
}

// tables reads what may stand before any scan, and passes over the rest.
func (d *Decoder) tables(at int, mark byte, b []byte) error {
	switch mark {
	case markDQT:
		for len(b) > 0 {
			wide, id := b[0]>>4, b[0]&15
			n := 64 << min(wide, 1)
			if wide > 1 || id > 3 || len(b) < 1+n {
				return errorf(at, "a broken quantization table")
			}
			q := &d.quant[id]
			for k := range q.steps {
				var step uint32
				switch {
				case k > 63:
				case wide == 0:
					step = uint32(b[1+k])
				default:
					step = uint32(binary.BigEndian.Uint16(b[1+2*k:]))
				}
				q.steps[k] = step<<8 | uint32(zigzag[k])
			}
			q.defined = true
			b = b[1+n:]
		}
	case markDHT:
		for len(b) > 0 {
			if len(b) < 17 || b[0]>>4 > 1 || b[0]&15 > 3 {
				return errorf(at, "a broken Huffman table")
			}
			var total int
			for _, n := range b[1:17] {
				total += int(n)
			}
			if total > 256 || len(b) < 17+total {
				return errorf(at, "a Huffman table of %d codes", total)
			}
			table, direct := &d.dc[b[0]&15], false
			if b[0]>>4 == 1 {
				table, direct = &d.ac[b[0]&15], true
			}
			if err := table.build(b[1:17], b[17:17+total], direct); err != nil {
				return errorf(at, "%w", err)
			}
			b = b[17+total:]
		}
	case markDRI:
		if len(b) != 2 {
			return errorf(at, "a restart interval of %d bytes", len(b))
		}
		d.interval = int(binary.BigEndian.Uint16(b))
	}
	return nil
}

// orientation finds tag 0x0112 in the first directory of a TIFF structure; 0 if
// it is not there.
func orientation(b []byte) int {
	if len(b) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 0
	}
	b, n := b[at+2:], int(order.Uint16(b[at:]))
	for ; n > 0 && len(b) >= 12; n-- {
		if order.Uint16(b) == 0x0112 && order.Uint16(b[2:]) == 3 && order.Uint32(b[4:]) == 1 {
			if o := int(order.Uint16(b[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
		b = b[12:]
	}
	return 0
}

// Channels is that of the header of the open file.
func (d *Decoder) Channels() int { return d.header.Channels }
