// SPDX-License-Identifier: MIT
#include "helpers/tasks.hpp"

#include "helpers/in_memory_backend.hpp"
#include "helpers/platform.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <span>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace procpool::testing::tasks {
namespace {

namespace fs = std::filesystem;

template <class Condition>
bool becomes_true(Condition condition, std::chrono::seconds patience) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

int add(int a, int b) {
  return a + b;
}
int square(int x) {
  return static_cast<int>(static_cast<unsigned>(x) * static_cast<unsigned>(x));  // wraps around
}
void nothing() {}
std::string echo(std::string text) {
  return text;
}
std::vector<std::uint8_t> echo_bytes(std::vector<std::uint8_t> bytes) {
  return bytes;
}

std::unique_ptr<int> add_one(std::unique_ptr<int> value) {
  ++*value;
  return value;
}

std::vector<std::uint8_t> bytes(std::size_t count, std::uint32_t seed) {
  // Noise that repeats at a prime distance, each repetition behind its number: byte by byte is slow without
  // optimization.
  std::uint8_t noise[4099] = {};
  std::uint32_t state = seed * 2 + 1;
  for (std::size_t i = 0; i < (std::min)(count, sizeof noise); ++i) {
    state = state * 1664525U + 1013904223U;
    noise[i] = static_cast<std::uint8_t>(state >> 24U);
  }
  std::vector<std::uint8_t> result;
  result.reserve(count);
  for (std::uint32_t number = 0; result.size() < count; ++number) {
    if (number != 0) std::memcpy(noise, &number, sizeof number);
    result.insert(result.end(), noise, noise + (std::min)(count - result.size(), sizeof noise));
  }
  return result;
}

bool inside_real_process() {
  return !in_memory::inside_worker();
}

int die_by_signal(int signum) {
  if (in_memory::inside_worker()) in_memory::die(ExitStatus::from_signal(signum));
  std::signal(signum, SIG_DFL);
  std::raise(signum);
  hang();  // the signal was one that does not end a process
  return 0;
}

int segfault() {
  if (in_memory::inside_worker()) in_memory::die(status_of_segfault());
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
  return 0;
}

int exit_with(int code) {
  if (in_memory::inside_worker()) in_memory::die(ExitStatus::from_code(code));
  std::exit(code);
}

int hang() {
  if (in_memory::inside_worker()) in_memory::hang();
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

int scribble_and_hang(std::uint32_t seed) {
  std::minstd_rand random(seed);
  const auto fill_with_noise = [&random](std::span<std::byte> memory) {
    for (std::byte& byte : memory) byte = static_cast<std::byte>(random() >> 8U);
  };
  if (in_memory::inside_worker()) {
    fill_with_noise(in_memory::this_worker_memory());
  } else {
    for (const std::span<std::byte> memory : writable_channel_memory()) fill_with_noise(memory);
  }
  return hang();
}

int throw_invalid_argument(std::string what) {
  throw std::invalid_argument(what);
}

int throw_system_error(int generic_error) {
  throw std::system_error(generic_error, std::generic_category(), "from the task");
}

int throw_42() {
  throw 42;
}

int refuse_odd(int x) {
  if (x % 2 != 0) throw std::invalid_argument("odd: " + std::to_string(x));
  return x;
}

int leave_a_trace(std::string file) {
  append_line(std::move(file), "ran");
  return 1;
}

void flood_stdout(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) std::putchar(i % 64 == 63 ? '\n' : 'x');
}

Gate::Gate() {
  std::random_device random;
  folder_ = fs::temp_directory_path() /
            ("procpool-gate-" + std::to_string(random()) + "-" + std::to_string(random()));
  fs::create_directory(folder_);
}

Gate::~Gate() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void Gate::open() const {
  std::ofstream(folder_ / "open").flush();
}

bool Gate::reached(std::size_t count) const {
  return becomes_true(
      [&] {
        std::size_t waiting = 0;
        for (const auto& entry : fs::directory_iterator(folder_)) {
          if (entry.path().filename().string().starts_with("waiting")) ++waiting;
        }
        return waiting >= count;
      },
      std::chrono::seconds(30));
}

int wait_at(std::string gate, int value) {
  const fs::path folder(gate);
  std::random_device random;
  std::ofstream(folder / ("waiting-" + std::to_string(random()) + "-" + std::to_string(random()))).flush();
  // A gate that is gone lets everybody through: its test is over.
  while (fs::exists(folder) && !fs::exists(folder / "open")) {
    in_memory::check_alive();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return value;
}

bool goes_away(Pid pid) {
  return becomes_true([&] { return is_gone(pid); }, std::chrono::seconds(30));
}

int write_stderr(std::string text) {
  if (in_memory::inside_worker()) {
    in_memory::check_alive();
    in_memory::write_stderr(text);
    return 0;
  }
  if (std::fwrite(text.data(), 1, text.size(), stderr) != text.size()) {
    throw std::system_error(errno, std::generic_category(), "fwrite");
  }
  return 0;
}

int write_stderr_and_crash(std::string text) {
  write_stderr(std::move(text));
  return segfault();
}

int flood_stderr_and_crash(std::size_t count) {
  const std::string line = "something is very wrong, and this line says so again and again\n";
  for (std::size_t written = 0; written < count; written += line.size()) write_stderr(line);
  return write_stderr_and_crash("the end");
}

}  // namespace procpool::testing::tasks
