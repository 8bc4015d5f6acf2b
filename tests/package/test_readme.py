"""The README and its Chinese translation say the same, their links lead somewhere, and what is to be typed works."""

import re
import tomllib
from difflib import unified_diff
from itertools import zip_longest
from urllib.parse import unquote, urlsplit

import mistune
import pytest

from tests.project import ROOT, python

README, TRANSLATION = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = [README, TRANSLATION]
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?[⁰¹²³⁴-⁹⁻]*(?: ?(?:[mµ]?s(?![A-Za-z])|%))?")

parse = mistune.create_markdown(renderer="ast", plugins=["table"])


def walk(token):
    """A token and all below it, in the order of the page."""
    yield token
    for child in token.get("children", ()):
        yield from walk(child)


def blocks(page):
    """The page's headings, paragraphs, lists, tables and code blocks."""
    return [token for token in parse(page.read_text(encoding="utf-8")) if token["type"] != "blank_line"]


def text(token):
    """What a reader sees of a token, without its markup."""
    return "".join(" " if t["type"] == "softbreak" else t.get("raw", "") for t in walk(token))


def headings(page):
    return [token for token in blocks(page) if token["type"] == "heading"]


def anchors(page):
    """What GitHub calls the headings of a page: in small letters, hyphens for spaces, no punctuation."""
    return [re.sub(r"[^\w\- ]", "", text(heading).lower()).replace(" ", "-") for heading in headings(page)]


def links(page):
    """The addresses of a page's links and pictures."""
    found = (token for block in blocks(page) for token in walk(block) if token["type"] in {"link", "image"})
    return [unquote(token["attrs"]["url"]) for token in found]


def numbers(shown):
    return [number.replace(" ", "") for number in NUMBER.findall(shown)]


def placed(page, *kinds):
    """The blocks of a page, or those of some kinds, each with the heading it stands under."""
    heading = "at the top"
    for block in blocks(page):
        if block["type"] == "heading":
            heading = f"under '{text(block)}'"
        if not kinds or block["type"] in kinds:
            yield heading, block


def assert_in_step(describe):
    """Both pages are the same to `describe`, which gives what is to agree, as lines, and where each of it is."""
    original, translated = map(list, map(describe, PAGES))
    assert original
    for ours, theirs in zip_longest(original, translated, fillvalue=("at its end", ["nothing more"])):
        if ours[1] != theirs[1]:
            places = [f"{page.name}, {where}" for page, (where, _) in zip(PAGES, (ours, theirs), strict=True)]
            told = "\n".join(unified_diff(ours[1], theirs[1], *places, n=1, lineterm=""))
            pytest.fail(f"The translation is out of step:\n{told}", pytrace=False)


def test_headings_have_the_same_levels():
    assert_in_step(lambda page: [(text(token), [f"level {token['attrs']['level']}"]) for token in headings(page)])


def test_blocks_follow_one_another_in_the_same_order():
    def kind(block):
        return f"list of {len(block['children'])}" if block["type"] == "list" else block["type"]

    assert_in_step(lambda page: [(where, [kind(block)]) for where, block in placed(page)])


def test_code_and_outputs_are_the_same():
    def code(block):
        return ["```" + block.get("attrs", {}).get("info", ""), *block["raw"].splitlines()]

    assert_in_step(lambda page: [(where, code(block)) for where, block in placed(page, "block_code")])


def test_code_within_sentences_is_the_same():
    """Sorted, since the order of words is another; but for `Value`, which English sentences write as a word, too."""

    def spans(block):
        return sorted(token["raw"] for token in walk(block) if token["type"] == "codespan" and token["raw"] != "Value")

    assert_in_step(lambda page: [(where, spans(block)) for where, block in placed(page)])


def test_sentences_and_tables_have_the_same_numbers():
    """Sorted, since the order of words is another."""

    def sentences(page):
        return [(where, sorted(numbers(text(b)))) for where, b in placed(page, "heading", "paragraph", "list", "table")]

    assert_in_step(sentences)


def test_links_and_pictures_have_the_same_targets():
    def target(page, url):
        if url in {README.name, TRANSLATION.name}:
            return "the page in the other language"
        if url.startswith("#") and url[1:] in anchors(page):
            return f"heading {anchors(page).index(url[1:]) + 1} of this page"
        return url

    assert_in_step(lambda page: [(f"link {url}", [target(page, url)]) for url in links(page)])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    other = TRANSLATION if page == README else README
    assert other.name in links(page)
    for link in links(page):
        url = urlsplit(link)
        if url.scheme:
            continue
        target = page.parent / url.path if url.path else page
        assert target.exists(), f"{page.name} links to {link}, and there is no such file"
        if url.fragment:
            assert url.fragment in anchors(target), f"{page.name} links to {link}, and there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_markup_is_left_to_be_read(page):
    """An asterisk between Chinese punctuation and a Chinese character does not end what it should."""
    for where, block in placed(page):
        left = [t["raw"] for t in walk(block) if t["type"] == "text" and re.search(r"\*|`|\]\(", t["raw"])]
        assert not left, f"{page.name}, {where}: {left}"


def test_snippets_can_be_pasted_into_a_plain_prompt(tmp_path):
    """One after another, in one process: an indented block ends with a blank line there, and an expression is shown."""
    blocks = [token for _, token in placed(README, "block_code")]
    code, claimed = ("".join(b["raw"] for b in blocks if b["attrs"]["info"] == info) for info in ("python", "text"))
    typed = python("-I", "-X", "utf8", "-i", input=code, cwd=tmp_path)
    assert not re.search("Error|Warning", typed.stderr), typed.stderr
    assert typed.stdout == claimed


def test_install_hints_work_from_a_checkout():
    """The package is on no index; and what stands in brackets is a pattern of files to most shells, unless quoted."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    told = set()
    for place in ("*.md", "tinygrad_lite/**/*.py", "docs/**/*.*", "notebooks/**/*.md", "notebooks/**/*.ipynb"):
        for file in ROOT.glob(place):
            text = file.read_bytes().decode(errors="replace")
            for before, package, extras, after in re.findall(r"(?s)(.)(\.|tinygrad_lite)\[([a-z,]+)\](.)", text):
                assert (before, package, after) == ("'", ".", "'"), f"{file}: {package}[{extras}]"
                told.update(extras.split(","))
    assert told == set(known)
