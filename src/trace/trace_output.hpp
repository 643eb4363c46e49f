// SPDX-License-Identifier: MIT
/// \file
/// TraceOutput: where the text of a trace goes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace procpool::detail {

/// For one thread at a time.
class TraceOutput {
 public:
  virtual ~TraceOutput() = default;
  /// Appends all of it, or fails and leaves out all of it where it can.
  [[nodiscard]] virtual std::error_code append(std::string_view text) noexcept = 0;
};

/// A new file, in place of one that may be there. Its handle is not passed on to programs that the host
/// starts. `path` is UTF-8 on Windows. Throws std::system_error.
[[nodiscard]] std::unique_ptr<TraceOutput> open_trace_file(const std::string& path);

}  // namespace procpool::detail
