package recipe

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/config"
)

// starters holds a file KIND.yaml for each kind of data that a new recipe may
// be for.
//
//go:embed starters/*.yaml
var starters embed.FS

// Starters lists the kinds of data that there are first recipes for.
func Starters() []Builtin { return embedded(starters, "starters") }

// startersData is what the files have in place of the user's data.
const startersData = "YOUR-DATA"

// New returns the text of a first recipe for a kind of data, with comments that
// say what can be changed. data names the file or folder.
func New(kind, data string) ([]byte, error) {
	var known []string
	for _, s := range Starters() {
		if s.Name == kind {
			_, text, _ := bytes.Cut(s.Text, []byte("\n"))
			return bytes.ReplaceAll(text, []byte(startersData), config.Text(data)), nil
		}
		known = append(known, s.Name)
	}
	if n, ok := config.Nearest(kind, known); ok {
		return nil, fmt.Errorf("unknown kind of data %s; did you mean %s?", kind, n)
	}
	slices.Sort(known)
	return nil, fmt.Errorf("unknown kind of data %s; there are %s", kind, strings.Join(known, ", "))
}
