package npz

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/internal/atomicfile"
	"github.com/gradus-ml/gradus/tensor"
)

// A Named is a tensor with its name.
type Named struct {
	Name   string
	Tensor *tensor.Tensor
}

// Write replaces path as a whole by a .npz file of the given tensors, which is
// not compressed: on any error, a full disk included, the earlier file stays.
// NumPy has no bfloat16.
func Write(path string, tensors []Named) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return Encode(w, tensors) })
	if err != nil {
		return fmt.Errorf("npz: %w", err)
	}
	return nil
}

// Encode writes the bytes of a .npz file.
func Encode(w io.Writer, tensors []Named) error {
	archive := zip.NewWriter(w)
	seen := map[string]bool{}
	for _, n := range tensors {
		if n.Name == "" || seen[n.Name] {
			return fmt.Errorf("array name %q is empty or appears twice", n.Name)
		}
		seen[n.Name] = true
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: n.Name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if err := EncodeArray(entry, n.Tensor); err != nil {
			return fmt.Errorf("array %q: %w", n.Name, err)
		}
	}
	return archive.Close()
}

// EncodeArray writes the bytes of a .npy file. The elements begin at a multiple
// of 64 bytes.
func EncodeArray(w io.Writer, t *tensor.Tensor) error {
	descr, ok := descrOf(t.DType())
	if !ok {
		return fmt.Errorf("NumPy has no element type %v", t.DType())
	}
	dims := make([]string, t.Shape().Rank())
	for i := range dims {
		dims[i] = fmt.Sprint(t.Shape().Dim(i))
	}
	list := strings.Join(dims, ", ")
	if len(dims) == 1 {
		list += ","
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, list)
	length := len(magic) + 2 + 2 + len(header) + 1
	header += strings.Repeat(" ", (64-length%64)%64) + "\n"
	start := append([]byte(magic), 1, 0)
	start = binary.LittleEndian.AppendUint16(start, uint16(len(header)))
	if _, err := w.Write(append(start, header...)); err != nil {
		return err
	}
	mem := t.Bytes()
	if machineBigEndian() {
		mem = slices.Clone(mem)
		swap(mem, t.DType().Size())
	}
	_, err := w.Write(mem)
	return err
}
