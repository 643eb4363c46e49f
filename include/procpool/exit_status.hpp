// SPDX-License-Identifier: MIT
/// \file
/// ExitStatus: how a process ended.
#pragma once

#include <procpool/export.hpp>

#include <cstdint>
#include <string>

namespace procpool {

/// How a process ended: by an exit code, by a signal, or in a way nobody could find out. A small value type;
/// reading the half that does not apply gives 0.
///
/// Windows has no signals: there a process that procpool has killed counts as ended by the signal that was
/// asked for, SIGKILL (9) if none was; one that somebody else has killed ends with the code of their choice.
class ExitStatus {
 public:
  /// Unknown: the process is gone, and whoever could have told its status went with it.
  constexpr ExitStatus() noexcept = default;
  [[nodiscard]] static constexpr ExitStatus from_code(std::int64_t code) noexcept {
    return ExitStatus(How::exited, code);
  }
  [[nodiscard]] static constexpr ExitStatus from_signal(int signum) noexcept {
    return ExitStatus(How::signaled, signum);
  }

  [[nodiscard]] constexpr bool known() const noexcept { return how_ != How::unknown; }
  [[nodiscard]] constexpr bool exited() const noexcept { return how_ == How::exited; }
  [[nodiscard]] constexpr bool signaled() const noexcept { return how_ == How::signaled; }
  /// The exit code; on Windows a process that crashed ends with an NTSTATUS here, such as 0xC0000005.
  [[nodiscard]] constexpr std::int64_t code() const noexcept { return exited() ? value_ : 0; }
  [[nodiscard]] constexpr int signal() const noexcept { return signaled() ? static_cast<int>(value_) : 0; }

  /// For people: "exit code 3", "exit code 0xc0000005 (STATUS_ACCESS_VIOLATION)", "signal 11 (SIGSEGV)".
  [[nodiscard]] PROCPOOL_EXPORT std::string to_string() const;

  friend constexpr bool operator==(ExitStatus, ExitStatus) noexcept = default;

 private:
  enum class How : std::uint8_t { unknown, exited, signaled };
  constexpr ExitStatus(How how, std::int64_t value) noexcept : value_(value), how_(how) {}

  std::int64_t value_ = 0;
  How how_ = How::unknown;
};

}  // namespace procpool
