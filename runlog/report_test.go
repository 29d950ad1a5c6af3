package runlog

import (
	"flag"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the reports in testdata again")

// reportRun is a run with an evaluation each epoch, a test at the end, lines
// of the guard, and a value that is not finite.
func reportRun() []Record {
	var recs []Record
	for epoch := 1; epoch <= 4; epoch++ {
		for i := 1; i <= 5; i++ {
			step := 100*(epoch-1) + 20*i
			recs = append(recs, Record{Step: step, Epoch: epoch, Split: "train", Metrics: []Metric{
				{"loss", 2 / float64(epoch) * (1 + float64(i-3)/10)}, {"accuracy", 1 - 0.2/float64(epoch)}, {"lr", 0.1 / float64(step)}}})
		}
		loss := 1.9 / float64(epoch)
		if epoch == 4 {
			loss = 0.7
		}
		recs = append(recs, Record{Step: 100 * epoch, Epoch: epoch, Split: "validation", Metrics: []Metric{{"loss", loss}, {"accuracy", 1 - 0.21/float64(epoch)}}})
	}
	recs = append(recs,
		Record{Step: 400, Epoch: 4, Split: "guard", Metrics: []Metric{{"loss", math.NaN()}}},
		Record{Step: 400, Epoch: 4, Split: "test", Metrics: []Metric{{"loss", 0.0655}, {"accuracy", 0.98765}}})
	return recs
}

func TestReport(t *testing.T) {
	env := &Env{Version: "v0.2.0", GoVersion: "go1.26.8", OS: "linux", Arch: "amd64", CPU: "A Processor | 3000", ISA: "avx2", Threads: 2,
		Time: time.Date(2026, 11, 26, 12, 30, 0, 0, time.UTC)}
	whole := Report{Title: "fashion-mnist", Facts: []Fact{{"Model", "ResNet, 272,474 parameters"}, {"Data", "54,000 examples to train on"}},
		Took: 3*time.Minute + 12*time.Second + 400*time.Millisecond, Settings: "format: 1\nname: fashion-mnist\n# ``` in a comment\n"}
	long := make([]Record, 0, 200)
	for i := range 100 {
		long = append(long,
			Record{Step: 10*i + 10, Epoch: 1, Split: "train", Metrics: []Metric{{"loss", math.NaN()}}},
			Record{Step: 10*i + 10, Epoch: 1, Split: "validation", Metrics: []Metric{{"loss", math.Abs(float64(i) - 41.5)}}})
	}
	long = append(long, Record{Step: 1005, Epoch: 2, Split: "train", Metrics: []Metric{{"loss", 4}}})
	for _, c := range []struct {
		name    string
		report  Report
		records []Record
		env     *Env
		curves  bool
	}{
		{"whole", whole, reportRun(), env, true},
		{"train only", Report{Title: "tiny", Took: time.Second, Stopped: "interrupted"}, []Record{
			{Step: 3, Epoch: 1, Split: "train", Metrics: []Metric{{"loss", 3}}},
			{Step: 4, Epoch: 1, Split: "train", Metrics: []Metric{{"loss", 7}}},
			{Step: 8, Epoch: 2, Split: "train", Metrics: []Metric{{"loss", 1}}},
		}, nil, false},
		{"long", Report{Title: "long", Took: time.Hour}, long, nil, false},
		{"nothing", Report{Title: "nothing", Stopped: "the disk is full"}, nil, nil, false},
	} {
		path := "testdata/report-" + strings.ReplaceAll(c.name, " ", "-") + ".md"
		got := c.report.text(c.records, c.env, c.curves)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

func TestWriteReport(t *testing.T) {
	r := create(t, t.TempDir())
	defer r.Close()
	env := NewEnv()
	env.CPU = "Some processor"
	if err := r.WriteEnv(env); err != nil {
		t.Fatal(err)
	}
	for _, rec := range reportRun() {
		if err := r.Log(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.WriteReport(Report{Title: "x"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(r.Path(ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# x\n", "| Test | loss 0.0655, accuracy 98.77 % |", "| Processor | Some processor |"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in\n%s", want, b)
		}
	}
	if strings.Contains(string(b), CurvesFile) {
		t.Error("a picture that is not there is shown")
	}
	facts := []Fact{{"model", "a|b"}, {"training examples", "54000"}}
	if err := r.WriteReport(Report{Title: "x", Facts: facts}); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadFacts(r.Dir()); err != nil || len(got) < 4 || got[0] != facts[0] || got[1] != facts[1] || !slices.Contains(got, Fact{"Test", "loss 0.0655, accuracy 98.77 %"}) {
		t.Errorf("facts %q, %v", got, err)
	}
	if err := os.WriteFile(r.Path(EnvFile), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteReport(Report{Title: "x"}); err == nil || !strings.Contains(err.Error(), EnvFile) {
		t.Error(err)
	}
}
