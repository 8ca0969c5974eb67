#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write one deliberate bug into a file of ours.

usage: mutate.py TOP SEED N OUTPUT

Mutant N of SEED: a place in net/xfrm is drawn, and one thing changed there: a condition negated, a bound moved by
one, a statement left out, a flag, a constant or an operator swapped. Writes the whole file to OUTPUT, and prints its
path in TOP, a tab, and "LINE: old -> new".
"""

import glob
import os
import random
import re
import sys

# what is looked for in a line, and what may take its place
SWAPS = [
    (r" == ", [" != "]),
    (r" != ", [" == "]),
    (r" < ", [" <= ", " > "]),
    (r" <= ", [" < "]),
    (r" > ", [" >= ", " < "]),
    (r" >= ", [" > "]),
    (r" && ", [" || "]),
    (r" \|\| ", [" && "]),
    (r" \+ ", [" - "]),
    (r" - ", [" + "]),
    (r" \+ 1\b", [" + 2", ""]),
    (r" - 1\b", [" - 2", ""]),
    (r" & ", [" | "]),
    (r" \| ", [" & "]),
    (r"\btrue\b", ["false"]),
    (r"\bfalse\b", ["true"]),
    (r"\bif \(!", ["if ("]),
    (r"\bif \((?!!)", ["if (!"]),
    (r"\breturn err;", ["return 0;"]),
    (r"\breturn 0;", ["return -EINVAL;"]),
    (r"\breturn -E[A-Z]+;", ["return 0;"]),
    (r"XFRM_DEV_OFFLOAD_PACKET\b", ["XFRM_DEV_OFFLOAD_CRYPTO"]),
    (r"XFRM_DEV_OFFLOAD_OUT\b", ["XFRM_DEV_OFFLOAD_IN"]),
    (r"XFRM_DEV_OFFLOAD_IN\b", ["XFRM_DEV_OFFLOAD_OUT"]),
    (r"XFRM_STATE_VALID\b", ["XFRM_STATE_INVALID"]),
    (r"XFRM_STATE_INVALID\b", ["XFRM_STATE_VALID"]),
    # a statement of its own line that is a call or an assignment
    (r"^\t+(?!return|goto|break|continue)[a-z][\w>.\[\]-]*(\(.*\)| [|&+-]?= .*);$", [";"]),
]


def code(text):
    """Number and text of the lines inside of functions, without comments."""
    comment = inside = False
    for number, line in enumerate(text.split("\n")):
        if line == "{":
            inside = True
        elif line == "}":
            inside = False
        if line.lstrip().startswith("/*"):
            comment = True
        if inside and not comment and "BUILD_BUG_ON" not in line and "lockdep" not in line:
            yield number, line
        if "*/" in line:
            comment = False


def places(path):
    """Each change that can be made to a file: line, its new text."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for number, line in code(text):
        for pattern, others in SWAPS:
            for found in re.finditer(pattern, line):
                for other in others:
                    yield number, line[: found.start()] + other + line[found.end():]


def main():
    top, seed, n, output = sys.argv[1:]
    draw = random.Random(f"{seed} {n}")
    files = sorted(glob.glob(os.path.join(top, "net/xfrm/*.c")))
    choices = [(name, number, line) for name in files for number, line in places(name)]
    name, number, line = draw.choice(choices)
    with open(name, encoding="utf-8") as file:
        lines = file.read().split("\n")
    old, lines[number] = lines[number], line
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    print(os.path.relpath(name, top), f"{number + 1}: {old.strip()} -> {line.strip()}", sep="\t")


if __name__ == "__main__":
    main()
