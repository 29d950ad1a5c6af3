// Package mnisttest makes small folders of real digits for tests.
package mnisttest

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/tensor"
)

// Write writes the four IDX files with the first images of MNIST.
func Write(dir string, train, test int) error {
	trainSet, testSet, err := mnist.Load()
	if err != nil {
		return err
	}
	for _, part := range []struct {
		prefix string
		set    *mnist.Set
		n      int
	}{{"train", trainSet, train}, {"t10k", testSet, test}} {
		images := header(0x803, part.n, mnist.Side, mnist.Side)
		images = append(images, part.set.Images.Rows(0, part.n).Bytes()...)
		labels := header(0x801, part.n)
		for _, label := range tensor.Data[int64](part.set.Labels)[:part.n] {
			labels = append(labels, byte(label))
		}
		for name, content := range map[string][]byte{"images-idx3-ubyte": images, "labels-idx1-ubyte": labels} {
			if err := os.WriteFile(filepath.Join(dir, part.prefix+"-"+name), content, 0o666); err != nil {
				return err
			}
		}
	}
	return nil
}

// header begins an IDX file of bytes.
func header(magic uint32, dims ...int) []byte {
	b := binary.BigEndian.AppendUint32(nil, magic)
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return b
}
