package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Code says what kind of failure an answer tells of.
type Code uint8

// The codes.
const (
	Internal     Code = iota // ours, or the model's; the client learns no more than that
	Invalid                  // the request is at fault
	NotFound                 // no such model, version or label
	TooLarge                 // more than the limits allow
	Exhausted                // the queue is full, or the client's rate is used up: later
	Unavailable              // the model is not ready, or the server is going down
	Deadline                 // the time that the request had is over
	Canceled                 // the client has left
	Denied                   // without a key, or with a wrong one
	Forbidden                // a foreign Host or Origin, or a key that may not do this
	Unsupported              // a body of a type that is not read here
	Unacceptable             // no type of answer that the client takes
	NoMethod                 // the path is there, and not for this method
	Slow                     // the request comes too slowly
)

var codes = [...]struct {
	name string
	http int
	grpc uint32
}{
	Internal:     {"internal", 500, 13},
	Invalid:      {"invalid", 400, 3},
	NotFound:     {"not_found", 404, 5},
	TooLarge:     {"too_large", 413, 8},
	Exhausted:    {"exhausted", 429, 8},
	Unavailable:  {"unavailable", 503, 14},
	Deadline:     {"deadline", 504, 4},
	Canceled:     {"canceled", 499, 1},
	Denied:       {"denied", 401, 16},
	Forbidden:    {"forbidden", 403, 7},
	Unsupported:  {"unsupported", 415, 3},
	Unacceptable: {"unacceptable", 406, 3},
	NoMethod:     {"no_method", 405, 12},
	Slow:         {"slow", 408, 4},
}

// String is the lower-case name.
func (c Code) String() string { return codes[c].name }

// HTTP is the status of an answer.
func (c Code) HTTP() int { return codes[c].http }

// GRPC is the code of an answer, by gRPC's numbers.
func (c Code) GRPC() uint32 { return codes[c].grpc }

// An Error is a failure as a client may see it. Its text holds no path, address
// or stack; the cause is for logs.
type Error struct {
	Code    Code
	Message string
	Retry   time.Duration // when to come again; 0 says nothing
	Cause   error         // for logs alone
}

// Error is the text for the client.
func (e *Error) Error() string { return e.Message }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// An ExampleError is the cause of an Error that one example of a request is at
// fault for: a protocol may have another name for it. Its text is for clients.
type ExampleError struct {
	Example int // from 0
	Err     error
}

// Error is the text of Err.
func (e *ExampleError) Error() string { return e.Err.Error() }

// Unwrap is Err.
func (e *ExampleError) Unwrap() error { return e.Err }

// Errorf makes an Error whose text the client sees.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// AsError makes of any error what a client may see: an Error as it is, the end
// of a context by its kind, everything else as an internal one that tells
// nothing.
func AsError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: Deadline, Message: "the time that the request had is over", Cause: err}
	case errors.Is(err, context.Canceled):
		return &Error{Code: Canceled, Message: "the client has left", Cause: err}
	}
	return &Error{Code: Internal, Message: "internal error", Cause: err}
}
