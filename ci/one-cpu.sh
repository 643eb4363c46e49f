#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs a program, and all that it starts, on one CPU: the first that no other program has in this way,
# or one that another has, too.
#
# For qemu-user: that of 7.2 lets a load overtake the sequentially consistent store before it, as x86 does by itself and
# neither ARM nor C++ allows. Of two processes that each write a word and then read the other's, both may then read the old
# one, and sleep for ever. Two threads that do just that both read it in a third of all rounds; on one CPU, in none.
set -eu
locks=${TMPDIR:-/tmp}/procpool-one-cpu-$UID
mkdir -p "$locks"
for ((cpu = 0; cpu < $(nproc --all); ++cpu)); do
  taskset -c "$cpu" true 2>/dev/null || continue
  exec {lock}>"$locks/$cpu"  # held until the program ends
  ! flock -n "$lock" || exec taskset -c "$cpu" "$@"
  exec {lock}>&-
  last=$cpu
done
exec taskset -c "$last" "$@"
