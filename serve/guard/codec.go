package guard

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A codec reads and writes messages as connect's own does, whose errors show
// clients the types of the program.
type codec struct {
	name      string
	append    func(dst []byte, m proto.Message) ([]byte, error)
	unmarshal func(b []byte, m proto.Message) error
}

var codecs = []*codec{
	{"proto", proto.MarshalOptions{}.MarshalAppend, proto.Unmarshal},
	{"json", protojson.MarshalOptions{}.MarshalAppend, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal},
	{"json; charset=utf-8", protojson.MarshalOptions{}.MarshalAppend, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal},
}

func (c *codec) Name() string { return c.name }

func (c *codec) Marshal(m any) ([]byte, error) { return c.MarshalAppend(nil, m) }

func (c *codec) MarshalAppend(dst []byte, m any) ([]byte, error) {
	return c.append(dst, m.(proto.Message))
}

func (c *codec) Unmarshal(b []byte, m any) error {
	message := m.(proto.Message)
	if c.unmarshal(b, message) != nil {
		return fmt.Errorf("this is no %s", message.ProtoReflect().Descriptor().FullName())
	}
	return nil
}
