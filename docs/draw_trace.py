#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws a pool's trace (see trace.md) as an SVG: draw_trace.py TRACE.json > PICTURE.svg

A file that has lost its end, because its host was killed, is drawn up to its last whole event.
"""
import json
import sys
from html import escape

WIDTH, LEFT, RIGHT, ROW, TOP, BAR = 1100, 150, 20, 40, 30, 22
TASK_COLORS = ["#4878a8", "#5b9a68", "#8a6fae", "#4d9c9c", "#8c7a55"]
OUTCOME_COLORS = {"killed": "#c8553d", "lost": "#c8553d", "exception": "#d9a441"}
MARKS = {"kill": "#c8553d", "lost": "#c8553d", "soft limit": "#d9a441", "up": "#5b9a68", "retire": "#777777",
         "restart": "#4878a8", "ended": "#777777"}


def read(path):
    text = open(path, encoding="utf-8").read().rstrip()
    if not text.endswith("]"):
        text = text[: text.rfind("}") + 1] + "]"
        while True:
            try:
                return json.loads(text)
            except ValueError:
                text = text[: text.rindex(",\n{")] + "]"
    return json.loads(text)


def main():
    events = read(sys.argv[1])
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    places = {e["tid"]: e["args"]["sort_index"] for e in events if e["name"] == "thread_sort_index"}
    tracks = sorted(names, key=lambda tid: places.get(tid, 0))
    timed = [e for e in events if "ts" in e]
    begin = min(e["ts"] for e in timed)
    end = max(e["ts"] + e.get("dur", 0) for e in timed)
    scale = (WIDTH - LEFT - RIGHT) / max(end - begin, 1)
    height = TOP + ROW * len(tracks) + 50

    def x(ts):
        return LEFT + (ts - begin) * scale

    def y(tid):
        return TOP + ROW * tracks.index(tid)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
           f'height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if (end - begin) / 1000 / s <= 12)
    for i in range(int((end - begin) / 1000 / step) + 1):
        at = x(begin + i * step * 1000)
        out.append(f'<path d="M{at:.1f} {TOP - 6}V{TOP + ROW * len(tracks)}" stroke="#e4e4e4"/>')
        out.append(f'<text x="{at:.1f}" y="{TOP - 12}" text-anchor="middle" fill="#555">{i * step} ms</text>')
    for tid in tracks:
        pid = "" if places.get(tid, 0) == 0 else f" ({tid})"
        out.append(f'<text x="8" y="{y(tid) + 16}" fill="#222">{escape(names[tid] + pid)}</text>')

    tasks = []  # that have a color of their own
    last = {}
    for e in sorted((e for e in events if e["ph"] == "X"), key=lambda e: e["ts"]):
        left, wide = x(e["ts"]), e["dur"] * scale
        if wide < 0.5 and left - last.get(e["tid"], -1) < 0.5:
            continue  # would be drawn on top of the one before
        last[e["tid"]] = left
        if e["name"] == "start":
            color = "#c9ced6"
        else:
            color = OUTCOME_COLORS.get(e["args"]["outcome"])
            if color is None:
                if e["name"] not in tasks:
                    tasks.append(e["name"])
                color = TASK_COLORS[tasks.index(e["name"]) % len(TASK_COLORS)]
        out.append(f'<rect x="{left:.1f}" y="{y(e["tid"])}" width="{max(wide, 0.5):.1f}" height="{BAR}" '
                   f'fill="{color}" stroke="white" stroke-width="{0.5 if wide > 2 else 0}"/>')
        label = f'{e["name"]} {e["args"]["job"]}' if "job" in e["args"] else e["name"]
        if wide > 7 * len(label):
            out.append(f'<text x="{left + wide / 2:.1f}" y="{y(e["tid"]) + 15}" text-anchor="middle" '
                       f'fill="white" font-size="11">{escape(label)}</text>')
    for e in events:
        if e["ph"] != "i" or e["args"].get("why") in ("pool terminated", "close"):
            continue
        at, low = x(e["ts"]), y(e["tid"]) + BAR + 2
        out.append(f'<path d="M{at:.1f} {low}l4 8h-8z" fill="{MARKS.get(e["name"], "#222")}">'
                   f'<title>{escape(e["name"])}</title></path>')

    at, low = LEFT, height - 18
    legend = [("start of a worker", "#c9ced6")]
    legend += [(t, TASK_COLORS[i % len(TASK_COLORS)]) for i, t in enumerate(tasks)]
    legend += [("killed or lost", "#c8553d")]
    for name, color in legend:
        out.append(f'<rect x="{at}" y="{low - 10}" width="12" height="12" fill="{color}"/>')
        out.append(f'<text x="{at + 17}" y="{low}" fill="#222">{escape(name)}</text>')
        at += 40 + 7 * len(name)
    for name in ("up", "kill", "lost", "ended", "restart"):
        shown = [e for e in events if e["ph"] == "i" and e["name"] == name]
        if not shown:
            continue
        out.append(f'<path d="M{at + 5} {low - 9}l4 8h-8z" fill="{MARKS[name]}"/>')
        out.append(f'<text x="{at + 14}" y="{low}" fill="#222">{name}</text>')
        at += 32 + 7 * len(name)
    out.append("</svg>")
    print("\n".join(out))


if __name__ == "__main__":
    main()
