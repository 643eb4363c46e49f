// SPDX-License-Identifier: MIT
#include "posix/crash_tasks.hpp"

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace procpool::testing::crashes {
namespace {

// Not one compiler may look through it.
template <class T>
T opaque(T value) {
  volatile T hidden = value;
  return hidden;
}

/// Known to no dynamic linker.
__attribute__((noinline)) int inner_function(int x) {
  auto* const nowhere = reinterpret_cast<volatile int*>(opaque(forbidden_address));
  *nowhere = x;
  return *nowhere + 1;
}

struct sigaction former {};
void pass_on(int signum, siginfo_t* info, void* context) {
  former.sa_sigaction(signum, info, context);
}

}  // namespace

// The additions keep the calls from being the last acts of their functions, which would leave no frame.

__attribute__((noinline)) int outer_function(int x) {
  return inner_function(x) + opaque(1);
}

// Calls nothing but itself, so that no other function can be the one for which the stack has no room any
// more.
__attribute__((noinline)) int overflow_the_stack(int x) {
  volatile char room[1024];
  const std::size_t place = static_cast<unsigned>(x) % sizeof room;
  room[place] = 1;
  if (room[place] != 1) return x;
  return overflow_the_stack(x + 1) + room[place];
}

__attribute__((noinline, no_sanitize("undefined"))) int divide_by(int x) {
  volatile int one = 1;
  volatile int result = one / x;
  return result;
}

__attribute__((noinline)) int run_an_illegal_instruction() {
  volatile int before = 1;
  __builtin_trap();
  return before;
}

__attribute__((noinline, no_sanitize("undefined"))) int call_nothing() {
  const auto nothing = opaque<int (*)()>(nullptr);
  return nothing() + opaque(1);
}

__attribute__((noinline)) int call_abort() {
  if (opaque(1) == 1) std::abort();
  return 0;
}

__attribute__((noinline)) int throw_through_noexcept() {
  const auto throw_it = opaque(+[] { throw std::runtime_error("let out"); });
  [&]() noexcept { throw_it(); }();
  return opaque(0);
}

__attribute__((noinline)) int read_beyond_the_end_of_a_file() {
  char path[] = "/tmp/procpool-empty-XXXXXX";
  const int file = ::mkstemp(path);
  if (file < 0) throw std::runtime_error("no temporary file");
  ::unlink(path);
  void* const memory = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
  return *static_cast<volatile char*>(memory);
}

__attribute__((noinline, no_sanitize("address", "undefined"))) int ruin_the_stack() {
  auto* const frame = static_cast<volatile unsigned char*>(__builtin_frame_address(0));
  for (int i = 0; i < 1024; ++i) frame[i] = 0x5a;
  *reinterpret_cast<volatile int*>(opaque(forbidden_address)) = 1;
  return frame[0];
}

int crash_in_another_thread() {
  std::thread([] { outer_function(1); }).join();
  return 0;
}

__attribute__((noinline)) int raise_signal(int signum) {
  return std::raise(signum) + opaque(1);
}

int crash_in_library(std::string path) {
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(::dlerror());
  return reinterpret_cast<int (*)(int)>(::dlsym(library, "library_crash"))(1);
}

int crash_while_the_unwinder(int how) {
  set_unwinder(static_cast<Unwinder>(how));
  return outer_function(1);
}

void handle_segfaults() {
  struct sigaction action {};
  action.sa_handler = [](int) { ::_exit(42); };
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGSEGV, &action, nullptr);
}

int handle_segfaults_and_crash() {
  handle_segfaults();
  return outer_function(1);
}

int handle_segfaults_politely_and_crash() {
  struct sigaction action {};
  action.sa_sigaction = &pass_on;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGSEGV, &action, &former);
  return outer_function(1);
}

int ignore_a_trap() {
  std::signal(SIGTRAP, SIG_IGN);
  std::raise(SIGTRAP);
  return 7;
}

int leave_a_process_and_crash() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    for (;;) ::pause();
  }
  while (::getsid(child) != child) ::usleep(100);
  static_cast<void>(::write(STDERR_FILENO, "left", 4) == 4);
  return outer_function(1);
}

int fork_and_crash() {
  const pid_t child = ::fork();
  if (child == 0) outer_function(1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace procpool::testing::crashes
