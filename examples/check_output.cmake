# SPDX-License-Identifier: MIT
# Runs PROGRAM, by EMULATOR if one is given, with ARGUMENTS; it must exit with 0. The lines of the file EXPECT are regular expressions: the
# lines that the program prints to stdout must match them, one by one, and there must be as many.
execute_process(
  COMMAND ${EMULATOR} ${PROGRAM} ${ARGUMENTS}
  RESULT_VARIABLE result
  OUTPUT_VARIABLE output
  ERROR_VARIABLE errors)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "ended with ${result}\n${output}\n${errors}")
endif()

string(REPLACE "\r\n" "\n" output "${output}")  # of Windows programs
file(READ ${EXPECT} expected)
if(EMULATOR OR CMAKE_HOST_APPLE)
  # No system is there to enforce the limit on memory, only the pool, which looks now and then: the one on time may come first.
  string(REPLACE "stopped: took too much memory" "stopped: took too (much memory|long)" expected "${expected}")
elseif(SANITIZED)
  # The allocator of a sanitizer ends the process when the kernel gives it no more memory, where new would throw; and the
  # limit on time may come first.
  string(REPLACE "stopped: took too much memory" "(stopped: took too (much memory|long)|exited: exit code [0-9]+|crashed: .*)"
                 expected "${expected}")
endif()
# Lines with brackets or semicolons must not be taken apart as CMake lists: walk through the texts instead.
set(number 0)
while(NOT expected STREQUAL "")
  math(EXPR number "${number} + 1")
  string(FIND "${expected}" "\n" end)
  string(SUBSTRING "${expected}" 0 ${end} pattern)
  math(EXPR end "${end} + 1")
  string(SUBSTRING "${expected}" ${end} -1 expected)
  string(FIND "${output}" "\n" end)
  if(end EQUAL -1)
    message(FATAL_ERROR "the output ends before line ${number}, which should match: ${pattern}")
  endif()
  string(SUBSTRING "${output}" 0 ${end} line)
  math(EXPR end "${end} + 1")
  string(SUBSTRING "${output}" ${end} -1 output)
  if(NOT "${line}" MATCHES "^${pattern}$")
    message(FATAL_ERROR "line ${number} is:          ${line}\nand should match: ${pattern}")
  endif()
endwhile()
if(NOT output STREQUAL "")
  message(FATAL_ERROR "more output than expected:\n${output}")
endif()
