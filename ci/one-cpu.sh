#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs a program, and all that it starts, on one CPU; parts of a test program that run side by side get different ones.
#
# For qemu-user: that of 7.2 lets a load overtake the sequentially consistent store before it, as x86 does by itself and
# neither ARM nor C++ allows. Of two processes that each write a word and then read the other's, both may then read the old
# one, and sleep for ever. Two threads that do just that both read it in a third of all rounds; on one CPU, in none.
set -eu
allowed=$(taskset -cp $$ | sed 's/.*: //')
((${GTEST_SHARD_INDEX:-0} % 2 == 0)) && cpu=${allowed%%[-,]*} || cpu=${allowed##*[-,]}
exec taskset -c "$cpu" "$@"
