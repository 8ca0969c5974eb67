#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check that what comments, documents, the model and messages of patches name exists.

usage: names.py TOP TREE

TOP is the project, TREE the kernel's tree with the patches applied. Looked up are

- name() in a document, a comment, or the message of a patch: a word of our code or of the kernel's;
- `name_with_underscores` in a document: the same, or a test, or a test program;
- a file that a document or a comment names, with or without its directories;
- a test in a line "Fails:" of mutants/, after "make test T=", or in HACKING.md's table: KUNIT_CASE(), or a program;
- "page.rst, Section": a heading of that page.

Prints "file:line: name: what is missing", a line each.
"""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

# What is no reference of that kind, or is one to something that is not here, and why.
EXCEPTIONS = {
    "report.md": "the conformance suite writes it",
    "drivers/net/hw/xfrm_offload/net.config": "its user writes it",
    "drivers/ixgbe/unbind": "below /sys/bus/pci",
    "patches/before-VERSION/": "VERSION is any",
    "30-unbind/0003-slug.patch": "an example",
    "wire.sh": "an example",
    "use_time": "a field, which a test looks at",
    "told_twice": "a property of the model",
}

# Tells of the past, and is about licenses.
UNCHECKED = {"CHANGELOG.md", "COPYING"}

PROGRAMS = "tools/testing/selftests/net/xfrm_offload"
LAB_TESTS = "tools/testing/lab/tests"
# Where the kernel's functions are that we name; the rest of the tree is searched for what is not found here.
LIKELY = ["include", "net", "kernel", "lib", "crypto", "drivers/net/ethernet/intel", "drivers/net/ethernet/mellanox"]

CALL = re.compile(r"(?<![\w$.>-])([A-Za-z_]\w*)\(\)")
IDENTIFIER = re.compile(r"`([a-z]\w*_\w*)`")
FILE = re.compile(r"(?<![\w$*{}<>./~=-])((?:[\w.+-]+/)*[\w+-][\w.+-]*\.(?:c|h|sh|py|pml|rst|md|tsv|mk|patch))(?![\w*/-])")
DIRECTORY = re.compile(r"`([\w.+-]+(?:/[\w.+*-]+)+/?|[\w.+-]+/)`")
SECTION = re.compile(r"([\w/]+\.rst), ([A-Z][^.;\t\n]*)")
# A case, or the name of a suite.
KUNIT_CASE = re.compile(r"(?:KUNIT_CASE\w*\(\s*|\.name = \")(\w+)")
TESTED = re.compile(r"make test(?:-smp)? T=(\w+)")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'')
WORD = re.compile(r"\w+")
# Rules of rst under a heading.
RULE = re.compile(r"^([=~^*\"'-])\1+$")


def git(directory, *words):
    run = subprocess.run(["git", "-C", str(directory), *words], capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


def kind_of(path):
    """How the text of this file is to be read: prose, c, shell (comments after #), patch, table, or None."""
    if path.name in ("cover", "list"):
        return "prose"
    if path.suffix in (".md", ".rst", ".tsv", ".8"):
        return "prose"
    if path.suffix in (".c", ".h", ".pml"):
        return "c"
    if path.suffix in (".patch", ".commit"):
        return "patch"
    if path.suffix in (".sh", ".py", ".mk", ".config") or path.name in ("Makefile", "Kconfig", "run"):
        return "shell"
    return None


def split_c(text):
    """Returns the comments, each line in its place, and the code without them."""
    comments = []
    code = []
    at = 0
    for found in re.finditer(f"{STRING.pattern}|{COMMENT.pattern}", text, re.S):
        if not found[0].startswith(("/*", "//")):
            continue
        code.append(text[at:found.start()])
        comments.append(re.sub(r"[^\n]", "", text[at:found.start()]))
        comments.append(found[0])
        code.append("\n" * found[0].count("\n"))
        at = found.end()
    code.append(text[at:])
    return "".join(comments), "".join(code)


def split_shell(text):
    comments = []
    code = []
    for line in text.split("\n"):
        found = re.search(r"(?:^|\s)#(?:\s.*|!.*)?$", line)
        comments.append(found[0] if found else "")
        code.append(line[:found.start()] if found else line)
    return "\n".join(comments), "\n".join(code)


def split_patch(text):
    """The message, and of what is added the lines that are comments; no code: that is in the tree."""
    lines = []
    message = True
    for line in text.split("\n"):
        if message and re.match(r"(---|diff --git )", line):
            message = False
        if message:
            lines.append(line)
        elif re.match(r"\+\s*(/?\*|//)", line):
            lines.append(line[1:])
        else:
            lines.append("")
    return "\n".join(lines), ""


class Project:
    def __init__(self, top, tree):
        self.top = top
        self.tree = tree
        self.prose = {}
        self.words = set()
        self.files = {path for path in git(top, "ls-files") if (top / path).is_file()}
        for name in sorted(self.files):
            self.read(name)
        # Of the kernel's files that patches change, comments do not count as the thing itself.
        changed = git(tree, "diff", "--name-only", "--diff-filter=d", "base", "patched")
        self.changed = [path for path in changed if not (tree / path).is_symlink()]
        for name in self.changed:
            self.words.update(WORD.findall(split_c((tree / name).read_text(errors="replace"))[1]))
        self.kernel_files = set(git(tree, "ls-files"))
        self.base_names = {Path(path).name for path in self.files | self.kernel_files}
        self.find_tests()

    def read(self, name):
        path = self.top / name
        kind = kind_of(Path(name))
        if kind is None or path.name in UNCHECKED:
            if path.stat().st_mode & 0o100:
                kind = "shell"
            else:
                return
        text = path.read_text(errors="replace")
        if kind == "prose":
            prose, code = text, ""
        else:
            prose, code = {"c": split_c, "shell": split_shell, "patch": split_patch}[kind](text)
        self.prose[name] = prose
        # The model names what it models.
        if not name.endswith(".pml"):
            self.words.update(WORD.findall(code))

    def find_tests(self):
        self.programs = {Path(path).stem for path in self.files
                         if Path(path).parent in (Path(PROGRAMS), Path(LAB_TESTS)) and path.endswith(".sh")}
        self.cases = {"kunit"}
        for name in self.files:
            if "/test" in name and name.endswith(".c"):
                self.cases.update(KUNIT_CASE.findall((self.top / name).read_text()))
        for name in self.changed:
            if name.endswith(".c"):
                self.cases.update(KUNIT_CASE.findall((self.tree / name).read_text(errors="replace")))

    def is_file(self, name):
        name = name.rstrip("/")
        # The files of a simulated card, in debugfs.
        if name.startswith("slotN/"):
            return True
        if "*" in name:
            return any(fnmatch.fnmatch(path, name) for path in self.files)
        if "/" not in name and "." in name:
            return name in self.base_names
        # A suffix of a path: the directories before it are understood.
        known = self.files | self.kernel_files
        return (self.top / name).exists() or (self.tree / name).exists() or \
            any(path.endswith("/" + name) or f"/{name}/" in path for path in known)

    def headings(self, page):
        """The headings of the page of ours, or of the kernel, with this name; None without such a page."""
        for top, files in ((self.top, self.files), (self.tree, self.kernel_files)):
            for path in sorted(files):
                if path == page or path.endswith("/" + page):
                    lines = (top / path).read_text(errors="replace").split("\n")
                    return {line.strip() for line, rule in zip(lines, lines[1:]) if RULE.match(rule)}
        return None

    def in_kernel(self, names, places):
        """Those of the names that are words of the kernel's own files there."""
        places = [str(self.tree / place) for place in places if (self.tree / place).exists()]
        if not names or not places:
            return set()
        options = [f"--exclude={Path(path).name}" for path in self.changed]
        found = subprocess.run(["grep", "-rhowF", "--include=*.[chS]", *options, "-f", "-", *places],
                               input="\n".join(sorted(names)), capture_output=True, text=True, check=False)
        return set(found.stdout.split())


class Check:
    def __init__(self, project):
        self.project = project
        # name -> [(file, line)], of what has to be looked up in the kernel
        self.functions = {}
        self.bad = []

    def report(self, place, name, missing):
        if name not in EXCEPTIONS:
            self.bad.append((*place, f"{name}: {missing}"))

    def line(self, place, line):
        project = self.project
        names = CALL.findall(line)
        if place[0].endswith((".md", ".rst")):
            names += [name for name in IDENTIFIER.findall(line)
                      if name not in project.cases | project.programs and not project.is_file(name)]
        for name in names:
            if name not in project.words:
                self.functions.setdefault(name, []).append(place)
        for name in FILE.findall(line):
            if not name.startswith("build/") and not project.is_file(name):
                self.report(place, name, "there is no such file")
        if place[0].endswith((".md", ".rst")):
            for name in DIRECTORY.findall(line):
                if not FILE.search(name) and not name.startswith("build") and not project.is_file(name):
                    self.report(place, name, "there is no such file or directory")
        for page, section in SECTION.findall(line):
            headings = project.headings(page)
            if headings is not None and not any(section.startswith(heading) for heading in headings if heading):
                self.report(place, f"{page}, {section}", "the page has no such section")
        for name in TESTED.findall(line):
            if name not in project.programs | {"kunit", "name", "NAME"}:
                self.report(place, name, "there is no such test")

    def fails(self, place, line):
        found = re.match(r"(?:Fails|Hangs): (\w+)(.*)", line)
        if not found:
            return
        if found[1] == "kunit":
            for name in found[2].split():
                if name not in self.project.cases:
                    self.report(place, name, "there is no such case of KUnit")
        elif found[1] not in self.project.programs:
            self.report(place, found[1], "there is no such test program")

    def table(self, place, line):
        """A row of HACKING's table: what is taken out, what fails."""
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if len(cells) != 2:
            return
        for part in re.findall(r"kunit: ([^;.]*)", cells[1]):
            for name in re.findall(r"`(\w+)`", part.split(" (")[0]):
                if name not in self.project.cases:
                    self.report(place, name, "there is no such case of KUnit")

    def everything(self):
        for name, prose in self.project.prose.items():
            for number, line in enumerate(prose.split("\n"), 1):
                place = (name, number)
                self.line(place, line)
                if name.startswith("mutants/"):
                    self.fails(place, line)
                elif name == "HACKING.md" and line.lstrip().startswith("|"):
                    self.table(place, line)
        wanted = set(self.functions) - set(EXCEPTIONS)
        wanted -= self.project.in_kernel(wanted, LIKELY)
        wanted -= self.project.in_kernel(wanted, ["arch/x86", "arch/um", "drivers", "fs", "mm", "security", "tools/lib",
                                                  "tools/include", "tools/testing/selftests/net"])
        for name in wanted:
            for place in self.functions[name]:
                self.report(place, name, "neither our code nor the kernel's has this word")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.split("\n\n")[1])
    check = Check(Project(Path(sys.argv[1]), Path(sys.argv[2])))
    check.everything()
    for file, number, what in sorted(set(check.bad)):
        print(f"{file}:{number}: {what}")
    sys.exit(1 if check.bad else 0)


main()
