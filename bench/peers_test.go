package bench

import (
	"os"
	"strings"
	"testing"
)

// The programs that we compare with know every workload.
func TestPeersKnowAll(t *testing.T) {
	nets, err := os.ReadFile("peers/nets.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range All() {
		if !w.isProduct() && !strings.Contains(string(nets), `"`+w.Name+`": lambda: Net(`) {
			t.Errorf("peers/nets.py has no %s", w.Name)
		}
	}
}
