# SPDX-License-Identifier: MIT
# Compiles SOURCE by COMMAND. Its first line says what must come of it:
#   // expect: TEXT        an error, and TEXT in the first one
#   // expect success      no error
file(STRINGS ${SOURCE} first LIMIT_COUNT 1)
execute_process(
  COMMAND ${COMMAND} ${SOURCE}
  RESULT_VARIABLE result
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output)

if(first STREQUAL "// expect success")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "must compile, but:\n${output}")
  endif()
  return()
endif()

if(NOT first MATCHES "^// expect: (.+)$")
  message(FATAL_ERROR "${SOURCE}: the first line must be '// expect: TEXT' or '// expect success'")
endif()
set(expected "${CMAKE_MATCH_1}")
if(result EQUAL 0)
  message(FATAL_ERROR "compiles, and must not")
endif()
string(FIND "${output}" "${expected}" found)
if(found EQUAL -1)
  message(FATAL_ERROR "the compiler did not say: ${expected}\nIt said:\n${output}")
endif()
# The reader sees the first error: it must be this one, not the last of an avalanche.
string(REGEX MATCH "error:[^\n]*" first_error "${output}")
string(FIND "${first_error}" "${expected}" found)
if(found EQUAL -1)
  message(FATAL_ERROR "the first error is not: ${expected}\nIt is: ${first_error}")
endif()
