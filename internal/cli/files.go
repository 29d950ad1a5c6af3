package cli

import (
	"net/http"
	"os"
	"path/filepath"

	"github.com/gradus-ml/gradus/data/file"
)

// newFiles opens what recipes name. What comes over the network is kept in the
// user's cache folder; proxies and the credentials of S3 stores are those of the
// environment and of the files that other programs share.
func newFiles() (*file.System, error) {
	options := []file.Option{
		file.WithTransport(http.DefaultTransport),
		file.WithS3From(func() (*file.S3, error) { return file.S3From(os.Getenv) }),
	}
	if dir, err := os.UserCacheDir(); err == nil {
		options = append(options, file.WithCache(filepath.Join(dir, "gradus")))
	}
	return file.New(options...)
}
