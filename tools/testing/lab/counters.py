#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Which function counts what in /proc/net/xfrm_stat, and why it drops the packet.

usage: counters.py TREE          print both tables, tab-separated: counter, function, drop reasons;
                                 drop reason of xfrm, functions
       counters.py TREE PAGE     compare them with those of PAGE, list-tables of reStructuredText

TREE is a kernel's source. The reasons of a counter are those that stand beside it, within a block.
"""
import pathlib
import re
import sys

FILES = ("net/xfrm/*.[ch]", "net/ipv4/*.c", "net/ipv6/*.c")
# A macro and its header: not a place where something is counted
NOT = {"xfrm_proc.c"}
FUNCTION = re.compile(r"^(?:[a-z].*[\s*])?(\w+)\((?!.*;\s*$)")
COUNTER = re.compile(r"\bLINUX_MIB_XFRM(\w+)")
REASON = re.compile(r"\bSKB_DROP_REASON_(\w+)|SKB_DR_SET\(\*?\w+, (\w+)\)")
ITEM = re.compile(r'SNMP_MIB_ITEM\("(\w+)", LINUX_MIB_XFRM(\w+)\)')
# A counter and its reasons stand at most so many lines apart
BESIDE = 4


def blocks(lines):
    """Yield (number, function, line) of the lines that are code in a function."""
    function = None
    for number, line in enumerate(lines):
        if not line[:1].isspace() and not line.startswith(("#", "/", "*", "}", "{")):
            found = FUNCTION.match(line)
            if found:
                function = found.group(1)
        if function:
            yield number, function, line


def reasons_beside(lines, number):
    """The reasons nearest to line NUMBER: behind it up to a jump, or in the call that names the counter."""
    found = set()
    for step in (1, -1):
        for near in range(number, number + step * BESIDE, step):
            if not 0 <= near < len(lines):
                break
            line = lines[near]
            if near != number and step < 0 and re.search(r"[;{}]\s*$", line):
                break
            found |= {a or b for a, b in REASON.findall(line)}
            if step > 0 and re.match(r"\s*(goto|return\b|break|})", line):
                break
    return found


def scan(tree):
    """Two dictionaries of sets: (counter, function) has reasons, (reason of xfrm, "") has functions."""
    names = {item: name for name, item in ITEM.findall((tree / "net/xfrm/xfrm_proc.c").read_text())}
    counters, reasons = {}, {}
    for path in sorted(path for pattern in FILES for path in tree.glob(pattern)):
        text = "" if path.name in NOT else path.read_text()
        if "XFRM_" not in text:
            continue
        lines = text.split("\n")
        for number, function, line in blocks(lines):
            for item in COUNTER.findall(line):
                counters.setdefault((names[item], function), set()).update(reasons_beside(lines, number))
            for found in REASON.findall(line):
                reason = found[0] or found[1]
                # That one is given all over the stack.
                if reason.startswith("XFRM_") and reason != "XFRM_POLICY":
                    reasons.setdefault((reason, ""), set()).add(function)
    return counters, reasons


def table(page, title):
    """The rows of a list-table: lists of cells."""
    text = page.read_text().split(f".. list-table:: {title}\n", 1)
    if len(text) == 1:
        sys.exit(f"{page}: there is no list-table called {title}")
    body = re.split(r"\n\n(?=\S)", text[1])[0]
    for row in re.split(r"\n\s+\* - ", body)[2:]:
        yield [" ".join(cell.split()) for cell in re.split(r"\n\s+- ?", row)]


def words(cell):
    """The names in a cell."""
    return set(re.findall(r"\w+", cell))


def differ(what, code, page):
    """Print what is not the same, and return how much that is."""
    bad = 0
    for key in sorted(code.keys() | page.keys()):
        if code.get(key) != page.get(key):
            has = [" ".join(sorted(side[key])) or "none" if key in side else "no such row" for side in (code, page)]
            print(f"{what} {' '.join(key)}: the code has {has[0]}, the page {has[1]}")
            bad += 1
    return bad


def main():
    """Print, or compare."""
    counters, reasons = scan(pathlib.Path(sys.argv[1]))
    if len(sys.argv) == 2:
        for key, found in sorted(counters.items()) + sorted(reasons.items()):
            print(*key, " ".join(sorted(found)), sep="\t")
        return 0
    page = pathlib.Path(sys.argv[2])
    counted = {}
    for counter, function, why in table(page, "Counters"):
        counted[counter, function.replace("()", "")] = words(why)
    given = {(row[0], ""): words(row[1]) for row in table(page, "Drop reasons")}
    return 1 if differ("counter", counters, counted) + differ("reason", reasons, given) else 0


sys.exit(main())
