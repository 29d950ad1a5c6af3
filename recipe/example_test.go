package recipe_test

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/gradus-ml/gradus/recipe"
)

func ExampleParse() {
	text, err := recipe.New("images", recipe.Starter{Data: "photos"})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := recipe.Parse(text, "my.yaml")
	fmt.Println(r.Name, err)
	text = bytes.Replace(text, []byte("epochs: 20"), []byte("epochs: 0"), 1)
	_, err = recipe.Parse(text, "my.yaml")
	fmt.Println(strings.SplitN(err.Error(), "\n", 2)[1])
	// Output:
	// my <nil>
	//    46 |   epochs: 0
	//       |   ^
}

// A recipe is read with settings over it; whatever is wrong is told with its
// place.
func ExampleRead() {
	r, err := recipe.Read("mnist", "strategy.epochs=3", "optimizer.lr=0.01")
	fmt.Println(r.Name, *r.Strategy.Epochs, r.Optimizer[0].Config.Shared().LR, err)
	_, err = recipe.Read("mnist", "optimizer.lr=-1")
	fmt.Println(strings.Split(err.Error(), "\n")[0])
	// Output:
	// mnist 3 0.01 <nil>
	// optimizer.lr=-1: optimizer: lr must be a finite number and not negative, got -1
}
