package guard

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/gradus-ml/gradus/serve/engine"
)

// A codec reads and writes messages as connect's own does, whose errors show
// clients the types of the program.
type codec struct {
	name      string
	append    func(dst []byte, m proto.Message) ([]byte, error)
	parts     func(b []byte, m proto.Message) int
	unmarshal func(b []byte, m proto.Message) error
}

var codecs = []*codec{
	{"proto", proto.MarshalOptions{}.MarshalAppend, wireParts, proto.Unmarshal},
	{"json", protojson.MarshalOptions{}.MarshalAppend, jsonParts, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal},
	{"json; charset=utf-8", protojson.MarshalOptions{}.MarshalAppend, jsonParts, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal},
}

func (c *codec) Name() string { return c.name }

func (c *codec) Marshal(m any) ([]byte, error) { return c.MarshalAppend(nil, m) }

func (c *codec) MarshalAppend(dst []byte, m any) ([]byte, error) {
	return c.append(dst, m.(proto.Message))
}

func (c *codec) Unmarshal(b []byte, m any) error {
	message := m.(proto.Message)
	if c.parts(b, message) > mostParts {
		return refuse(engine.TooLarge, "the message has more than %d fields and elements", mostParts)
	}
	if c.unmarshal(b, message) != nil {
		return fmt.Errorf("this is no %s", message.ProtoReflect().Descriptor().FullName())
	}
	return nil
}

// mostParts is the most fields and elements of a message, those of messages in
// it counted, that it is read for: an empty message of two bytes takes a hundred
// and more in memory, which no budget knows of. Lists of numbers are one part.
const mostParts = 1 << 18

// wireParts counts the parts of a message as protobuf writes it. What is no
// message, such as raw contents, is skipped by its length. It stops beyond the
// most, and at what is malformed, where Unmarshal stops, too.
func wireParts(b []byte, m proto.Message) (n int) {
	type level struct {
		rest   []byte
		fields protoreflect.FieldDescriptors
	}
	levels := []level{{b, m.ProtoReflect().Descriptor().Fields()}}
	for len(levels) > 0 {
		l := &levels[len(levels)-1]
		if len(l.rest) == 0 {
			levels = levels[:len(levels)-1]
			continue
		}
		if n++; n > mostParts {
			return n
		}
		number, kind, tag := protowire.ConsumeTag(l.rest)
		if tag < 0 {
			return n
		}
		value := protowire.ConsumeFieldValue(number, kind, l.rest[tag:])
		if value < 0 {
			return n
		}
		content := l.rest[tag : tag+value]
		l.rest = l.rest[tag+value:]
		if kind != protowire.BytesType {
			continue
		}
		if f := l.fields.ByNumber(number); f != nil && f.Kind() == protoreflect.MessageKind {
			content, _ = protowire.ConsumeBytes(content)
			levels = append(levels, level{content, f.Message().Fields()})
		}
	}
	return n
}

// jsonParts counts objects and strings, keys among them.
func jsonParts(b []byte, _ proto.Message) int {
	return bytes.Count(b, []byte{'{'}) + bytes.Count(b, []byte{'"'})/2
}
