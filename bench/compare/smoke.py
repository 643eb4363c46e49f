#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""smoke.py PROGRAMS WORK: compare.py ends well, its table has every row, and its picture is well-formed. Rows that this system
cannot measure are in the table alone, without a figure."""
import os
import subprocess
import sys
import xml.etree.ElementTree

import compare


def main(programs, work):
    svg, table = (os.path.join(work, "compare_smoke." + ending) for ending in ("svg", "md"))
    command = [sys.executable, "-B", compare.__file__, "--smoke", "--rounds", "1", "--programs", programs, "--svg", svg, "--table", table]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=550)
    wrong = []
    if done.returncode != 0:
        wrong.append("it ended with %d" % done.returncode)
    with open(table, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for row in compare.ROWS:
        cells = [line.split(" | ") for line in lines if line.startswith("| %s | " % row.title)]
        if len(cells) != 2:
            wrong.append("the tables have not the row '%s'" % row.title)
        elif cells[0][1] == "-" and row.why_not() is None:
            wrong.append("'%s' has no figure of procpool's" % row.title)
    root = xml.etree.ElementTree.parse(svg).getroot()
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    wrong += ["the picture has not '%s'" % row.title for row in compare.ROWS if row.title not in texts and row.why_not() is None]
    for each in wrong:
        print("smoke: " + each, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
