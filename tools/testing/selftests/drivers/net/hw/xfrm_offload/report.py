#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write report.md and report.json from what a run of the suite left in its folder.

usage: report.py REQUIREMENTS FOLDER
"""

import json
import os
import sys

VERDICTS = ("pass", "fail", "not supported")
RESULTS = {"good": "as demanded", "bad": "failed", "lack": "missing"}
DEVICE = ("interface", "driver", "driver version", "firmware", "bus", "address on the bus", "features")


def rows(path, columns):
    """The lines of a file with tabs between columns; the last one takes the rest."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.startswith("#") and line.strip():
                yield line.rstrip("\n").split("\t", columns - 1)


def collect(requirements, folder):
    """The report as one structure: what goes into report.json."""
    def file(name):
        return os.path.join(folder, name)

    verdicts = dict(rows(file("verdicts.tsv"), 2))
    evidence = {}
    for ident, result, text in rows(file("evidence.tsv"), 3):
        evidence.setdefault(ident, []).append({"result": RESULTS[result], "text": text})
    facts = dict(rows(file("facts.tsv"), 2))
    takes = [dict(zip(("kind", "taken", "refusal"), row)) for row in rows(file("takes.tsv"), 3)]
    for take in takes:
        take["taken"] = take["taken"] == "yes"

    judged = [
        {
            "id": ident,
            "group": group,
            "contract": contract,
            "requirement": sentence,
            "verdict": verdicts[ident],
            "evidence": evidence.get(ident, []),
        }
        for ident, group, contract, sentence in rows(requirements, 4)
        if ident in verdicts
    ]
    return {
        "suite": "xfrm_offload",
        "device": {name: facts.pop(name) for name in DEVICE if name in facts},
        "run": facts,
        "takes": takes,
        "totals": {v: sum(r["verdict"] == v for r in judged) for v in VERDICTS},
        "requirements": judged,
    }


def cell(text):
    """Text that does not end a column of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def table(heads, lines):
    """A table, line by line."""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + " --- |" * len(heads)
    for line in lines:
        yield "| " + " | ".join(cell(str(column)) for column in line) + " |"
    yield ""


def page(report):
    """report.md, line by line."""
    device, totals = report["device"], report["totals"]
    yield f"# IPsec offload of {device.get('interface', '?')} ({device.get('driver', '?')})"
    yield ""
    yield ", ".join(f"{totals[v]} {v}" for v in VERDICTS) + f" of {sum(totals.values())} requirements."
    yield ""
    yield from table(("device and run", ""), [*device.items(), *report["run"].items()])
    yield "## What the device takes"
    yield ""
    yield from table(
        ("kind of SA", "taken", "what it was refused with"),
        [(t["kind"], "yes" if t["taken"] else "no", t["refusal"]) for t in report["takes"]],
    )
    yield "## Requirements"
    yield ""
    yield from table(
        ("ID", "verdict", "requirement"),
        [(r["id"], f"**{r['verdict']}**" if r["verdict"] == "fail" else r["verdict"], r["requirement"])
         for r in report["requirements"]],
    )
    for verdict in ("fail", "not supported", "pass"):
        some = [r for r in report["requirements"] if r["verdict"] == verdict]
        if some:
            yield f"## Evidence: {verdict}"
            yield ""
        for requirement in some:
            yield f"**{requirement['id']}** ({requirement['contract']})"
            yield ""
            for item in requirement["evidence"]:
                mark = "" if item["result"] == "as demanded" else f"{item['result']}: "
                yield f"- {mark}{cell(item['text'])}"
            yield ""


def main():
    """Both files, or neither."""
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip().splitlines()[-1])
    requirements, folder = sys.argv[1:]
    report = collect(requirements, folder)
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1, ensure_ascii=False)
        file.write("\n")
    with open(os.path.join(folder, "report.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(page(report)).rstrip("\n") + "\n")


if __name__ == "__main__":
    main()
