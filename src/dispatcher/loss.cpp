// SPDX-License-Identifier: MIT
#include "dispatcher/loss.hpp"

#include "ntstatus_name.hpp"
#include "signal_name.hpp"

#include <procpool/errors.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace procpool::detail {
namespace {

using Reason = WorkerLostError::Reason;

Reason reason_of(ExitStatus status, bool memory_is_short) {
  if (status.exited()) return is_crash_code(status.code()) ? Reason::crashed : Reason::exited;
  if (!status.signaled()) return Reason::unknown;
  if (memory_is_short && signal_name(status.signal()) == "SIGKILL") return Reason::suspected_out_of_memory;
  constexpr std::array<std::string_view, 7> own_making = {"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE",
                                                          "SIGILL",  "SIGSYS",  "SIGTRAP"};
  const bool own =
      std::find(own_making.begin(), own_making.end(), signal_name(status.signal())) != own_making.end();
  return own ? Reason::crashed : Reason::killed;
}

}  // namespace

std::exception_ptr loss(Pid pid, ExitStatus status, const char* violation, bool memory_is_short,
                        std::shared_ptr<const LastWords> last_words) {
  const Reason reason =
      violation != nullptr ? Reason::protocol_violation : reason_of(status, memory_is_short);
  std::string what = "procpool: worker " + std::to_string(pid) + " was lost with its job: ";
  what += to_string(reason);
  if (violation != nullptr) {
    what += " (" + std::string(violation) + ")";
  } else {
    what += ", " + status.to_string();
  }
  return std::make_exception_ptr(WorkerLostError(what, pid, status, reason, std::move(last_words)));
}

std::exception_ptr terminated(int signum) {
  return std::make_exception_ptr(
      Terminated("procpool: the job was terminated (signal " + std::to_string(signum) + ")", signum));
}

std::exception_ptr memory_limit_broken(Pid pid, MemorySize limit) {
  return std::make_exception_ptr(MemoryLimitExceeded(
      "procpool: the job needed more memory than the limit of " + std::to_string(limit.bytes()) +
      " bytes, and worker " + std::to_string(pid) + " was killed with it"));
}

std::exception_ptr hard_limit_broken(Pid pid, Duration limit) {
  const double seconds = std::chrono::duration<double>(limit).count();
  return std::make_exception_ptr(TimeLimitExceeded("procpool: the job ran longer than its time limit of " +
                                                   std::to_string(seconds) + " s, and worker " +
                                                   std::to_string(pid) + " was killed with it"));
}

}  // namespace procpool::detail
