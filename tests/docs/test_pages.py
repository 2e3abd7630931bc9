"""Pages that point somewhere, and examples that are admitted."""

import re
from pathlib import Path

import pytest
import yaml

from kaito.api.kinds import find_kind
from kaito.app.admission import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")],
)
MANIFESTS = sorted(ROOT.glob("examples/**/*.yaml"))
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_the_readme_fits_two_screens_and_names_every_kind_of_page() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text) < 6000
    for folder in ("tutorials", "reference", "decisions"):
        assert f"docs/{folder}/" in text


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_is_admitted(path: Path) -> None:
    judged = 0
    for document in yaml.safe_load_all(path.read_text()):
        kind = find_kind(document["apiVersion"].partition("/")[0], document["kind"])
        if kind is not None:
            assert kind.check(document, None, CATALOGUE) == ()
            judged += 1
    assert judged
