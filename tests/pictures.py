"""What a picture says, whatever its layout, which differs between versions of Graphviz and of Matplotlib."""

import re
import xml.etree.ElementTree as ET
from typing import Any

LINK = "{http://www.w3.org/1999/xlink}href"


def told(svg: str) -> Any:
    """Two pictures that say the same give the same, and none that says something else does."""
    root = ET.fromstring(svg, ET.XMLParser(target=ET.TreeBuilder(insert_comments=True)))
    return drawn(root, prefix) if (prefix := root.get("id")) else plotted(root)


def drawn(root: ET.Element, prefix: str) -> tuple[list[Any], str]:
    """Of `draw`: its elements, each with the group it is in, and the style, without the prefix of its ids."""
    style, elements = "", []
    for group in root.iter():
        for element in group:
            text = (element.text or "").replace(prefix, "tg").strip()
            if element.tag.endswith("style"):
                style = re.sub(r"min-width:\d+pt", "", text)
            else:
                ids = [e.get("id", "").replace(prefix, "tg") for e in (group, element)]
                elements.append((*ids, element.tag, element.get("class"), text))
    return sorted(elements, key=str), style


def plotted(root: ET.Element) -> list[Any]:
    """Of Matplotlib: its groups, such as line2d_3, the texts, and which of their glyphs and of the marks are the same.

    Matplotlib writes a text as a comment, and behind it the glyphs that a reader sees, which are paths; their names are
    of one version, so that they are numbered here as they first appear.
    """
    names: dict[str | None, int] = {}
    said: list[Any] = []
    for element in root.iter():
        if element.tag is ET.Comment:
            said.append(element.text)
        elif element.tag.endswith("}g") and "id" in element.attrib:
            said.append(element.get("id"))
        elif element.tag.endswith("}use"):
            said.append(names.setdefault(element.get(LINK), len(names)))
    return said
