// SPDX-License-Identifier: MIT
#include "helpers/held_resources.hpp"
#include "helpers/sanitizers.hpp"

#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

namespace procpool::testing {
namespace {

namespace fs = std::filesystem;

constexpr const char* mark_name = "PROCPOOL_TEST_PROCESS";

// Empty if the process or thread that it is about has gone: then reading fails half-way with ESRCH, which a
// stream would throw.
std::string read_file(const fs::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  std::string text;
  char part[4096];
  while (file) {
    const std::size_t count = std::fread(part, 1, sizeof part, file.get());
    if (count == 0) break;
    text.append(part, count);
  }
  return text;
}

bool is_number(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) return false;
  }
  return true;
}

// The entries of a directory of /proc whose names are numbers. Entries may vanish while they are read.
template <class Visit>
void for_each_number(const fs::path& directory, Visit visit) {
  std::error_code ignored;
  for (fs::directory_iterator it(directory, ignored), end; !ignored && it != end; it.increment(ignored)) {
    const std::string name = it->path().filename().string();
    if (is_number(name)) visit(name, it->path());
  }
}

struct Stat {
  std::string command;
  char state;
  int parent;
};

// proc(5), /proc/pid/stat: "pid (command) state ppid ..."; the command may itself hold spaces and
// parentheses.
std::optional<Stat> read_stat(const fs::path& process) {
  const std::string text = read_file(process / "stat");
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 4 >= text.size())
    return std::nullopt;
  return Stat{text.substr(open + 1, close - open - 1), text[close + 2], std::atoi(text.c_str() + close + 4)};
}

/// ThreadSanitizer starts this when it has something to look up, and keeps it.
bool is_symbolizer(const Stat& stat) {
  return under_thread_sanitizer && stat.command.starts_with("llvm-symbolizer");
}

/// What stands behind the descriptors of a process.
std::set<std::string> open_files(const fs::path& process) {
  std::set<std::string> files;
  for_each_number(process / "fd", [&](const std::string&, const fs::path& link) {
    std::error_code gone;
    files.insert(fs::read_symlink(link, gone).string());
  });
  return files;
}

/// The pipes that lead to a symbolizer of ours.
std::set<std::string> pipes_to_symbolizer() {
  std::set<std::string> pipes;
  if (!under_thread_sanitizer) return pipes;
  for_each_number("/proc", [&](const std::string&, const fs::path& process) {
    const auto stat = read_stat(process);
    if (stat && stat->parent == getpid() && is_symbolizer(*stat)) pipes.merge(open_files(process));
  });
  return pipes;
}

void add_descriptors(HeldResources& held) {
  const std::set<std::string> not_ours = pipes_to_symbolizer();
  for_each_number("/proc/self/fd", [&](const std::string& number, const fs::path& link) {
    std::error_code gone;
    const std::string target = fs::read_symlink(link, gone).string();
    if (gone || (target.starts_with("/proc/") && target.ends_with("/fd"))) return;  // the listing's own
    if (target.starts_with("pipe:") && not_ours.contains(target)) return;
    held["descriptor " + number + " " + target] = "descriptor " + number + " -> " + target;
  });
}

void add_threads(HeldResources& held) {
  for_each_number("/proc/self/task", [&](const std::string& number, const fs::path& task) {
    std::string name = read_file(task / "comm");
    while (!name.empty() && name.back() == '\n') name.pop_back();
    if (!name.empty()) held["thread " + number] = "thread " + number + " (" + name + ")";
  });
}

void add_processes(HeldResources& held) {
  const int self = getpid();
  std::string mark = mark_name;
  mark += "=" + std::to_string(self);
  for_each_number("/proc", [&](const std::string& number, const fs::path& process) {
    if (number == std::to_string(self)) return;
    const auto stat = read_stat(process);
    if (!stat) return;
    const bool child = stat->parent == self;
    if (child && is_symbolizer(*stat)) return;
    // A zombie that is not our child is for whoever adopted it to reap.
    if (!child && stat->state == 'Z') return;
    if (!child) {
      const std::string environment = '\0' + read_file(process / "environ");
      if (environment.find('\0' + mark + '\0') == std::string::npos) return;
    }
    held["process " + number] = std::string(child ? "child " : "descendant ") + number + " (" +
                                stat->command + ", state " + stat->state + ", parent " +
                                std::to_string(stat->parent) + ")";
  });
}

void add_shared_memory(HeldResources& held) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto name = line.find("/memfd:procpool");
    const auto shm = line.find("/dev/shm/");
    if (name == std::string::npos && shm == std::string::npos) continue;
    held["mapping " + line.substr(0, line.find(' '))] = "mapping " + line;
  }
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/dev/shm", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find("procpool") != std::string::npos) held["segment " + name] = "segment /dev/shm/" + name;
  }
}

}  // namespace

HeldResources held_resources() {
  HeldResources held;
  add_descriptors(held);
  add_threads(held);
  add_processes(held);
  add_shared_memory(held);
  return held;
}

void mark_descendants(char** argv) {
  const std::string self = std::to_string(getpid());
  const char* mark = std::getenv(mark_name);
  if (mark != nullptr && self == mark) return;
  setenv(mark_name, self.c_str(), 1);
  std::error_code unknown;
  const std::string program = fs::read_symlink("/proc/self/exe", unknown).string();
  execv(program.c_str(), argv);  // comes back only on failure; the check then sees children alone
}

void kill_processes(const HeldResources& held) {
  constexpr std::string_view prefix = "process ";
  for (const auto& [key, description] : held) {
    if (key.starts_with(prefix)) ::kill(std::atoi(key.c_str() + prefix.size()), SIGKILL);
  }
}

}  // namespace procpool::testing
