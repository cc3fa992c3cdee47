"""The documentation: it builds strictly and without the network, its items are real."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from grouped import each

import icl_ft_plugin
from icl_ft_plugin.arms.named import known_arms
from icl_ft_plugin.paths import tasks_dir

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.json"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def build(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Build the documentation that lies in a folder by the command of `make docs`, into `site` of another."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [arguments] = re.findall(r"\$\(BIN\)/sphinx-build (.*)", makefile)
    command = [sys.executable, "-m", "sphinx", *shlex.split(arguments.replace("build/", f"{out}/"))]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def small(folder: Path, menu: str, **pages: str) -> subprocess.CompletedProcess[str]:
    """Build pages with a menu of theirs and all other settings of the documentation."""
    shutil.copytree(DOCS / "assets", folder / "docs" / "assets")
    settings = (DOCS / "conf.py").read_text(encoding="utf-8")
    (folder / "docs" / "conf.py").write_text(f'{settings}\nMENU = {{"Pages": [{menu}]}}\n', encoding="utf-8")
    for name, page in pages.items():
        (folder / "docs" / f"{name}.md").write_text(page, encoding="utf-8")
    return build(folder, folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


class Loaded(HTMLParser):
    """Collects what a browser fetches by itself when it opens a page."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        names = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}
        if tag in names and not (tag == "link" and values.get("rel") == "canonical"):
            self.urls.append(values.get(names[tag]) or "")


@pytest.mark.slow
def test_every_page_is_built_and_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in DOCS.glob("*.md"):
        reader = Loaded()
        reader.feed((site / f"{page.stem}.html").read_text(encoding="utf-8"))
        assert len(reader.urls) > 3
        assert [url for url in reader.urls if re.match(r"(\w+:)?//", url)] == []


def test_a_link_that_leads_nowhere_and_a_page_in_no_menu_fail(tmp_path: Path) -> None:
    links = ["nowhere.md", "study.md#nowhere", "nowhere.png"]
    index = "# Start\n\n" + "\n\n".join(f"[a page]({link})" for link in links)
    done = small(tmp_path, '"study"', study="# Studies\n", index=index, forgotten="# A page\n")
    assert done.returncode != 0
    for number, link in zip((3, 5, 7), links, strict=True):
        assert re.search(rf"index\.md:{number}: WARNING:.*{link.partition('#')[2] or link}", done.stderr), done.stderr
    assert "forgotten.md: WARNING" in done.stderr


@each("page", PAGES)
def test_no_link_begins_at_the_root(page: Path) -> None:  # Sphinx would find it, a code host would not
    assert re.findall(r"\]\(/[^)]*\)", page.read_text(encoding="utf-8")) == []


@pytest.mark.slow
def test_the_page_of_names_has_their_docstrings(site: Path) -> None:
    page = (site / "api.html").read_text(encoding="utf-8")
    for name in icl_ft_plugin.__all__[1:]:
        assert f'id="icl_ft_plugin.{name}"' in page, name
    assert "Generate one world: the same family, seed and knobs" in page


@pytest.mark.slow
def test_no_request_leaves_the_machine(site: Path) -> None:
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH")
    requests: list[str] = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for file in sorted(site.glob("*.html")):
            page = browser.new_page()
            page.on("request", lambda request: requests.append(request.url))
            page.goto(file.as_uri())
            page.wait_for_timeout(300)
            assert page.locator("h1").count() == (file.stem != "search"), file
            page.close()
        page = browser.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.goto((site / "search.html").as_uri() + "?q=retrieval")
        page.wait_for_selector("#search-results li")  # the search works from disk
        browser.close()
    assert len(requests) > 20 and [url for url in requests if not url.startswith("file:")] == []


def groups() -> list[str]:
    """Return the names of the groups of tasks that ship."""
    files = [path for path in sorted(tasks_dir().rglob("*.yaml")) if path.read_text("utf-8").startswith("group:")]
    assert len(files) > 5
    return [path.stem for path in files]


@each("group", groups())
def test_every_group_of_tasks_is_on_the_page_of_datasets(group: str) -> None:
    assert f"`{group}`" in text("datasets.md")


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_items_of_the_page_are_those_of_the_golden_worlds(path: Path) -> None:
    rows = {tuple(cell.strip(" `") for cell in line.split("|")[1:5]) for line in text("datasets.md").splitlines()}
    for split, question in json.loads(path.read_text(encoding="utf-8"))["questions"].items():
        choices = question["choices"]
        right = " / ".join(choices[i] for i in question["gold"])
        wrong = " / ".join(choice for i, choice in enumerate(choices) if i not in question["gold"])
        row = next((row for row in rows if row[:2] == (split, question["prompt"])), None)
        assert row is not None, f"{path.stem} {split}: {question['prompt']}"
        assert (row[2], row[3].replace("`", "")) == (right, wrong)


@each("arm", known_arms())
def test_every_arm_has_its_line(arm: str) -> None:
    described = re.sub(r"(?s)<!-- table.*?<!-- /table -->", "", text("arms.md"))  # without what studies found
    assert described.count(f"\n| `{arm}` |") == 1


def test_the_number_of_arms() -> None:
    assert f"defines {len(known_arms())};" in text("arms.md")


def test_the_family_of_the_page_is_the_one_that_is_tested() -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for path in (ROOT / "tests" / "compass").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    blocks = re.findall(r"^```(?:python|toml|yaml)\n(.*?)^```", text("add-a-family.md"), re.MULTILINE | re.DOTALL)
    shown = [block for block in blocks if "BASELINES" not in block and not block.startswith("name: places")]
    assert len(shown) == 8
    for block in shown:
        assert any(block.strip("\n") in source for source in sources), block
