package safetensors

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/internal/atomicfile"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Named is a tensor with its key.
type Named struct {
	Name   string
	Tensor *tensor.Tensor
}

// Write replaces path as a whole by a file of the given tensors: on any error,
// a full disk included, the earlier file stays. The bytes depend on names,
// tensors and metadata alone, not on the order of the list.
func Write(path string, tensors []Named, metadata map[string]string) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return Encode(w, tensors, metadata) })
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	return nil
}

// Encode writes the bytes of a file to w. Tensors are laid out as by the
// reference implementation, by element type (U64 I64 F64 F32 U32 I32 U8 BOOL)
// and then by name, and the header is padded with spaces to a multiple of 8
// bytes, so that every tensor is aligned for its type. Metadata keys are
// sorted; without any the header has no __metadata__.
func Encode(w io.Writer, tensors []Named, metadata map[string]string) error {
	list := slices.Clone(tensors)
	if err := check(list, metadata); err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b Named) int {
		x, _ := place(a.Tensor.DType())
		y, _ := place(b.Tensor.DType())
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(a.Name, b.Name))
	})
	header := appendHeader(make([]byte, headerOffset), list, metadata)
	if len(header) > headerOffset+maxHeader {
		return fmt.Errorf("header of %d bytes, at most %d are allowed", len(header)-headerOffset, maxHeader)
	}
	binary.LittleEndian.PutUint64(header, uint64(len(header)-headerOffset))
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, n := range list {
		mem := n.Tensor.Bytes()
		if !littleEndian() {
			mem = slices.Clone(mem)
			swap(mem, n.Tensor.DType().Size())
		}
		if _, err := w.Write(mem); err != nil {
			return err
		}
	}
	return nil
}

// check finds what the format can't hold.
func check(list []Named, metadata map[string]string) error {
	seen := make(map[string]bool, len(list))
	for _, n := range list {
		switch {
		case n.Tensor == nil:
			return fmt.Errorf("tensor %q is nil", n.Name)
		case n.Name == metadataKey:
			return fmt.Errorf("a tensor can't have the name %q", n.Name)
		case !utf8.ValidString(n.Name):
			return fmt.Errorf("tensor name %q is not valid UTF-8", n.Name)
		case seen[n.Name]:
			return fmt.Errorf("tensor %q appears twice", n.Name)
		}
		if _, ok := place(n.Tensor.DType()); !ok {
			return fmt.Errorf("tensor %q: the format has no element type %v", n.Name, n.Tensor.DType())
		}
		seen[n.Name] = true
	}
	for k, v := range metadata {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return fmt.Errorf("metadata %q: %q is not valid UTF-8", k, v)
		}
	}
	return nil
}

// appendHeader appends the padded JSON header for tensors in layout order.
// dst holds the header length's 8 bytes, so padding dst to 8 pads the header.
func appendHeader(dst []byte, list []Named, metadata map[string]string) []byte {
	dst = append(dst, '{')
	if len(metadata) > 0 {
		dst = append(appendString(dst, metadataKey), ":{"...)
		for i, k := range slices.Sorted(maps.Keys(metadata)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, k), ':')
			dst = appendString(dst, metadata[k])
		}
		dst = append(dst, '}')
	}
	at := 0
	for i, n := range list {
		if i > 0 || len(metadata) > 0 {
			dst = append(dst, ',')
		}
		end := at + len(n.Tensor.Bytes())
		dst = append(appendString(dst, n.Name), `:{"dtype":"`...)
		dst = append(dst, formatName(n.Tensor.DType())...)
		dst = appendDims(append(dst, `","shape":[`...), n.Tensor.Shape())
		dst = append(dst, `],"data_offsets":[`...)
		dst = append(strconv.AppendInt(dst, int64(at), 10), ',')
		dst = append(strconv.AppendInt(dst, int64(end), 10), "]}"...)
		at = end
	}
	dst = append(dst, '}')
	for len(dst)%8 != 0 {
		dst = append(dst, ' ')
	}
	return dst
}

func formatName(dt dtype.DType) string {
	i, _ := place(dt)
	return written[i].name
}

func appendDims(dst []byte, s shape.Shape) []byte {
	for i, d := range s.Dims() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(d), 10)
	}
	return dst
}

// appendString appends a JSON string with the escapes that the reference
// implementation's encoder writes: the short ones where they exist, \u00xx for
// the other control characters, everything else as it is.
func appendString(dst []byte, s string) []byte {
	const short = "\b\t\n\f\r\"\\"
	const letter = "btnfr\"\\"
	dst = append(dst, '"')
next:
	for i := range len(s) {
		c := s[i]
		for j := range len(short) {
			if c == short[j] {
				dst = append(dst, '\\', letter[j])
				continue next
			}
		}
		if c < ' ' {
			dst = fmt.Appendf(dst, `\u%04x`, c)
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
