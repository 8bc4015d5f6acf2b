"""Labels render literally, whatever they say: as text, never as markup, escapes or attributes."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.display.drawings import NAMESPACE
from tinygrad_lite import Value, scope, tanh
from tinygrad_lite.display.drawing import Drawing, draw

HOSTILE = [
    *("<", ">", "&", '"', "'", "\\", "{", "}", "|", "%", "#", ";", ":", "[", "]", "$", "`"),
    *("<b>bold</b>", "<<b>html</b>>", "<javascript:alert(1)>", "</text></svg>", "</script>", "<!--", "-->", "]]>"),
    *("&amp;", "&lt;", "&#60;", "&nbsp;", "&unknown;", "&", "&&", "a&b;c"),
    *("\\n", "\\l", "\\N", "\\G", "\\E", "\\T", "\\L", "\\\\", '\\"', "a\\", "\\\\\\", '"]; evil [label="'),
    *("two\nlines", "\nfirst", "last\n", "a\n\nb", " ", "  two  spaces  "),
    *("strict", "digraph", "node", "subgraph", "-4.2", ".5", "007", "1e5", "∞", "NaN"),
    *(
        "onload=alert(1)",
        "javascript:alert(1)",
        "url(#x)",
        "{{7*7}}",
        "%(name)s",
        "{0}",
        "{}",
        "损失函数",
        "ŷ",
        "👩‍🔬",
        "e\u0301",
    ),
]
NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=24
)
ATTRIBUTES = {
    "id",
    "class",
    "role",
    "aria-labelledby",
    "width",
    "height",
    "viewBox",
    "transform",
    "xmlns",
    "points",
    "d",
}
ATTRIBUTES |= {
    "x",
    "y",
    "cx",
    "cy",
    "rx",
    "ry",
    "text-anchor",
    "font-size",
    "font-weight",
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
}
ATTRIBUTES |= {"{http://www.w3.org/XML/1998/namespace}space"}


def pictured(node: str, cluster: str) -> tuple[Drawing, ET.Element]:
    """A picture with these labels, after a look at what it is made of."""
    leaf = Value(3.0, node)
    with scope(cluster):
        output = tanh(leaf).named("out")
    output.backward()
    drawing = draw(output, rankdir="LR", fold=())
    root = ET.fromstring(drawing.svg)
    for element in root.iter():
        element.tag = element.tag.removeprefix(NAMESPACE)
        assert element.tag in {"svg", "title", "desc", "style", "g", "polygon", "path", "text", "ellipse"}
        allowed = ATTRIBUTES if element.tag != "svg" else ATTRIBUTES | {"xmlns", "font-family"}
        assert element.attrib.keys() <= allowed
    return drawing, root


def written(root: ET.Element, kind: str) -> list[str]:
    """The lines in the boxes or clusters of a kind."""
    return [text.text for g in root.iter("g") if kind in g.get("class", "").split() for text in g.findall("text")]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_labels_are_text(name: str) -> None:
    _, root = pictured(name, name)
    lines = [line or "\u00a0" for line in name.split("\n")]
    assert written(root, "leaf")[: len(lines) + 1] == [*lines, "3"]
    assert written(root, "cluster") == lines
    titles = [g.findtext("title") for g in root.iter("g")]
    assert not {f"{name} = 3; ∂out/∂{x} = 0.009866" for x in (name, f"({name})")}.isdisjoint(titles)
    assert name in titles
    assert f"given     {name} = 3\n" in root.findtext("desc", "")


FORBIDDEN = re.compile("URL|href|image|target|stylesheet|record|=<")


@given(NAMES, NAMES)
@example("Ａ" * 24, "字" * 24)
def test_any_label_is_text(node: str, cluster: str) -> None:
    assume(node != "3")  # what says nothing but the number is not said twice
    assume(not FORBIDDEN.search(node + cluster))  # a word stands without quotes
    drawing, root = pictured(node, cluster)
    operand = f"({node})" if f"∂({node})" in repr(drawing) else node  # one that looks like a formula
    assert written(root, "leaf") == [node, "3", f"∂out/∂{operand} = 0.009866"]
    assert written(root, "output")[0] == f"out = tanh({node})"
    assert written(root, "backward")[1] == f"∂out/∂{operand} += 1 · 0.009866"
    assert written(root, "cluster") == [cluster]
    assert not FORBIDDEN.search(unlabelled(drawing.source))


def unlabelled(source: str) -> str:
    """The DOT text without its quoted strings."""
    return re.sub(r'"(\\.|[^"\\])*"', '""', source)


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x85", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_cannot_hold_becomes_the_replacement_character(character: str) -> None:
    _, root = pictured(f"a{character}b", f"c{character}d")
    assert written(root, "leaf")[0] == "a\ufffdb"
    assert written(root, "cluster") == ["c\ufffdd"]


def test_a_tab_becomes_a_space() -> None:
    _, root = pictured("a\tb", "c\td")
    assert written(root, "leaf")[0] == "a b"
    assert written(root, "cluster") == ["c d"]


@pytest.mark.parametrize("label", ["a\r", "\r", "\r\r", "a\r\n", "\t", "a\t\r", "a\n", "\r\nb\r", "\x85\r"])
def test_a_label_may_end_in_any_white_space(label: str) -> None:
    _, root = pictured(label, label)
    lines = "".join(written(root, "leaf")[:-1])
    assert label.strip() in lines


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends(end: str) -> None:
    _, root = pictured(f"one{end}two", f"one{end}two")
    assert written(root, "leaf")[:2] == written(root, "cluster") == ["one", "two"]


@given(NAMES)
def test_folded_scopes(name: str) -> None:
    with scope(name):
        inner = tanh(Value(1.0, "x"))
    folded = [g for g in ET.fromstring(draw(inner * 2, fold=True).svg).iter() if g.get("class") == "node folded"]
    assert folded[0].findtext(f"{NAMESPACE}text") == name


@given(NAMES)
def test_titles_of_pages(name: str) -> None:
    drawing = draw(Value(1.0, name))
    assert drawing.title == f"Forward pass of {name}"
    assert ET.fromstring(drawing.svg).findtext(f"{NAMESPACE}title") == drawing.title
