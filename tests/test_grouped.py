import pytest
from grouped import each


def test_all_that_fail_are_named() -> None:
    tried = []

    @each("n", [1, 2, 3])
    def positive(n: int) -> None:
        tried.append(n)
        assert n == 2

    with pytest.raises(AssertionError, match=r"(?s)n 1: .*n 3: "):
        positive()
    assert tried == [1, 2, 3]


def test_nothing_to_try_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="no n to try"):
        each("n", [])(lambda n: None)()


@each("n", [1])
def test_fixtures_are_passed_on(tmp_path, n: int) -> None:
    assert tmp_path.is_dir() and n == 1
