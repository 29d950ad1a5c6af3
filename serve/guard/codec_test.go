package guard

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// A message of millions of empty ones is refused before any is made.
func TestMessagesOfEmptyMessages(t *testing.T) {
	const size = 64 << 20
	nested := []byte{0x0a, 0xfe, 0xff, 0xff, 0x1f, 0x32, 0xf9, 0xff, 0xff, 0x1f} // a list in a list
	for name, c := range map[string]struct {
		codec *codec
		body  []byte
	}{
		"protobuf":        {codecs[0], bytes.Repeat([]byte{0x0a, 0}, size/2)},
		"protobuf, below": {codecs[0], append(nested, bytes.Repeat([]byte{0x0a, 0}, size/2)...)},
		"json":            {codecs[1], []byte("[" + strings.Repeat("{},", size/3) + "{}]")},
		"json, strings":   {codecs[2], []byte("[" + strings.Repeat(`"",`, size/3) + `""]`)},
	} {
		var err error
		grown := peak(func() { err = c.codec.Unmarshal(c.body, &structpb.ListValue{}) })
		if err == nil || !strings.Contains(err.Error(), "more than 262144 fields") || grown > 1<<20 {
			t.Errorf("%s: %v, and the heap grew by %d bytes", name, err, grown)
		}
	}
}

// Large contents and lists of numbers are one part.
func TestParts(t *testing.T) {
	location := &descriptorpb.SourceCodeInfo_Location{Path: make([]int32, 2*mostParts)}
	for _, c := range []struct {
		m    proto.Message
		want int
	}{
		{wrapperspb.Bytes(bytes.Repeat([]byte{0x0a, 0}, mostParts)), 1},
		{location, 1},
		{&descriptorpb.SourceCodeInfo{Location: []*descriptorpb.SourceCodeInfo_Location{location, location}}, 4},
		{wrapperspb.Bytes(nil), 0},
		{&structpb.Struct{Fields: map[string]*structpb.Value{"a": structpb.NewNumberValue(1)}}, 4}, // entry, key, value, number
	} {
		b, err := proto.Marshal(c.m)
		if err != nil {
			t.Fatal(err)
		}
		if n := wireParts(b, c.m); n != c.want {
			t.Errorf("%T: %d parts, want %d", c.m, n, c.want)
		}
		if err := codecs[0].Unmarshal(b, c.m.ProtoReflect().New().Interface()); err != nil {
			t.Errorf("%T: %v", c.m, err)
		}
	}
	for _, b := range [][]byte{{0x0a}, {0x0a, 5, 0}, {0xff}, {0x0a, 2, 0x0a, 9}, {0x0c}} {
		if err := codecs[0].Unmarshal(b, &structpb.ListValue{}); err == nil || !strings.Contains(err.Error(), "no google.protobuf.ListValue") {
			t.Errorf("%x: %v", b, err)
		}
	}
}
