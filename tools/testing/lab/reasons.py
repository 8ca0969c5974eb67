#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compare the words for why an SA is INVALID, wherever they stand, with the table "Reasons" of a page.

usage: reasons.py TOP PAGE

TOP has the header of the constants, the tracepoints, the names for ethtool -S, the description for ynl,
xfrmctl and the patches of iproute2.
"""
import pathlib
import re
import sys


def found(top, path, pattern):
    """What PATTERN, which has two groups, finds in the files PATH: a dictionary, in their order."""
    text = "".join(file.read_text() for file in sorted(top.glob(path)))
    return dict(re.findall(pattern, text))


def constants(top):
    """The names of the constants, by their number."""
    body = re.search(r"^enum xfrm_invalid_reason {(.*?)^}", (top / "include/uapi/linux/xfrm_invalid.h").read_text(),
                     re.M | re.S)
    return re.findall(r"\bXFRM_INVALID_\w+", body.group(1))


def by_number(words, names):
    """Words that stand in the order of the constants."""
    return dict(zip(names[1:], words[1:]))


def sources(top, names):
    """Yield the name of each place, and its dictionary from constants to words."""
    pair = r"\b(XFRM_INVALID_\w+)[^\"]{1,20}\"([a-z-]+)\""
    yield "tracepoints", found(top, "include/trace/events/xfrm.h", pair)
    words = found(top, "tools/net/xfrmctl/offload.c", r"{ \"([a-z-]+)\", (XFRM_INVALID_\w+) }")
    yield "xfrmctl", {name: word for word, name in words.items()}
    yield "iproute2", found(top, "patches/iproute2/*-show-why-an-SA-is-INVALID.patch",
                            r"\[(XFRM_INVALID_\w+)\] = {\s+\+?\s*\"([a-z-]+)\"")
    enum = re.search(r"name: invalid-reason\n.*?entries:\n((?:      - [a-z-]+\n)+)",
                     (top / "Documentation/netlink/specs/xfrm.yaml").read_text(), re.S)
    yield "ynl", by_number(re.findall(r"[a-z-]{2,}", enum.group(1)), names)
    counts = re.findall(r'"xfrm_unbind_(\w+)"', (top / "net/xfrm/xfrm_offload.c").read_text())
    yield "ethtool", by_number([word.replace("_", "-") for word in counts], names)


def main():
    """Print what differs; the status says whether something does."""
    top, page = map(pathlib.Path, sys.argv[1:])
    names = constants(top)
    body = page.read_text().split(".. list-table:: Reasons\n", 1)
    if len(body) == 1:
        sys.exit(f"{page}: there is no list-table called Reasons")
    rows = re.findall(r"\* - ([a-z-]+)\n\s+- ``(XFRM_INVALID_\w+)`` \((\d+)\)", body[1])
    table = {name: word for word, name, _ in rows}
    bad = 0
    for word, name, number in rows:
        if names.index(name) != int(number) if name in names else True:
            print(f"{word}: {name} is not number {number}")
            bad += 1
    for place, words in sources(top, names):
        for name in names[1:]:
            if words.get(name) != table.get(name):
                print(f"{name}: {words.get(name)} in {place}, {table.get(name)} on the page")
                bad += 1
    return 1 if bad else 0


sys.exit(main())
