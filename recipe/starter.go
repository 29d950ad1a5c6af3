package recipe

import (
	"context"
	"embed"
	"fmt"
	"path"
	"strings"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data/source"
)

// starters holds a text KIND.yaml for each kind of data that a new recipe may
// be for, with marks that fill knows.
//
//go:embed starters/*.yaml
var starters embed.FS

// Starters lists the kinds of data that there are first recipes for. [New]
// fills their texts.
func Starters() []Builtin { return embedded(starters, "starters") }

// A Starter is what a first recipe is written for.
type Starter struct {
	Data string // file, folder or address
	Columns
}

// Columns are those of a table.
type Columns struct {
	Read    bool     // from the table, or names to be replaced
	Source  string   // type of the source
	Target  string   // what is to be found
	Regress bool     // which is a number, not a class
	Numbers []string // the other columns
	Kinds   []string
	LeftOut []string
}

// New returns the text of a first recipe for a kind of data, with comments that
// say what can be changed.
func New(kind string, s Starter) ([]byte, error) {
	if !s.Read {
		s.Columns = Columns{Source: tableSource(s.Data), Target: "answer", Numbers: []string{"age", "income"}, Kinds: []string{"city", "job"}}
	}
	var known []string
	for _, b := range Starters() {
		if b.Name == kind {
			_, text, _ := strings.Cut(string(b.Text), "\n")
			return []byte(fill(text, s.marks())), nil
		}
		known = append(known, b.Name)
	}
	if n, ok := config.Nearest(kind, known); ok {
		return nil, fmt.Errorf("unknown kind of data %s; did you mean %s?", kind, n)
	}
	return nil, fmt.Errorf("unknown kind of data %s; there are %s", kind, strings.Join(known, ", "))
}

// marks are the values of the marks in a text.
func (s Starter) marks() map[string]string {
	m := map[string]string{
		"data":     yamlText(s.Data),
		"source":   s.Source,
		"numbers":  yamlList(s.Numbers),
		"kinds":    yamlList(s.Kinds),
		"left out": yamlList(s.LeftOut),
	}
	if s.Read {
		m["read"] = "yes"
	} else {
		m["not read"] = "yes"
	}
	if s.Regress {
		m["number"] = yamlList([]string{s.Target})
		m["loss"], m["metrics"], m["best"] = "mse", "mae, r2", "mae"
	} else {
		m["class"] = yamlText(s.Target)
		m["loss"], m["metrics"], m["best"] = "cross_entropy", "accuracy", "accuracy, maximize: true"
	}
	return m
}

// fill writes the values of {{marks}} into a text. Lines from {{if MARK}} to
// {{end}} are left out where the mark has no value. (text/template would do the
// same, but calls methods by name, for which the linker keeps all of a program.)
func fill(text string, marks map[string]string) string {
	var kept strings.Builder
	keep := true
	for line := range strings.Lines(text) {
		if mark, ok := strings.CutPrefix(strings.TrimSpace(line), "{{if "); ok {
			keep = marks[strings.TrimSuffix(mark, "}}")] != ""
		} else if strings.TrimSpace(line) == "{{end}}" {
			keep = true
		} else if keep {
			kept.WriteString(line)
		}
	}
	var pairs []string
	for mark, value := range marks {
		pairs = append(pairs, "{{"+mark+"}}", value)
	}
	return strings.NewReplacer(pairs...).Replace(kept.String())
}

func yamlText(s string) string { return string(config.Text(s)) }

// yamlList writes a list in brackets, some to a line. Nothing is the empty text.
func yamlList(all []string) string {
	if len(all) == 0 {
		return ""
	}
	const most = 90
	var lines []string
	line := ""
	for i, s := range all {
		s = yamlText(s)
		if i < len(all)-1 {
			s += ","
		}
		if line != "" && len(line)+len(s) > most {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += s
	}
	return "[" + strings.Join(append(lines, line), "\n        ") + "]"
}

// tableSource is the type of the source that reads a file.
func tableSource(name string) string {
	for range 2 { // houses.jsonl.gz
		switch ext := strings.ToLower(path.Ext(name)); ext {
		case ".jsonl", ".ndjson", ".json":
			return "jsonl"
		case ".parquet":
			return "parquet"
		default:
			name = strings.TrimSuffix(name, path.Ext(name))
		}
	}
	return "csv"
}

// lookedAt is the number of rows that tell what a column is.
const lookedAt = 2000

// ReadColumns reads a table's columns, and some of its rows, and says what each
// is good for. Columns of text of which nearly every row has a value of its own,
// such as names and numbers of customers, are left out.
func ReadColumns(ctx context.Context, files source.Files, name, target string) (c Columns, err error) {
	c = Columns{Read: true, Source: tableSource(name), Target: target}
	var cfg struct {
		Source source.Config `yaml:"source"`
	}
	text := fmt.Sprintf("source: {type: %s, path: %s}", c.Source, config.Text(name))
	if err := config.Decode([]byte(text), "--data", &cfg, Kinds()); err != nil {
		return c, err
	}
	table, err := cfg.Source.Open(ctx, files)
	if err != nil {
		return c, err
	}
	defer table.Close()
	columns := table.Columns()
	at, err := source.Index(columns, target)
	if err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	distinct, rows, err := look(table)
	if err != nil {
		return c, err
	}
	for i, col := range columns {
		number := col.Kind == source.Number || col.Kind == source.Integer
		switch {
		case i == at[0]:
			const fewest = 20 // more values than that are no classes
			c.Regress = number && (col.Kind == source.Number || distinct[i] > fewest)
		case number:
			c.Numbers = append(c.Numbers, col.Name)
		case col.Kind != source.Text && col.Kind != source.Boolean || rows >= 20 && distinct[i] > rows/2:
			c.LeftOut = append(c.LeftOut, col.Name)
		default:
			c.Kinds = append(c.Kinds, col.Name)
		}
	}
	return c, nil
}

// look counts the different values of each column in the first rows.
func look(table source.Table) (distinct []int, rows int, err error) {
	columns := table.Columns()
	seen := make([]map[string]bool, len(columns))
	index, row := make([]int, len(columns)), make([]any, len(columns))
	for i := range columns {
		seen[i], index[i] = map[string]bool{}, i
	}
	rows = min(table.Len(), lookedAt)
	for r := range rows {
		if err := table.Read(row, r, index); err != nil {
			return nil, 0, err
		}
		for i, v := range row {
			seen[i][fmt.Sprint(v)] = true
		}
	}
	for _, s := range seen {
		distinct = append(distinct, len(s))
	}
	return distinct, rows, nil
}
