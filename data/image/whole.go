package image

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Check tells whether a file can be decoded. It takes a small part of the time
// of decoding where the file's structure says that it is whole: a PNG whose
// chunks have the sums that they name and end with the last, a JPEG or GIF with
// its end mark, a WebP as long as it says. Any other file is decoded, so that
// Check refuses nothing that Decode takes; Decode may still find damage within
// a file that is whole.
func (d *Decoder) Check(file []byte) error {
	h, err := d.Header(file)
	if err != nil || whole(h.Format, file) {
		return err
	}
	return d.Decode(new(Image), file)
}

// whole tells whether a file has its end.
func whole(format string, file []byte) bool {
	switch format {
	case "png":
		return wholePNG(file)
	case "jpeg":
		// A thumbnail within the file has an end mark too; only a few bytes
		// may follow that of the image.
		const after = 64
		return bytes.Contains(file[max(0, len(file)-after):], []byte("\xFF\xD9"))
	case "gif":
		return file[len(file)-1] == ';'
	case "webp":
		return uint64(binary.LittleEndian.Uint32(file[4:]))+8 <= uint64(len(file))
	}
	return false
}

// wholePNG goes from chunk to chunk: length, type, data, sum of the last two.
func wholePNG(file []byte) bool {
	const signature, around = 8, 12
	for rest := file[signature:]; len(rest) >= around; {
		n := uint64(binary.BigEndian.Uint32(rest))
		if n > uint64(len(rest)-around) {
			return false
		}
		chunk := rest[4 : 8+n]
		if crc32.ChecksumIEEE(chunk) != binary.BigEndian.Uint32(rest[8+n:]) {
			return false
		}
		if string(chunk[:4]) == "IEND" {
			return true
		}
		rest = rest[around+n:]
	}
	return false
}

// Check tells whether a file can be read: see [Decoder.Check].
func (r *Reader) Check(file []byte) error {
	k := r.desks.Get().(*desk)
	defer r.desks.Put(k)
	return k.Check(file)
}
