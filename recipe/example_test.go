package recipe_test

import (
	"fmt"
	"strings"

	"github.com/gradus-ml/gradus/recipe"
)

func ExampleDecode() {
	r := recipe.DefaultMNIST(recipe.ThisMachine())
	text, err := recipe.Encode(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	var again recipe.MNIST
	fmt.Println(recipe.Decode(text, "recipe.yaml", &again), again.Epochs)
	err = recipe.Decode([]byte("epoch: 3\n"), "recipe.yaml", &again)
	fmt.Println(strings.Split(err.Error(), "\n")[0]) // the lines below it show the place
	// Output:
	// <nil> 5
	// recipe: recipe.yaml: [1:1] unknown field "epoch"
}

func ExampleMNIST_Validate() {
	r := recipe.DefaultMNIST(recipe.ThisMachine())
	r.Epochs, r.Data.Batch = 0, -1
	fmt.Println(r.Validate())
	// Output:
	// epochs must be in 1..1000000, got 0
	// batch must be at least 1, got -1
}
