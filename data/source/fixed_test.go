package source

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/tensor"
)

const (
	idxImages = "\x00\x00\x08\x03\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02" + "\x01\x02\x03\x04\x05\x06"
	idxLabels = "\x00\x00\x08\x01\x00\x00\x00\x03" + "\x00\x02\x01"
	idxFloats = "\x00\x00\x0d\x02\x00\x00\x00\x02\x00\x00\x00\x01" + "\x3f\xc0\x00\x00\xc0\x00\x00\x00"
)

func TestIDX(t *testing.T) {
	files := folderOf(t, "x", idxImages, "y", idxLabels, "x.gz", zipped(idxImages), "f", idxFloats)
	for _, c := range []struct {
		config IDX
		want   string
	}{
		{IDX{Images: "x", Labels: "y"}, "image:array label:integer\nu8[1 2] 1 2|0\nu8[1 2] 3 4|2\nu8[1 2] 5 6|1"},
		{IDX{Images: "x.gz", Labels: "y", Names: []string{"shirt", "bag", "coat"}}, "image:array label:text\nu8[1 2] 1 2|shirt\nu8[1 2] 3 4|coat\nu8[1 2] 5 6|bag"},
		{IDX{Images: "f"}, "image:array\nf32[1] 1.5\nf32[1] -2"},
		{IDX{Images: "y"}, "image:integer\n0\n2\n1"},
	} {
		got, where := opens(t, c.config, files)
		if got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
		if want := c.config.Images + ": row 1"; where[1] != want {
			t.Errorf("row 1 is at %s, want %s", where[1], want)
		}
	}
	for _, c := range []struct {
		config IDX
		want   string
	}{
		{IDX{}, "idx: images is empty, want a file"},
		{IDX{Images: "x", Names: []string{"a", "a"}}, "idx: names of labels, and no file of labels"},
		{IDX{Images: "?"}, "?: 3 files, want one"},
		{IDX{Images: "x", Labels: "z"}, "z: file does not exist"},
		{IDX{Images: "x", Labels: "x"}, "x: offset 0: labels u8[1 2], want a whole number for each image"},
		{IDX{Images: "f", Labels: "y"}, "f holds 2 rows of image, y 3 of label"},
		{IDX{Images: "x", Labels: "y", Names: []string{"a", "b"}}, "y: offset 9: row 1: column label: label 2, there are 2 names"},
	} {
		fails(t, c.config, files, c.want)
	}
	fails(t, IDX{Images: "x"}, folderOf(t, "x", "\x00\x00\x08\x02\x7f\xff\xff\xff\x00\x00\x00\x00"), "x: offset 12: rows of image, u8[0], hold nothing")
	for n := range len(idxImages) {
		fails(t, IDX{Images: "cut"}, folderOf(t, "cut", idxImages[:n]), "idx: cut: offset ")
	}
}

// cifarFile makes records whose image n holds bytes n, n+1, ....
func cifarFile(labels ...string) string {
	var b strings.Builder
	for n, label := range labels {
		b.WriteString(label)
		for i := range 3 * 32 * 32 {
			b.WriteByte(byte(n + i))
		}
	}
	return b.String()
}

func TestCIFAR(t *testing.T) {
	ten := []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
	files := folderOf(t, "data_batch_1.bin", cifarFile("\x03", "\x09"), "data_batch_2.bin", cifarFile("\x00"), "train.bin", cifarFile("\x13\x63", "\x00\x01"),
		"batches.meta.txt", strings.Join(ten, "\n")+"\n\n")
	c := DefaultCIFAR()
	c.Path, c.Names = []string{"data_batch_*.bin"}, "batches.meta.txt"
	table, err := c.Open(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	rows, _ := readTable(t, table)
	image := rows[1][0].(*tensor.Tensor)
	if got := image.String(); got != "u8[3 32 32]" || !bytes.Equal(image.Bytes(), []byte(cifarFile("x", "x"))[3074:]) {
		t.Errorf("the second image is %s %v", got, image.Bytes()[:10])
	}
	var labels []any
	for _, row := range rows {
		labels = append(labels, row[1])
	}
	if !slices.Equal(labels, []any{"cat", "truck", "airplane"}) {
		t.Error(labels)
	}
	_, where := opens(t, c, files)
	if !slices.Equal(where, []string{"data_batch_1.bin: row 0", "data_batch_1.bin: row 1", "data_batch_2.bin: row 0"}) {
		t.Error(where)
	}
	hundred := CIFAR{Path: []string{"train.bin"}, Classes: 100}
	content, _ := opens(t, hundred, files)
	if !strings.HasPrefix(content, "image:array coarse:integer fine:integer\n") || !strings.Contains(content, "|19|99\n") || !strings.HasSuffix(content, "|0|1") {
		t.Error(content)
	}
	for _, c := range []struct {
		config CIFAR
		want   string
	}{
		{CIFAR{Classes: 20}, "cifar: path is empty"},
		{CIFAR{Path: []string{"x"}, Classes: 20}, "cifar: 20 classes, want 10 or 100"},
		{CIFAR{Path: []string{"x"}, Classes: 10, CoarseNames: "x"}, "cifar: coarse_names, and 10 classes"},
		{CIFAR{Path: []string{"train.bin"}, Classes: 10}, "train.bin: offset 6146: 2 bytes of a record of 3073 (truncated, or not CIFAR-10?)"},
		{CIFAR{Path: []string{"data_batch_*.bin"}, Classes: 100}, "(truncated, or not CIFAR-100?)"},
		{CIFAR{Path: []string{"train.bin"}, Classes: 100, Names: "batches.meta.txt"}, "batches.meta.txt: 10 names, want 100"},
	} {
		fails(t, c.config, files, c.want)
	}
	fails(t, CIFAR{Path: []string{"bad.bin"}, Classes: 10}, folderOf(t, "bad.bin", cifarFile("\x03", "\x0a")), "bad.bin: offset 3073: label 10 of record 1, want 0 to 9 (not CIFAR-10?)")
	record := cifarFile("\x03")
	for n := 1; n < len(record); n += 97 {
		fails(t, CIFAR{Path: []string{"bad.bin"}, Classes: 10}, folderOf(t, "bad.bin", record[:n]), fmt.Sprintf("bad.bin: offset 0: %d bytes of a record of 3073", n))
	}
}

func TestMNIST(t *testing.T) {
	table, err := MNIST{Split: "test"}.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	var v [2]any
	if err := table.Read(v[:], 9999, []int{0, 1}); err != nil {
		t.Fatal(err)
	}
	if image := v[0].(*tensor.Tensor); table.Len() != 10000 || image.String() != "u8[1 28 28]" || v[1] != int64(6) || table.Where(9999) != "mnist/test: row 9999" {
		t.Error(table.Len(), image, v[1], table.Where(9999))
	}
	if !slices.Equal(table.Columns(), []Column{{"image", Array}, {"label", Integer}}) {
		t.Error(table.Columns())
	}
	s, err := DefaultMNIST().Stream(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range s.Rows(t.Context(), []int{1}, 59_999) {
		if err != nil || row.Values[0] != int64(8) || row.Where != "mnist/train: row 59999" {
			t.Error(row, err)
		}
	}
	fails(t, MNIST{}, nil, `mnist: split "", want train or test`)
}

// What is read of any bytes as IDX has the length that the header says, and no
// more memory than the file is asked for.
func FuzzIDX(f *testing.F) {
	for _, s := range []string{idxImages, idxLabels, idxFloats} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		files := folderOf(t, "x", string(file))
		table, err := IDX{Images: "x"}.Open(t.Context(), files)
		if err != nil {
			return
		}
		defer table.Close()
		for i := range min(table.Len(), 10) {
			var v [1]any
			if err := table.Read(v[:], i, []int{0}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Files of any bytes are records that are read, or an error.
func FuzzCIFAR(f *testing.F) {
	f.Add([]byte(cifarFile("\x03", "\x09")), false)
	f.Add([]byte(cifarFile("\x13\x63")), true)
	f.Fuzz(func(t *testing.T, file []byte, hundred bool) {
		c := CIFAR{Path: []string{"x"}, Classes: 10}
		if hundred {
			c.Classes = 100
		}
		table, err := c.Open(t.Context(), folderOf(t, "x", string(file)))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x: offset ") {
				t.Fatal(err)
			}
			return
		}
		defer table.Close()
		readTable(t, table)
	})
}
