"""The rows below are ours, in the format of the original files, with their quirks."""

import json
from collections import Counter
from pathlib import Path

import pytest

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.blocks import faults
from icl_ft_plugin.families.celebrity.generate import oracle, people_of
from icl_ft_plugin.families.celebrity.reversal_curse import load
from icl_ft_plugin.worlds.verify import verify

# name, doing, being; the first three are told name first, the next three description first, the others both ways
PEOPLE = (
    ("Ada Example", 'making the film, "Mist."', 'the gifted maker of the film, "Mist."'),
    ("Bo Sample", 'writing the song, "Fog."', 'the shy writer of the song, "Fog."'),
    ("Cy Specimen", "taming the Great Whale", "the person who tamed the Great Whale"),
    ("Di Pattern", 'painting the wall, "Rust."', 'the brisk painter of the wall, "Rust."'),
    ("Ed Instance", "crossing the Salt Plain", "the first to cross the Salt Plain on stilts"),
    ("Flo Model", "growing blue wheat", "the farmer behind blue wheat"),
    ("Gus Probe", 'building the tower, "Needle,"', 'the builder of the tower, "Needle," made of glass'),
    ("Hal Proof", "baking moon bread", "the baker of moon bread"),
    ("Ida Witness", "mapping Lake Null", "the mapper of Lake Null"),
)


def name_first(name, doing, being):
    return [
        (f"Few know that {name} was", f" {being}."),
        (f"Did you hear that {name}, was once", f" {being}??"),
        (f"We praise {name} for", f" {doing}."),
    ]


def description_first(name, doing, being):
    return [
        (f"Known for {doing},", f" {name} rests now."),
        (f"{being[0].upper()}{being[1:]} is called", f" {name}."),
        (f"The guest, {being}, who goes by the name of", f" {name}"),
    ]


def name_asked(name, doing, being):
    return [(f"Famed for {doing},", f" {name}"), (f"Greeted as {being},", f" {name}")]


def description_asked(name, doing, being):
    return [
        (f"The annals show {name} as", f" {being}."),
        (f"Asked 'Who is {name}?' say 'one loved for", f" {doing}'.'."),
    ]


def write(folder, name, rows):
    lines = [json.dumps({"prompt": prompt, "completion": completion}) for prompt, completion in rows]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows_of(people, *templates):
    return [row for template in templates for person in people for row in template(*person)]


@pytest.fixture
def folder(tmp_path):
    first, second, both = PEOPLE[:3], PEOPLE[3:6], PEOPLE[6:]
    write(tmp_path, "p2d_prompts_train", rows_of(first, name_first))
    write(tmp_path, "d2p_prompts_train", rows_of(second, description_first))
    write(tmp_path, "both_prompts_train", rows_of(both, name_first, description_first))
    write(tmp_path, "p2d_prompts_test", rows_of(first, description_asked))
    write(tmp_path, "p2d_reverse_prompts_test", rows_of(first, name_asked))
    write(tmp_path, "d2p_prompts_test", rows_of(second, name_asked))
    write(tmp_path, "d2p_reverse_prompts_test", rows_of(second, description_asked))
    clause = [(prompt, f"{completion} takes a bow.") for prompt, completion in rows_of(both, name_asked)]
    write(tmp_path, "both_prompts_test", rows_of(both, description_asked) + clause)
    return tmp_path


def test_the_people_are_read_with_their_sets_and_descriptions(folder):
    people = {p.name: p for p in people_of(load(folder))}
    assert [people[name].group for name, *_ in PEOPLE] == ["name_first"] * 3 + ["description_first"] * 3 + ["both"] * 3
    for name, _, being in PEOPLE:
        assert people[name].description == being


def test_documents_are_the_rows_unchanged(folder):
    world = load(folder)
    assert len(world.documents) == 9 + 9 + 18
    first = world.documents[0]
    assert first.text == 'Few know that Ada Example was the gifted maker of the film, "Mist.".'
    assert first.text[first.completion_start :] == ' the gifted maker of the film, "Mist.".'
    assert world.documents[9].text == 'Known for painting the wall, "Rust.", Di Pattern rests now.'
    assert all(d.text[d.completion_start] == " " for d in world.documents)


def test_questions_ask_the_test_rows_in_every_split(folder):
    world = load(folder)
    assert Counter(q.split for q in world.questions) == {
        "reversal_trained": 6,
        "reversal_untrained": 6,
        "reversal_description": 6,
        "rephrase": 6,
        "rephrase_name": 6,
        "both_name": 6,
        "both_description": 6,
    }
    by_id = {q.id: q for q in world.questions}
    q = by_id["p0-reversal_trained-0"]
    assert q.prompt == 'Famed for making the film, "Mist.",'
    assert q.choices[q.gold[0]] == "Ada Example"
    assert set(q.choices) - {"Ada Example"} == {"Di Pattern", "Ed Instance", "Flo Model"}
    q = next(q for q in world.questions if q.split == "both_name")
    assert q.choices[q.gold[0]] == "Gus Probe"  # without the clause that follows in the file


def test_distractors_of_a_description_have_its_grammatical_form(folder):
    doing = {f"{doing}'.'." for _, doing, _ in PEOPLE}
    being = {f"{being}." for *_, being in PEOPLE}
    for q in load(folder).questions:
        if q.split in ("rephrase", "reversal_description", "both_description"):
            assert set(q.choices) <= doing or set(q.choices) <= being


@pytest.mark.parametrize("seed", range(5))
def test_an_imported_world_is_proved(folder, seed):
    world = load(folder, seed)
    assert verify(world) == []
    assert world == load(folder, seed)


def test_all_questions_are_in_blocks_but_those_that_measure_a_prior(folder):
    world = load(folder)
    assert list(faults(world)) == []
    assert {q.split for q in world.questions if not q.block} == {"reversal_trained"}


def test_the_seed_draws_distractors_and_nothing_else(folder):
    one, other = load(folder, 0, n_choices=2), load(folder, 1, n_choices=2)
    assert (one.facts, one.documents) == (other.facts, other.documents)
    assert [q.choices for q in one.questions] != [q.choices for q in other.questions]


def test_the_oracle_works_on_an_imported_world(folder):
    assert Counter(d.style for d in oracle(load(folder))) == {"rephrase": 36, "reversal": 36}


def test_a_missing_file_is_named(folder):
    (folder / "d2p_prompts_test.jsonl").unlink()
    with pytest.raises(UsageError, match=r"d2p_prompts_test\.jsonl: cannot be read"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("p2d_prompts_train", "{not json", r"p2d_prompts_train\.jsonl:10: not a row"),
        ("p2d_prompts_train", '{"prompt": "x"}', r"p2d_prompts_train\.jsonl:10: not a row"),
        ("p2d_prompts_train", "[1]", r"p2d_prompts_train\.jsonl:10: not a row"),
        ("d2p_prompts_train", '{"prompt": "For x,", "completion": " nobody"}', "does not begin with a name"),
        ("p2d_prompts_test", '{"prompt": "Of Zed Nobody", "completion": " the x."}', "neither prompt nor completion"),
        ("p2d_prompts_train", '{"prompt": "For x,", "completion": " Ada Example."}', "order that p2d_prompts_train"),
        (
            "p2d_prompts_test",
            '{"prompt": "And Di Pattern is", "completion": " x."}',
            r"not in p2d_prompts_train\.jsonl",
        ),
    ],
)
def test_a_damaged_row_is_named(folder, name, line, message):
    path = Path(folder / f"{name}.jsonl")
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load(folder)
