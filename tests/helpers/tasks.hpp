// SPDX-License-Identifier: MIT
/// \file
/// Tasks for the conformance tests. Each does the same on a worker process and on a thread of
/// InMemoryBackend.
#pragma once

#include <procpool/types.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace procpool::testing::tasks {

// Work.
int add(int a, int b);
/// Modulo 2^32.
int square(int x);
void nothing();
std::string echo(std::string text);
std::vector<std::uint8_t> echo_bytes(std::vector<std::uint8_t> bytes);
std::unique_ptr<int> add_one(std::unique_ptr<int> value);
/// `count` bytes that follow from `seed`.
std::vector<std::uint8_t> bytes(std::size_t count, std::uint32_t seed);
/// The pid by which the Pool knows the worker.
Pid worker_pid();

// Bad ends. None of them returns a result.
/// Writes through a null pointer.
int segfault();
int die_by_signal(int signum);
/// Calls exit(), as a library that gives up does.
int exit_with(int code);
/// Blocks for ever, and is to be killed.
int hang();
/// Computes for ever with every signal blocked. Not on InMemoryBackend, which cannot interrupt it: hangs
/// there.
int spin_with_signals_blocked();
/// Overwrites all of the memory shared with the host that it may write to, with noise from `seed`, then
/// hangs.
int scribble_and_hang(std::uint32_t seed);

// Exceptions.
int throw_invalid_argument(std::string what);
int throw_system_error(int generic_error);
int throw_42();
/// An even number returns as it is; an odd one is a std::invalid_argument "odd: x".
int refuse_odd(int x);

// Processes and files.
/// Starts a process that sleeps for ever, in the worker's process group, and returns its pid. Only for real
/// processes.
Pid spawn_grandchild();
/// Writes `count` bytes to stdout, without a flush.
void flood_stdout(std::size_t count);
/// Writes the text to stderr, at once and whole.
int write_stderr(std::string text);
/// The same, and then crashes.
int write_stderr_and_crash(std::string text);
/// Writes `count` bytes to stderr, then crashes.
int flood_stderr_and_crash(std::size_t count);
/// Appends one line to a file, at once and whole.
void append_line(std::string file, std::string line);
/// Appends the line "ran" to a file, and returns 1.
int leave_a_trace(std::string file);

/// Holds tasks back until the test says so: wait_at(gate) in a task returns after open(). Files in a
/// temporary folder of its own, so that it works across processes.
class Gate {
 public:
  Gate();
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// What a task is given.
  [[nodiscard]] std::string path() const { return folder_.string(); }
  void open() const;
  /// Returns when `count` tasks are waiting or have passed; false if that takes longer than 30 s.
  [[nodiscard]] bool reached(std::size_t count = 1) const;

 private:
  std::filesystem::path folder_;
};

/// Returns `value` once the gate is open. Ends when the worker is killed.
int wait_at(std::string gate, int value);

/// True if no process of this pid runs: it does not exist, or is a zombie.
[[nodiscard]] bool is_gone(Pid pid);
/// Waits until is_gone(); false if that takes longer than 10 s.
[[nodiscard]] bool goes_away(Pid pid);
/// False on a worker of InMemoryBackend.
[[nodiscard]] bool inside_real_process();

}  // namespace procpool::testing::tasks
