package feature

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// counter counts names.
type counter map[string]int

// add counts a name; the bytes are copied only when they are new.
func (c counter) add(name []byte) {
	if n, ok := c[string(name)]; ok {
		c[string(name)] = n + 1
		return
	}
	c[string(name)] = 1
}

// names lists those that occur at least atLeast times, the most frequent
// first, equal ones in the order of their bytes.
func (c counter) names(atLeast int) []string {
	var list []string
	for name, n := range c {
		if n >= atLeast {
			list = append(list, name)
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(cmp.Compare(c[b], c[a]), strings.Compare(a, b))
	})
	return list
}

// An index finds names by their place in lists that do not change. It is made
// when it is first needed, since what is fitted is plain data.
type index struct {
	once   sync.Once
	places []map[string]int
}

// of returns the places of each list.
func (x *index) of(lists ...[]string) []map[string]int {
	x.once.Do(func() {
		for _, list := range lists {
			places := make(map[string]int, len(list))
			for i, s := range list {
				places[s] = i
			}
			x.places = append(x.places, places)
		}
	})
	return x.places
}

// twice returns a name that a list has more than once.
func twice(list []string) (string, bool) {
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		if seen[s] {
			return s, true
		}
		seen[s] = true
	}
	return "", false
}
