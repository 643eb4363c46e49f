// SPDX-License-Identifier: MIT
#include "posix/child_process.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace procpool::testing {
namespace {

constexpr std::chrono::seconds longest_wait{60};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void write_line(int fd, std::string line) {
  line += '\n';
  // Short enough for a pipe to take it at once.
  if (::write(fd, line.data(), line.size()) < 0) std::abort();
}

[[noreturn]] void be_child(int pipe, const std::function<void(const ChildProcess::Tell&)>& body) {
  ::setpgid(0, 0);
  try {
    body([pipe](const std::string& line) { write_line(pipe, line); });
  } catch (const std::exception& error) {
    write_line(pipe, std::string("threw: ") + error.what());
    ::_exit(99);
  }
  std::exit(0);
}

}  // namespace

ChildProcess::ChildProcess(const std::function<void(const Tell&)>& body) {
  int ends[2];
  if (::pipe(ends) != 0) fail("pipe");
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    ::close(ends[0]);
    be_child(ends[1], body);
  }
  ::close(ends[1]);
  pipe_ = ends[0];
}

ChildProcess::~ChildProcess() {
  if (pid_ != 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(pipe_);
}

std::string ChildProcess::line() {
  const auto give_up = std::chrono::steady_clock::now() + longest_wait;
  for (;;) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(give_up - std::chrono::steady_clock::now());
    pollfd wanted{pipe_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&wanted, 1, static_cast<int>(left.count())) <= 0) return {};
    char bytes[4096];
    const ssize_t count = ::read(pipe_, bytes, sizeof bytes);
    if (count <= 0) return {};
    buffer_.append(bytes, static_cast<std::size_t>(count));
  }
}

std::vector<std::string> ChildProcess::lines() {
  std::vector<std::string> all;
  for (std::string next = line(); !next.empty(); next = line()) all.push_back(std::move(next));
  return all;
}

void ChildProcess::kill(int signum) const {
  if (pid_ != 0) ::kill(pid_, signum);
}

int ChildProcess::exit_code() {
  const auto give_up = std::chrono::steady_clock::now() + longest_wait;
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > give_up) return -1;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace procpool::testing
