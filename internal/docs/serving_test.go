package docs

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/internal/cli"
	"github.com/gradus-ml/gradus/serve"
)

// The commands of docs/serving.md are those that gradus has, with their flags:
// most would not end. Its settings are valid.
func TestServingCommands(t *testing.T) {
	commands, settings := 0, 0
	for _, b := range read(t, "docs/serving.md").blocks {
		text := strings.Join(b.lines, "\n")
		if b.language == "yaml" && strings.Contains("\n"+text, "\nmodels:") {
			settings++
			if _, err := serve.Read([]byte(text), "serve.yaml"); err != nil {
				t.Errorf("docs/serving.md:%d: %v", b.line, err)
			}
		}
		if b.language != "sh" {
			continue
		}
		for i, line := range b.lines {
			words := strings.Fields(strings.Split(line, "#")[0])
			if len(words) < 2 || words[0] != "gradus" {
				continue
			}
			commands++
			var out, errs bytes.Buffer
			if code := cli.Run(t.Context(), append(words[1:], "--help"), &out, &errs); code != 0 || !strings.Contains(out.String(), "gradus "+words[1]) {
				t.Errorf("docs/serving.md:%d: %s: %s", b.line+1+i, line, &errs)
			}
		}
	}
	if commands < 10 || settings < 1 {
		t.Errorf("only %d commands and %d settings were found", commands, settings)
	}
}
