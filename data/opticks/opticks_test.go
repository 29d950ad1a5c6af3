package opticks_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/opticks"
)

func TestText(t *testing.T) {
	text, err := opticks.Text()
	if err != nil {
		t.Fatal(err)
	}
	if len(text) != 567198 {
		t.Errorf("%d bytes", len(text))
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(text)); !strings.Contains(string(readme), sum) {
		t.Errorf("README has not the text's hash %s", sum)
	}
}

func ExampleText() {
	text, err := opticks.Text()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, rest, _ := strings.Cut(string(text), "SIR ISAAC NEWTON'S ADVERTISEMENTS")
	fmt.Println(strings.Join(strings.Fields(rest)[2:10], " "))
	// Output:
	// _Part of the ensuing Discourse about Light was
}
