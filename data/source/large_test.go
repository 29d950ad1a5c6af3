package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/gradus-ml/gradus/format/tfrecord"
)

// A repeated is the Files of one file that takes no room: a part many times
// over, and an end.
type repeated struct {
	part, end string
	times     int
}

func (r repeated) Find(context.Context, string) ([]string, error) { return []string{"large"}, nil }

func (r repeated) Open(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(&repeatedReader{repeated: r}), nil
}

func (r repeated) Local(context.Context, string) (string, error) {
	return "", fmt.Errorf("the file has no copy")
}

type repeatedReader struct {
	repeated
	n, at int // parts that were read, and bytes of the next
}

func (r *repeatedReader) Read(p []byte) (int, error) {
	part := r.part
	if r.n == r.times {
		part = r.end
	}
	if r.n > r.times || part == "" {
		return 0, io.EOF
	}
	n := copy(p, part[r.at:])
	if r.at += n; r.at == len(part) {
		r.n, r.at = r.n+1, 0
	}
	return n, nil
}

// live is the memory that is in use once what is not has been collected: how
// much garbage lies about between two collections depends on the machine's load.
func live() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// Ten gigabytes stream in memory that does not grow with them.
func TestLargeStream(t *testing.T) {
	total := 10 << 30
	if testing.Short() {
		total = 512 << 20
	}
	const size, rows = 100_000, 50
	image := string(bytes.Repeat([]byte("0123456789"), size/10))
	var files []string
	var b []byte
	for i := range rows {
		files = append(files, fmt.Sprintf("%04d.jpg", i), image, fmt.Sprintf("%04d.cls", i), "3")
		e := tfrecord.Example{Features: features{"image": tfrecord.BytesFeature([]byte(image)), "label": tfrecord.IntFeature(int64(i))}}
		b = tfrecord.Append(b, e.Append(nil))
	}
	content := tarFile(t, files...)
	times := total / (size * rows)
	for _, c := range []struct {
		name   string
		config Config
		files  Files
		column string
	}{
		{"webdataset", web("large", nil), repeated{content[:len(content)-1024], content[len(content)-1024:], times}, "jpg"},
		{"tfrecord", records("large", nil), repeated{string(b), "", times}, "image"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := c.config.Stream(t.Context(), c.files)
			if err != nil {
				t.Fatal(err)
			}
			columns, err := Index(s.Columns(), c.column)
			if err != nil {
				t.Fatal(err)
			}
			before, most, n, read := live(), 0, 0, 0
			for row, err := range s.Rows(t.Context(), columns, 0) {
				if err != nil {
					t.Fatal(err)
				}
				read += len(row.Values[0].([]byte))
				if n++; n%(rows*times/16) == 0 {
					most = max(most, live())
				}
			}
			if n != rows*times || read != size*n {
				t.Errorf("%d rows of %d bytes, want %d of %d", n, read, rows*times, rows*times*size)
			}
			if grown := most - before; grown > 16<<20 {
				t.Errorf("%d bytes were read in memory that grew by %d", read, grown)
			} else {
				t.Logf("%d bytes were read in memory that grew by %d", read, grown)
			}
		})
	}
}
