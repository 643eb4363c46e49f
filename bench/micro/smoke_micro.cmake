# SPDX-License-Identifier: MIT
# Runs each benchmark of PROGRAM for a moment: each has to be there, and none may stop with an error.
cmake_minimum_required(VERSION 3.25)

execute_process(
  COMMAND ${PROGRAM} --benchmark_min_time=0.001 --benchmark_color=false
  OUTPUT_VARIABLE output
  RESULT_VARIABLE status
  TIMEOUT 100)
if(NOT status EQUAL 0)
  message(SEND_ERROR "status ${status}")
endif()
if(output MATCHES "ERROR OCCURRED")
  message(SEND_ERROR "a benchmark has failed")
endif()
foreach(
  name IN
  ITEMS claim/job
        claim/item_of_pack
        claim/take_back/1024
        publish/jobs/256/4
        publish/answers/4
        serialize/encode_int
        serialize/decode_int
        serialize/encode_string_100
        serialize/decode_string_100
        serialize/encode_vector_1000_ints
        serialize/decode_vector_1000_ints
        serialize/encode_vector_100_strings
        serialize/decode_vector_100_strings
        settle/receive/4
        settle/serve/1
        settle/serve/64
        wake/host_bell
        wake/doorbell
        wake/spin)
  if(NOT output MATCHES "${name}[ /]")
    message(SEND_ERROR "no figure of ${name}")
  endif()
endforeach()
message("${output}")
