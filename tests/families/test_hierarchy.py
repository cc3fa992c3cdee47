import random
from collections import Counter, defaultdict

from grouped import each
from hypothesis import given
from hypothesis import strategies as st

from icl_ft_plugin.families.semantic import hierarchy
from icl_ft_plugin.families.semantic.hierarchy import PROPERTIES, Claim

PARENT = {c.subject: c.value for found in hierarchy.claims().values() for c in found if c.predicate == "is a"}


def above(name):
    while name in PARENT:
        name = PARENT[name]
        yield name


def test_the_file_reads_as_it_is_written():
    assert hierarchy.claims()["lions"] == (
        Claim("is a", ("lions", "felines")),
        Claim("are", ("lions", "tawny")),
        Claim("have", ("lions", "manes")),
        Claim("can", ("lions", "roar")),
        Claim("do", ("lions", "hunt", "deer")),
    )


def test_there_are_110_categories_of_animals_and_objects_under_one_root():
    assert len(hierarchy.claims()) == 110
    assert [name for name in hierarchy.claims() if name not in PARENT] == ["entities"]
    assert set(PARENT.values()) <= set(hierarchy.claims())
    sides = Counter(([name, *above(name)][-2:-1] or ["root"])[0] for name in hierarchy.claims())
    assert set(sides) == {"animals", "artifacts", "root"} and min(sides["animals"], sides["artifacts"]) > 30
    assert max(len(list(above(name))) for name in PARENT) >= 5


@each("name", hierarchy.claims())
def test_a_category_has_one_to_six_properties_of_its_own_and_repeats_none_that_it_inherits(name):
    found = hierarchy.claims()[name]
    assert 1 <= sum(c.predicate in PROPERTIES for c in found) <= 6
    inherited = {(c.predicate, c.arguments[1:]) for up in above(name) for c in hierarchy.claims()[up]}
    own = [(c.predicate, c.arguments[1:]) for c in found]
    assert not inherited & set(own)
    assert len(own) == len(set(own))


def test_parents_stand_before_their_children():
    order = {name: i for i, name in enumerate(hierarchy.claims())}
    assert all(order[parent] < order[child] for child, parent in PARENT.items())


def test_no_word_serves_as_two_parts_of_speech():
    kinds = defaultdict(set)
    for found in hierarchy.claims().values():
        for c in found:
            kinds[c.subject].add("category")
            if c.predicate == "do":
                kinds[c.arguments[1]].add("verb")
            kinds[c.value].add("category" if c.predicate in ("is a", "do") else c.predicate)
    assert {word: found for word, found in kinds.items() if len(found) > 1} == {}
    assert all(" " not in word for word in kinds)


@given(st.integers(3, 110), st.integers(0, 10**6))
def test_a_part_hangs_together_and_has_three_levels(n, seed):
    names = hierarchy.part(n, random.Random(seed))
    assert len(names) == len(set(names)) == n
    roots = [name for name in names if PARENT.get(name) not in names]
    assert len(roots) == 1
    assert any(PARENT.get(PARENT.get(name, ""), "") in names for name in names)
    assert names == [name for name in hierarchy.claims() if name in set(names)]
