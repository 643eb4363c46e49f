// SPDX-License-Identifier: MIT
#include "win32/job_object.hpp"

#include "win32/system_error.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <new>

namespace procpool::win32 {

namespace {

bool set_limits(HANDLE job, std::optional<MemorySize> memory_limit) noexcept {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  // The second one: no crash dialog.
  limits.BasicLimitInformation.LimitFlags =
      JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
  if (memory_limit) {
    limits.BasicLimitInformation.LimitFlags |= JOB_OBJECT_LIMIT_PROCESS_MEMORY;
    limits.ProcessMemoryLimit = static_cast<SIZE_T>(
        std::min<std::uint64_t>(memory_limit->bytes(), std::numeric_limits<SIZE_T>::max()));
  }
  return ::SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits) != 0;
}

}  // namespace

JobObject::JobObject(std::optional<MemorySize> memory_limit) : handle_(::CreateJobObjectW(nullptr, nullptr)) {
  if (!handle_) throw_spawn_error("cannot make a worker's job (CreateJobObject)", last_error());
  if (!set_limits(handle_.get(), memory_limit)) {
    throw_spawn_error("cannot set the limits of a worker's job (SetInformationJobObject)", last_error());
  }
}

bool JobObject::terminate(UINT exit_code) noexcept {
  return ::TerminateJobObject(handle_.get(), exit_code) != 0;
}

UniqueHandle JobObject::survivor(DWORD leader) const noexcept {
  // The structure ends with an array of one; a job with more processes than fit is asked again after the
  // first ones are gone.
  constexpr std::size_t most = 64;
  struct List {
    JOBOBJECT_BASIC_PROCESS_ID_LIST head;
    std::array<ULONG_PTR, most> rest;
  };
  List list{};
  if (::QueryInformationJobObject(handle_.get(), JobObjectBasicProcessIdList, &list, sizeof list, nullptr) ==
          0 &&
      ::GetLastError() != ERROR_MORE_DATA) {
    return {};
  }
  const auto count = std::min<std::size_t>(list.head.NumberOfProcessIdsInList, most);
  for (std::size_t i = 0; i < count; ++i) {
    const auto pid = static_cast<DWORD>(list.head.ProcessIdList[i]);
    if (pid == leader) continue;
    UniqueHandle process(::OpenProcess(SYNCHRONIZE, FALSE, pid));
    if (process && ::WaitForSingleObject(process.get(), 0) == WAIT_TIMEOUT) return process;
  }
  return {};
}

bool jobs_limit_memory() noexcept {
  const UniqueHandle job(::CreateJobObjectW(nullptr, nullptr));
  constexpr MemorySize some = 64 * MiB;
  if (!job || !set_limits(job.get(), some)) return false;
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  if (::QueryInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits, sizeof limits,
                                  nullptr) == 0) {
    return false;
  }
  return (limits.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) != 0 &&
         limits.ProcessMemoryLimit == some.bytes();
}

}  // namespace procpool::win32
