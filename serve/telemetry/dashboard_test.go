package telemetry

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/serve/engine"
)

// TestDashboard: the dashboard and the document name metrics that there are, and
// the dashboard asks for labels that they have.
func TestDashboard(t *testing.T) {
	s := serve(t)
	s.post(t, "/v2/models/penguins/infer", "")
	s.telemetry.Rejected("penguins", "1", engine.Exhausted)
	s.Close() // what was asked is counted
	families := s.scrape(t)
	labels := map[string]string{}
	for name, f := range families {
		for _, l := range f.Metric[0].Label {
			labels[name] += l.GetName() + " "
		}
	}
	metric := regexp.MustCompile(`\b(gradus|go|process)_[a-z_]*[a-z]\b`)
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	check := func(where, text string) {
		for _, name := range metric.FindAllString(text, -1) {
			if families[name] == nil && families[suffix.ReplaceAllString(name, "")] == nil {
				t.Errorf("%s: there is no metric %s", where, name)
			}
		}
	}
	text, err := os.ReadFile("../../docs/serving.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### Metrics\n")
	section, _, _ = strings.Cut(section, "\n### ")
	check("docs/serving.md", section)

	text, err = os.ReadFile("../../deploy/grafana/gradus.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	by := regexp.MustCompile(`by \(([a-z, ]*)\)`)
	n := 0
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			n++
			check(p.Title, q.Expr)
			name := suffix.ReplaceAllString(metric.FindString(q.Expr), "")
			for _, list := range by.FindAllStringSubmatch(q.Expr, -1) {
				for _, l := range strings.Split(list[1], ", ") {
					if l != "le" && !strings.Contains(labels[name], l+" ") {
						t.Errorf("%s: %s has no label %s", p.Title, name, l)
					}
				}
			}
			if strings.Contains(q.Expr, "$model") && !strings.Contains(labels[name], "model ") {
				t.Errorf("%s: %s has no label model", p.Title, name)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d queries", n)
	}
}
