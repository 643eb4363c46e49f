// SPDX-License-Identifier: MIT
#include <procpool/errors.hpp>

#include <string>
#include <string_view>
#include <system_error>

namespace procpool {

// Defined here, so that each class has one type_info, whatever image throws or catches it.
Error::~Error() = default;
TimeoutError::~TimeoutError() = default;
TimeLimitExceeded::~TimeLimitExceeded() = default;
SoftTimeLimitExceeded::~SoftTimeLimitExceeded() = default;
WorkerLostError::~WorkerLostError() = default;
Terminated::~Terminated() = default;
RestartFreqExceeded::~RestartFreqExceeded() = default;
PoolClosedError::~PoolClosedError() = default;
SerializationError::~SerializationError() = default;
MemoryLimitExceeded::~MemoryLimitExceeded() = default;
NotInitializedError::~NotInitializedError() = default;
TaskNotFoundError::~TaskNotFoundError() = default;
SpawnError::~SpawnError() = default;
RemoteError::~RemoteError() = default;

SpawnError::SpawnError(const std::string& what, std::error_code code)
    : Error(what + ": " + code.message()), code_(code) {}

std::string_view to_string(WorkerLostError::Reason reason) noexcept {
  switch (reason) {
    case WorkerLostError::Reason::crashed:
      return "crashed";
    case WorkerLostError::Reason::exited:
      return "exited";
    case WorkerLostError::Reason::killed:
      return "killed from outside";
    case WorkerLostError::Reason::suspected_out_of_memory:
      return "suspected out of memory";
    case WorkerLostError::Reason::protocol_violation:
      return "protocol violation";
    case WorkerLostError::Reason::unknown:
      break;
  }
  return "unknown";
}

}  // namespace procpool
