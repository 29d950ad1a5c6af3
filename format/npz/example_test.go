package npz_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/gradus-ml/gradus/format/npz"
	"github.com/gradus-ml/gradus/tensor"
)

func Example() {
	var file bytes.Buffer
	err := npz.Encode(&file, []npz.Named{
		{Name: "x", Tensor: tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2))},
		{Name: "y", Tensor: tensor.Must(tensor.Of([]int64{0, 1, 1}))},
	})
	if err != nil {
		log.Fatal(err)
	}

	f, err := npz.NewFile(bytes.NewReader(file.Bytes()), int64(file.Len()), "x.npz")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range f.Names() {
		t, err := f.Tensor(name)
		fmt.Println(name, t, err)
	}
	_, err = f.Tensor("z")
	fmt.Println(err)
	// Output:
	// x f32[3 2] <nil>
	// y i64[3] <nil>
	// npz: x.npz: no array "z"; there are x, y
}
