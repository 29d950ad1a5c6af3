package runlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/format/tfrecord"
)

// eventsPrefix begins the names of TensorBoard's files.
const eventsPrefix = "events.out.tfevents."

// WriteEvents begins a file for TensorBoard, to which every later Log adds its
// metrics as scalars: "loss/train", "loss/validation". A run that is resumed
// begins another one beside those of its earlier parts, and tells TensorBoard
// to forget what they hold of steps after the given one.
//
// A file is TFRecords of tensorflow.Event messages:
// events.out.tfevents.TIME.HOST, TIME in seconds.
func (r *Run) WriteEvents(step int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.events != nil {
		return errors.New("run folder: an event file is open already")
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "local"
	}
	// A dot would end the name, a slash lead elsewhere.
	host = strings.Map(func(c rune) rune {
		if c == '.' || c == '/' || c == '\\' {
			return '-'
		}
		return c
	}, host)
	var f *os.File
	for n := 0; ; n++ {
		// TensorBoard reads files in the order of their names.
		name := fmt.Sprintf("%s%010d.%s.%d", eventsPrefix, time.Now().Unix(), host, n)
		if f, err = os.OpenFile(r.Path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666); !os.IsExist(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	e := &events{file: tail{file: f}}
	// At a SessionLog with the status START = 1, TensorBoard drops what it
	// knows of this step and later ones.
	err = e.write(0, appendBytes(nil, 3, []byte("brain.Event:2")))
	if err == nil {
		err = e.write(step+1, appendBytes(nil, 7, []byte{1 << 3, 1}))
	}
	if err != nil {
		return fmt.Errorf("run folder: %w", errors.Join(err, f.Close()))
	}
	r.events = e
	return nil
}

// removeEvents removes the event files of a run that is overwritten.
func removeEvents(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range list {
		if strings.HasPrefix(entry.Name(), eventsPrefix) && !entry.IsDir() {
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// events is an event file that is being written.
type events struct {
	file                                   tail
	record, event, what, value, tag, frame []byte // reused
}

// log writes the metrics of a record.
func (e *events) log(rec Record) error {
	e.what = e.what[:0]
	for _, m := range rec.Metrics {
		// tensorflow.Summary.Value: tag = 1, simple_value = 2.
		e.tag = append(append(append(e.tag[:0], m.Name...), '/'), rec.Split...)
		e.value = appendBytes(e.value[:0], 1, e.tag)
		e.value = append(e.value, 2<<3|5)
		e.value = binary.LittleEndian.AppendUint32(e.value, math.Float32bits(float32(m.Value)))
		e.what = appendBytes(e.what, 1, e.value)
	}
	e.frame = appendBytes(e.frame[:0], 5, e.what) // summary = 5
	return e.write(rec.Step, e.frame)
}

// write writes a tensorflow.Event: wall_time = 1, step = 2, and what it tells.
func (e *events) write(step int, what []byte) error {
	e.event = append(e.event[:0], 1<<3|1)
	e.event = binary.LittleEndian.AppendUint64(e.event, math.Float64bits(float64(time.Now().UnixMicro())/1e6))
	if step != 0 {
		e.event = append(e.event, 2<<3)
		e.event = binary.AppendUvarint(e.event, uint64(step))
	}
	e.event = append(e.event, what...)
	e.record = tfrecord.Append(e.record[:0], e.event)
	return e.file.write(e.record)
}

// appendBytes appends a field of a protocol buffer.
func appendBytes(dst []byte, number int, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(number)<<3|2)
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// A tail is a file that grows by whole pieces.
type tail struct {
	file *os.File
	size int64 // of the complete pieces
}

// write appends a piece with one write. If it fails, those before it stay
// whole.
func (t *tail) write(piece []byte) error {
	if _, err := t.file.WriteAt(piece, t.size); err != nil {
		return errors.Join(err, t.file.Truncate(t.size))
	}
	t.size += int64(len(piece))
	return nil
}

// close brings the file to the disk.
func (t *tail) close() error { return errors.Join(t.file.Sync(), t.file.Close()) }
