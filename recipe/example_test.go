package recipe_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/recipe"
)

func ExampleMNIST_Validate() {
	r := recipe.DefaultMNIST(recipe.ThisMachine())
	r.Epochs, r.Data.Batch = 0, -1
	fmt.Println(r.Validate())
	// Output:
	// epochs must be in 1..1000000, got 0
	// batch must be at least 1, got -1
}
