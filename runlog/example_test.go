package runlog_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/gradus-ml/gradus/runlog"
)

func Example() {
	tmp, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(tmp)

	run, err := runlog.Create(filepath.Join(tmp, "runs", "mnist"))
	if err != nil {
		log.Fatal(err)
	}
	defer run.Close()
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	env := runlog.NewEnv()
	env.Version, env.ISA, env.Threads = "v0.1.0", "avx2", 2
	check(run.WriteEnv(env))
	check(run.WriteEvents(0)) // for TensorBoard
	check(run.Log(runlog.Record{Step: 1, Epoch: 1, Split: "train", Metrics: []runlog.Metric{{Name: "loss", Value: 2.31}}}))
	check(run.Log(runlog.Record{Step: 469, Epoch: 1, Split: "test", Metrics: []runlog.Metric{{Name: "loss", Value: 0.061}, {Name: "accuracy", Value: 0.98}}}))
	check(run.WriteCurves("mnist"))
	check(run.WriteReport(runlog.Report{Title: "mnist", Facts: []runlog.Fact{{Name: "Model", Value: "LeNet"}}}))
	check(run.WriteFile("model/config.json", func(w io.Writer) error {
		_, err := io.WriteString(w, `{"family":"lenet"}`)
		return err
	}))

	b, err := os.ReadFile(run.Path(runlog.MetricsFile))
	check(err)
	fmt.Print(string(b))
	// Output:
	// {"step":1,"epoch":1,"split":"train","loss":2.31}
	// {"step":469,"epoch":1,"split":"test","loss":0.061,"accuracy":0.98}
}
