from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from icl_ft_plugin.prefix.plan import MOST_NESTED, Extend, Pack, Retreat, Rows, plan_packs, plan_rows
from icl_ft_plugin.prefix.tree import build_tree, cut_groups, path_length, path_nodes, walk

# Two symbols and nested lengths make many shared prefixes, splits, duplicates, and inputs that end inside others.
sequences = st.lists(st.integers(0, 1), min_size=1, max_size=12)
requests = st.lists(
    sequences.flatmap(lambda ids: st.tuples(st.just(ids), st.lists(st.integers(2, 9), min_size=1, max_size=len(ids)))),
    min_size=1,
    max_size=12,
)


def spell(node):
    parts = []
    while node is not None:
        parts.append(node.tokens)
        node = node.parent
    return [token for part in reversed(parts) for token in part]


def test_the_example_of_the_module():
    root = build_tree([([5, 6, 7, 1, 2], [8]), ([5, 6, 7, 1, 2, 9], [9, 4]), ([5, 6, 7, 3], [8])])
    assert root.size == 7
    (context,) = root.children.values()
    assert context.tokens == [5, 6, 7] and context.targets == []
    question, other = context.children.values()
    assert (question.tokens, question.targets) == ([1, 2], [(1, 8, 0), (1, 9, 1)])
    (choice,) = question.children.values()
    assert (choice.tokens, choice.targets) == ([9], [(0, 4, 1)])
    assert (other.tokens, other.targets) == ([3], [(0, 8, 2)])


@given(requests)
def test_tree_holds_each_prefix_once_and_each_target_at_its_position(made):
    root = build_tree(made)
    assert root.size == len({tuple(ids[: n + 1]) for ids, _ in made for n in range(len(ids))})
    found = []
    for node in walk([root]):
        assert node is root or (node.tokens and node.end == len(spell(node)))
        assert len({child.tokens[0] for child in node.children.values()}) == len(node.children)
        for offset, token, who in node.targets:
            found.append((who, tuple(spell(node)[: node.start + offset + 1]), token))
    wanted = []
    for who, (ids, continuation) in enumerate(made):
        first = len(ids) - len(continuation)
        wanted += [(who, tuple(ids[: first + j + 1]), token) for j, token in enumerate(continuation)]
    assert sorted(found) == sorted(wanted)


def run(root, steps):
    """Follow the steps as a cache would; return how often each node was computed and the longest cached path."""
    cached, computed, longest = [], {}, 0
    for step in steps:
        match step:
            case Extend(nodes):
                assert nodes[0].parent is (cached[-1] if cached else root)
                cached += nodes
                longest = max(longest, sum(len(node.tokens) for node in cached))
                passed = nodes
            case Retreat(nodes):
                assert cached[-len(nodes) :] == nodes
                del cached[-len(nodes) :]
                passed = []
            case Pack(rows):
                for row in rows:
                    seen = set()
                    for node in row:
                        assert id(node.parent) in seen or node.parent is (cached[-1] if cached else root)
                        seen.add(id(node))
                passed = [node for row in rows for node in row]
            case Rows(rows):
                for row in rows:
                    assert row[0].parent is (cached[-1] if cached else root)
                    assert all(a is b.parent for a, b in itertools.pairwise(row))
                passed = [node for row in rows for node in row]
        for node in passed:
            computed[id(node)] = computed.get(id(node), 0) + 1
    assert not cached
    return computed


@given(requests, st.integers(1, 40), st.integers(1, 5), st.integers(0, 6))
def test_packs_compute_each_token_once_within_the_limits(made, limit, max_rows, min_shared):
    root = build_tree(made)
    steps = list(plan_packs(root, limit, max_rows, min_shared))
    computed = run(root, steps)
    assert computed == {id(node): 1 for node in walk(list(root.children.values()))}
    depth = 0
    for step in steps:
        if isinstance(step, Pack):
            assert len(step.rows) * max(sum(len(node.tokens) for node in row) for row in step.rows) <= limit
            assert len(step.rows) <= (max_rows if depth < min_shared else 1)
        if isinstance(step, Extend):
            assert step.nodes[0].size > limit  # what fits is never computed alone
            depth = step.nodes[-1].end
        if isinstance(step, Retreat):
            depth = step.nodes[0].start


@given(requests, st.integers(1, 40), st.integers(1, 5), st.integers(1, 6))
def test_rows_compute_every_node_within_the_limits(made, limit, max_rows, min_shared):
    root = build_tree(made)
    steps = list(plan_rows(root, limit, max_rows, min_shared))
    assert set(run(root, steps)) == {id(node) for node in walk(list(root.children.values()))}
    depth = 0
    for step in steps:
        if isinstance(step, Rows):
            assert len(step.rows) <= max_rows
            assert len(step.rows) == 1 or len(step.rows) * max(map(path_length, step.rows)) <= limit
        if isinstance(step, Extend):
            depth += 1
            assert path_length(step.nodes) >= min_shared and step.nodes[-1].count > 1
        depth -= isinstance(step, Retreat)
        assert depth <= MOST_NESTED


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(2, 6), st.integers(1, 3))
def test_rows_share_a_long_context(contexts, questions, choices):
    made = [
        ([c] * 40 + [100 + q, 7, 7], [9, *range(choice)][: 1 + choice])
        for c in range(contexts)
        for q in range(questions)
        for choice in range(choices)
    ]
    root = build_tree(made)
    steps = list(plan_rows(root, 512, 64, 32))
    assert sum(isinstance(step, Extend) for step in steps) == contexts


@given(requests, st.integers(1, 6))
def test_groups_are_disjoint_serve_two_and_never_cost_more_than_nothing_shared(made, min_shared):
    root = build_tree(made)
    tops = cut_groups(root, min_shared)
    served = []
    cost = 0
    for ids, _ in made:
        on = [top for top in tops if top in path_nodes(root, ids)]
        assert len(on) <= 1
        served += on
        cost += len(ids) - (on[0].end if on else 0)
    for top in tops:
        assert served.count(top) >= 2 and top.end >= min_shared
    assert cost + sum(top.end for top in tops) <= sum(len(ids) for ids, _ in made)


def test_groups_cut_at_the_documents_not_at_the_preamble_nor_at_the_questions():
    preamble, documents = [1] * 40, [[2] * 300, [3] * 300]
    contexts = [preamble + document + [9, 9, 10 + q] for document in documents for q in range(5)]
    tops = cut_groups(build_tree([(ids, []) for ids in contexts]), 32)
    assert [(top.end, top.count) for top in tops] == [(342, 5), (342, 5)]
