package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	stdimage "image"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/image"
)

// header is a PNG file that says to have so many pixels, filled up to a size that
// could have them.
func header(width, height uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	ihdr = append(binary.BigEndian.AppendUint32(ihdr, height), 8, 0, 0, 0, 0)
	file := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13)
	file = binary.BigEndian.AppendUint32(append(file, ihdr...), crc32.ChecksumIEEE(ihdr))
	return append(file, make([]byte, 16<<10)...)
}

// TestPictures refuses pictures of too many pixels by their header, and decodes
// few large ones at a time, and so many small ones that those of a full queue
// don't take all memory.
func TestPictures(t *testing.T) {
	e := &Engine{decoding: newDecoding()}
	c := image.DefaultConfig()
	inputs := []input{{Fitted: feature.Fitted{Name: "x", Encoder: &feature.ImageEncoder{Column: "x", Config: c}}}}
	e.limit(inputs)
	p := inputs[0].pictures
	if _, err := p.enter(t.Context(), header(1<<13, 1<<12+1)); err == nil || !strings.Contains(err.Error(), "the limit is 33554432") {
		t.Errorf("33.6 million pixels: %v", err)
	}
	large := header(1<<11, 1<<11)
	var leave []func()
	for range mostLarge {
		l, err := p.enter(t.Context(), large)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.enter(ctx, large); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one more: %v", err)
	}
	var small bytes.Buffer
	if err := png.Encode(&small, stdimage.NewGray(stdimage.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	for range mostSmall { // though large ones wait
		l, err := p.enter(t.Context(), small.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.enter(short, small.Bytes()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one small one more: %v", err)
	}
	leave[mostLarge]()
	if _, err := p.enter(t.Context(), small.Bytes()); err != nil {
		t.Errorf("a small one after one has left: %v", err)
	}
	leave[0]()
	if _, err := p.enter(t.Context(), large); err != nil {
		t.Errorf("after one has left: %v", err)
	}
}
