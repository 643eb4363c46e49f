// SPDX-License-Identifier: MIT
// By libuv's calls that need no loop: they open files on every system in a way that no child inherits.
#include "loop/uv_error.hpp"
#include "trace/trace_output.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <uv.h>

namespace procpool::detail {
namespace {

constexpr int read_and_write_for_all = 0666;  // less what the umask forbids
constexpr std::size_t longest_write = std::size_t{1} << 20;

/// A request that is done when the call returns.
class Request {
 public:
  Request() noexcept = default;
  ~Request() { uv_fs_req_cleanup(&request_); }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  [[nodiscard]] uv_fs_t* get() noexcept { return &request_; }

 private:
  uv_fs_t request_{};
};

class TraceFile final : public TraceOutput {
 public:
  explicit TraceFile(uv_file file) noexcept : file_(file) {}
  ~TraceFile() override {
    Request request;
    uv_fs_close(nullptr, request.get(), file_, nullptr);
  }
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  [[nodiscard]] std::error_code append(std::string_view text) noexcept override {
    const std::int64_t begin = size_;
    while (!text.empty()) {
      // libuv's type has no const; the bytes are only read.
      uv_buf_t bytes = uv_buf_init(const_cast<char*>(text.data()),  // NOLINT
                                   static_cast<unsigned>(std::min(text.size(), longest_write)));
      Request request;
      const int written = uv_fs_write(nullptr, request.get(), file_, &bytes, 1, -1, nullptr);
      if (written == UV_EINTR) continue;
      if (written <= 0) {
        cut_back_to(begin);
        return uv_error(written == 0 ? UV_EIO : written);
      }
      size_ += written;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

 private:
  void cut_back_to(std::int64_t size) noexcept {
    Request request;
    uv_fs_ftruncate(nullptr, request.get(), file_, size, nullptr);
    size_ = size;
  }

  uv_file file_;
  std::int64_t size_ = 0;
};

}  // namespace

std::unique_ptr<TraceOutput> open_trace_file(const std::string& path) {
  Request request;
  // Should it be a FIFO, nobody waits for its reader.
  constexpr int flags = UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_TRUNC | UV_FS_O_NONBLOCK;
  const int file = uv_fs_open(nullptr, request.get(), path.c_str(), flags, read_and_write_for_all, nullptr);
  if (file < 0) throw std::system_error(uv_error(file), path);
  return std::make_unique<TraceFile>(file);
}

}  // namespace procpool::detail
