package predict

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/serve/engine"
)

// csv takes a table with a header, as `gradus predict` does a file: columns that
// the model does not read are passed over, and every one that it reads has to be
// in the header.
func (d *decoder) csv(delimiter string) error {
	cfg := source.DefaultCSV()
	cfg.Delimiter = delimiter
	table, err := d.table(cfg)
	if err != nil {
		return err
	}
	names := make([]string, len(d.sig.Columns))
	for i, c := range d.sig.Columns {
		if c.Kind == feature.RawImage || c.Kind == feature.RawAudio || c.Kind == feature.RawArray {
			return d.unsupported(fmt.Sprintf("column %s is of kind %s, which stands in no table", c.Name, c.Kind))
		}
		names[i] = c.Name
	}
	at, err := source.Index(table.Columns(), names...)
	var missing *source.MissingColumnError
	if errors.As(err, &missing) {
		return engine.Errorf(engine.Invalid, "the header has no column %s; %s", missing.Name, d.reads())
	}
	// What looks like a number in a column of texts is one.
	for i, c := range d.sig.Columns {
		if c.Kind == feature.RawText && table.Columns()[at[i]].Kind != source.Text {
			if cfg.Kinds == nil {
				cfg.Kinds = map[string]source.Kind{}
			}
			cfg.Kinds[c.Name] = source.Text
		}
	}
	if cfg.Kinds != nil {
		if table, err = d.table(cfg); err != nil {
			return err
		}
	}
	d.place = func(row int) string { return strings.Replace(table.Where(row), body+":", "line ", 1) }
	for i := range d.values {
		d.values[i] = make([]any, table.Len())
	}
	row := make([]any, len(at))
	for d.n = range table.Len() {
		if err := table.Read(row, d.n, at); err != nil {
			return engine.Errorf(engine.Invalid, "%v", err)
		}
		for i, v := range row {
			c := &d.sig.Columns[i]
			if v == nil && !c.Missing && c.Kind != feature.RawText {
				return d.fail(d.n, "column %s has no value", c.Name)
			}
			d.values[i][d.n] = v
		}
	}
	d.n = table.Len()
	return nil
}

// body is what messages call the text that a table is read from.
const body = "body"

func (d *decoder) table(cfg source.CSV) (source.Table, error) {
	table, err := cfg.OpenText(context.Background(), body, d.body, d.limit)
	var many *source.RowsError
	if errors.As(err, &many) {
		return nil, d.tooMany()
	}
	if err != nil {
		return nil, engine.Errorf(engine.Invalid, "%s", strings.NewReplacer(body+": ", "", body+":", "line ").Replace(err.Error()))
	}
	return table, nil
}
