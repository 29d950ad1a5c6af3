package cli

import (
	"cmp"
	"net/http"
	"os"
	"path/filepath"

	"github.com/gradus-ml/gradus/data/file"
)

// newFiles opens what recipes name. What comes over the network is kept in the
// user's cache folder; proxies and the credentials of S3 stores are those that
// the environment has under the names that other programs use.
func newFiles() (*file.System, error) {
	options := []file.Option{file.WithTransport(http.DefaultTransport)}
	if dir, err := os.UserCacheDir(); err == nil {
		options = append(options, file.WithCache(filepath.Join(dir, "gradus")))
	}
	endpoint := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if region != "" || endpoint != "" {
		options = append(options, file.WithS3(file.S3{
			Endpoint: endpoint, Region: cmp.Or(region, "us-east-1"),
			AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), Token: os.Getenv("AWS_SESSION_TOKEN"),
		}))
	}
	return file.New(options...)
}
