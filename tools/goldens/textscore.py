"""Texts, and what sacrebleu, rouge-score and jiwer make of them: metric/textscore/testdata/texts.json.

    python textscore.py > ../../metric/textscore/testdata/texts.json
"""

import json
import sys

import jiwer
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

CORPORA = {
    "near": [
        ("the cat sat on the mat", ["the cat sat on a mat", "there was a cat on the mat"]),
        ("It costs 1,250.50 dollars, doesn't it?", ["It costs 1,250.50 dollars, does it not?"]),
        ("He said: \"no\" & left (quickly).", ["He said \"no\" and quickly left."]),
        ("The state-of-the-art model of 2026-11 won.", ["The state of the art model from 2026-11 has won."]),
        ("Zürich ist schön, sagt Šárka", ["Zürich ist sehr schön, sagt Šárka"]),
    ],
    "far": [("a completely different answer to that", ["nothing here is the same as before"]), ("yes", ["no"])],
    "equal": [("one two three four five six", ["one two three four five six"])],
    "short": [("a b", ["a b"])],
    "brief": [("the quick brown fox", ["the quick brown fox jumps over the lazy dog"]), ("it rains in the hills", ["it rains in the hills again today"])],
    "long": [("the the the the the the the", ["the cat is on the mat"])],
    "lines": [("first the cat sat\nthen it ran away\nand slept", ["the cat sat first\nit then ran far away\nand then it slept"])],
    "entities": [("a &lt;b&gt; &amp; c - d. 3.5, 4-5", ["a <b> & c - d. 3.5, 4-5"])],
    "spaces": [("  two   spaces \t tab ", ["two spaces tab"])],
    "nothing right": [("x y z w v", ["a b c d e"])],
    "empty": [("", ["something was wanted"])],
}


def rouge(kind, corpus):
    scorer = rouge_scorer.RougeScorer([kind])
    scores = [max(scorer.score(r, h)[kind].fmeasure for r in refs) for h, refs in corpus]
    return sum(scores) / len(scores)


def scores(corpus):
    hypotheses = [h for h, _ in corpus]
    most = max(len(r) for _, r in corpus)
    streams = [[r[i] if i < len(r) else None for _, r in corpus] for i in range(most)]
    first = [" ".join(r[0].split()) for _, r in corpus]  # jiwer parts words at spaces alone
    return {
        "bleu": BLEU().corpus_score(hypotheses, streams).score / 100,
        "chrf": CHRF().corpus_score(hypotheses, streams).score / 100,
        "chrf++": CHRF(word_order=2).corpus_score(hypotheses, streams).score / 100,
        "rouge1": rouge("rouge1", corpus),
        "rouge2": rouge("rouge2", corpus),
        "rougeL": rouge("rougeL", corpus),
        "rougeLsum": rouge("rougeLsum", corpus),
        "wer": jiwer.wer(first, [" ".join(h.split()) for h in hypotheses]),
        "cer": jiwer.cer([r[0] for _, r in corpus], hypotheses),
    }


def main():
    cases = [{"name": name, "texts": [{"hypothesis": h, "references": r} for h, r in corpus], "scores": scores(corpus)}
             for name, corpus in CORPORA.items()]
    json.dump(cases, sys.stdout, indent=1, ensure_ascii=False)
    print()


main()
