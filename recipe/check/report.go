// Package check looks through the data of a recipe as training would read them:
// every row of every split is read and encoded once, and what is wrong with one
// does not hide what is wrong with the next.
package check

// A Report is what there is to know of a recipe's data before training. It is
// plain data.
type Report struct {
	Name       string     `json:"name"` // of the recipe
	Splits     []Split    `json:"splits"`
	Duplicates Duplicates `json:"duplicates"`
	Problems   int        `json:"problems"` // rows that can't be used
	First      []Problem  `json:"first"`    // of them, a few
	Notes      []string   `json:"notes"`    // what is no mistake and may be one
}

// A Problem is a row that can't be used.
type Problem struct {
	Split string `json:"split"`
	Where string `json:"where"` // "houses.csv:17", "photos/cat/3.jpg"
	Error string `json:"error"`
}

// String is a line.
func (p Problem) String() string {
	if p.Where == "" {
		return p.Split + ": " + p.Error
	}
	return p.Split + ": " + p.Where + ": " + p.Error
}

// A Split is the training, validation or test data.
type Split struct {
	Name     string    `json:"name"`
	Rows     int       `json:"rows"`
	Wrong    int       `json:"wrong"`    // rows that can't be used
	Repeated int       `json:"repeated"` // rows whose inputs are those of an earlier row of the split
	Columns  []Column  `json:"columns"`
	Targets  []Balance `json:"targets"` // those that are classes
	Images   []Images  `json:"images"`  // of inputs that are images
	Texts    []Texts   `json:"texts"`   // of inputs that are tokens
}

// A Column is what a column of a split holds.
type Column struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Used     []string `json:"used"`     // names of the features that are made of it
	Missing  int      `json:"missing"`  // rows without a value
	Distinct int      `json:"distinct"` // different values of a column of text, integers or booleans; 0 elsewhere
	More     bool     `json:"more"`     // there are more different values than were counted
	Numbers  *Numbers `json:"numbers"`  // null where there are none; texts that read as numbers are such
}

// Numbers sums up those of a column.
type Numbers struct {
	Count int     `json:"count"`
	Min   float64 `json:"min"`
	Mean  float64 `json:"mean"`
	Max   float64 `json:"max"`
}

// A Balance is how often each class of a target comes.
type Balance struct {
	Target  string   `json:"target"`
	Classes []string `json:"classes"`
	Counts  []int    `json:"counts"` // rows of each
}

// Images sums up the files of an input.
type Images struct {
	Input    string         `json:"input"`
	Formats  map[string]int `json:"formats"`  // files of each: "jpeg", "png", "webp", "gif"; "array" for arrays
	Sizes    []Size         `json:"sizes"`    // the most frequent ones first, twenty at most
	Distinct int            `json:"distinct"` // different sizes
	Smallest Size           `json:"smallest"` // by pixels
	Largest  Size           `json:"largest"`
}

// A Size is one of images.
type Size struct {
	Width  int `json:"width"`
	Height int `json:"height"`
	Count  int `json:"count"` // images that have it
}

// Texts sums up the tokens of an input, before they are cut off.
type Texts struct {
	Input   string    `json:"input"`
	Tokens  int       `json:"tokens"`  // of all rows
	Unknown int       `json:"unknown"` // of them, that the vocabulary does not hold
	Lengths Quantiles `json:"lengths"` // tokens a row
	Limit   int       `json:"limit"`   // tokens that the model sees
	Cut     int       `json:"cut"`     // rows that are longer
	Packed  bool      `json:"packed"`  // rows are joined and cut in pieces of limit tokens
}

// Quantiles are lengths that some share of the rows do not exceed.
type Quantiles struct {
	Min int `json:"min"`
	P50 int `json:"p50"`
	P90 int `json:"p90"`
	P99 int `json:"p99"`
	Max int `json:"max"`
}

// Duplicates are rows with equal inputs. Texts that are packed have none.
type Duplicates struct {
	Shared []Shared `json:"shared"` // across splits
	Groups []Group  `json:"groups"` // those across splits first, the first thousand
	Count  int      `json:"count"`  // of all groups
	Differ int      `json:"differ"` // groups whose targets are not equal
}

// Shared are rows of a split whose inputs are in another one too.
type Shared struct {
	Split string `json:"split"`
	Other string `json:"other"`
	Rows  int    `json:"rows"` // of Split
}

// A Group is rows with equal inputs.
type Group struct {
	Rows    int     `json:"rows"`
	Places  []Place `json:"places"`  // the first ten
	Differs bool    `json:"differs"` // the targets are not equal
}

// A Place is that of a row.
type Place struct {
	Split string `json:"split"`
	Where string `json:"where"`
}
