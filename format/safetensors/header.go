package safetensors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// headerOffset is where the header stands in the file, after its length.
const headerOffset = 8

// A parser reads the JSON header. It works on tokens because the decoder's
// usual form keeps the last of two equal keys without a word.
type parser struct {
	dec      *json.Decoder
	metadata map[string]string
	infos    map[string]Info
}

// parseHeader reads the header of a file whose data part has dataBytes bytes
// and checks it. Errors name the offset in the file and the tensor.
func parseHeader(header []byte, dataBytes int64) (*parser, error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, fmt.Errorf("offset %d: the header does not begin with '{'", headerOffset)
	}
	if !utf8.Valid(header) {
		return nil, fmt.Errorf("offset %d: the header is not valid UTF-8", headerOffset)
	}
	p := &parser{
		dec:      json.NewDecoder(bytes.NewReader(header)),
		metadata: map[string]string{},
		infos:    map[string]Info{},
	}
	p.dec.UseNumber()
	if err := p.object(p.entry); err != nil {
		return nil, fmt.Errorf("offset %d: header: %w", headerOffset+p.dec.InputOffset(), err)
	}
	rest := header[p.dec.InputOffset():]
	if i := bytes.IndexFunc(rest, func(r rune) bool { return r != ' ' }); i >= 0 {
		return nil, fmt.Errorf("offset %d: header: %q after its end, want only spaces",
			headerOffset+p.dec.InputOffset()+int64(i), rest[i])
	}
	return p, p.checkRanges(int64(headerOffset+len(header)), dataBytes)
}

// entry reads the value of one key of the header.
func (p *parser) entry(name string) error {
	if name == metadataKey {
		return p.object(func(key string) error {
			value, err := p.str()
			if err != nil {
				return fmt.Errorf("%s %q: %w", metadataKey, key, err)
			}
			p.metadata[key] = value
			return nil
		})
	}
	info, err := p.tensor()
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	p.infos[name] = info
	return nil
}

// tensor reads one tensor's object. Its Offset is relative to the data part.
// Keys that the format does not know are passed over, as the reference does.
func (p *parser) tensor() (Info, error) {
	var info Info
	var offsets []int
	found := map[string]bool{}
	err := p.object(func(key string) (err error) {
		found[key] = true
		switch key {
		case "dtype":
			info.DType, err = p.str()
		case "shape":
			info.Shape, err = p.ints()
		case "data_offsets":
			offsets, err = p.ints()
		default:
			var skipped json.RawMessage
			err = p.dec.Decode(&skipped)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return info, err
	}
	for _, key := range []string{"dtype", "shape", "data_offsets"} {
		if !found[key] {
			return info, fmt.Errorf("no %s", key)
		}
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] {
		return info, fmt.Errorf("data_offsets %v, want [begin end]", offsets)
	}
	info.Offset = int64(offsets[0])
	info.SizeBytes = int64(offsets[1]) - info.Offset
	want, err := dataSize(info.DType, info.Shape)
	if err != nil {
		return info, err
	}
	if want != info.SizeBytes {
		return info, fmt.Errorf("%s%v takes %d bytes, data_offsets %v hold %d",
			info.DType, info.Shape, want, offsets, info.SizeBytes)
	}
	return info, nil
}

// checkRanges demands that the tensors' ranges cover the data part without
// hole or overlap, and turns their offsets into offsets in the file.
func (p *parser) checkRanges(start, dataBytes int64) error {
	names := make([]string, 0, len(p.infos))
	for name := range p.infos {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return layoutOrder(a, p.infos[a], b, p.infos[b]) })
	var at int64
	for _, name := range names {
		info := p.infos[name]
		switch {
		case info.Offset > at:
			return fmt.Errorf("offset %d: tensor %q: %d bytes before it belong to no tensor", start+at, name, info.Offset-at)
		case info.Offset < at:
			return fmt.Errorf("offset %d: tensor %q overlaps the one before it", start+info.Offset, name)
		case info.SizeBytes > dataBytes-at:
			return fmt.Errorf("offset %d: tensor %q takes %d bytes, the file ends after %d (truncated?)",
				start+at, name, info.SizeBytes, dataBytes-at)
		}
		at += info.SizeBytes
		info.Offset += start
		p.infos[name] = info
	}
	if at != dataBytes {
		return fmt.Errorf("offset %d: %d bytes after the last tensor", start+at, dataBytes-at)
	}
	return nil
}

// object reads an object: value is called with each key, to read its value.
func (p *parser) object(value func(key string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.dec.More() {
		key, err := p.str()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %q appears twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	return p.delim('}')
}

// ints reads an array of non-negative integers.
func (p *parser) ints() ([]int, error) {
	if err := p.delim('['); err != nil {
		return nil, err
	}
	list := []int{}
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		n, ok := t.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%v, want a number", t)
		}
		v, err := strconv.ParseUint(n.String(), 10, strconv.IntSize-1)
		if err != nil {
			return nil, fmt.Errorf("%s, want an integer from 0 to %d", n, int64(1<<(strconv.IntSize-1)-1))
		}
		list = append(list, int(v))
	}
	return list, p.delim(']')
}

// str reads a string.
func (p *parser) str() (string, error) {
	t, err := p.dec.Token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%v, want a string", t)
	}
	return s, nil
}

// delim reads one bracket.
func (p *parser) delim(want json.Delim) error {
	t, err := p.dec.Token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("%v, want '%v'", t, want)
	}
	return nil
}
