// SPDX-License-Identifier: MIT
/// \file
/// Every error of procpool. What a task itself throws comes back as its own type where it can; see
/// exception.hpp.
#pragma once

#include <procpool/exit_status.hpp>
#include <procpool/export.hpp>
#include <procpool/stack_frame.hpp>
#include <procpool/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

PROCPOOL_EXPORTED_WITH_STD_MEMBERS_BEGIN

namespace procpool {

namespace detail {
struct LastWords;
}

/// The base of all errors of procpool.
class PROCPOOL_EXPORT Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what) : std::runtime_error(what) {}
  ~Error() override;
};

/// A wait ended before the result was there. The job goes on.
class PROCPOOL_EXPORT TimeoutError : public Error {
 public:
  explicit TimeoutError(const std::string& what) : Error(what) {}
  ~TimeoutError() override;
};

/// The job ran longer than its hard time limit and was killed with its worker.
class PROCPOOL_EXPORT TimeLimitExceeded : public Error {
 public:
  explicit TimeLimitExceeded(const std::string& what) : Error(what) {}
  ~TimeLimitExceeded() override;
};

/// Thrown inside a task when its soft time limit is due, and to the caller if the task lets it out.
class PROCPOOL_EXPORT SoftTimeLimitExceeded : public Error {
 public:
  explicit SoftTimeLimitExceeded(const std::string& what) : Error(what) {}
  ~SoftTimeLimitExceeded() override;
};

/// The job's worker ended without giving a result.
class PROCPOOL_EXPORT WorkerLostError : public Error {
 public:
  enum class Reason : unsigned char {
    crashed,                  ///< by a signal of its own making (SIGSEGV, SIGABRT, ...) or an unhandled fault
    exited,                   ///< the task ended the process
    killed,                   ///< by somebody else: a SIGKILL or SIGTERM that is not procpool's
    suspected_out_of_memory,  ///< killed in the way that a kernel short of memory kills
    protocol_violation,       ///< it wrote nonsense to its channel, and procpool killed it
    unknown,                  ///< it is gone, and so is whoever could have told how
  };

  WorkerLostError(const std::string& what, Pid pid, ExitStatus status, Reason reason)
      : Error(what), pid_(pid), status_(status), reason_(reason) {}
  /// With what the worker has left; procpool's own.
  WorkerLostError(const std::string& what, Pid pid, ExitStatus status, Reason reason,
                  std::shared_ptr<const detail::LastWords> last_words)
      : Error(what), pid_(pid), status_(status), reason_(reason), last_words_(std::move(last_words)) {}
  ~WorkerLostError() override;

  [[nodiscard]] Pid pid() const noexcept { return pid_; }
  [[nodiscard]] ExitStatus exit_status() const noexcept { return status_; }
  [[nodiscard]] Reason reason() const noexcept { return reason_; }

  /// Where a worker that crashed was: the innermost function first, at most 64, of the thread that crashed.
  /// Empty if it is not known: the worker did not crash, handles the signal itself, or could not tell any
  /// more. Names of functions are looked up in the files of the programs and libraries with each call, which
  /// takes milliseconds; long ones from files that this process has not loaded itself stay mangled, as they
  /// may be meant to harm. On Linux; elsewhere as far as the system lets us.
  [[nodiscard]] std::vector<StackFrame> stack() const;
  /// The address that the worker could not access, if it crashed by that.
  [[nodiscard]] std::optional<std::uint64_t> fault_address() const noexcept;
  /// What the worker wrote last to its stderr, of whichever job: see PoolOptions::capture_stderr. Empty if it
  /// was not captured. Whatever the bytes are.
  [[nodiscard]] const std::string& stderr_tail() const noexcept;

 private:
  Pid pid_;
  ExitStatus status_;
  Reason reason_;
  std::shared_ptr<const detail::LastWords> last_words_;  ///< null: none
};

/// "crashed", "exited", "killed from outside", ...
[[nodiscard]] PROCPOOL_EXPORT std::string_view to_string(WorkerLostError::Reason reason) noexcept;

/// The job was stopped by terminate(), its own or the pool's.
class PROCPOOL_EXPORT Terminated : public Error {
 public:
  Terminated(const std::string& what, int signum) : Error(what), signal_(signum) {}
  ~Terminated() override;
  /// The signal that was asked for.
  [[nodiscard]] int signal() const noexcept { return signal_; }

 private:
  int signal_;
};

/// Workers died faster than PoolOptions::max_restarts allows; the pool has stopped.
class PROCPOOL_EXPORT RestartFreqExceeded : public Error {
 public:
  explicit RestartFreqExceeded(const std::string& what) : Error(what) {}
  ~RestartFreqExceeded() override;
};

/// Submitted after close() or terminate().
class PROCPOOL_EXPORT PoolClosedError : public Error {
 public:
  explicit PoolClosedError(const std::string& what) : Error(what) {}
  ~PoolClosedError() override;
};

/// An argument, result or exception could not be encoded or decoded, or is larger than a message may be.
class PROCPOOL_EXPORT SerializationError : public Error {
 public:
  explicit SerializationError(const std::string& what) : Error(what) {}
  ~SerializationError() override;
};

/// The job was killed for exceeding PoolOptions::memory_limit.
class PROCPOOL_EXPORT MemoryLimitExceeded : public Error {
 public:
  explicit MemoryLimitExceeded(const std::string& what) : Error(what) {}
  ~MemoryLimitExceeded() override;
};

/// Workers would have to re-run this program, and its main does not call procpool::init.
class PROCPOOL_EXPORT NotInitializedError : public Error {
 public:
  explicit NotInitializedError(const std::string& what) : Error(what) {}
  ~NotInitializedError() override;
};

/// The worker's program does not know the task.
class PROCPOOL_EXPORT TaskNotFoundError : public Error {
 public:
  explicit TaskNotFoundError(const std::string& what) : Error(what) {}
  ~TaskNotFoundError() override;
};

/// A worker could not be started.
class PROCPOOL_EXPORT SpawnError : public Error {
 public:
  SpawnError(const std::string& what, std::error_code code);
  ~SpawnError() override;
  [[nodiscard]] std::error_code code() const noexcept { return code_; }

 private:
  std::error_code code_;
};

/// What a task threw, when its type is neither a standard one nor named by PROCPOOL_EXCEPTION. `what()` is
/// the original's.
class PROCPOOL_EXPORT RemoteError : public Error {
 public:
  RemoteError(const std::string& what, std::string type_name)
      : Error(what), type_name_(std::move(type_name)) {}
  ~RemoteError() override;
  [[nodiscard]] const std::string& type_name() const noexcept { return type_name_; }

 private:
  std::string type_name_;
};

}  // namespace procpool

PROCPOOL_EXPORTED_WITH_STD_MEMBERS_END
