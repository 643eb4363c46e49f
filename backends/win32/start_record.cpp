// SPDX-License-Identifier: MIT
#include "win32/start_record.hpp"

#include "win32/system_error.hpp"

namespace procpool::win32 {

StartPipe make_start_pipe() {
  HANDLE read = nullptr;
  HANDLE write = nullptr;
  if (::CreatePipe(&read, &write, nullptr, 4096) == 0) {
    throw_spawn_error("cannot make a pipe to a worker (CreatePipe)", last_error());
  }
  return {UniqueHandle(read), UniqueHandle(write)};
}

std::error_code send_start_record(HANDLE pipe, const StartRecord& record) noexcept {
  DWORD written = 0;
  if (::WriteFile(pipe, &record, sizeof record, &written, nullptr) == 0) return last_error();
  return written == sizeof record ? std::error_code() : to_error_code(ERROR_WRITE_FAULT);
}

bool receive_start_record(HANDLE pipe, StartRecord& record) noexcept {
  auto* const bytes = reinterpret_cast<char*>(&record);
  for (DWORD have = 0; have < sizeof record;) {
    DWORD count = 0;
    if (::ReadFile(pipe, bytes + have, static_cast<DWORD>(sizeof record) - have, &count, nullptr) == 0 ||
        count == 0) {
      return false;
    }
    have += count;
  }
  return record.version == protocol_version && record.kind <= StartRecord::Kind::probe;
}

}  // namespace procpool::win32
