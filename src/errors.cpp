// SPDX-License-Identifier: MIT
#include "crash/last_words.hpp"
#include "crash/symbols.hpp"

#include <procpool/errors.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

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

std::vector<StackFrame> WorkerLostError::stack() const {
  std::vector<StackFrame> stack;
  if (!last_words_ || !last_words_->crash) return stack;
  const detail::CrashRecord& crash = *last_words_->crash;
  for (const auto& frame : crash.frames) {
    StackFrame& made = stack.emplace_back();
    made.address = frame.address;
    made.offset = frame.offset;
    if (frame.image < crash.images.size()) made.image = crash.images[frame.image].path;
  }
  for (std::size_t image = 0; image < crash.images.size(); ++image) {
    std::vector<StackFrame*> frames;
    std::vector<std::uint64_t> offsets;
    for (std::size_t i = 0; i < stack.size(); ++i) {
      if (crash.frames[i].image != image) continue;
      frames.push_back(&stack[i]);
      offsets.push_back(stack[i].offset);
    }
    auto symbols = detail::find_symbols(crash.images[image], offsets);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      frames[i]->function = std::move(symbols[i].name);
      frames[i]->function_offset = symbols[i].offset;
    }
  }
  return stack;
}

std::optional<std::uint64_t> WorkerLostError::fault_address() const noexcept {
  if (!last_words_ || !last_words_->crash) return std::nullopt;
  return last_words_->crash->fault_address;
}

const std::string& WorkerLostError::stderr_tail() const noexcept {
  static const std::string nothing;
  return last_words_ ? last_words_->stderr_tail : nothing;
}

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
