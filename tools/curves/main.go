// Command curves writes what PyTorch needs to train as a recipe does: the
// weights that a run starts from, its first batches, and the validation data.
//
//	go run ./tools/curves OUT.safetensors STEPS RECIPE [KEY=VALUE ...]
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/recipe"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: curves OUT.safetensors STEPS RECIPE [KEY=VALUE ...]")
		os.Exit(2)
	}
	steps, err := strconv.Atoi(os.Args[2])
	if err == nil {
		err = dump(context.Background(), os.Args[1], steps, os.Args[3], os.Args[4:])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func dump(ctx context.Context, path string, steps int, name string, set []string) error {
	r, err := recipe.Read(name, set...)
	if err != nil {
		return err
	}
	files, err := file.New()
	if err != nil {
		return err
	}
	x, err := r.Open(ctx, files)
	if err != nil {
		return err
	}
	defer x.Close()
	var all []safetensors.Named
	weights, err := x.Trainer.Store.Export("")
	if err != nil {
		return err
	}
	for key, t := range weights {
		all = append(all, safetensors.Named{Name: "init." + key, Tensor: t})
	}
	step := 0
	for epoch := 0; step < steps; epoch++ {
		for b, err := range x.Trainer.Train.From(ctx, epoch, 0) {
			if err != nil {
				return err
			}
			for i, t := range b.Inputs {
				all = append(all, safetensors.Named{Name: fmt.Sprintf("batch.%05d.%d", step, i), Tensor: t.Clone()})
			}
			if step++; step == steps {
				break
			}
		}
	}
	n := 0
	for b, err := range x.Trainer.Validation.From(ctx, 0, 0) {
		if err != nil {
			return err
		}
		for i, t := range b.Inputs {
			all = append(all, safetensors.Named{Name: fmt.Sprintf("validation.%05d.%d", n, i), Tensor: t.Clone()})
		}
		n++
	}
	perEpoch, _ := x.Trainer.Train.Batches()
	return safetensors.Write(path, all, map[string]string{"steps_per_epoch": strconv.Itoa(perEpoch)})
}
