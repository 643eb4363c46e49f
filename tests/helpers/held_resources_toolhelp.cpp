// SPDX-License-Identifier: MIT
// Windows: processes by a "toolhelp" snapshot, and mappings by their size. Handles and threads are not looked
// at: the system's thread pool makes and keeps some when it likes.
#include "helpers/held_resources.hpp"
#include "helpers/win32_process.hpp"

#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include <tlhelp32.h>

namespace procpool::testing {
namespace {

/// Children, and what they have started. An id that is used again may make a stranger a descendant; tests do
/// not run long enough.
void add_processes(HeldResources& held) {
  const Handle snapshot(::CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0));
  if (!snapshot) return;
  std::set<DWORD> family = {::GetCurrentProcessId()};
  for (bool grown = true; grown;) {
    grown = false;
    PROCESSENTRY32W entry{};
    entry.dwSize = sizeof entry;
    for (BOOL more = ::Process32FirstW(snapshot.get(), &entry); more != 0;
         more = ::Process32NextW(snapshot.get(), &entry)) {
      if (family.contains(entry.th32ProcessID) || !family.contains(entry.th32ParentProcessID)) continue;
      const Handle process(::OpenProcess(SYNCHRONIZE, FALSE, entry.th32ProcessID));
      if (!process || ::WaitForSingleObject(process.get(), 0) == WAIT_OBJECT_0) continue;
      family.insert(entry.th32ProcessID);
      grown = true;
      const std::string number = std::to_string(entry.th32ProcessID);
      held["process " + number] =
          "process " + number + ", a child of " + std::to_string(entry.th32ParentProcessID);
    }
  }
}

void add_mappings(HeldResources& held) {
  constexpr SIZE_T large = SIZE_T{1} << 20U;
  MEMORY_BASIC_INFORMATION region{};
  for (const char* at = nullptr; ::VirtualQuery(at, &region, sizeof region) == sizeof region;
       at = static_cast<const char*>(region.BaseAddress) + region.RegionSize) {
    if (region.Type != MEM_MAPPED || region.Protect != PAGE_READWRITE || region.RegionSize < large) continue;
    const std::string number = std::to_string(reinterpret_cast<std::uintptr_t>(region.BaseAddress));
    held["mapping " + number] =
        "mapping at " + number + " of " + std::to_string(region.RegionSize) + " bytes";
  }
}

}  // namespace

HeldResources held_resources() {
  HeldResources held;
  add_processes(held);
  add_mappings(held);
  return held;
}

void mark_descendants(char** /*argv*/) {}

void kill_processes(const HeldResources& held) {
  constexpr std::string_view prefix = "process ";
  for (const auto& [key, description] : held) {
    if (!key.starts_with(prefix)) continue;
    const auto pid = static_cast<DWORD>(std::strtoul(key.c_str() + prefix.size(), nullptr, 10));
    const Handle process(::OpenProcess(PROCESS_TERMINATE, FALSE, pid));
    if (process) ::TerminateProcess(process.get(), 1);
  }
}

}  // namespace procpool::testing
