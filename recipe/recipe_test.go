package recipe

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
)

func TestRoundTrip(t *testing.T) {
	dir := "data: with a colon"
	want := DefaultMNIST(Machine{Threads: 3, ISA: "generic"})
	want.Data.Dir, want.Optimizer.LR, want.Seed = &dir, 1e-7, 1<<63
	text, err := config.Encode(want, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got MNIST
	if err := config.Decode(text, "recipe.yaml", &got, nil); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v\n%s", got, want, text)
	}
}

func TestValidate(t *testing.T) {
	r := DefaultMNIST(ThisMachine())
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	r.Epochs, r.Data.Batch, r.Optimizer.LR, r.Model.Classes, r.Machine.Threads, r.Machine.ISA = 0, -1, 0, 7, 0, "mmx"
	err := r.Validate()
	if err == nil {
		t.Fatal("a wrong recipe is valid")
	}
	for _, part := range []string{"epochs", "batch must", "lr", "10 classes", "threads", `"mmx"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}
