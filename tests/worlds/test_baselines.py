import math
from dataclasses import replace

import pytest
from made import made

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generated
from icl_ft_plugin.schema import Document, Question, World
from icl_ft_plugin.worlds.baselines import BASELINES, chance, score
from icl_ft_plugin.worlds.context import context_documents

SEEDS = range(3)


@pytest.fixture(scope="module")
def worlds():
    return {family: [made(family, seed) for seed in SEEDS] for family in generated()}


@pytest.mark.parametrize("family", generated())
def test_the_oracle_answers_everything(worlds, family):
    for world in worlds[family]:
        assert score(world, "oracle") == dict.fromkeys(world.splits, 1.0)


@pytest.mark.parametrize("name", ["first", "longest", "frequent"])
@pytest.mark.parametrize("family", generated())
def test_an_answerer_that_does_not_read_the_question_is_at_chance(worlds, family, name):
    """Within four standard errors of a guesser, over the worlds of three seeds."""
    for split in worlds[family][0].splits:
        items = [q for world in worlds[family] for q in world.questions if q.split == split]
        expected = sum(q.chance for q in items) / len(items)
        error = math.sqrt(sum(q.chance * (1 - q.chance) for q in items)) / len(items)
        counts = [sum(q.split == split for q in world.questions) for world in worlds[family]]
        scores = [score(world, name)[split] for world in worlds[family]]
        accuracy = sum(n * value for n, value in zip(counts, scores, strict=True)) / len(items)
        assert abs(accuracy - expected) < 4 * error, (family, split, name, accuracy, expected)


def test_what_word_association_gives_away(worlds):
    """The numbers that the task READMEs state as properties of the splits."""
    for world in worlds["syllogism"]:
        assert score(world, "cooccurrence") == pytest.approx(chance(world), abs=0.05)
    for world in worlds["reversal"]:
        assert score(world, "cooccurrence") == {
            "reversal": 0.0,
            "reversal_entity": 1.0,
            "rephrase": 1.0,
            "rephrase_entity": 1.0,
            "reversal_misleading": 0.0,
        }
    for world in worlds["celebrity"]:
        assert set(score(world, "cooccurrence").values()) == {1.0}


def question(id, prompt, choices, gold):
    return Question(id, "s", prompt, choices, gold, "restated", 0, ("f",), {})


def tiny(questions):
    documents = (Document("a", ("red cat.", "blue dog."), ()), Document("b", ("green cat.",), ()))
    return World("reversal", {}, 0, (), documents, tuple(questions))


def test_scores_on_a_world_small_enough_to_count():
    world = tiny([question("q", "the cat is", ("red.", "blue.", "greenish."), (0,))])
    assert chance(world) == {"s": pytest.approx(1 / 3)}
    assert score(world, "first") == {"s": 1.0}
    assert score(world, "longest") == {"s": 0.0}
    assert score(world, "frequent") == {"s": 0.5}  # red and blue stand in one document, greenish in none
    assert score(world, "cooccurrence") == {"s": pytest.approx(1 / 3)}  # cat is everywhere: no weight
    assert score(world, "cooccurrence_sentence") == {"s": 1.0}  # blue is in a sentence without the cat


def test_equal_choices_share_the_point():
    world = tiny([question("q", "x", ("aa", "bb", "cc", "d"), (0, 3))])
    assert score(world, "longest") == {"s": pytest.approx(1 / 3)}


def test_an_unknown_baseline_is_an_error_of_use():
    with pytest.raises(UsageError, match="did you mean 'longest'"):
        score(tiny([]), "longst")
    assert "oracle" in BASELINES


def test_the_habits_of_the_text_and_of_the_test_on_a_world_small_enough_to_count():
    questions = [
        question("a", "the cat was", ("red.", "blue.", "green."), (0,)),
        question("b", "the dog was red", ("cat.", "dog.", "sun."), (0,)),
        question("c", "the blue", ("dog.", "cat.", "moon."), (0,)),
    ]
    world = tiny(questions)
    # Shown once: red, blue, green in a; sun in b; moon in c. Shown twice: cat and dog.
    assert score(world, "least_shown") == {"s": pytest.approx((1 / 3 + 0 + 0) / 3)}
    assert score(tiny(questions[1:2]), "bigram") == {"s": 1.0}  # "red cat" stands in a document
    assert score(tiny(questions[2:]), "bigram") == {"s": 1.0}
    assert score(tiny(questions[1:2]), "ngram") == {"s": 1.0}
    last = tiny(questions[:1])
    last = replace(last, documents=tuple(replace(d, facts=(d.id,)) for d in last.documents))
    text = " ".join(document.text for document in context_documents(last))
    right = max(("red", "blue", "green"), key=text.rfind)
    assert score(last, "recency") == {"s": float(right == "red")}
