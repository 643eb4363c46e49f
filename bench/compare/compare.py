#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""procpool beside other pools, queues and the bare mechanisms, in one run.

  compare.py [--programs build/bench/bench] [--rounds 5] [--table FILE] [--svg FILE] [--json FILE]

Each measurement is a process of its own, alone; a round goes through all rows and all peers before the next begins;
figures are medians over the rounds. A run during which others used more than a tenth of the CPUs is tried again, and the
quietest attempt kept. Every run checks what came back. Peers that are not installed are named and skipped, and so are
rows that the system has no means for. Python's pools run under --python (/usr/bin/python3, which has Debian's modules, if
it is there).
"""
import argparse
import contextlib
import json
import math
import os
import random
import resource
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import chart
import memory

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON_POOLS = os.path.join(os.path.dirname(HERE), "peers", "python_pools.py")


class Peer:
    """kind: 'procpool', 'pool' (of processes), 'queue' (nobody looks after the workers) or 'limit'."""

    def __init__(self, key, title, kind, command, slow=False):
        self.key, self.title, self.kind, self.command, self.slow = key, title, kind, command, slow


class Row:
    """One line of the table. `pick` makes the figure, in `unit`, of what a run printed. `one_cpu`: the program, and all that it starts,
    has to do with one. `why_not` says why this system cannot measure it; None if it can."""

    def __init__(self, key, title, workload, unit, pick, more_is_better, n, slow_n=None, workers=2, one_cpu=False, why_not=lambda: None):
        self.key, self.title, self.workload, self.unit, self.pick = key, title, workload, unit, pick
        self.more_is_better, self.n, self.slow_n, self.workers = more_is_better, n, slow_n or n, workers
        self.one_cpu, self.why_not = one_cpu, why_not

    def run_of(self):
        """Rows that say the same get their figures from the same run."""
        return self.workload, self.one_cpu

    def n_of(self, peer):
        return self.slow_n if peer.slow else self.n

    def better(self, values):
        return max(values) if self.more_is_better else min(values)


def per_second(run):
    return run["n"] / run["seconds"]


def gigabytes_per_second(run):
    return 2 * run["bytes"] * run["n"] / run["seconds"] / 1e9


def ms(field):
    return lambda run: run[field] * 1e3


def p50_us(run):
    return run["p50_us"]


def durations():
    """Of 2,000 tasks, in ns: 1 us to 20 ms, each power of ten as often as the next, always the same."""
    dice = random.Random(20240607)
    return [int(1000 * math.exp(dice.uniform(0, math.log(20_000)))) for _ in range(2000)]


DURATIONS = durations()


def efficiency(run):
    """How much of their time the workers had tasks, per cent."""
    return 100 * sum(DURATIONS[: run["n"]]) / 1e9 / (run["workers"] * run["seconds"])


def why_not_pinned():
    return None if hasattr(os, "sched_setaffinity") else "processes cannot be bound to a CPU"


ROWS = [
    Row("map", "map of no-ops, chunksize 1", "noop_map", "jobs/s", per_second, True, 2_000_000, 20_000),
    Row("map_auto", "map of no-ops, chunks left to the pool", "noop_map_auto", "jobs/s", per_second, True, 5_000_000, 20_000),
    Row("async", "no-ops submitted one by one", "noop_async", "jobs/s", per_second, True, 1_000_000, 10_000),
    Row("payload", "8 MiB there and back", "payload", "GB/s", gigabytes_per_second, True, 100, 10, workers=1),
    Row("latency", "round trip, median, 1 worker", "latency", "us", p50_us, False, 10_000, 2_000, 1),
    Row("latency_1cpu", "round trip, median, 1 worker, all on one CPU", "latency", "us", p50_us, False, 10_000, 2_000, 1, True, why_not_pinned),
    Row("startup", "start 4, one no-op, stop", "startup", "us", ms("warm_ms"), False, 10, 5, 4),
    Row("startup_1g", "the same in a program with 1 GiB of heap", "startup_1g", "us", ms("warm_ms"), False, 5, workers=4),
    Row("startup_1g_forkserver", "the same, by forkserver", "startup_1g_forkserver", "us", ms("warm_ms"), False, 5, workers=4),
    Row("told", "told of a lost worker", "crash_recovery", "us", ms("told_ms"), False, 1),
    Row("next", "the next task after it", "crash_recovery", "us", ms("next_ms"), False, 1),
    Row("overshoot", "overshoot of a hard limit", "hard_timeout", "us", ms("overshoot_ms"), False, 1),
    Row("mixed", "2,000 tasks of 1 us to 20 ms: efficiency", "mixed", "%", efficiency, True, len(DURATIONS)),
    Row("behind", "10,000 no-ops behind a task of 1 s", "behind_long", "us", ms("ms"), False, 10_000, 10_000),
    Row("idle", "idle pool of 4: memory (PSS)", "idle_memory", "MiB", lambda run: run["pss_mib"], False, 1, workers=4, why_not=memory.why_not),
]
QUIET = 0.1  # of the CPUs, used by others
SMOKE_N = {"noop_map": 2000, "noop_map_auto": 2000, "noop_async": 1000, "latency": 50, "mixed": 50, "behind_long": 200}  # of others: 1
SMOKE_HEAP_MIB = 64
TIMEOUT = 60  # seconds
SMOKE_TIMEOUT = 60


def peers_of(programs, python):
    def program(name):
        return [os.path.join(programs, "procpool_bench_" + name)]

    def pool(name):
        return [python, PYTHON_POOLS, "--peer", name]

    return [
        Peer("procpool", "procpool", "procpool", program("peer_runner")),
        Peer("multiprocessing", "multiprocessing", "pool", pool("multiprocessing"), slow=True),
        Peer("concurrent_futures", "concurrent.futures", "pool", pool("concurrent_futures"), slow=True),
        Peer("billiard", "billiard", "pool", pool("billiard"), slow=True),
        Peer("zeromq", "ZeroMQ", "queue", program("zeromq_peer")),
        Peer("boost_queue", "Boost queue", "queue", program("boost_queue_peer")),
        Peer("socketpair", "socketpair", "limit", program("socketpair_peer")),
        Peer("ring", "ring", "limit", program("ring_peer")),
    ]


def checksum(workload, n):
    """What the answers of all tasks add up to."""
    if workload == "payload":
        blocks = (8 << 20) // 4096
        return sum((block * 7 + (i % 2) * 13) % 256 for i in range(n) for block in range(blocks))
    if workload.startswith("startup") or workload in ("crash_recovery", "hard_timeout"):
        return 42
    return n * (n + 1) // 2


class Failed(Exception):
    pass


def end_group(process):
    """Nothing that it has started is left: some pools hang, and workers without a host may not notice."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def bind_to_one_cpu():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def start(peer, workload, n, workers, one_cpu):
    command = peer.command + ["--workload", workload, "--n", str(n), "--workers", str(workers)]
    streams = {"stdin": subprocess.PIPE if workload == "idle_memory" else subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    before_exec = bind_to_one_cpu if one_cpu else None
    try:
        return subprocess.Popen(command, text=True, start_new_session=True, preexec_fn=before_exec, **streams)
    except OSError as error:
        raise Failed(error.strerror)


def memory_when_idle(process, workers, timeout):
    """In MiB, once it has said READY; None if it says something else, which is returned as well. It waits for a line then."""
    if not select.select([process.stdout], [], [], timeout)[0]:
        raise Failed("not ready after %d s" % timeout)
    line = process.stdout.readline()
    if not line.startswith("READY "):
        return None, line
    time.sleep(0.2)  # what it has begun may go on for a moment
    told = set(json.loads(line[len("READY ") :])["workers"])
    pids = memory.tree(process.pid)
    if len(told) != workers or not told <= set(pids):
        raise Failed("its workers are not what it has started: %s" % line.strip())
    try:
        return memory.pss_mib(pids), ""
    except OSError as error:
        raise Failed("its memory cannot be measured: %s" % error)


def run(peer, workload, n, workers, one_cpu=False, timeout=TIMEOUT):
    """What it printed; None if the peer does not know the workload, or cannot run it like this."""
    process = start(peer, workload, n, workers, one_cpu)
    measured, output = {"workers": workers}, ""
    try:
        if workload == "idle_memory":
            measured["pss_mib"], output = memory_when_idle(process, workers, timeout)
        more, errors = process.communicate("\n" if workload == "idle_memory" else None, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed("no end after %d s" % timeout)
    finally:
        end_group(process)
    lines = (output + more).strip().splitlines()
    if process.returncode != 0 or not lines:
        raise Failed((errors.strip().splitlines() or ["status %d" % process.returncode])[-1])
    figures = json.loads(lines[-1])
    if "unsupported" in figures:
        return None
    if workload not in ("version", "idle_memory") and figures["checksum"] != checksum(workload, n):
        raise Failed("wrong results: %s" % lines[-1])
    return dict(figures, **measured)


def cpu_seconds():
    """What all processes have used so far, and what those that this one has waited for have; None without /proc."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(field) for field in file.readline().split()[1:9]]
    except OSError:
        return None
    all_of_them = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")  # but not idle or waiting for a disk
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return all_of_them, own.ru_utime + own.ru_stime


def run_quietly(peer, row, n, attempts, timeout):
    """The attempt during which others used the CPUs least, and their share of them; what came out plays no part."""
    best = None
    for _ in range(attempts):
        before, start = cpu_seconds(), time.monotonic()
        result = run(peer, row.workload, n, row.workers, row.one_cpu, timeout)
        seconds = time.monotonic() - start
        after = cpu_seconds()
        others = 0.0
        if before is not None and after is not None:
            others = max(0.0, (after[0] - before[0]) - (after[1] - before[1])) / (seconds * os.cpu_count())
        if best is None or others < best[1]:
            best = result, others
        if result is None or others < QUIET:
            break
    return best


def installed(peers):
    there, versions = [], {}
    for peer in peers:
        try:
            versions[peer.key] = run(peer, "version", 1, 1)["version"]
            there.append(peer)
        except Failed as reason:
            if peer.kind == "procpool":
                sys.exit("compare: %s: %s" % (peer.command[0], reason))
            print("skipped %s: %s" % (peer.title, reason), file=sys.stderr)
    return there, versions


def measurable(rows):
    there = []
    for row in rows:
        reason = row.why_not()
        if reason is None:
            there.append(row)
        else:
            print("skipped the row '%s': %s" % (row.title, reason), file=sys.stderr)
    return there


@contextlib.contextmanager
def environment_of_peers(heap_mib):
    """The lengths of mixed tasks are in a file meanwhile."""
    os.environ["PEERBENCH_HEAP_MIB"] = str(heap_mib)
    with tempfile.NamedTemporaryFile("w", prefix="procpool-bench-", encoding="ascii") as file:
        file.write("\n".join(map(str, DURATIONS)) + "\n")
        file.flush()
        os.environ["PEERBENCH_DURATIONS"] = file.name
        yield


def measure(peers, rows, rounds, attempts, n_of, timeout):
    """{row key: {peer key: [a figure for each round]}}, the share of the CPUs that others used, and how many runs of procpool's failed."""
    figures = {row.key: {} for row in rows}
    others_used = []
    failures = 0
    for number in range(rounds):
        for what in dict.fromkeys(row.run_of() for row in rows):
            of_run = [row for row in rows if row.run_of() == what]
            for peer in peers:
                first = of_run[0]
                try:
                    result, others = run_quietly(peer, first, n_of(first, peer), attempts, timeout)
                except Failed as reason:
                    failures += peer.kind == "procpool"  # some pools hang now and then
                    print("failed: %s, %s: %s" % (peer.title, first.key, reason), file=sys.stderr)
                    continue
                if result is None:
                    continue
                others_used.append(others)
                for row in of_run:
                    figures[row.key].setdefault(peer.key, []).append(row.pick(result))
        print("round %d of %d" % (number + 1, rounds), file=sys.stderr)
    return figures, statistics.median(others_used) if others_used else None, failures


class Line:
    """A row, measured: the medians, and the best of each kind."""

    def __init__(self, row, peers, samples):
        self.row = row
        self.medians = {key: statistics.median(values) for key, values in samples.items()}
        self.spread = {key: (min(values), max(values)) for key, values in samples.items()}
        self.best = {}
        for kind in ("procpool", "pool", "queue", "limit"):
            there = [peer for peer in peers if peer.kind == kind and peer.key in self.medians]
            if there:
                value = row.better([self.medians[peer.key] for peer in there])
                self.best[kind] = (value, next(peer.title for peer in there if self.medians[peer.key] == value))

    def ratio(self, kind):
        """How many times as fast procpool is; None without a figure on either side."""
        if kind not in self.best or "procpool" not in self.best:
            return None
        ours, theirs = self.best["procpool"][0], self.best[kind][0]
        return ours / theirs if self.row.more_is_better else theirs / ours


def text(value, unit):
    if unit == "jobs/s":
        return "%s M/s" % rounded(value / 1e6) if value >= 1e6 else "%s k/s" % rounded(value / 1e3)
    if unit == "us" and value >= 1e6:
        return "%s s" % rounded(value / 1e6)
    if unit == "us" and value >= 1000:
        return "%s ms" % rounded(value / 1e3)
    return "%s %s" % (rounded(value), unit)


def rounded(value):
    return "%.0f" % value if value >= 100 else "%.1f" % value if value >= 10 else "%.2f" % value


def times(ratio):
    return "-" if ratio is None else rounded(ratio) + "x"


def summary_table(lines):
    out = ["| work | procpool | best process pool | best queue | bare limit | : pool | : queue | : limit |", "|---|---|---|---|---|---|---|---|"]
    for line in lines:
        cells = [line.row.title]
        for kind in ("procpool", "pool", "queue", "limit"):
            if kind not in line.best:
                cells.append("-")
                continue
            value, title = line.best[kind]
            cells.append(text(value, line.row.unit) + ("" if kind == "procpool" else ", " + title))
        cells += [times(line.ratio(kind)) for kind in ("pool", "queue", "limit")]
        out.append("| " + " | ".join(cells) + " |")
    return out


def full_table(lines, peers):
    out = ["| work | procpool, slowest to fastest round | " + " | ".join(peer.title for peer in peers[1:]) + " |"]
    out.append("|---" * (len(peers) + 1) + "|")
    for line in lines:
        cells = [line.row.title]
        worst_first = sorted(line.spread.get("procpool", ()), reverse=not line.row.more_is_better)
        cells.append(" to ".join(text(value, line.row.unit) for value in worst_first) or "-")
        cells += [text(line.medians[p.key], line.row.unit) if p.key in line.medians else "-" for p in peers[1:]]
        out.append("| " + " | ".join(cells) + " |")
    return out


def report(lines, peers, data):
    out = ["Medians of %(rounds)d interleaved rounds, %(cpus)d CPUs; 2 workers unless said. A ratio says how many times as fast procpool is." % data]
    if data.get("others") is not None:
        out.append("Meanwhile others used %.0f %% of the CPUs (median over all runs)." % (100 * data["others"]))
    out += [""] + summary_table(lines) + [""] + full_table(lines, peers) + [""]
    out.append("Versions: " + "; ".join("%s: %s" % (p.title, data["versions"][p.key]) for p in peers if p.kind in ("procpool", "pool", "queue")) + ".")
    return "\n".join(out) + "\n"


def write(path, content):
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def arguments_of(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default=os.path.join(HERE, "..", "..", "build", "bench", "bench"), help="where the built peers are")
    parser.add_argument("--python", default="/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--attempts", type=int, default=3, help="runs during which others used much of the CPUs are tried again")
    parser.add_argument("--rows", default=",".join(row.key for row in ROWS))
    parser.add_argument("--table", help="where the tables go, beside the standard output")
    parser.add_argument("--svg")
    parser.add_argument("--json", help="all figures of all rounds; --from draws them again")
    parser.add_argument("--from", dest="source", help="measure nothing: the figures of a --json file")
    parser.add_argument("--smoke", action="store_true", help="few jobs: whether it runs, not how fast")
    return parser.parse_args(argv)


def main(argv):
    arguments = arguments_of(argv)
    rows = [row for row in ROWS if row.key in arguments.rows.split(",")]
    peers = peers_of(arguments.programs, arguments.python)
    failures = 0
    if arguments.source:
        with open(arguments.source, encoding="utf-8") as file:
            data = json.load(file)
        peers = [peer for peer in peers if peer.key in data["versions"]]
        rows = [row for row in rows if row.key in data["figures"]]
    else:
        peers, versions = installed(peers)
        n_of = (lambda row, _: SMOKE_N.get(row.workload, 1)) if arguments.smoke else Row.n_of
        attempts, timeout = (1, SMOKE_TIMEOUT) if arguments.smoke else (arguments.attempts, TIMEOUT)
        with environment_of_peers(SMOKE_HEAP_MIB if arguments.smoke else 1024):
            figures, others, failures = measure(peers, measurable(rows), arguments.rounds, attempts, n_of, timeout)
        data = {"rounds": arguments.rounds, "cpus": os.cpu_count(), "others": others, "versions": versions, "figures": figures}
    if arguments.json:
        write(arguments.json, json.dumps(data, indent=1) + "\n")
    lines = [Line(row, peers, data["figures"].get(row.key, {})) for row in rows]
    tables = report(lines, peers, data)
    print(tables, end="")
    if arguments.table:
        write(arguments.table, tables)
    if arguments.svg:
        write(arguments.svg, chart.draw(lines, text, data["rounds"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
