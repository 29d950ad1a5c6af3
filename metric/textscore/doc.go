// Package textscore judges texts that a model wrote by texts that it should have
// written: BLEU and chrF of translations, ROUGE of summaries, word and character
// error rates of transcripts.
//
// Each score is filled text by text and asked for its value at any time. What it
// holds are counts, and for ROUGE a sum, so that it stays small whatever it has
// seen, and those of several goroutines or machines are put together by Merge:
//
//	var bleu textscore.BLEU
//	for each text {
//		bleu.Add(hypothesis, references...)
//	}
//	fmt.Println(bleu.Value())
//
// The zero value of each is ready for use. Values are shares, 0 to 1 (error rates
// may be more), where some programs print them times 100; NaN where there is no
// text. Scores are not safe for concurrent use.
package textscore
