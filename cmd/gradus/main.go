// Command gradus trains neural networks.
package main

import (
	"os"

	"github.com/gradus-ml/gradus/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
