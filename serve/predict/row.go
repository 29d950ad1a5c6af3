package predict

import "github.com/gradus-ml/gradus/serve/engine"

// Row decodes a body that holds one row, of the types that the requests of
// Service have, for a version that takes sig: the values by column, nil where
// there is none. They may share the body's memory. The error is an
// *engine.Error.
func Row(sig *engine.Signature, contentType string, body []byte) (map[string]any, error) {
	d := decoder{body: body, contentType: contentType, limit: DefaultRows}
	d.reset(sig)
	defer d.close()
	if err := d.decode(); err != nil {
		return nil, err
	}
	if d.n != 1 {
		return nil, engine.Errorf(engine.Invalid, "an explanation is of one row, the request has %d", d.n)
	}
	row := map[string]any{}
	for i, c := range sig.Columns {
		row[c.Name] = nil
		if list := d.values[i]; list != nil {
			row[c.Name] = list[0]
		}
	}
	return row, nil
}
