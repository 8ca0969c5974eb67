#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
The blocks of literal text of the pages named, each into a file of a folder.

usage: blocks.py FOLDER PAGE...

Prints a line for each block: file, page, line, the block's first line, with tabs
between. Markdown: indented by four, or fenced. reStructuredText: what follows "::",
and the directives code-block and parsed-literal. Manual pages: what mandoc makes
Markdown of. A block that says that it is in another language than the shell's is
left out.
"""

import os
import re
import subprocess
import sys
import textwrap

SHELL = ("", "sh", "bash", "shell", "console", "none", "text")


def indent(line):
    return len(line) - len(line.lstrip())


def chunk(lines, at, least):
    """Where the text ends that is indented by LEAST or more, blank lines inside."""
    end = at
    for i in range(at, len(lines)):
        if not lines[i].strip():
            continue
        if indent(lines[i]) < least:
            break
        end = i + 1
    return end


def markdown(lines):
    at = 0
    inside = 0  # how far the text of a list's item is indented
    while at < len(lines):
        line = lines[at]
        fence = re.match(r"\s*(`{3,}|~{3,})\s*(\S*)", line)
        item = re.match(r"(\s*)([-*+]|\d+[.)])\s+", line)
        if fence:
            end = at + 1
            while end < len(lines) and not lines[end].strip().startswith(fence.group(1)):
                end += 1
            if fence.group(2) in SHELL:
                yield at + 1, lines[at + 1:end]
            at = end + 1
            continue
        if item and indent(line) <= inside + 3:
            inside = len(item.group(0))
        elif line.strip() and indent(line) < inside:
            inside = 0
        if line.strip() and indent(line) >= inside + 4 and (at == 0 or not lines[at - 1].strip()):
            end = chunk(lines, at, inside + 4)
            yield at, lines[at:end]
            at = end
            continue
        at += 1


def rest(lines):
    at = 0
    while at < len(lines):
        line = lines[at]
        directive = re.match(r"\s*\.\. (code-block|code|parsed-literal|sourcecode)::\s*(\S*)", line)
        other = re.match(r"\s*\.\.( |$)", line)
        if directive or (not other and line.rstrip().endswith("::")):
            begin = at + 1
            while begin < len(lines) and (not lines[begin].strip() or
                                          re.match(r"\s+:\w+:", lines[begin])):
                begin += 1
            if begin < len(lines) and indent(lines[begin]) > indent(line):
                end = chunk(lines, begin, indent(line) + 1)
                if not directive or directive.group(2) in SHELL:
                    yield begin, lines[begin:end]
                at = end
                continue
        at += 1


def read(page):
    if re.search(r"\.[1-9]$", page):
        text = subprocess.run(["mandoc", "-T", "markdown", page], check=True,
                              capture_output=True, text=True).stdout
        return markdown(text.expandtabs(4).splitlines())
    with open(page, encoding="utf-8") as file:
        lines = file.read().expandtabs(8).splitlines()
    return rest(lines) if page.endswith(".rst") else markdown(lines)


def main():
    folder = sys.argv[1]
    number = 0
    for page in sys.argv[2:]:
        for line, block in read(page):
            text = textwrap.dedent("\n".join(block)).strip("\n") + "\n"
            number += 1
            path = os.path.join(folder, f"{number:02}")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            print(path, page, line + 1, text.splitlines()[0], sep="\t")


main()
