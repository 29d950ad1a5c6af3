package runlog

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/format/tfrecord"
)

// An event is a tensorflow.Event as far as this package writes it.
type event struct {
	version string
	start   bool
	step    int64
	values  map[string]float32
}

// fields calls f for each field of a protocol buffer.
func fields(t *testing.T, b []byte, f func(number uint64, v uint64, content []byte)) {
	t.Helper()
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		b = b[n:]
		switch tag & 7 {
		case 0:
			v, n := binary.Uvarint(b)
			f(tag>>3, v, nil)
			b = b[n:]
		case 1:
			f(tag>>3, binary.LittleEndian.Uint64(b), nil)
			b = b[8:]
		case 2:
			size, n := binary.Uvarint(b)
			f(tag>>3, 0, b[n:n+int(size)])
			b = b[n+int(size):]
		case 5:
			f(tag>>3, uint64(binary.LittleEndian.Uint32(b)), nil)
			b = b[4:]
		default:
			t.Fatalf("wire type %d", tag&7)
		}
	}
}

func readEvents(t *testing.T, path string) []event {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []event
	r := tfrecord.NewReader(f, path)
	for {
		b, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		e := event{}
		fields(t, b, func(number, v uint64, content []byte) {
			switch number {
			case 1:
				if at := math.Float64frombits(v); math.Abs(at-float64(time.Now().Unix())) > 60 {
					t.Errorf("wall time %v", at)
				}
			case 2:
				e.step = int64(v)
			case 3:
				e.version = string(content)
			case 7:
				e.start = bytes.Equal(content, []byte{8, 1})
			case 5:
				e.values = map[string]float32{}
				fields(t, content, func(number, _ uint64, content []byte) {
					tag, value := "", float32(0)
					fields(t, content, func(number, v uint64, content []byte) {
						if number == 1 {
							tag = string(content)
						} else {
							value = math.Float32frombits(uint32(v))
						}
					})
					e.values[tag] = value
				})
			}
		})
		list = append(list, e)
	}
}

// TensorBoard's own reader checks the same: tools/eventcheck.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	if err := r.WriteEvents(0); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteEvents(0); err == nil {
		t.Error("two files at once")
	}
	logs := []Record{
		{Step: 1, Epoch: 1, Split: "train", Metrics: []Metric{{"loss", 2.5}, {"lr", 1e-3}}},
		{Step: 300, Epoch: 1, Split: "validation", Metrics: []Metric{{"loss", math.Inf(1)}}},
	}
	for _, rec := range logs {
		if err := r.Log(rec); err != nil {
			t.Fatal(err)
		}
	}
	size := r.MetricsBytes()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Resume(dir, size)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WriteEvents(300); err != nil {
		t.Fatal(err)
	}
	if err := r.Log(Record{Step: 301, Epoch: 2, Split: "train"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for i, want := range [][]event{
		{
			{version: "brain.Event:2"}, {start: true, step: 1},
			{step: 1, values: map[string]float32{"loss/train": 2.5, "lr/train": 1e-3}},
			{step: 300, values: map[string]float32{"loss/validation": float32(math.Inf(1))}},
		},
		{{version: "brain.Event:2"}, {start: true, step: 301}, {step: 301, values: map[string]float32{}}},
	} {
		if got := readEvents(t, files[i]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\nwant %v", files[i], got, want)
		}
	}
	r = create(t, dir, WithOverwrite())
	defer r.Close()
	if got := names(t, dir); got != MetricsFile {
		t.Errorf("an overwritten run begins with %q", got)
	}
}

func TestEventsTakeNoMemory(t *testing.T) {
	r := create(t, t.TempDir())
	defer r.Close()
	if err := r.WriteEvents(0); err != nil {
		t.Fatal(err)
	}
	rec := Record{Step: 1, Epoch: 1, Split: "train", Metrics: []Metric{{"loss", 0.123456}, {"accuracy", 0.5}}}
	if n := testing.AllocsPerRun(20, func() {
		if err := r.Log(rec); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}
