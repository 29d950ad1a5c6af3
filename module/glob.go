package module

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Match tells whether a pattern fits a key. A * stands for any text, dots
// included; everything else stands for itself:
//
//	layer1.*    all below layer1
//	*.bias      all biases below the model's own
//	*norm*      all that has norm in its key
func Match(pattern, key string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == key
	}
	if !strings.HasPrefix(key, head) {
		return false
	}
	key = key[len(head):]
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(key, part)
		}
		i := strings.Index(key, part)
		if i < 0 {
			return false
		}
		key, rest = key[i+len(part):], next
	}
}

// MatchAll gives for each key the number of the first pattern that fits it, -1
// for none. A pattern that fits no key at all is an error that names keys near
// it.
func MatchAll(patterns, keys []string) ([]int, error) {
	first := slices.Repeat([]int{-1}, len(keys))
	var errs []error
	for i, p := range patterns {
		found := false
		for j, key := range keys {
			if !Match(p, key) {
				continue
			}
			found = true
			if first[j] < 0 {
				first[j] = i
			}
		}
		if !found {
			errs = append(errs, &NoMatchError{p, near(p, keys)})
		}
	}
	return first, errors.Join(errs...)
}

// A NoMatchError is a pattern that fits no key.
type NoMatchError struct {
	Pattern string
	Near    []string // patterns or keys that may have been meant, at most 3
}

// Error names what may have been meant.
func (e *NoMatchError) Error() string {
	if len(e.Near) == 0 {
		return fmt.Sprintf("%q fits no key, and there is none", e.Pattern)
	}
	return fmt.Sprintf("%q fits no key; near it are %s", e.Pattern, strings.Join(e.Near, ", "))
}

// near lists what may have been meant by a pattern: all below it, or the keys
// that need the fewest changes to fit it.
func near(pattern string, keys []string) []string {
	below := strings.TrimSuffix(pattern, ".") + ".*"
	if slices.ContainsFunc(keys, func(key string) bool { return Match(below, key) }) {
		return []string{below}
	}
	type candidate struct {
		key      string
		distance int
	}
	var all []candidate
	for _, key := range keys {
		all = append(all, candidate{key, distance(pattern, key)})
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, c := range all[:min(3, len(all))] {
		names = append(names, c.key)
	}
	return names
}

// distance is the number of characters to insert, delete or replace until the
// pattern fits the key.
func distance(pattern, key string) int {
	row := make([]int, len(key)+1) // for the part of the pattern so far, and each start of the key
	for j := range row {
		row[j] = j
	}
	for i := range len(pattern) {
		before := row[0] // of the part without this character, one character of the key less
		if pattern[i] != '*' {
			row[0]++
		}
		for j := range len(key) {
			old := row[j+1]
			switch {
			case pattern[i] == '*':
				row[j+1] = min(old, row[j])
			case pattern[i] == key[j]:
				row[j+1] = before
			default:
				row[j+1] = 1 + min(before, old, row[j])
			}
			before = old
		}
	}
	return row[len(key)]
}
