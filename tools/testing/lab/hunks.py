#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Where the hunks of patches go.

usage: hunks.py narrow GITDIR PATCH...
           leave as much context in the patches as tells a hunk's place from all
           others in its file, and no more. Beyond three lines, from all others
           in its function
       hunks.py place SOURCE OUT PATCH...
           write into the directory OUT the patches as they fit, one after the
           other, the files below SOURCE, under the names that they have in
           patches/. Prints a line for each change that
           needed less context than its patch has: "less PATCH FILE:LINE", and
           for each whose place is not clear: "none PATCH FILE:LINE". Ends with 1
           if there is one of those.

A hunk goes where all its lines stand, in the function that it names. Where they
do not, a change gives up context, from its ends and as little as possible, for
a place that is the only one in that function. The lines that it removes, and
those between changes that share a hunk, have to be there.
"""

import os
import re
import subprocess
import sys

USUAL, MOST = 3, 10
HUNK = re.compile(rb'@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@')
LABEL = re.compile(rb'[ \t]*[A-Za-z_]\w*:\s*($|/[/*])')


class File:
    """A file before a patch."""

    def __init__(self, name, text):
        self.name = name
        self.lines = text.splitlines(True)
        self.is_c = name.endswith(('.c', '.h'))

    def places(self, pattern):
        """Each index at which the lines @pattern stand."""
        return [at for at, line in enumerate(self.lines)
                if line == pattern[0] and
                self.lines[at:at + len(pattern)] == pattern]

    def function_at(self, at):
        """The name that git gives a hunk which begins at line @at."""
        for line in reversed(self.lines[:max(at, 0)]):
            if re.match(rb'[A-Za-z_$]', line) and \
                    not (self.is_c and LABEL.match(line)):
                return line.rstrip()[:80].rstrip()
        return b''

    def is_in(self, function, at):
        """Is a hunk that begins at line @at in @function?"""
        return not self.is_c or \
            identifier(function) == identifier(self.function_at(at))


def identifier(function):
    """What stays of a function's line if its arguments change."""
    name = re.search(rb'(\w+)\(', function)
    return name[1] if name else function


class Edit:
    """Lines that go, lines that come in their place, and what is around."""

    def __init__(self, at, before):
        self.at, self.before = at, before
        self.old, self.new, self.after = [], [], []

    @property
    def end(self):
        return self.at + len(self.old)


class Group:
    """The edits of one hunk of a patch that is read."""

    def __init__(self, first, function):
        self.first, self.function, self.edits = first, function, []

    @property
    def old(self):
        lines = list(self.edits[0].before)
        for edit in self.edits:
            lines += edit.old + edit.after
        return lines


def groups_of(text):
    """The hunks of one file."""
    groups = []
    for line in text:
        head = HUNK.match(line)
        if head:
            # an empty side is numbered by the line before it
            at = int(head[1]) - (head[2] != b'0')
            groups.append(Group(at, line[head.end():].strip()))
            edits = groups[-1].edits
            gap, last = [], b' '
            continue
        sign, line = line[:1], line[1:]
        if sign == b' ':
            if last != b' ':
                gap = edits[-1].after
            gap.append(line)
        else:
            if last == b' ':
                edits.append(Edit(at, gap))
            (edits[-1].old if sign == b'-' else edits[-1].new).append(line)
        at += sign != b'+'
        last = sign
    return groups


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
    for count in range(1, MOST + 1):
        first = max(edit.at - count, 0)
        at = file.places(file.lines[first:edit.end + count])
        if count >= USUAL:
            at = [one for one in at if
                  file.function_at(one) == file.function_at(first)]
        if len(at) == 1:
            return count
    return USUAL


def hunks_of(file, edits, context_of):
    """Yields the text of hunks that make @edits in @file."""
    hunks, shift = [], 0
    for edit in edits:
        context = context_of(file, edit)
        if hunks and hunks[-1].reaches(edit, context):
            hunks[-1].add(edit, context)
        else:
            hunks.append(Hunk(edit, context))
    for hunk in hunks:
        yield from hunk.text(file, shift)
        shift += sum(len(e.new) - len(e.old) for e in hunk.edits)


def place_group(file, group):
    """Puts a hunk where all its lines stand; is there one such place?"""
    at = [one for one in file.places(group.old)
          if file.is_in(group.function, one)]
    if len(at) > 1:
        # as it was made, if nothing moved
        at = [one for one in at if one == group.first]
    if len(at) != 1:
        return False
    for edit in group.edits:
        edit.at += at[0] - group.first
    return True


def place_edit(file, group, edit):
    """Puts an edit where most of its context stands, if that is clear."""
    before, after = edit.before, edit.after
    for less in range(len(before) + len(after) + 1):
        found = set()
        for above in range(min(less, len(before)) + 1):
            below = less - above
            if below > len(after):
                continue
            pattern = before[above:] + edit.old + after[:len(after) - below]
            if not any(re.search(rb'[A-Za-z_]{3}', line) for line in pattern):
                continue
            for at in file.places(pattern):
                at += len(before) - above
                if file.is_in(group.function, at - (edit.at - group.first)):
                    found.add(at)
        if found:
            break
    if len(found) != 1:
        return False
    edit.at = found.pop()
    return True


class Series:
    """Patches that are fitted to the files below a directory."""

    def __init__(self, source):
        self.source, self.files, self.unclear = source, {}, False

    def file(self, name):
        if name not in self.files:
            try:
                with open(os.path.join(self.source, name), 'rb') as source:
                    self.files[name] = File(name, source.read())
            except FileNotFoundError:
                self.files[name] = File(name, b'')
        return self.files[name]

    def say(self, what, patch, file, edit):
        print(what, patch, '%s:%d' % (file.name, edit.at + 1))
        self.unclear |= what == 'none'

    def place(self, patch, file, groups):
        """Yields the edits of @groups whose place in @file is clear."""
        end = 0
        for group in groups:
            whole = place_group(file, group)
            for edit in group.edits:
                if not whole and not place_edit(file, group, edit) or \
                        edit.at < end:
                    self.say('none', patch, file, edit)
                    continue
                if not whole:
                    self.say('less', patch, file, edit)
                end = edit.end
                yield edit

    def fit(self, patch, text):
        """Yields the lines of @text, the patch named @patch, as they fit."""
        def change(name, _, hunks):
            file = self.file(name)
            edits = list(self.place(patch, file, groups_of(hunks)))
            fitted = list(hunks_of(file, edits, lambda *_: USUAL))
            for edit in edits[::-1]:
                file.lines[edit.at:edit.end] = edit.new
            return fitted

        return per_file(text, change)


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


def per_file(patch, change):
    """Yields @patch; what changes a file goes through @change."""
    for section in sections(patch):
        start = next((i for i, line in enumerate(section)
                      if HUNK.match(line)), None)
        blob = next((m[1].decode() for line in section for m in
                     [re.match(rb'index ([0-9a-f]+)\.\.', line)] if m), '')
        if start is None or not blob.strip('0') or \
                any(line.startswith(b'\\') for line in section):
            yield from section
            continue
        name = section[0].split()[2][2:].decode()
        yield from section[:start]
        yield from change(name, blob, section[start:])


def narrow(gitdir, patch):
    def change(name, blob, text):
        file = File(name, git(gitdir, 'cat-file', 'blob', blob))
        edits = [edit for group in groups_of(text) for edit in group.edits]
        return hunks_of(file, edits, context_for)

    return per_file(patch, change)


def read(name):
    with open(name, 'rb') as patch:
        return patch.read().splitlines(True)


def write(name, lines):
    with open(name, 'wb') as patch:
        patch.writelines(lines)


def main():
    if len(sys.argv) > 3 and sys.argv[1] == 'narrow':
        for name in sys.argv[3:]:
            write(name, list(narrow(sys.argv[2], read(name))))
    elif len(sys.argv) > 4 and sys.argv[1] == 'place':
        series = Series(sys.argv[2])
        for path in sys.argv[4:]:
            name = path.rpartition('/patches/')[2]
            out = os.path.join(sys.argv[3], name)
            os.makedirs(os.path.dirname(out), exist_ok=True)
            write(out, series.fit(name, read(path)))
        sys.exit(series.unclear)
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
