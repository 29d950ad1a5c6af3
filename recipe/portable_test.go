package recipe

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/source"
)

func TestPortable(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"mnist":                          "mnist",
		"data/x.csv":                     "data/x.csv",
		"../x.csv":                       "../x.csv",
		"/":                              "/",
		"/x":                             "x",
		"/home/ann/houses.csv":           "houses.csv",
		"/home/ann/photos/":              "photos",
		"/home/ann/data/*/*.txt":         "data/*/*.txt",
		"/*/x.txt":                       "*/x.txt",
		"~/houses.csv":                   "houses.csv",
		`C:\Users\ann\houses.csv`:        "houses.csv",
		"d:/data/houses.csv":             "houses.csv",
		`\\server\share\houses.csv`:      "houses.csv",
		"file:///home/ann/houses.csv":    "houses.csv",
		"s3://bucket/a/b.csv":            "s3://bucket/a/b.csv",
		"https://me:secret@host/a.csv":   "https://host/a.csv",
		"https://host/a.csv?signature=x": "https://host/a.csv",
	} {
		if got := portableText(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}

	r := Default()
	csv := source.DefaultCSV()
	csv.Path = []string{"/home/ann/a.csv", "/home/ann/b.csv"}
	r.Data.Train = csv
	series := source.DefaultSeries()
	series.Source = csv
	r.Data.Test = &Part{Source: series}
	r.Machine.ISA = "of another machine"
	text, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Portable(text, "recipe.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(string(text), "/home/ann/", ""); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
