// Command eventcheck writes a run folder with event files for check.py: a run
// that was broken off at step 80 and resumed from step 50.
package main

import (
	"fmt"
	"log"
	"math"
	"os"

	"github.com/gradus-ml/gradus/runlog"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: eventcheck FOLDER")
	}
	if err := write(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func write(dir string) error {
	run, err := runlog.Create(dir, runlog.WithOverwrite())
	if err != nil {
		return err
	}
	if err := run.WriteEvents(0); err != nil {
		return err
	}
	var size int64 // of the metrics at step 50
	for step := 10; step <= 80; step += 10 {
		if err := logStep(run, step); err != nil {
			return err
		}
		if step == 50 {
			size = run.MetricsBytes()
		}
	}
	if err := run.Close(); err != nil {
		return err
	}
	if run, err = runlog.Resume(dir, size); err != nil {
		return err
	}
	if err := run.WriteEvents(50); err != nil {
		return err
	}
	for step := 60; step <= 120; step += 10 {
		if err := logStep(run, step); err != nil {
			return err
		}
	}
	fmt.Println("wrote", dir)
	return run.Close()
}

func logStep(run *runlog.Run, step int) error {
	loss := 3 / float64(step)
	switch step {
	case 30:
		loss = math.NaN()
	case 40:
		loss = math.Inf(1)
	}
	err := run.Log(runlog.Record{Step: step, Epoch: 1 + step/50, Split: "train", Metrics: []runlog.Metric{{Name: "loss", Value: loss}, {Name: "lr", Value: 1e-3}}})
	if err == nil && step%50 == 0 {
		err = run.Log(runlog.Record{Step: step, Epoch: step / 50, Split: "validation", Metrics: []runlog.Metric{{Name: "loss", Value: 0.5}, {Name: "accuracy", Value: 0.9}}})
	}
	return err
}
