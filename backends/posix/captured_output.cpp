// SPDX-License-Identifier: MIT
#include "posix/captured_output.hpp"

#include "posix/local_socket.hpp"
#include "posix/system_error.hpp"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

constexpr std::size_t piece = 16384;
constexpr int pieces_in_a_turn = 4;
/// 1 MiB, to which a process without privileges may enlarge a pipe on Linux (pipe(7)).
constexpr int pieces_in_a_pipe = 64;

}  // namespace

CapturedOutput::CapturedOutput(std::size_t capacity, HostFd& writing_end) : tail_(capacity) {
  const ForksHeld forks_held;
  FdPair pair = make_pipe();
  // What tasks write to stderr must not fail because the host is busy.
  if (!pair.first || ::fcntl(pair.second.get(), F_SETFL, 0) != 0) {
    throw_spawn_error("cannot make a pipe for a worker's stderr", last_error());
  }
  reading_end_ = HostFd(std::move(pair.first), forks_held);
  writing_end = HostFd(std::move(pair.second), forks_held);
}

CapturedOutput::Taken CapturedOutput::take() noexcept {
  std::array<char, piece> bytes;
  ssize_t count = 0;
  do {
    count = ::read(reading_end_.get(), bytes.data(), bytes.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Taken::nothing;
  if (count <= 0) return Taken::end;
  const std::lock_guard lock(mutex_);
  tail_.append(std::string_view(bytes.data(), static_cast<std::size_t>(count)));
  return Taken::something;
}

bool CapturedOutput::take_some() noexcept {
  for (int i = 0; i < pieces_in_a_turn; ++i) {
    const Taken taken = take();
    if (taken != Taken::something) return taken == Taken::nothing;
  }
  return true;
}

void CapturedOutput::take_the_rest() noexcept {
  for (int i = 0; i < pieces_in_a_pipe && take() == Taken::something; ++i) {
  }
}

std::string CapturedOutput::tail() const {
  const std::lock_guard lock(mutex_);
  return tail_.text();
}

}  // namespace procpool::posix
