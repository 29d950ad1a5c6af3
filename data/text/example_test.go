package text_test

import (
	"fmt"
	"log"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/text"
)

func ExampleBPE() {
	cfg := text.DefaultBPE()
	cfg.Size = 1 + 256 + 5 // padding, bytes, and five merges
	trainer := cfg.Trainer()
	trainer.Add("the other brother bothers the mother")
	tokenizer, err := trainer.Tokenizer()
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := tokenizer.Encode(nil, "another mother", data.Draw{})
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range tokens {
		fmt.Printf("%q ", tokenizer.Decode([]int32{t}))
	}
	// Output: "a" "n" "other" " " "m" "other"
}

func ExampleWords() {
	trainer := text.DefaultWords().Trainer()
	trainer.Add("The dog and the cat.")
	tokenizer, err := trainer.Tokenizer()
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := tokenizer.Encode(nil, "The cat sleeps", data.Draw{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens, tokenizer.Decode(tokens))
	// Output: [2 5 1] the cat �
}

func ExampleSplitWords() {
	text.SplitWords("Don't stop!", true, text.DropPunctuation, func(word string) { fmt.Println(word) })
	// Output:
	// don't
	// stop
}

func ExampleNGrams() {
	cfg := text.DefaultNGrams()
	cfg.Buckets = 8
	counts := make([]float32, cfg.Buckets)
	cfg.Count(counts, "to be or not to be")
	fmt.Println(counts)
	// Output: [2 0 1 1 3 4 0 0]
}

// What the places of a text are worth is divided among its words.
func ExampleNGrams_Share() {
	cfg := text.DefaultNGrams()
	cfg.Most = 1
	values := make([]float32, cfg.Buckets)
	cfg.Count(values, "free free money")
	for _, p := range cfg.Share(values, "Free, or for money") {
		fmt.Printf("%q %v\n", p.Text, p.Share)
	}
	// Output:
	// "Free" 2
	// "," 0
	// " " 0
	// "or" 0
	// " " 0
	// "for" 0
	// " " 0
	// "money" 1
}
