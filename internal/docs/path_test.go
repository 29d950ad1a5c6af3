package docs

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/train"
)

var (
	looksLikePath = regexp.MustCompile(`^[\w.\-]+(/[\w.\-]+)*/?$`)
	extension     = regexp.MustCompile(`\.(go|s|md|py|sh|json|jsonl|yaml|png|txt|mod|safetensors)$`)
)

// written are the files that the program writes: they are in no clone.
var written = []string{
	runlog.MetricsFile, runlog.EnvFile, runlog.CurvesFile,
	runlog.ReportFile, train.CheckpointsDir + "/", train.PreprocessFile, path.Base(train.PreprocessFile),
	train.RecipeFile, train.ConfigFile, train.WeightsFile, path.Base(train.WeightsFile), train.PreprocessFile,
	"problems.txt", "duplicates.txt", "report.json", "samples.png", "augmented.png", "histograms.png", // by data check
}

// mediaType is that of a body, which looks like a path.
var mediaType = regexp.MustCompile(`^(application|audio|image|multipart|text)/[a-z0-9+*-]+$`)

// isPath tells whether a span is meant as a path of this repository.
func isPath(text string) bool {
	if !looksLikePath.MatchString(text) || mediaType.MatchString(text) || strings.HasPrefix(text, "runs/") || slices.Contains(written, text) {
		return false
	}
	return strings.Contains(text, "/") || extension.MatchString(text)
}

// exists tells whether a path, or the end of one, is in the repository. NAME
// stands for any name.
func exists(all []string, text string) bool {
	want := strings.TrimSuffix(strings.TrimSuffix(text, "/..."), "/")
	pattern := regexp.MustCompile(`(^|/)` + strings.ReplaceAll(regexp.QuoteMeta(want), "NAME", `\w+`) + `$`)
	return slices.ContainsFunc(all, pattern.MatchString)
}

func TestPathsExist(t *testing.T) {
	all := files(t)
	seen := 0
	for _, d := range documents(t) {
		for _, s := range d.spans {
			if !isPath(s.text) {
				continue
			}
			seen++
			if !exists(all, s.text) {
				t.Errorf("%s:%d: there is no %s", d.name, s.line, s.text)
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d paths were found in the documents", seen)
	}
}

func TestExists(t *testing.T) {
	all := []string{"backend/cpu/fuse.go", "model", "docs/a.md"}
	for text, want := range map[string]bool{
		"fuse.go": true, "cpu/fuse.go": true, "use.go": false, "backend/cpu/NAME.go": true, "ops/NAME.go": false,
		"model/...": true, "docs/": false, "a.md": true,
	} {
		if got := exists(all, text); got != want {
			t.Errorf("exists(%q) = %v", text, got)
		}
	}
}
