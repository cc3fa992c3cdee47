"""The documentation: `make docs` builds docs/ into build/site, strictly; no network, then or when it is read."""

from sphinx.application import Sphinx

MENU = {
    "Tutorial": ["tutorial", "from-python"],
    "How-to": ["own-documents", "symptoms", "models", "your-model", "cluster", "add-a-family", "elsewhere"],
    "Reference": ["datasets", "arms", "augmentation", "finetuning", "study", "report", "lm-eval", "api"],
    "Findings": ["qwen", "reproduce", "reliability", "validity"],
}

project = "icl-ft-plugin"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["*.ipynb"]
suppress_warnings = ["misc.highlighting_failure"]  # an example may hold "..."
myst_heading_anchors = 4

html_theme = "furo"
html_title = project
html_static_path = ["assets/site.css"]
html_css_files = ["site.css"]
html_copy_source = html_use_index = html_show_copyright = html_show_sphinx = False
html_show_search_summary = False  # it would fetch the pages, which a page from disk may not

add_module_names = False
autodoc_typehints = "signature"
maximum_signature_line_length = 80


def add_menu(_: Sphinx, page: str, source: list[str]) -> None:
    """Append the menu to the first page, which so stays plain Markdown for whoever reads it on a code host."""
    if page == "index":
        for caption, pages in MENU.items():
            source[0] += "\n".join(["\n```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```\n"])


def setup(app: Sphinx) -> None:
    """Register what is of our own."""
    app.connect("source-read", add_menu)
