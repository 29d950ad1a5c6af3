package predict

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
)

// A Model is what is told of a version.
type Model struct {
	Model   string   `json:"model"`
	Version string   `json:"version"`
	Labels  []string `json:"labels"`
	Ready   bool     `json:"ready"`
	Problem string   `json:"problem,omitempty"` // why it is not ready
	Takes   []string `json:"takes"`             // types of bodies
	Columns []Column `json:"columns"`
	Targets []string `json:"targets"`           // what is told of a row
	Example string   `json:"example,omitempty"` // a command line that asks for a prediction
}

// A Column is one that a model reads.
type Column struct {
	Name    string          `json:"name"`
	Kind    feature.RawKind `json:"kind"`
	Missing bool            `json:"missing"`           // may be left out
	Choices []string        `json:"choices,omitempty"` // the values of the training rows
	DType   string          `json:"dtype,omitempty"`   // of an array
	Shape   []int           `json:"shape,omitempty"`   // of an array, or the channels, height and width that images are brought to
}

// list tells of all versions that the client may use.
func (s *Service) list(w http.ResponseWriter, r *http.Request) {
	answer := struct {
		Models []Model `json:"models"`
	}{[]Model{}}
	for _, i := range s.engine.Models() {
		if engine.Allowed(r.Context(), i.Name) != nil {
			continue
		}
		answer.Models = append(answer.Models, model(i))
	}
	send(w, answer)
}

// describe tells of one version, with an example.
func (s *Service) describe(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("model")
	err := engine.Allowed(r.Context(), name)
	var i *engine.Info
	if err == nil {
		i, err = s.engine.Info(name, r.PathValue("version"))
	}
	if err != nil {
		guard.Fail(w, r, err)
		return
	}
	m := model(i)
	m.Example = curl(r, i)
	send(w, m)
}

func send(w http.ResponseWriter, v any) {
	h := w.Header()
	h["Content-Type"] = contentTypes[jsonForm]
	h["X-Content-Type-Options"] = nosniff
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.Encode(v)
}

func model(i *engine.Info) Model {
	m := Model{Model: i.Name, Version: i.Version, Labels: append([]string{}, i.Labels...), Ready: i.Ready, Problem: i.Problem,
		Takes: Takes(&i.Signature), Columns: []Column{}, Targets: []string{}}
	for _, c := range i.Signature.Columns {
		column := Column{Name: c.Name, Kind: c.Kind, Missing: c.Missing, Choices: c.Choices}
		switch c.Kind {
		case feature.RawImage:
			column.Shape = c.Pixels[:]
		case feature.RawArray:
			column.DType, column.Shape = c.DType.String(), c.Shape.Dims()
		}
		m.Columns = append(m.Columns, column)
	}
	for _, o := range i.Signature.Outputs {
		if len(m.Targets) == 0 || m.Targets[len(m.Targets)-1] != o.Target {
			m.Targets = append(m.Targets, o.Target)
		}
	}
	return m
}

// hosts are those that may stand in a command line as they are.
var hosts = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]{1,255}$`)

// curl is a command line that asks for a prediction.
func curl(r *http.Request, i *engine.Info) string {
	address := "http://"
	if r.TLS != nil {
		address = "https://"
	}
	if hosts.MatchString(r.Host) {
		address += r.Host
	} else {
		address += "localhost:8080"
	}
	address = quote(address + r.URL.EscapedPath())
	sig := &i.Signature
	switch {
	case only(sig, feature.RawImage) >= 0 && len(sig.Columns) == 1:
		return "curl --data-binary @picture.png -H 'Content-Type: image/png' " + address
	case only(sig, feature.RawAudio) >= 0 && len(sig.Columns) == 1:
		return "curl --data-binary @sound.wav -H 'Content-Type: audio/wav' " + address
	case plain(sig) >= 0 && len(sig.Columns) == 1 && sig.Columns[0].Kind == feature.RawText:
		return "curl --data-binary @text.txt -H 'Content-Type: text/plain' " + address
	}
	var fields []string
	row := map[string]any{}
	for _, c := range sig.Columns {
		switch c.Kind {
		case feature.RawArray:
			if c.Shape.Size() > 1000 {
				return "" // nobody types that
			}
		case feature.RawImage:
			fields = append(fields, "-F "+quote(c.Name+"=@picture.png"))
			continue
		case feature.RawAudio:
			fields = append(fields, "-F "+quote(c.Name+"=@sound.wav"))
			continue
		}
		row[c.Name] = sample(c)
		text, ok := row[c.Name].(string)
		if !ok {
			b, _ := json.Marshal(row[c.Name])
			text = string(b)
		}
		fields = append(fields, "--form-string "+quote(c.Name+"="+text))
	}
	if len(row) < len(sig.Columns) {
		return "curl " + strings.Join(fields, " ") + " " + address
	}
	b, _ := json.Marshal(row)
	return "curl -H 'Content-Type: application/json' -d " + quote(string(b)) + " " + address
}

// sample is a value that a column can have.
func sample(c feature.Raw) any {
	switch c.Kind {
	case feature.RawNumber:
		return 0
	case feature.RawCategory:
		if len(c.Choices) > 0 {
			return c.Choices[0]
		}
	case feature.RawTime:
		return "2026-01-31"
	case feature.RawArray:
		return zeros(c.Shape.Dims())
	}
	return "text"
}

// zeros is an array of an extent for each axis.
func zeros(dims []int) any {
	if len(dims) == 0 {
		return 0
	}
	list := make([]any, dims[0])
	for i := range list {
		list[i] = zeros(dims[1:])
	}
	return list
}

// quote makes one word of a text for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
