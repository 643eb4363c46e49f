# SPDX-License-Identifier: MIT
# Runs each workload of RUNNER once, small, and compares the checksum of its results.
cmake_minimum_required(VERSION 3.25)

# workload, n, checksum
set(workloads
    "noop_map 1000 500500"
    "noop_map_auto 1000 500500"
    "noop_map_chunk 3000 4501500"
    "noop_async 1000 500500"
    "latency 100 5050"
    "payload 2 522240"
    "startup 2 42"
    "startup_1g 1 42"
    "startup_1g_forkserver 1 42"
    "crash_recovery 1 42"
    "hard_timeout 1 42"
    "behind_long 1000 500500"
    "mixed 3 6"
    "mixed_cpu 3 6")
foreach(line IN LISTS workloads)
  string(REPLACE " " ";" line "${line}")
  list(GET line 0 workload)
  list(GET line 1 n)
  list(GET line 2 checksum)
  execute_process(
    COMMAND ${RUNNER} --workload ${workload} --n ${n} --workers 2
    OUTPUT_VARIABLE output
    RESULT_VARIABLE status
    TIMEOUT 60)
  if(NOT status EQUAL 0 OR NOT output MATCHES "\"checksum\": ${checksum}[,}]")
    message(SEND_ERROR "${workload}: status ${status}, checksum ${checksum} expected\n${output}")
  endif()
endforeach()
