#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Where the hunks of a patch go.

usage: hunks.py narrow GITDIR PATCH...   leave as much context in the patches as
                                         tells a hunk's place from all others in
                                         its file, and no more than three lines
"""

import re
import subprocess
import sys

MOST = 3
HUNK = re.compile(rb'@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@')
LABEL = re.compile(rb'[ \t]*[A-Za-z_]\w*:\s*($|/[/*])')


class File:
    """A file before a patch."""

    def __init__(self, name, text):
        self.lines = text.splitlines(True)
        self.is_c = name.endswith((b'.c', b'.h'))

    def places(self, pattern):
        """Each index at which the lines @pattern stand."""
        last = len(self.lines) - len(pattern) + 1
        return [at for at in range(last)
                if self.lines[at:at + len(pattern)] == pattern]

    def function_at(self, at):
        """The name that git gives a hunk which begins at line @at."""
        for line in reversed(self.lines[:at]):
            if re.match(rb'[A-Za-z_$]', line) and \
                    not (self.is_c and LABEL.match(line)):
                return line.rstrip()[:80].rstrip()
        return b''


class Edit:
    """Lines that go, and lines that come in their place."""

    def __init__(self, at):
        self.at, self.old, self.new = at, [], []

    @property
    def end(self):
        return self.at + len(self.old)


def edits_of(hunks):
    """What the hunks of one file do, without their context."""
    edits, at, last = [], 0, b' '
    for line in hunks:
        head = HUNK.match(line)
        if head:
            # an empty side is numbered by the line before it
            at = int(head[1]) - (head[2] != b'0')
            last = b' '
            continue
        sign, text = line[:1], line[1:]
        if sign == b' ':
            at += 1
        else:
            if last == b' ':
                edits.append(Edit(at))
            (edits[-1].old if sign == b'-' else edits[-1].new).append(text)
            at += sign == b'-'
        last = sign
    return edits


class Hunk:
    """Edits that stand so close that they share their context."""

    def __init__(self, edit, context):
        self.edits, self.context = [edit], context

    def reaches(self, edit, context):
        return self.edits[-1].end + self.context >= edit.at - context

    def add(self, edit, context):
        self.edits.append(edit)
        self.context = max(self.context, context)

    def text(self, file, shift):
        """Yields its lines; @shift is by how much hunks before it grew."""
        first = at = max(self.edits[0].at - self.context, 0)
        last = self.edits[-1].end + self.context
        body = []
        for edit in self.edits:
            body += [b' ' + line for line in file.lines[at:edit.at]]
            body += [b'-' + line for line in edit.old]
            body += [b'+' + line for line in edit.new]
            at = edit.end
        body += [b' ' + line for line in file.lines[at:last]]
        old = sum(line[:1] != b'+' for line in body)
        new = sum(line[:1] != b'-' for line in body)
        name = file.function_at(first)
        yield b'@@ -%s +%s @@%s\n' % (numbers(first, old),
                                      numbers(first + shift, new),
                                      b' ' + name if name else b'')
        yield from body


def numbers(at, count):
    at += count != 0
    return b'%d' % at if count == 1 else b'%d,%d' % (at, count)


def context_for(file, edit):
    """How many lines around @edit make its place unique."""
    for count in range(1, MOST):
        first = max(edit.at - count, 0)
        if len(file.places(file.lines[first:edit.end + count])) == 1:
            return count
    return MOST


def hunks_of(file, edits):
    """Yields the text of hunks that make @edits in @file."""
    hunks, shift = [], 0
    for edit in edits:
        context = context_for(file, edit)
        if hunks and hunks[-1].reaches(edit, context):
            hunks[-1].add(edit, context)
        else:
            hunks.append(Hunk(edit, context))
    for hunk in hunks:
        yield from hunk.text(file, shift)
        shift += sum(len(e.new) - len(e.old) for e in hunk.edits)


def git(gitdir, *args):
    return subprocess.run(['git', '-C', gitdir, *args], check=True,
                          stdout=subprocess.PIPE).stdout


def sections(patch):
    """Splits a patch into the text before the first diff, and each diff."""
    section = []
    for line in patch:
        if line.startswith(b'diff --git '):
            yield section
            section = []
        section.append(line)
    yield section


def narrow(gitdir, patch):
    for section in sections(patch):
        start = next((i for i, line in enumerate(section)
                      if HUNK.match(line)), None)
        blob = next((m[1].decode() for line in section for m in
                     [re.match(rb'index ([0-9a-f]+)\.\.', line)] if m), '')
        if start is None or not blob.strip('0') or \
                any(line.startswith(b'\\') for line in section):
            yield from section
            continue
        file = File(section[0].strip(), git(gitdir, 'cat-file', 'blob', blob))
        yield from section[:start]
        yield from hunks_of(file, edits_of(section[start:]))


def main():
    if len(sys.argv) < 3 or sys.argv[1] != 'narrow':
        sys.exit(__doc__)
    for name in sys.argv[3:]:
        with open(name, 'rb') as patch:
            text = patch.read().splitlines(True)
        with open(name, 'wb') as patch:
            patch.writelines(narrow(sys.argv[2], text))


if __name__ == '__main__':
    main()
