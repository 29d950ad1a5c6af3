package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// maxAlternatives bounds the patterns that braces stand for.
const maxAlternatives = 100_000

// expandBraces writes out {a,b} and {000..127}; numbers keep the width of the
// first. Braces inside [] are characters.
func expandBraces(pattern string) ([]string, error) {
	open, end := firstBraces(pattern)
	if open < 0 {
		return []string{pattern}, nil
	}
	if end < 0 {
		return nil, errors.New("a brace { is not closed")
	}
	choices, err := alternatives(pattern[open+1 : end])
	if err != nil {
		return nil, err
	}
	rest, err := expandBraces(pattern[end+1:])
	if err != nil {
		return nil, err
	}
	if len(choices)*len(rest) > maxAlternatives {
		return nil, fmt.Errorf("the braces stand for %d names, at most %d are possible", len(choices)*len(rest), maxAlternatives)
	}
	var all []string
	for _, c := range choices {
		for _, r := range rest {
			all = append(all, pattern[:open]+c+r)
		}
	}
	return all, nil
}

// firstBraces finds the first pair; end is -1 when it is not closed.
func firstBraces(pattern string) (open, end int) {
	open = -1
	class := false
	for i := range len(pattern) {
		switch c := pattern[i]; {
		case class:
			class = c != ']'
		case c == '[':
			class = strings.IndexByte(pattern[i:], ']') > 0
		case c == '{' && open < 0:
			open = i
		case c == '}' && open >= 0:
			return open, i
		}
	}
	return open, -1
}

func alternatives(s string) ([]string, error) {
	from, to, ok := strings.Cut(s, "..")
	if !ok {
		return strings.Split(s, ","), nil
	}
	a, err1 := strconv.ParseUint(from, 10, 32)
	b, err2 := strconv.ParseUint(to, 10, 32)
	if err1 != nil || err2 != nil || a > b || b-a >= maxAlternatives {
		return nil, fmt.Errorf("{%s}: want two numbers in order, such as {000..127}, at most %d apart", s, maxAlternatives)
	}
	var all []string
	for i := a; i <= b; i++ {
		all = append(all, fmt.Sprintf("%0*d", len(from), i))
	}
	return all, nil
}

// sorted orders names and drops those that are there twice.
func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// hasMeta reports whether a part of a pattern is more than a name.
func hasMeta(s string) bool { return strings.ContainsAny(s, `*?[`) }

// hidden reports whether a name is passed over by a pattern's part.
func hidden(name, part string) bool {
	return strings.HasPrefix(name, ".") && !strings.HasPrefix(part, ".")
}

// A matcher is a pattern in its parts between slashes. It has no two ** in a
// row, and ends in a part that matches names of files.
type matcher []string

func newMatcher(pattern string) (matcher, error) {
	parts := strings.Split(pattern, "/")
	if parts[len(parts)-1] == "**" {
		parts = append(parts, "*")
	}
	m := matcher{}
	for _, p := range parts {
		if p == "**" && len(m) > 0 && m[len(m)-1] == "**" {
			continue
		}
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("file: pattern %q: %q is not well formed: a bracket [ is a character only as [[]", pattern, p)
		}
		m = append(m, p)
	}
	return m, nil
}

// match reports whether the parts of a name fit.
func (m matcher) match(name []string) bool {
	if len(m) == 0 || len(name) == 0 {
		return len(m) == len(name)
	}
	if m[0] == "**" {
		return m[1:].match(name) || !strings.HasPrefix(name[0], ".") && m.match(name[1:])
	}
	ok, _ := path.Match(m[0], name[0])
	return ok && !hidden(name[0], m[0]) && m[1:].match(name[1:])
}

// findLocal lists the files that a path or glob names.
func findLocal(pattern string) ([]string, error) {
	if pattern == "" {
		return nil, errors.New("file: a path is empty")
	}
	st, err := os.Stat(pattern)
	switch {
	case err == nil && !st.IsDir():
		return []string{pattern}, nil
	case err == nil:
		return nil, fmt.Errorf("file: %s is a folder: name the files in it, such as %s", pattern, path.Join(filepath.ToSlash(pattern), "*"))
	case !hasMeta(pattern):
		return nil, fmt.Errorf("file: %w%s", err, around(pattern))
	}
	slashed := filepath.ToSlash(pattern)
	m, err := newMatcher(slashed)
	if err != nil {
		return nil, err
	}
	// What begins the pattern without a meta character is where to look.
	fixed := 0
	for fixed < len(m)-1 && !hasMeta(m[fixed]) {
		fixed++
	}
	root := strings.Join(m[:fixed], "/")
	if fixed > 0 {
		root += "/"
	}
	w := walker{}
	if err := w.walk(root, m[fixed:]); err != nil {
		return nil, fmt.Errorf("file: pattern %q: %w", pattern, err)
	}
	if len(w.found) == 0 {
		return nil, fmt.Errorf("file: no file is named by %s%s", pattern, around(pattern))
	}
	return sorted(w.found), nil
}

type walker struct{ found []string }

// walk adds the files below a folder, "" or ending in a slash, that m names.
func (w *walker) walk(dir string, m matcher) error {
	if m[0] == "**" {
		if err := w.walk(dir, m[1:]); err != nil {
			return err
		}
	}
	if !hasMeta(m[0]) && len(m) > 1 {
		return w.walk(dir+m[0]+"/", m[1:])
	}
	entries, err := os.ReadDir(folder(dir))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if m[0] == "**" {
			if e.IsDir() && !hidden(name, "") {
				if err := w.walk(dir+name+"/", m); err != nil {
					return err
				}
			}
			continue
		}
		if ok, _ := path.Match(m[0], name); !ok || hidden(name, m[0]) {
			continue
		}
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			st, err := os.Stat(dir + name)
			if err != nil {
				continue // a link to nothing
			}
			isDir = st.IsDir()
		}
		switch {
		case len(m) == 1 && !isDir:
			w.found = append(w.found, filepath.FromSlash(dir+name))
		case len(m) > 1 && isDir:
			if err := w.walk(dir+name+"/", m[1:]); err != nil {
				return err
			}
		}
	}
	return nil
}

func folder(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

// around tells what lies where a pattern finds nothing.
func around(pattern string) string {
	dir := filepath.ToSlash(pattern)
	for {
		dir = path.Dir(dir)
		if entries, err := os.ReadDir(dir); err == nil {
			if dir == "." {
				if wd, err := os.Getwd(); err == nil {
					dir = wd
				}
			}
			names := ""
			for i, e := range entries {
				if i == 3 {
					names += ", ..."
					break
				}
				if i > 0 {
					names += ", "
				}
				names += e.Name()
			}
			if names == "" {
				names = "nothing"
			}
			return fmt.Sprintf(" (folder %s has %s)", dir, names)
		}
		if dir == "." || dir == "/" || strings.HasSuffix(dir, ":/") {
			return ""
		}
	}
}
