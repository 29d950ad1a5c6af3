package table_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/table"
)

func TestTables(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		read  func() ([]byte, error)
		lines int
	}{{"penguins", table.Penguins, 345}, {"weather", table.Weather, 2923}} {
		text, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n != c.lines {
			t.Errorf("%s has %d lines, want %d", c.name, n, c.lines)
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256(text)); !strings.Contains(string(readme), "| "+c.name+".csv | "+sum+" |") {
			t.Errorf("README has not the hash of %s, %s", c.name, sum)
		}
	}
}

func ExamplePenguins() {
	text, err := table.Penguins()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Join(strings.SplitN(string(text), "\n", 3)[:2], "\n"))
	// Output:
	// species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex
	// Adelie,Torgersen,39.1,18.7,181,3750,male
}

func ExampleWeather() {
	text, err := table.Weather()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Join(strings.SplitN(string(text), "\n", 3)[:2], "\n"))
	// Output:
	// location,date,precipitation,temp_max,temp_min,wind,weather
	// New York,2012-01-01,1.8,10.0,3.3,5.1,rain
}
