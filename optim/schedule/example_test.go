package schedule_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/optim/schedule"
)

func ExampleCosine_Build() {
	steps := 2
	cosine := schedule.Cosine{Final: 0.2, Warmup: &schedule.Warmup{Steps: &steps}}
	rate, err := cosine.Build(0.1, 6)
	if err != nil {
		fmt.Println(err)
		return
	}
	for step := range 8 {
		fmt.Printf("%.3f ", rate.At(step))
	}
	// Output: 0.050 0.100 0.100 0.088 0.060 0.032 0.020 0.020
}

func ExamplePlateau_Build() {
	plateau := schedule.DefaultPlateau()
	plateau.Patience = 1
	rate, err := plateau.Build(0.1, 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	follow := rate.(schedule.Observer)
	for step, loss := range []float64{2, 1, 1, 1, 0.5} {
		follow.Observe(loss)
		fmt.Printf("%.2f ", rate.At(step))
	}
	fmt.Println(follow.Metric(), follow.State()["best"])
	// Output: 0.10 0.10 0.10 0.01 0.01 loss 0.5
}

func ExampleSequential_Build() {
	up := schedule.Constant{Warmup: &schedule.Warmup{Share: new(1.0)}}
	half := schedule.Constant{}
	stages := schedule.Sequential{Stages: []schedule.Stage{
		{Share: new(0.25), Scale: 1, Schedule: up},
		{Share: new(0.25), Scale: 0.5, Schedule: half},
		{Scale: 0.5, Schedule: schedule.Linear{}},
	}}
	rate, err := stages.Build(0.1, 8)
	if err != nil {
		fmt.Println(err)
		return
	}
	for step := range 8 {
		fmt.Printf("%.4f ", rate.At(step))
	}
	// Output: 0.0500 0.1000 0.0500 0.0500 0.0500 0.0375 0.0250 0.0125
}
