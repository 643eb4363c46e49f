// SPDX-License-Identifier: MIT
// Linux: sched_getaffinity(2), and the CPU quotas of control groups, versions 2 and 1.
#include "pool/cpu_count.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <sched.h>
#include <unistd.h>

namespace procpool::detail {

namespace {

std::size_t cpus_of_affinity() {
  // The kernel refuses a set that is smaller than its own (EINVAL).
  for (std::size_t cpus = CPU_SETSIZE; cpus <= std::size_t{1} << 20; cpus *= 2) {
    std::vector<cpu_set_t> set(cpus / CPU_SETSIZE);
    const std::size_t bytes = set.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, set.data()) == 0) {
      return std::max<std::size_t>(static_cast<std::size_t>(CPU_COUNT_S(bytes, set.data())), 1);
    }
    if (errno != EINVAL) break;
  }
  return static_cast<std::size_t>(std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L));
}

std::size_t whole_cpus(std::int64_t quota, std::int64_t period) {
  return static_cast<std::size_t>(std::max<std::int64_t>((quota + period - 1) / period, 1));
}

/// "max 100000" or "150000 100000".
std::optional<std::size_t> quota_v2(const std::string& directory) {
  std::ifstream file(directory + "/cpu.max");
  std::int64_t quota = 0;
  std::int64_t period = 0;
  if (!(file >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return whole_cpus(quota, period);
}

/// -1 for no quota.
std::optional<std::size_t> quota_v1(const std::string& directory) {
  std::ifstream quota_file(directory + "/cpu.cfs_quota_us");
  std::ifstream period_file(directory + "/cpu.cfs_period_us");
  std::int64_t quota = 0;
  std::int64_t period = 0;
  if (!(quota_file >> quota) || !(period_file >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return whole_cpus(quota, period);
}

/// The smallest quota of a group and all above it. In a container, the group's path may be that of the host's
/// tree: the container then sees its own group as the root of the mount, where the walk ends.
template <class Quota>
void apply_quotas(const std::string& mount, std::string path, Quota quota, std::size_t& cpus) {
  for (;;) {
    if (const auto limit = quota(mount + path)) cpus = std::min(cpus, *limit);
    if (path.empty()) return;
    path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

}  // namespace

std::size_t available_cpus() {
  std::size_t cpus = cpus_of_affinity();
  std::ifstream groups("/proc/self/cgroup");
  // "hierarchy:controllers:path"; "0::path" is version 2 (cgroups(7)).
  for (std::string line; std::getline(groups, line);) {
    std::istringstream fields(line);
    std::string hierarchy;
    std::string controllers;
    std::string path;
    if (!std::getline(fields, hierarchy, ':') || !std::getline(fields, controllers, ':')) continue;
    std::getline(fields, path);
    if (path == "/") path.clear();
    if (controllers.empty()) {
      apply_quotas("/sys/fs/cgroup", path, quota_v2, cpus);
      apply_quotas("/sys/fs/cgroup/unified", path, quota_v2, cpus);
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      apply_quotas("/sys/fs/cgroup/cpu", path, quota_v1, cpus);
      apply_quotas("/sys/fs/cgroup/" + controllers, path, quota_v1, cpus);
    }
  }
  return cpus;
}

}  // namespace procpool::detail
