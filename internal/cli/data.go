package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/recipe/check"
)

func newData() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Look through data",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDataCheck())
	return cmd
}

// checkFlags are the flags of data check.
type checkFlags struct {
	out    string
	target string
	json   bool
}

// The files that a check writes, beside its pictures.
const (
	problemsFile   = "problems.txt"
	duplicatesFile = "duplicates.txt"
	reportFile     = "report.json"
)

func newDataCheck() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check RECIPE [KEY=VALUE ...]",
		Short: "Look through the data of a recipe before training",
		Long: "Read every row of a recipe's data as training would, and tell what is in them: rows,\n" +
			"columns, classes, sizes of images, lengths of texts, equal rows, and every row that\n" +
			"can't be used, with its place. Pictures show what the model sees.\n\n" +
			"In place of a recipe may stand the data alone: a folder of images in a folder for each\n" +
			"class, a plain text, or a table with --target COLUMN.\n\n" +
			"  gradus data check my.yaml\n" +
			"  gradus data check photos\n" +
			"  gradus data check houses.csv --target price\n\n" +
			"The exit code is 1 if there are rows that can't be used.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("data check wants a recipe, or data: a folder or a file")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1:]) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.out, "out", "", "`folder` for pictures and lists (default check/NAME)")
	flags.StringVar(&f.target, "target", "", "`column` that is to be found, where a table stands in place of a recipe")
	flags.BoolVar(&f.json, "json", false, "print a JSON object")
	return cmd
}

func (f *checkFlags) run(cmd *cobra.Command, name string, settings []string) error {
	files, err := newFiles()
	if err != nil {
		return err
	}
	defer files.Close()
	r, err := f.recipe(cmd, files, name, settings)
	if err != nil {
		return err
	}
	dir := f.out
	if dir == "" {
		dir = filepath.Join("check", r.Name)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return usage(err)
	}
	problems, err := os.Create(filepath.Join(dir, problemsFile))
	if err != nil {
		return usage(err)
	}
	list, lines := bufio.NewWriter(problems), 0
	look, err := check.Data(cmd.Context(), r, files, func(p check.Problem) error {
		lines++
		_, err := fmt.Fprintln(list, strings.ReplaceAll(p.String(), "\n", "; "))
		return err
	})
	if err != nil && cmd.Context().Err() == nil {
		if kindOfData(name) == "" {
			err = recipe.Locate(err, name, settings...)
		}
		err = usage(err)
	}
	err = errors.Join(err, list.Flush(), problems.Close())
	if lines == 0 {
		err = errors.Join(err, os.Remove(problems.Name()))
	}
	if err != nil {
		return err
	}
	defer look.Close()
	written, err := writeLook(dir, look)
	if err != nil {
		return err
	}
	if f.json {
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetEscapeHTML(false)
		err = e.Encode(look.Report)
	} else {
		err = printReport(cmd.OutOrStdout(), look.Report, dir, written)
	}
	if n := look.Report.Problems; n > 0 && err == nil {
		err = fmt.Errorf("%s can't be used: %s", plural(n, "row"), filepath.Join(dir, problemsFile))
	}
	return err
}

// recipe reads a recipe, or makes a first one for data.
func (f *checkFlags) recipe(cmd *cobra.Command, files source.Files, name string, settings []string) (r recipe.Recipe, err error) {
	kind := kindOfData(name)
	if kind == "" {
		if f.target != "" {
			return r, usagef("--target is for a table in place of a recipe; the recipe names its targets")
		}
		return loadRecipe(name, settings)
	}
	s := recipe.Starter{Data: name}
	if kind == "table" {
		if f.target == "" {
			return r, usagef("%s is a table: which column is to be found? say --target COLUMN", name)
		}
		if s.Columns, err = recipe.ReadColumns(cmd.Context(), files, name, f.target); err != nil {
			return r, usage(err)
		}
	}
	text, err := recipe.New(kind, s)
	if err != nil {
		return r, usage(err)
	}
	shown := path.Base(filepath.ToSlash(filepath.Clean(name)))
	if r, err = recipe.Parse(text, shown, settings...); err != nil {
		return r, usage(err)
	}
	r.Name = strings.TrimLeft(strings.TrimSuffix(shown, path.Ext(shown)), ".")
	if r.Name == "" {
		r.Name = "data"
	}
	return r, nil
}

// kindOfData tells which starter is for a path that is no recipe; "" for a
// recipe.
func kindOfData(name string) string {
	if st, err := os.Stat(name); err != nil {
		return ""
	} else if st.IsDir() {
		return "images"
	}
	base := strings.ToLower(name)
	for _, packed := range []string{".gz", ".zst", ".bz2"} {
		base = strings.TrimSuffix(base, packed)
	}
	switch path.Ext(base) {
	case ".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet":
		return "table"
	case ".txt":
		return "language"
	}
	return ""
}

// writeLook writes report, duplicates and pictures, and says what they are.
func writeLook(dir string, look *check.Look) (written []string, err error) {
	write := func(name, about string, to func(io.Writer) error) {
		if err != nil {
			return
		}
		var file *os.File
		if file, err = os.Create(filepath.Join(dir, name)); err != nil {
			return
		}
		err = errors.Join(to(file), file.Close())
		written = append(written, filepath.Join(dir, name)+"\t"+about)
	}
	for _, old := range []string{duplicatesFile, "samples*.png", "augmented*.png", "histograms.png"} { // of a look before
		stale, err := filepath.Glob(filepath.Join(dir, old))
		if err != nil {
			return nil, err
		}
		for _, s := range stale {
			if err := os.Remove(s); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range look.Pictures() {
		write(p.File, p.About, p.Write)
	}
	if groups := look.Report.Duplicates.Groups; len(groups) > 0 {
		write(duplicatesFile, "rows with equal inputs", func(w io.Writer) error {
			for _, g := range groups {
				if _, err := fmt.Fprintln(w, groupLine(g)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if look.Report.Problems > 0 {
		written = append(written, filepath.Join(dir, problemsFile)+"\trows that can't be used")
	}
	write(reportFile, "all of this, for programs", func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(look.Report)
	})
	return written, err
}

// groupLine names the rows of a group.
func groupLine(g check.Group) string {
	var places []string
	for _, p := range g.Places {
		places = append(places, p.Split+" "+p.Where)
	}
	line := strings.Join(places, " = ")
	if more := g.Rows - len(g.Places); more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	if g.Differs {
		line += " (targets differ)"
	}
	return line
}

// A reportPrinter prints a report; the first error of the output stays.
type reportPrinter struct {
	out io.Writer
	err error
	*check.Report
}

func (p *reportPrinter) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

// table prints rows whose cells are parted by tabs.
func (p *reportPrinter) table(rows func(w io.Writer)) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	rows(w)
	w.Flush() // a Builder has no errors
	for line := range strings.Lines(text.String()) {
		p.printf("%s\n", strings.TrimRight(line, " \n"))
	}
}

func printReport(out io.Writer, r *check.Report, dir string, written []string) error {
	p := &reportPrinter{out: out, Report: r}
	p.splits()
	p.columns()
	p.classes()
	p.images()
	p.texts()
	if len(r.Notes) > 0 {
		p.printf("\n")
	}
	for _, n := range r.Notes {
		p.printf("note: %s\n", n)
	}
	p.duplicates(dir)
	p.problems(dir)
	p.printf("\n")
	p.table(func(w io.Writer) {
		for _, line := range written {
			fmt.Fprintln(w, line)
		}
	})
	return p.err
}

func (p *reportPrinter) splits() {
	p.table(func(w io.Writer) {
		fmt.Fprintf(w, "%s\trows\twrong\trepeated\n", p.Name)
		for _, s := range p.Splits {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, count(int64(s.Rows)), count(int64(s.Wrong)), count(int64(s.Repeated)))
		}
	})
}

// columns prints those of the training rows.
func (p *reportPrinter) columns() {
	p.printf("\n")
	p.table(func(w io.Writer) {
		fmt.Fprintf(w, "column\tkind\tused by\tmissing\tdistinct\tmin\tmean\tmax\n")
		for _, c := range p.Splits[0].Columns {
			distinct, numbers := "", "\t\t"
			if c.Distinct > 0 {
				distinct = count(int64(c.Distinct))
			}
			if c.More {
				distinct = "over " + distinct
			}
			kind := c.Kind
			if n := c.Numbers; n != nil {
				numbers = fmt.Sprintf("%.6g\t%.6g\t%.6g", n.Min, n.Mean, n.Max)
				if kind == "text" {
					kind += fmt.Sprintf(", %s numbers", count(int64(n.Count)))
				}
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, kind, strings.Join(c.Used, ", "), count(int64(c.Missing)), distinct, numbers)
		}
	})
}

// shownClasses are printed of each target.
const shownClasses = 20

// classes prints how often each comes in each split.
func (p *reportPrinter) classes() {
	for k, t := range p.Splits[0].Targets {
		p.printf("\n")
		p.table(func(w io.Writer) {
			fmt.Fprintf(w, "%s", t.Target)
			for _, s := range p.Splits {
				fmt.Fprintf(w, "\t%s", s.Name)
			}
			fmt.Fprintln(w)
			for c, name := range t.Classes[:min(len(t.Classes), shownClasses)] {
				fmt.Fprintf(w, "%s", name)
				for _, s := range p.Splits {
					fmt.Fprintf(w, "\t%s", classBar(s.Targets[k].Counts, c))
				}
				fmt.Fprintln(w)
			}
		})
		if more := len(t.Classes) - shownClasses; more > 0 {
			p.printf("and %d more classes\n", more)
		}
	}
}

// classBar shows the count of a class; the most frequent one has a whole bar.
func classBar(counts []int, class int) string {
	const cells = 16
	most, sum := 0, 0
	for _, n := range counts {
		most, sum = max(most, n), sum+n
	}
	n := counts[class]
	eighths := 0
	if n > 0 {
		eighths = max(1, (8*cells*n+most/2)/most)
	}
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return fmt.Sprintf("%s%s %s  %.1f %%", bar, strings.Repeat(" ", cells-len([]rune(bar))), count(int64(n)), 100*float64(n)/float64(max(sum, 1)))
}

func (p *reportPrinter) images() {
	for k := range p.Splits[0].Images {
		p.printf("\n")
		p.table(func(w io.Writer) {
			fmt.Fprintf(w, "%s\tfiles\tsizes\tsmallest\tmost often\tlargest\n", p.Splits[0].Images[k].Input)
			for _, s := range p.Splits {
				i := s.Images[k]
				if len(i.Sizes) == 0 {
					continue
				}
				var formats []string
				for _, f := range []string{"jpeg", "png", "webp", "gif", "array"} {
					if n := i.Formats[f]; n > 0 {
						formats = append(formats, fmt.Sprintf("%s %s", count(int64(n)), f))
					}
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s (%s)\t%s\n", s.Name, strings.Join(formats, ", "), i.Distinct,
					pixelSize(i.Smallest), pixelSize(i.Sizes[0]), count(int64(i.Sizes[0].Count)), pixelSize(i.Largest))
			}
		})
	}
}

func pixelSize(s check.Size) string { return fmt.Sprintf("%dx%d", s.Width, s.Height) }

func (p *reportPrinter) texts() {
	for k, first := range p.Splits[0].Texts {
		p.printf("\n")
		p.table(func(w io.Writer) {
			fmt.Fprintf(w, "%s\ttokens\ta row: least\thalf\t90 %%\t99 %%\tmost\tunknown", first.Input)
			if !first.Packed {
				fmt.Fprintf(w, "\tcut off at %d", first.Limit)
			}
			fmt.Fprintln(w)
			for _, s := range p.Splits {
				t := s.Texts[k]
				l := t.Lengths
				fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s", s.Name, count(int64(t.Tokens)), l.Min, l.P50, l.P90, l.P99, l.Max, share(t.Unknown, t.Tokens))
				if !first.Packed {
					fmt.Fprintf(w, "\t%s", share(t.Cut, s.Rows))
				}
				fmt.Fprintln(w)
			}
		})
	}
}

// share prints n of a whole: "3 (0.2 %)".
func share(n, whole int) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%s (%.2g %%)", count(int64(n)), 100*float64(n)/float64(max(whole, 1)))
}

// shownLines are printed of a list that a file has whole.
const shownLines = 5

func (p *reportPrinter) duplicates(dir string) {
	d := p.Report.Duplicates
	if d.Count == 0 {
		return
	}
	p.printf("\nrows with equal inputs: %s\n", plural(d.Count, "group"))
	for _, g := range d.Groups[:min(len(d.Groups), shownLines)] {
		p.printf("  %s\n", groupLine(g))
	}
	if more := d.Count - shownLines; more > 0 {
		p.printf("  and %s more: %s\n", count(int64(more)), filepath.Join(dir, duplicatesFile))
	}
}

func (p *reportPrinter) problems(dir string) {
	if p.Report.Problems == 0 {
		return
	}
	p.printf("\nrows that can't be used: %s\n", count(int64(p.Report.Problems)))
	for _, problem := range p.First[:min(len(p.First), shownLines)] {
		p.printf("  %s\n", strings.ReplaceAll(problem.String(), "\n", "; "))
	}
	if more := p.Report.Problems - shownLines; more > 0 {
		p.printf("  and %s more: %s\n", count(int64(more)), filepath.Join(dir, problemsFile))
	}
}

// plural prints a number of things: "1 row", "2,000 rows".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return count(int64(n)) + " " + thing + "s"
}
