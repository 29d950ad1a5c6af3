package tfrecord_test

import (
	"bytes"
	"fmt"
	"io"
	"log"

	"github.com/gradus-ml/gradus/format/tfrecord"
)

func Example() {
	var file bytes.Buffer
	w := tfrecord.NewWriter(&file)
	for i, name := range []string{"ada", "bob"} {
		e := tfrecord.Example{Features: map[string]tfrecord.Feature{
			"name": tfrecord.BytesFeature([]byte(name)),
			"age":  tfrecord.IntFeature(int64(30 + i)),
			"size": tfrecord.FloatFeature(1.7, 62),
		}}
		if err := w.Record(e.Append(nil)); err != nil {
			log.Fatal(err)
		}
	}

	r := tfrecord.NewReader(&file, "people.tfrecord")
	for {
		record, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		e, err := tfrecord.Decode(record, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %d %v\n", e.Features["name"].Bytes[0], e.Features["age"].Ints[0], e.Features["size"].Floats)
	}
	// Output:
	// ada 30 [1.7 62]
	// bob 31 [1.7 62]
}
