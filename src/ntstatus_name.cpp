// SPDX-License-Identifier: MIT
// Values and names as in Microsoft's [MS-ERREF], section 2.3 "NTSTATUS"; the bits of such a number: 31 and 30
// severity (3: error), 29 set by others than Microsoft, 28 always 0.
#include "ntstatus_name.hpp"

namespace procpool::detail {

namespace {

/// Of a worker whose task calls abort().
constexpr std::int64_t fatal_app_exit = 0x40000015;

}  // namespace

std::string_view ntstatus_name(std::int64_t code) noexcept {
  struct Name {
    std::int64_t code;
    std::string_view name;
  };
  static constexpr Name names[] = {
      {fatal_app_exit, "STATUS_FATAL_APP_EXIT"},
      {0x80000001, "STATUS_GUARD_PAGE_VIOLATION"},
      {0x80000002, "STATUS_DATATYPE_MISALIGNMENT"},
      {0x80000003, "STATUS_BREAKPOINT"},
      {0x80000004, "STATUS_SINGLE_STEP"},
      {0xC0000005, "STATUS_ACCESS_VIOLATION"},
      {0xC0000006, "STATUS_IN_PAGE_ERROR"},
      {0xC0000008, "STATUS_INVALID_HANDLE"},
      {0xC0000017, "STATUS_NO_MEMORY"},
      {0xC000001D, "STATUS_ILLEGAL_INSTRUCTION"},
      {0xC0000025, "STATUS_NONCONTINUABLE_EXCEPTION"},
      {0xC0000026, "STATUS_INVALID_DISPOSITION"},
      {0xC000008C, "STATUS_ARRAY_BOUNDS_EXCEEDED"},
      {0xC000008D, "STATUS_FLOAT_DENORMAL_OPERAND"},
      {0xC000008E, "STATUS_FLOAT_DIVIDE_BY_ZERO"},
      {0xC000008F, "STATUS_FLOAT_INEXACT_RESULT"},
      {0xC0000090, "STATUS_FLOAT_INVALID_OPERATION"},
      {0xC0000091, "STATUS_FLOAT_OVERFLOW"},
      {0xC0000092, "STATUS_FLOAT_STACK_CHECK"},
      {0xC0000093, "STATUS_FLOAT_UNDERFLOW"},
      {0xC0000094, "STATUS_INTEGER_DIVIDE_BY_ZERO"},
      {0xC0000095, "STATUS_INTEGER_OVERFLOW"},
      {0xC0000096, "STATUS_PRIVILEGED_INSTRUCTION"},
      {0xC00000FD, "STATUS_STACK_OVERFLOW"},
      {0xC0000135, "STATUS_DLL_NOT_FOUND"},
      {0xC0000138, "STATUS_ORDINAL_NOT_FOUND"},
      {0xC0000139, "STATUS_ENTRYPOINT_NOT_FOUND"},
      {0xC000013A, "STATUS_CONTROL_C_EXIT"},
      {0xC0000142, "STATUS_DLL_INIT_FAILED"},
      {0xC0000374, "STATUS_HEAP_CORRUPTION"},
      {0xC0000409, "STATUS_STACK_BUFFER_OVERRUN"},
      {0xC0000417, "STATUS_INVALID_CRUNTIME_PARAMETER"},
      {0xC0000420, "STATUS_ASSERTION_FAILURE"},
      {0xC0000602, "STATUS_FAIL_FAST_EXCEPTION"},
  };
  for (const Name& entry : names) {
    if (entry.code == code) return entry.name;
  }
  return {};
}

bool is_crash_code(std::int64_t code) noexcept {
  if (code < 0 || code > 0xFFFFFFFF) return false;
  if ((code & 0xD0000000) == 0xC0000000) return true;
  return !ntstatus_name(code).empty();
}

}  // namespace procpool::detail
