package runlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ReportFile is the name of the report.
const ReportFile = "report.md"

// A Report is what report.md tells beside that which the folder's other files
// hold: the metrics, the machine, the curves.
type Report struct {
	Title    string        // the run's name
	Facts    []Fact        // what was trained on what, such as the model's kind and the number of examples
	Took     time.Duration // all parts of the run together
	Stopped  string        // why it ended before its time: "interrupted", an error's text; "" if it did not
	Settings string        // the recipe, as YAML
}

// A Fact is a line of a report's first table.
type Fact struct{ Name, Value string }

// reportRows is the most rows of a report's table of results. Of more, every
// k-th is shown, with the best and the last.
const reportRows = 40

// WriteReport writes report.md from what was logged, env.json and curves.png,
// which come before it: what was trained and with what result, a row for each
// evaluation, the curves, the settings, the machine.
func (r *Run) WriteReport(rep Report) error {
	records, err := ReadMetrics(r.Path(MetricsFile))
	if err != nil {
		return err
	}
	var env *Env
	b, err := os.ReadFile(r.Path(EnvFile))
	if err == nil {
		env = &Env{}
		err = json.Unmarshal(b, env)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("run folder: %s: %w", EnvFile, err)
	}
	_, err = os.Stat(r.Path(CurvesFile))
	text := rep.text(records, env, err == nil)
	return r.WriteFile(ReportFile, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// ReadFacts reads the first table of the report.md of a folder: what was trained
// on what, and with what result.
func ReadFacts(dir string) ([]Fact, error) {
	text, err := os.ReadFile(filepath.Join(dir, ReportFile))
	if err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	var facts []Fact
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |\n"), " | ")
		switch {
		case strings.HasPrefix(line, "#") && len(facts) > 0:
			return facts, nil
		case ok && strings.TrimSpace(name) != "":
			facts = append(facts, Fact{name, strings.ReplaceAll(value, `\|`, "|")})
		}
	}
	return facts, nil
}

// text is the report.
func (rep Report) text(records []Record, env *Env, curves bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", rep.Title)
	t := newProgress(records)
	var facts [][]string
	for _, f := range rep.Facts {
		facts = append(facts, []string{f.Name, f.Value})
	}
	facts = append(facts, t.facts()...)
	unit := time.Second
	if rep.Took < time.Minute {
		unit = 100 * time.Millisecond
	}
	facts = append(facts, []string{"Time", rep.Took.Round(unit).String()})
	if rep.Stopped != "" {
		facts = append(facts, []string{"Ended early", rep.Stopped})
	}
	writeTable(&b, []string{"", ""}, facts)
	if len(t.rows) > 0 {
		b.WriteString("\n## Progress\n")
		header, rows, note := t.table()
		writeTable(&b, header, rows)
		b.WriteString("\n" + note)
	}
	if curves {
		fmt.Fprintf(&b, "\n![Metrics over the steps](%s)\n", CurvesFile)
	}
	if rep.Settings != "" {
		// A fence that the text does not hold.
		fence := "```"
		for strings.Contains(rep.Settings, fence) {
			fence += "`"
		}
		fmt.Fprintf(&b, "\n## Settings\n\n%syaml\n%s\n%s\n", fence, strings.TrimRight(rep.Settings, "\n"), fence)
	}
	if env != nil {
		b.WriteString("\n## Machine\n")
		writeTable(&b, []string{"", ""}, [][]string{
			{"Program", strings.TrimSpace("gradus " + env.Version + ", " + env.GoVersion)},
			{"System", env.OS + "/" + env.Arch},
			{"Processor", env.CPU},
			{"Kernels", fmt.Sprintf("%s, %d threads", env.ISA, env.Threads)},
			{"Begun", env.Time.Format("2006-01-02 15:04:05 -07:00")},
		})
	}
	return b.String()
}

// progress is the results of a run in the order of its steps.
type progress struct {
	columns []column
	rows    []progressRow
	best    int // row, or -1
	judged  int // column that tells the best
}

// A column is a metric of a split.
type column struct{ split, metric string }

type progressRow struct {
	epoch, step int
	values      map[column]float64
}

// newProgress makes a row for each step at which something but training was
// measured, or else for the last step of each epoch. Values of training are
// means over the steps since the row before.
func newProgress(records []Record) *progress {
	t := &progress{best: -1, judged: -1}
	scored := slices.ContainsFunc(records, isScored)
	seen := map[column]bool{}
	sums, steps := map[column]float64{}, map[column]int{}
	last := map[string]int{} // step of each split's line before
	row := func(rec Record) *progressRow {
		if n := len(t.rows); n == 0 || t.rows[n-1].step != rec.Step {
			t.rows = append(t.rows, progressRow{rec.Epoch, rec.Step, map[column]float64{}})
			for c, sum := range sums {
				t.rows[n].values[c] = sum / float64(steps[c])
			}
			clear(sums)
			clear(steps)
		}
		return &t.rows[len(t.rows)-1]
	}
	for i, rec := range records {
		if rec.Split != "train" && !isScored(rec) {
			continue
		}
		for _, m := range rec.Metrics {
			c := column{rec.Split, m.Name}
			if !seen[c] {
				seen[c] = true
				t.columns = append(t.columns, c)
			}
			if rec.Split != "train" {
				row(rec).values[c] = m.Value
				continue
			}
			n := max(rec.Step-last[rec.Split], 1)
			sums[c] += m.Value * float64(n)
			steps[c] += n
			if m.Name == "lr" { // the last one tells more
				sums[c], steps[c] = m.Value, 1
			}
		}
		last[rec.Split] = rec.Step
		if !scored && rec.Split == "train" && (i+1 == len(records) || records[i+1].Epoch != rec.Epoch) {
			row(rec)
		}
	}
	if len(sums) > 0 && scored { // steps after the last evaluation
		row(Record{Step: last["train"], Epoch: records[len(records)-1].Epoch})
	}
	order := map[string]int{"train": 0, "validation": 1, "test": 2}
	slices.SortStableFunc(t.columns, func(a, b column) int { return order[a.split] - order[b.split] })
	t.choose()
	return t
}

func isScored(r Record) bool { return r.Split == "validation" || r.Split == "test" }

// choose finds the row with the least validation loss.
func (t *progress) choose() {
	c := column{"validation", "loss"}
	t.judged = slices.Index(t.columns, c)
	for i, r := range t.rows {
		if v, ok := r.values[c]; ok && !math.IsNaN(v) && (t.best < 0 || v < t.rows[t.best].values[c]) {
			t.best = i
		}
	}
}

// facts are the results in a line each.
func (t *progress) facts() [][]string {
	var facts [][]string
	if n := len(t.rows); n > 0 {
		facts = append(facts, []string{"Trained", fmt.Sprintf("%s steps, %d epochs", grouped(float64(t.rows[n-1].step)), t.rows[n-1].epoch)})
	}
	for i, name := range []string{"validation", "test"} {
		for _, r := range slices.Backward(t.rows) {
			var parts []string
			for _, c := range t.columns {
				if v, ok := r.values[c]; ok && c.split == name {
					parts = append(parts, c.metric+" "+FormatMetric(c.metric, v))
				}
			}
			if parts != nil {
				facts = append(facts, []string{[]string{"Validation, last", "Test"}[i], strings.Join(parts, ", ")})
				break
			}
		}
	}
	if t.best >= 0 {
		r := t.rows[t.best]
		facts = append(facts, []string{"Validation, best loss", fmt.Sprintf("%s, at step %s of epoch %d", FormatMetric("loss", r.values[t.columns[t.judged]]), grouped(float64(r.step)), r.epoch)})
	}
	return facts
}

// table is the rows that are shown.
func (t *progress) table() (header []string, rows [][]string, note string) {
	header = []string{"epoch", "step"}
	for _, c := range t.columns {
		header = append(header, c.split+" "+c.metric)
	}
	every := (len(t.rows) + reportRows - 1) / reportRows
	for i, r := range t.rows {
		if i%every != 0 && i != t.best && i != len(t.rows)-1 {
			continue
		}
		row := []string{fmt.Sprint(r.epoch), grouped(float64(r.step))}
		for k, c := range t.columns {
			v, ok := r.values[c]
			text := ""
			if ok {
				text = FormatMetric(c.metric, v)
			}
			if i == t.best && k == t.judged {
				text = "**" + text + "**"
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	note = "Values of train are means over the steps since the row before, lr is the last.\n"
	if every > 1 {
		note += fmt.Sprintf("Of %d rows one in %d is shown, with the best and the last; metrics.jsonl has all.\n", len(t.rows), every)
	}
	return header, rows, note
}

// FormatMetric prints four digits, of a fraction of 1 as percent with two
// decimals.
func FormatMetric(metric string, v float64) string {
	switch {
	case math.IsNaN(v):
		return "not finite"
	case isShare(metric):
		return fmt.Sprintf("%.2f %%", 100*v)
	}
	return fmt.Sprintf("%.4g", v)
}

// writeTable writes a table of Markdown.
func writeTable(b *strings.Builder, header []string, rows [][]string) {
	line := func(cells []string) {
		for _, c := range cells {
			c = strings.NewReplacer("|", `\|`, "\n", " ").Replace(c)
			fmt.Fprintf(b, "| %s ", c)
		}
		b.WriteString("|\n")
	}
	b.WriteString("\n")
	line(header)
	b.WriteString(strings.Repeat("|---", len(header)) + "|\n")
	for _, r := range rows {
		line(r)
	}
}
