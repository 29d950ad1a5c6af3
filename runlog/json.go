package runlog

import "bytes"

// MarshalJSON gives the line of metrics.jsonl that the record is.
func (r Record) MarshalJSON() ([]byte, error) {
	line, err := r.appendJSON(nil)
	return bytes.TrimSuffix(line, []byte("\n")), err
}
