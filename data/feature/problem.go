package feature

import (
	"fmt"
	"strings"
)

// Rows may be wrong in a million places; a message shows the first of them.
const (
	shownProblems = 5
	keptProblems  = 100
)

// A Problem is a mistake in the data and the first row that has it.
type Problem struct {
	Where string // "houses.csv:17"; empty for what is wrong as a whole
	Err   error
	Rows  int // that have it
}

// Error is one line: "houses.csv:17: column price: "abc" is not a number (and in 3 more rows)".
func (p Problem) Error() string {
	text := p.Err.Error()
	if p.Where != "" {
		text = p.Where + ": " + text
	}
	switch {
	case p.Rows == 2:
		text += " (and in 1 more row)"
	case p.Rows > 2:
		text += fmt.Sprintf(" (and in %d more rows)", p.Rows-1)
	}
	return text
}

// Problems is what is wrong with a table: different mistakes in the order in
// which they were found. After 100 of them no more are looked for.
type Problems []Problem

// Error shows the first five, a line each, and counts the others.
func (p Problems) Error() string {
	var b strings.Builder
	for i, problem := range p {
		if i == shownProblems {
			more := fmt.Sprint(len(p) - i)
			if len(p) == keptProblems {
				more = "at least " + more
			}
			fmt.Fprintf(&b, "\nand %s other problems", more)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(problem.Error())
	}
	return b.String()
}

// Unwrap serves errors.Is and errors.As.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i := range p {
		errs[i] = p[i].Err
	}
	return errs
}

// A finder collects problems.
type finder struct {
	problems Problems
	seen     map[string]int // message to index in problems
}

// add notes a mistake.
func (f *finder) add(where string, err error) {
	text := err.Error()
	if i, ok := f.seen[text]; ok {
		f.problems[i].Rows++
		return
	}
	if f.seen == nil {
		f.seen = map[string]int{}
	}
	f.seen[text] = len(f.problems)
	f.problems = append(f.problems, Problem{where, err, 1})
}

// full tells that there is no use in going on.
func (f *finder) full() bool { return len(f.problems) >= keptProblems }

// err is nil when there are none.
func (f *finder) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	return f.problems
}
