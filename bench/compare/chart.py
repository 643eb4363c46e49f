# SPDX-License-Identifier: MIT
"""Draws what compare.py has measured: bars on logarithmic scales (per cent: on a plain one), one panel for each unit, as an
SVG that needs nothing from outside and follows the reader's light or dark mode."""
import math
from xml.sax.saxutils import escape

KINDS = [("procpool", "procpool"), ("pool", "best process pool"), ("queue", "best queue, unsupervised"), ("limit", "bare limit")]
PANELS = [
    ("jobs/s", "no-op jobs per second, longer is better"),
    ("GB/s", "GB per second, longer is better"),
    ("%", "time in which workers had tasks, per cent, longer is better"),
    ("us", "time, shorter is better"),
    ("MiB", "memory, shorter is better"),
]

STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-size: 17px; font-weight: 600; }
  .panel { font-weight: 600; }
  .small { font-size: 11px; fill: #59636e; }
  .ground { fill: #ffffff; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .procpool { fill: #0969da; }
  .pool { fill: #9a6700; }
  .queue { fill: #8250df; }
  .limit { fill: #8c959f; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .small { fill: #9198a1; }
    .ground { fill: #0d1117; }
    .grid { stroke: #3d444d; }
    .procpool { fill: #4493f8; }
    .pool { fill: #d29922; }
    .queue { fill: #ab7df8; }
    .limit { fill: #656c76; }
  }
"""

WIDTH = 880
LEFT = 310  # where bars begin
RIGHT = 175  # left free for the words behind the longest bar
BAR = 13
GAP = 14


class Scale:
    """Whole powers of ten around the values."""

    def __init__(self, values):
        self.low = math.floor(math.log10(min(values)) - 0.05)
        self.high = max(self.low + 1, math.ceil(math.log10(max(values))))

    def x(self, value):
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(value) - self.low) / (self.high - self.low)

    def marks(self):
        return [10.0**power for power in range(self.low, self.high + 1)]


class PercentScale:
    """All of it, from 0 to 100."""

    def x(self, value):
        return LEFT + (WIDTH - LEFT - RIGHT) * value / 100

    def marks(self):
        return [0, 25, 50, 75, 100]


def mark_text(value, unit):
    if unit == "jobs/s":
        return "%g M" % (value / 1e6) if value >= 1e6 else "%g k" % (value / 1e3)
    if unit == "us":
        return "%g s" % (value / 1e6) if value >= 1e6 else "%g ms" % (value / 1e3) if value >= 1e3 else "%g us" % value
    return "%g %s" % (value, unit) if unit in ("%", "MiB") else "%g" % value


def words(x, y, content, style=None, anchor=None):
    attributes = (' class="%s"' % style if style else "") + (' text-anchor="%s"' % anchor if anchor else "")
    return '<text x="%.1f" y="%.1f"%s>%s</text>' % (x, y, attributes, escape(content))


def draw_line(line, y, scale, text):
    """The bars of one row; returns what was drawn and where the next row begins."""
    drawn = []
    top = y
    for kind, _ in KINDS:
        if kind not in line.best:
            continue
        value, title = line.best[kind]
        width = max(2.0, scale.x(value) - LEFT)
        drawn.append('<rect class="%s" x="%d" y="%.1f" width="%.1f" height="%d" rx="2"/>' % (kind, LEFT, y, width, BAR - 2))
        label = text(value, line.row.unit) + ("" if kind == "procpool" else "  " + title)
        drawn.append(words(LEFT + width + 6, y + BAR - 3, label, "small"))
        y += BAR
    drawn.append(words(LEFT - 10, (top + y) / 2 + 4, line.row.title, None, "end"))
    return drawn, y + GAP


def draw_panel(unit, title, lines, y, text):
    scale = PercentScale() if unit == "%" else Scale([value for line in lines for value, _ in line.best.values()])
    drawn = [words(20, y, title, "panel")]
    top = y + 12
    y = top + 8
    bars = []
    for line in lines:
        more, y = draw_line(line, y, scale, text)
        bars += more
    bottom = y - GAP + 6
    for value in scale.marks():
        x = scale.x(value)
        drawn.append('<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>' % (x, top, x, bottom))
        drawn.append(words(x, bottom + 14, mark_text(value, unit), "small", "middle"))
    return drawn + bars, bottom + 46


def draw(lines, text, rounds):
    """The picture, as a string. `text(value, unit)` says a figure in words."""
    drawn = [words(20, 32, "procpool beside other pools, queues and the bare mechanisms", "title")]
    drawn.append(words(20, 52, "2 workers unless said; medians of %d interleaved rounds in one run; logarithmic scales, but of per cent" % rounds, "small"))
    x = 20
    for kind, title in KINDS:
        drawn.append('<rect class="%s" x="%d" y="66" width="12" height="12" rx="2"/>' % (kind, x))
        drawn.append(words(x + 18, 77, title))
        x += 40 + 8 * len(title)
    y = 112
    for unit, title in PANELS:
        of_panel = [line for line in lines if line.row.unit == unit and line.best]
        if of_panel:
            more, y = draw_panel(unit, title, of_panel, y, text)
            drawn += more
    height = y - 20
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %d %.0f" role="img">' % (WIDTH, height, WIDTH, height)
    ground = '<rect class="ground" width="100%" height="100%" rx="8"/>'
    title = "<title>procpool beside other pools, queues and the bare mechanisms</title>"
    return "\n".join([head, title, "<style>%s</style>" % STYLE, ground] + drawn + ["</svg>"]) + "\n"
