#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check the links of built pages.

usage: links.py DIRECTORY

Each link that stays inside DIRECTORY leads to a file that is there, and to an anchor that the file has. Each page that
the text names as Documentation/... is a link. Prints what is wrong, one line each.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

NAMED_PAGE = re.compile(r"Documentation/[\w/.-]+\.rst")
# What Sphinx adds to each page, beside the text.
SIDE = {"nav", "footer", "script", "style"}


class Page(HTMLParser):
    """Anchors, links and unlinked names of pages in one file."""

    def __init__(self, path):
        super().__init__()
        self.anchors = set()
        self.links = []
        self.unlinked = []
        self.open = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.open.append(tag)
        self.anchors.update(attrs[key] for key in ("id", "name") if attrs.get(key))
        for key in ("href", "src"):
            if attrs.get(key) and tag != "link":
                self.links.append((self.getpos()[0], attrs[key]))

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "a" not in self.open and not SIDE.intersection(self.open):
            self.unlinked += [(self.getpos()[0], name) for name in NAMED_PAGE.findall(data)]


def wrong(root):
    """Yield a sentence for each link or name that leads nowhere."""
    # genindex and search have no text of ours.
    pages = {path.resolve(): Page(path) for path in sorted(root.rglob("*.html"))}
    if not pages:
        yield f"{root}: no pages"
    for path, page in pages.items():
        place = path.relative_to(root)
        for line, link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                yield f"{place}:{line}: {link}: no such file"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{place}:{line}: {link}: no such anchor"
        for line, name in page.unlinked:
            yield f"{place}:{line}: {name}: not built, so the name is no link"


def main():
    if len(sys.argv) != 2:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    sentences = list(wrong(Path(sys.argv[1]).resolve()))
    print("\n".join(sentences), end="\n" if sentences else "", file=sys.stderr)
    return 1 if sentences else 0


sys.exit(main())
