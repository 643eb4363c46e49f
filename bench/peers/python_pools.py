#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The process pools of Python as peers: runs one workload in one of them and prints its figures as one line of JSON.

python_pools.py --peer multiprocessing|concurrent_futures|billiard --workload NAME --n N --workers W
"""
import argparse
import importlib
import json
import os
import signal
import sys
import time

PAYLOAD = 8 << 20
BLOCK = 4096


def add_one(x):
    return x + 1


def echo(payload):
    return payload


def nap(seconds):
    time.sleep(seconds)
    return 0


def spin(task):
    index, ns = task
    end = time.perf_counter_ns() + ns
    while time.perf_counter_ns() < end:
        pass
    return index + 1


def tell_pid(_):
    """Not at once, so that other workers get some of these as well."""
    time.sleep(0.001)
    return os.getpid()


def kill_own_worker():
    os.kill(os.getpid(), signal.SIGKILL)


def ms_since(start):
    return (time.perf_counter() - start) * 1e3


class Unsupported(Exception):
    pass


class MultiprocessingPool:
    """multiprocessing.Pool; a job whose worker dies is never told of, and there are no limits."""

    tells_of_losses = False
    has_limits = False

    def __init__(self, workers):
        self.pool = importlib.import_module("multiprocessing").get_context("fork").Pool(workers)

    def map(self, function, items, chunksize):
        return self.pool.map(function, items, chunksize)

    def submit(self, function, *arguments):
        return self.pool.apply_async(function, arguments)

    def result(self, handle):
        return handle.get()

    def stop(self):
        self.pool.close()
        self.pool.join()


class BilliardPool(MultiprocessingPool):
    """billiard.Pool, as it is made by default, but where losses or limits are what is measured."""

    tells_of_losses = True
    has_limits = True

    def __init__(self, workers, **options):
        self.pool = importlib.import_module("billiard.pool").Pool(workers, **options)

    @classmethod
    def that_tells_of_losses(cls, workers):
        """By default it waits 10 s before it tells."""
        return cls(workers, lost_worker_timeout=0.1)

    @classmethod
    def with_limits(cls, workers):
        return cls(workers, enable_timeouts=True)

    def submit_limited(self, seconds, function, *arguments):
        return self.pool.apply_async(function, arguments, timeout=seconds)


class ExecutorPool:
    """concurrent.futures.ProcessPoolExecutor; a lost worker breaks all of it, so that a new one has to be made."""

    tells_of_losses = True
    has_limits = False

    def __init__(self, workers):
        self.workers = workers
        self.make()

    @classmethod
    def that_tells_of_losses(cls, workers):
        return cls(workers)

    def make(self):
        context = importlib.import_module("multiprocessing").get_context("fork")
        futures = importlib.import_module("concurrent.futures")
        self.executor = futures.ProcessPoolExecutor(self.workers, mp_context=context)

    def map(self, function, items, chunksize):
        return list(self.executor.map(function, items, chunksize=chunksize or 1))

    def submit(self, function, *arguments):
        return self.executor.submit(function, *arguments)

    def result(self, handle):
        return handle.result()

    def stop(self):
        self.executor.shutdown()


POOLS = {"multiprocessing": MultiprocessingPool, "concurrent_futures": ExecutorPool, "billiard": BilliardPool}


def version(peer):
    python = "CPython %d.%d.%d" % sys.version_info[:3]
    if peer == "billiard":
        billiard = importlib.import_module("billiard")
        importlib.import_module("billiard.pool")
        return "billiard %s, %s" % (billiard.__version__, python)
    return python


def warm(make, workers):
    pool = make(workers)
    pool.map(add_one, range(64 * workers), 1)
    return pool


def rate(start, n, total):
    return {"seconds": time.perf_counter() - start, "n": n, "checksum": total}


def noop_map(make, n, workers, chunksize=1):
    pool = warm(make, workers)
    start = time.perf_counter()
    return rate(start, n, sum(pool.map(add_one, range(n), chunksize)))


def noop_map_auto(make, n, workers):
    return noop_map(make, n, workers, None)


def noop_async(make, n, workers):
    pool = warm(make, workers)
    start = time.perf_counter()
    handles = [pool.submit(add_one, i) for i in range(n)]
    total = sum(pool.result(handle) for handle in handles)
    return rate(start, n, total)


def latency(make, n, _workers):
    pool = warm(make, 1)
    times = []
    total = 0
    for i in range(n):
        start = time.perf_counter()
        total += pool.result(pool.submit(add_one, i))
        times.append(ms_since(start) * 1e3)
    return {"p50_us": sorted(times)[n // 2], "n": n, "checksum": total}


def payload_of(variant):
    return b"".join(bytes([(block * 7 + variant * 13) % 256]) * BLOCK for block in range(PAYLOAD // BLOCK))


def payload(make, n, _workers):
    sent = [payload_of(0), payload_of(1)]
    pool = warm(make, 1)
    for i in range(2):
        pool.result(pool.submit(echo, sent[i]))
    total = 0
    start = time.perf_counter()
    for i in range(n):
        got = pool.result(pool.submit(echo, sent[i % 2]))
        total += sum(got[::BLOCK])
    figures = rate(start, n, total)
    if got != sent[(n - 1) % 2]:
        raise RuntimeError("other bytes came back")
    return dict(figures, bytes=PAYLOAD)


def startup(make, n, workers):
    times = []
    for _ in range(n + 1):
        start = time.perf_counter()
        pool = make(workers)
        handles = [pool.submit(add_one, 41) for _ in range(workers if make is ExecutorPool else 1)]  # starts on demand
        for handle in handles:
            if pool.result(handle) != 42:
                raise RuntimeError("a wrong result")
        pool.stop()
        times.append(ms_since(start))
    return {"ms": times[0], "warm_ms": sorted(times[1:])[n // 2], "checksum": 42}


def startup_1g(make, n, workers):
    heap = bytearray(int(os.environ.get("PEERBENCH_HEAP_MIB", "1024")) << 20)
    heap[::BLOCK] = b"x" * (len(heap) // BLOCK)
    return startup(make, n, workers)


def crash_recovery(make, _n, workers):
    if not make.tells_of_losses:
        raise Unsupported("it never tells")
    pool = warm(make.that_tells_of_losses, workers)
    told = "never"
    start = time.perf_counter()
    try:
        pool.result(pool.submit(kill_own_worker))
    except Exception as error:  # each has a class of its own for it
        told = type(error).__name__
    told_ms = ms_since(start)
    start = time.perf_counter()
    if make is ExecutorPool:
        pool.make()
    result = pool.result(pool.submit(add_one, 41))
    figures = {"told_ms": told_ms, "told": told, "next_ms": ms_since(start), "checksum": result}
    return figures


def hard_timeout(make, _n, workers):
    if not make.has_limits:
        raise Unsupported("it has no limits")
    pool = warm(make.with_limits, workers)
    told = "never"
    start = time.perf_counter()
    try:
        pool.result(pool.submit_limited(1.0, nap, 30))
    except Exception as error:
        told = type(error).__name__
    figures = {"overshoot_ms": ms_since(start) - 1000, "told": told}
    figures["checksum"] = pool.result(pool.submit(add_one, 41))
    return figures


def behind_long(make, n, workers):
    pool = warm(make, workers)
    start = time.perf_counter()
    long = pool.submit(nap, 1.0)
    handles = [pool.submit(add_one, i) for i in range(n)]
    total = sum(pool.result(handle) for handle in handles)
    figures = {"ms": ms_since(start), "n": n, "checksum": total}
    pool.result(long)
    return figures


def mixed(make, n, workers):
    with open(os.environ["PEERBENCH_DURATIONS"], encoding="ascii") as file:
        tasks = list(enumerate(int(line) for line in file))[:n]
    pool = warm(make, workers)
    start = time.perf_counter()
    return rate(start, n, sum(pool.map(spin, tasks, None)))


def idle_memory(make, _n, workers):
    """Says READY once every worker has run a task, and waits for a line while somebody measures."""
    pool = warm(make, workers)
    pids = set()
    while len(pids) < workers:
        pids.update(pool.map(tell_pid, range(16 * workers), 1))
    print("READY " + json.dumps({"parent": os.getpid(), "workers": sorted(pids)}), flush=True)
    sys.stdin.readline()
    return {"done": True}


WORKLOADS = [noop_map, noop_map_auto, noop_async, latency, payload, startup, startup_1g, crash_recovery, hard_timeout, mixed, behind_long, idle_memory]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", choices=sorted(POOLS), required=True)
    parser.add_argument("--workload", required=True)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.workload == "version":
        print(json.dumps({"version": version(arguments.peer)}))
        return
    workload = {function.__name__: function for function in WORKLOADS}.get(arguments.workload)
    try:
        if workload is None:
            raise Unsupported("it knows no such thing")
        version(arguments.peer)
        figures = workload(POOLS[arguments.peer], arguments.n, arguments.workers)
    except Unsupported as reason:
        figures = {"unsupported": True, "reason": str(reason)}
    print(json.dumps(figures), flush=True)
    end_without_stopping()


def end_without_stopping():
    """An orderly stop takes up to a minute in some, and is measured by startup() alone. It waits for
    those that it kills: only then does their CPU time count as this program's, and not as that of others."""
    for package in ("multiprocessing", "billiard"):
        if package in sys.modules:
            for child in sys.modules[package].active_children():
                try:
                    os.kill(child.pid, signal.SIGKILL)
                    os.waitpid(child.pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass  # it has just ended, or a thread of the pool has waited for it
    os._exit(0)


if __name__ == "__main__":
    main()
