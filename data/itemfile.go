package data

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/internal/atomicfile"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// An ItemFile is a Dataset on disk: items written once, read in any order,
// concurrently. The file, in the machine's byte order, which is little-endian
// for all that Gradus runs on:
//
//	"gradus items 1\n", u32 length of the key, the key
//	of each item: u32 number of tensors; of each of these u8 length of its
//	  type's name, the name, u8 rank, u64 extents, zeros up to a multiple of 8
//	  from the item's begin, the elements; zeros likewise; u32 CRC-32C of all
//	  that, u32 zero
//	u64 offset of each item, u64 offset of this list, u32 CRC-32C of the list
//	  and its offset, u32 zero
type ItemFile struct {
	f       *os.File
	offsets []int64 // of items, and of the end of the last
}

const itemMagic = "gradus items 1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrOtherItems is the error of a file that holds other items than those asked
// for.
var ErrOtherItems = errors.New("the file holds other items")

// WriteItems writes a file of items. The key says what they are; a file is
// replaced as a whole, when all has been written.
func WriteItems(path, key string, items iter.Seq2[[]*tensor.Tensor, error]) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		head := binary.LittleEndian.AppendUint32([]byte(itemMagic), uint32(len(key)))
		head = padded(append(head, key...))
		at := int64(len(head))
		if _, err := w.Write(head); err != nil {
			return err
		}
		var list, buf []byte
		for item, err := range items {
			if err != nil {
				return err
			}
			list = binary.LittleEndian.AppendUint64(list, uint64(at))
			buf = appendItem(buf[:0], item)
			if _, err := w.Write(buf); err != nil {
				return err
			}
			at += int64(len(buf))
		}
		list = binary.LittleEndian.AppendUint64(list, uint64(at))
		_, err := w.Write(summed(list))
		return err
	})
}

// padded adds zeros up to a multiple of 8 bytes.
func padded(b []byte) []byte {
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

// summed adds a check sum.
func summed(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, 0, 0, 0, 0)
}

// unsum takes it off.
func unsum(b []byte) ([]byte, error) {
	if len(b) < 8 || len(b)%8 != 0 {
		return nil, errors.New("truncated")
	}
	body, sum := b[:len(b)-8], binary.LittleEndian.Uint64(b[len(b)-8:])
	if uint64(crc32.Checksum(body, castagnoli)) != sum {
		return nil, errors.New("the check sum is wrong: the file is damaged; remove it, it will be made anew")
	}
	return body, nil
}

func appendItem(b []byte, item []*tensor.Tensor) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(item)))
	for _, t := range item {
		name := t.DType().String()
		b = append(append(b, byte(len(name))), name...)
		b = append(b, byte(t.Shape().Rank()))
		for _, d := range t.Shape().Dims() {
			b = binary.LittleEndian.AppendUint64(b, uint64(d))
		}
		b = padded(append(padded(b), t.Bytes()...))
	}
	return summed(padded(b))
}

// parseItem returns tensors that share b's memory.
func parseItem(b []byte) ([]*tensor.Tensor, error) {
	b, err := unsum(b)
	if err != nil {
		return nil, err
	}
	size := len(b)
	truncated := errors.New("truncated")
	take := func(n int) []byte {
		if n > len(b) {
			err, b = truncated, nil
			return make([]byte, min(n, 8))
		}
		part := b[:n]
		b = b[n:]
		return part
	}
	align := func() { take((8 - (size-len(b))%8) % 8) }
	count := binary.LittleEndian.Uint32(take(4))
	var item []*tensor.Tensor
	for range count {
		name := take(int(take(1)[0]))
		dims := make([]int, min(int(take(1)[0]), shape.MaxRank))
		for k := range dims {
			dims[k] = int(binary.LittleEndian.Uint64(take(8)))
		}
		align()
		if err != nil {
			return nil, err
		}
		dt, err2 := dtype.Parse(string(name))
		s, err3 := shape.Make(dims...)
		if err2 != nil || err3 != nil {
			return nil, errors.Join(err2, err3)
		}
		if s.Size() > len(b)/dt.Size() {
			return nil, truncated
		}
		t, err2 := tensor.FromBytes(dt, s, take(s.Size()*dt.Size()))
		if err2 != nil {
			return nil, err2
		}
		item = append(item, t)
		align()
	}
	return item, err
}

// OpenItems opens a file of items, which must have been written with the same
// key: otherwise the error is [ErrOtherItems].
func OpenItems(path, key string) (*ItemFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &ItemFile{f: f}
	if err := s.open(key); err != nil {
		return nil, errors.Join(fmt.Errorf("data: %s: %w", path, err), f.Close())
	}
	return s, nil
}

func (s *ItemFile) open(key string) error {
	st, err := s.f.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	want := binary.LittleEndian.AppendUint32([]byte(itemMagic), uint32(len(key)))
	want = padded(append(want, key...))
	head := make([]byte, min(int64(len(want)), st.Size()))
	if _, err := io.ReadFull(s.f, head); err != nil {
		return err
	}
	if !bytes.Equal(head, want) {
		return ErrOtherItems
	}
	var tail [16]byte // offset of the list, its sum
	if st.Size() < int64(len(want)+len(tail)) || st.Size()%8 != 0 {
		return errors.New("truncated")
	}
	if _, err := s.f.ReadAt(tail[:], st.Size()-int64(len(tail))); err != nil {
		return err
	}
	begin := binary.LittleEndian.Uint64(tail[:])
	if begin < uint64(len(want)) || begin > uint64(st.Size()-int64(len(tail))) || begin%8 != 0 {
		return fmt.Errorf("offset %d: the list of items can't begin at %d", st.Size()-int64(len(tail)), begin)
	}
	list := make([]byte, st.Size()-int64(begin))
	if _, err := s.f.ReadAt(list, int64(begin)); err != nil {
		return err
	}
	if list, err = unsum(list); err != nil {
		return fmt.Errorf("offset %d: list of items: %w", begin, err)
	}
	for ; len(list) > 0; list = list[8:] {
		s.offsets = append(s.offsets, int64(binary.LittleEndian.Uint64(list)))
	}
	if !slices.IsSorted(s.offsets) || s.offsets[0] < int64(len(want)) || s.offsets[len(s.offsets)-1] != int64(begin) {
		return fmt.Errorf("offset %d: list of items: offsets don't ascend", begin)
	}
	return nil
}

// Len is the number of items.
func (s *ItemFile) Len() int { return len(s.offsets) - 1 }

// Item reads item i.
func (s *ItemFile) Item(i int) ([]*tensor.Tensor, error) {
	lo, hi := s.offsets[i], s.offsets[i+1]
	if hi-lo > math.MaxInt32*8 {
		return nil, fmt.Errorf("%s: offset %d: an item of %d bytes", s.f.Name(), lo, hi-lo)
	}
	b := tensor.New(dtype.Uint8, shape.Of(int(hi-lo))).Bytes() // aligned
	_, err := s.f.ReadAt(b, lo)
	var item []*tensor.Tensor
	if err == nil {
		item, err = parseItem(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: offset %d: %w", s.f.Name(), lo, err)
	}
	return item, nil
}

// Close closes the file.
func (s *ItemFile) Close() error { return s.f.Close() }

// CacheFile returns the items of a dataset from a file, which it writes first
// if it isn't there or has another key. The key must say all that the items
// depend on. They are those of Item: what an [Augmented] dataset draws belongs
// after the cache.
func CacheFile(ctx context.Context, ds Dataset, path, key string) (*ItemFile, error) {
	return CacheItems(path, key, func(yield func([]*tensor.Tensor, error) bool) {
		for i := range ds.Len() {
			err := ctx.Err()
			var item []*tensor.Tensor
			if err == nil {
				err = safely(i, func() (err error) {
					item, err = ds.Item(i)
					return err
				})
			}
			if !yield(item, err) {
				return
			}
		}
	})
}

// CacheItems opens a file of items, or writes it first if it isn't there or has
// another key.
func CacheItems(path, key string, items iter.Seq2[[]*tensor.Tensor, error]) (*ItemFile, error) {
	f, err := OpenItems(path, key)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrOtherItems) {
		if err := WriteItems(path, key, items); err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		f, err = OpenItems(path, key)
	}
	return f, err
}
