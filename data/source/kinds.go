package source

import "github.com/gradus-ml/gradus/config"

// Kinds lists the configs that this package has for a field of type Config.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "csv", Default: DefaultCSV()},
		{Name: "jsonl", Default: JSONLines{}},
		{Name: "parquet", Default: DefaultParquet()},
		{Name: "text", Default: DefaultPlainText()},
		{Name: "images", Default: DefaultImages()},
		{Name: "webdataset", Default: WebDataset{}},
		{Name: "tfrecord", Default: TFRecord{}},
		{Name: "npz", Default: NPZ{}},
		{Name: "idx", Default: IDX{}},
		{Name: "cifar", Default: DefaultCIFAR()},
		{Name: "mnist", Default: DefaultMNIST()},
		{Name: "opticks", Default: DefaultOpticks()},
		{Name: "penguins", Default: Penguins{}},
		{Name: "weather", Default: Weather{}},
		{Name: "series", Default: DefaultSeries()},
	}
}
