package file

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// S3 says where the objects of s3://bucket/key are: at Amazon, or in a store
// that speaks the same protocol.
type S3 struct {
	Endpoint  string // such as "https://storage.example.org:9000"; "" is Amazon's of the region
	Region    string // such as "eu-central-1"; many stores other than Amazon's ignore it
	AccessKey string // "" asks without a name, for objects that anyone may read
	SecretKey string
	Token     string // of a session, or ""
}

// Validate tells what is missing.
func (c S3) Validate() error {
	var errs []error
	if c.Region == "" {
		errs = append(errs, errors.New("S3: a region is wanted, such as us-east-1, which stores other than Amazon's usually take"))
	}
	if (c.AccessKey == "") != (c.SecretKey == "") {
		errs = append(errs, errors.New("S3: access key and secret key belong together, one is missing"))
	}
	if u, err := url.Parse(c.Endpoint); err != nil || c.Endpoint != "" && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		errs = append(errs, fmt.Errorf("S3: endpoint %q, want an address such as https://storage.example.org", c.Endpoint))
	}
	return errors.Join(errs...)
}

// An s3Origin serves objects named s3://bucket/key.
type s3Origin struct {
	client   *s3.Client
	endpoint string
}

func newS3Origin(c S3, t http.RoundTripper) *s3Origin {
	o := s3.Options{
		Region: c.Region,
		HTTPClient: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		Retryer:                    aws.NopRetryer{}, // the caller tries again, from where it was
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		Credentials:                aws.AnonymousCredentials{},
	}
	if c.Endpoint != "" {
		// A store of one's own seldom has a host name for every bucket.
		o.BaseEndpoint, o.UsePathStyle = &c.Endpoint, true
	}
	if c.AccessKey != "" {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: c.AccessKey, SecretAccessKey: c.SecretKey, SessionToken: c.Token}, nil
		})
	}
	return &s3Origin{s3.New(o), c.Endpoint}
}

// splitS3 takes s3://bucket/key apart.
func splitS3(name string) (bucket, key string, err error) {
	bucket, key, _ = strings.Cut(name[len("s3://"):], "/")
	if bucket == "" || key == "" {
		return "", "", fmt.Errorf("want s3://BUCKET/KEY")
	}
	return bucket, key, nil
}

func (o *s3Origin) get(ctx context.Context, name string, offset int64, mark string) (*answer, error) {
	bucket, key, err := splitS3(name)
	if err != nil {
		return nil, err
	}
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if offset > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", offset))
		if mark != "" {
			in.IfMatch = &mark
		}
	}
	out, err := o.client.GetObject(ctx, in)
	if err != nil {
		return nil, o.explain(err)
	}
	a := &answer{body: out.Body, size: -1, mark: aws.ToString(out.ETag)}
	if out.ContentLength != nil {
		a.size = *out.ContentLength + offset
	}
	if offset == 0 {
		return a, nil
	}
	from, size, err := contentRange(aws.ToString(out.ContentRange))
	if err == nil && from != offset {
		err = fmt.Errorf("gives the bytes from %d on, those from %d were asked for", from, offset)
	}
	if err != nil {
		out.Body.Close()
		return nil, err
	}
	a.size = size
	return a, nil
}

// explain says what a store's error means and what to do.
func (o *s3Origin) explain(err error) error {
	var response interface {
		error
		HTTPStatusCode() int
	}
	if !errors.As(err, &response) || response.HTTPStatusCode() == 0 {
		return connectError(rootCause(err))
	}
	code := response.HTTPStatusCode()
	what := fmt.Sprintf("%d %s", code, http.StatusText(code))
	var api interface {
		ErrorCode() string
		ErrorMessage() string
	}
	name := ""
	if errors.As(err, &api) && api.ErrorCode() != "" {
		name = api.ErrorCode()
		what += fmt.Sprintf(" (%s: %s)", name, api.ErrorMessage())
	}
	switch {
	case name == "SlowDown" || code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500 && code != http.StatusNotImplemented:
		return &temporaryError{error: errors.New(what)}
	case code == http.StatusPreconditionFailed || code == http.StatusRequestedRangeNotSatisfiable:
		return ErrChanged
	case name == "NoSuchBucket":
		return fmt.Errorf("%s: check the bucket's name and the endpoint", what)
	case code == http.StatusNotFound:
		return fmt.Errorf("%s: check the key", what)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("%s: give credentials that may read it, or none for what is public", what)
	case code >= 300 && code < 400:
		return fmt.Errorf("%s: the bucket is in another region: give its own", what)
	}
	return errors.New(what)
}

// rootCause takes off what the client wraps around errors of the network.
func rootCause(err error) error {
	for {
		if _, ok := err.(*url.Error); ok {
			return err
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// findObjects lists the keys that a pattern names.
func (s *System) findObjects(ctx context.Context, pattern string) ([]string, error) {
	store, err := s.objects()
	if err != nil {
		return nil, fmt.Errorf("file: %s: %w", pattern, err)
	}
	bucket, key, err := splitS3(pattern)
	if err != nil {
		return nil, fmt.Errorf("file: %s: %w", pattern, err)
	}
	if !hasMeta(key) {
		return []string{pattern}, nil
	}
	m, err := newMatcher(key)
	if err != nil {
		return nil, err
	}
	prefix := key[:strings.IndexAny(key, `*?[`)]
	var names []string
	in := &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}
	for more := true; more; {
		out, err := store.list(ctx, in, s.patience)
		if err != nil {
			return nil, fmt.Errorf("file: %s: %w", pattern, err)
		}
		for _, o := range out.Contents {
			k := aws.ToString(o.Key)
			if !strings.HasSuffix(k, "/") && m.match(strings.Split(k, "/")) {
				names = append(names, "s3://"+bucket+"/"+k)
			}
		}
		in.ContinuationToken = out.NextContinuationToken
		more = aws.ToBool(out.IsTruncated) && in.ContinuationToken != nil
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("file: no object is named by %s", pattern)
	}
	return names, nil
}

// list asks for one page of keys, more than once if need be.
func (o *s3Origin) list(ctx context.Context, in *s3.ListObjectsV2Input, p patience) (*s3.ListObjectsV2Output, error) {
	for n := 1; ; n++ {
		out, err := o.client.ListObjectsV2(ctx, in)
		if err == nil {
			return out, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		err = o.explain(err)
		var temporary *temporaryError
		if !errors.As(err, &temporary) {
			return nil, err
		}
		if n == p.tries {
			return nil, fmt.Errorf("%w; tried %d times: try again later", temporary.error, n)
		}
		if err := p.wait(ctx, n, temporary.after); err != nil {
			return nil, err
		}
	}
}
