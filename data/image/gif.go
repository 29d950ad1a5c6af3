package image

import (
	"image"
	"image/color"
)

// firstPicture puts the first picture of a GIF file, which may be smaller than
// the canvas, where it belongs, and gives its transparent colour the levels of
// the file's table, which the standard library's decoder takes away. Around it
// lies what is transparent, or colour 0.
func firstPicture(file []byte, p *image.Paletted, h Header) image.Image {
	table := gifTable(file)
	around := uint8(0)
	for i, c := range p.Palette {
		if _, _, _, a := c.RGBA(); a == 0 && 3*i+3 <= len(table) {
			around = uint8(i)
			p.Palette[i] = color.NRGBA{table[3*i], table[3*i+1], table[3*i+2], 0}
		}
	}
	all := image.Rect(0, 0, h.Width, h.Height)
	if p.Rect == all {
		return p
	}
	out := image.NewPaletted(all, p.Palette)
	fill(out.Pix, around)
	for y := p.Rect.Min.Y; y < p.Rect.Max.Y; y++ {
		copy(out.Pix[out.PixOffset(p.Rect.Min.X, y):], p.Pix[p.PixOffset(p.Rect.Min.X, y):][:p.Rect.Dx()])
	}
	return out
}

// gifTable is the colour table of the first picture, three bytes a colour; nil
// if the file has none.
func gifTable(file []byte) []byte {
	const header, descriptor = 13, 10
	table := func(at int, flags byte) []byte {
		n := 3 << (1 + flags&7)
		if flags&0x80 == 0 || at+n > len(file) {
			return nil
		}
		return file[at : at+n]
	}
	if len(file) < header {
		return nil
	}
	global := table(header, file[10])
	for at := header + len(global); at+descriptor <= len(file); {
		switch file[at] {
		case ',': // a picture
			if local := table(at+descriptor, file[at+9]); local != nil {
				return local
			}
			return global
		case '!': // an extension: blocks with their lengths
			for at += 2; at < len(file) && file[at] != 0; {
				at += 1 + int(file[at])
			}
			at++
		default:
			return global
		}
	}
	return global
}
