package config_test

import (
	"fmt"
	"reflect"

	"github.com/gradus-ml/gradus/config"
)

// A Rule is what several structs have in common.
type Rule interface{ Rate() float64 }

type Descent struct {
	LR       float64 `yaml:"lr"`
	Momentum float64 `yaml:"momentum"`
}

func (d Descent) Rate() float64 { return d.LR }

type Run struct {
	Seed   uint64 `yaml:"seed"`
	Epochs int    `yaml:"epochs"`
	Rule   Rule   `yaml:"rule"`
}

func rules() config.Kinds {
	return config.Kinds{reflect.TypeFor[Rule](): {{Name: "descent", Default: Descent{LR: 0.1, Momentum: 0.9}}}}
}

func ExampleDecode() {
	run := Run{Seed: 1, Epochs: 10}
	err := config.Decode([]byte("epochs: 5\nrule: {type: descent, lr: 0.5}\n"), "my.yaml", &run, rules())
	fmt.Println(err, run)

	err = config.Decode([]byte("epohcs: 5\nrule:\n  type: descent\n  momentum: high\n"), "my.yaml", &run, rules())
	fmt.Println(err)
	// Output:
	// <nil> {1 5 {0.5 0.9}}
	// my.yaml:1:1: unknown key epohcs; did you mean epochs?
	//     1 | epohcs: 5
	//       | ^
	// my.yaml:4:13: rule.momentum wants a number, got high
	//     4 |   momentum: high
	//       |             ^
}

func ExampleEncode() {
	text, err := config.Encode(Run{1, 10, Descent{LR: 0.1}}, rules())
	fmt.Printf("%s%v", text, err)
	// Output:
	// seed: 1
	// epochs: 10
	// rule:
	//   type: descent
	//   lr: 0.1
	//   momentum: 0
	// <nil>
}

func ExampleEncodeJSON() {
	text, err := config.EncodeJSON(Run{1, 10, nil}, rules())
	fmt.Printf("%s%v", text, err)
	// Output:
	// {
	//   "seed": 1,
	//   "epochs": 10,
	//   "rule": null
	// }
	// <nil>
}

func ExampleDocument_Set() {
	d, err := config.Parse([]byte("epochs: 5\nrule: descent\n"), "my.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	run := Run{Seed: 1}
	fmt.Println(d.Set("rule.lr=0.01"), d.Decode(&run, rules()), run)
	fmt.Println(d.Set("rule.lrr=0.01"), d.Decode(&run, rules()))
	// Output:
	// <nil> <nil> {1 5 {0.01 0.9}}
	// <nil> rule.lrr=0.01: unknown key lrr in rule of type descent; did you mean lr?
}

func ExampleDocument_Locate() {
	d, err := config.Parse([]byte("seed: 1\nepochs: 0\n"), "my.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	wrong := config.Under("epochs", fmt.Errorf("must be at least 1, got 0")) // as a Validate method finds
	fmt.Println(d.Locate(wrong))
	// Output:
	// my.yaml:2:1: epochs: must be at least 1, got 0
	//     2 | epochs: 0
	//       | ^
}

func ExampleNearest() {
	fmt.Println(config.Nearest("momentun", []string{"lr", "momentum"}))
	// Output: momentum true
}
