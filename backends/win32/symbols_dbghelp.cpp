// SPDX-License-Identifier: MIT
// Names of functions by DbgHelp, which reads PDB files and the symbol tables of images. It is loaded when the
// first name is asked for: no worker needs it.
#include "crash/symbols.hpp"
#include "win32/image_stamp.hpp"
#include "win32/text.hpp"
#include "win32/unique_handle.hpp"  // <windows.h>, which has to come before <dbghelp.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <mutex>

#include <dbghelp.h>

namespace procpool::detail {

namespace {

template <class Function>
bool find(HMODULE library, const char* name, Function& function) noexcept {
  const auto address = ::GetProcAddress(library, name);
  static_assert(sizeof address == sizeof function);
  std::memcpy(&function, &address, sizeof address);
  return address != nullptr;
}

/// Not thread-safe, as the library itself.
class DbgHelp {
 public:
  [[nodiscard]] static const DbgHelp& instance() {
    static const DbgHelp one;
    return one;
  }
  [[nodiscard]] bool usable() const noexcept { return usable_; }

  decltype(&::SymSetOptions) set_options = nullptr;
  decltype(&::SymInitializeW) initialize = nullptr;
  decltype(&::SymCleanup) cleanup = nullptr;
  decltype(&::SymLoadModuleExW) load_module = nullptr;
  decltype(&::SymFromAddr) from_address = nullptr;

 private:
  DbgHelp() {
    const HMODULE library = ::LoadLibraryExW(L"dbghelp.dll", nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
    usable_ = library != nullptr && find(library, "SymSetOptions", set_options) &&
              find(library, "SymInitializeW", initialize) && find(library, "SymCleanup", cleanup) &&
              find(library, "SymLoadModuleExW", load_module) && find(library, "SymFromAddr", from_address);
  }
  bool usable_ = false;
};

/// One use of the library, for a process that it need not look at: the handle is but a name for it.
class Session {
 public:
  Session(const DbgHelp& library, const std::wstring& folder) : library_(library) {
    library_.set_options(SYMOPT_UNDNAME | SYMOPT_FAIL_CRITICAL_ERRORS | SYMOPT_NO_PROMPTS);
    // With a path of its own it does not follow _NT_SYMBOL_PATH, which may lead to a server.
    open_ = library_.initialize(name(), folder.c_str(), FALSE) != 0;
  }
  ~Session() {
    if (open_) library_.cleanup(name());
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// The address that the image is taken to lie at; 0 if it cannot be read.
  [[nodiscard]] DWORD64 load(const std::wstring& path, DWORD size) {
    constexpr DWORD64 base = 0x10000000;
    trusted_ = ::GetModuleHandleW(path.c_str()) != nullptr;
    return open_ ? library_.load_module(name(), nullptr, path.c_str(), nullptr, base, size, nullptr, 0) : 0;
  }
  [[nodiscard]] Symbol symbol_at(DWORD64 address) {
    constexpr std::size_t longest_name = 2000;
    alignas(SYMBOL_INFO) char buffer[sizeof(SYMBOL_INFO) + longest_name] = {};
    auto* const info = reinterpret_cast<SYMBOL_INFO*>(buffer);
    info->SizeOfStruct = sizeof(SYMBOL_INFO);
    info->MaxNameLen = longest_name;
    DWORD64 displacement = 0;
    if (library_.from_address(name(), address, &displacement, info) == 0) return {};
    const std::string text(info->Name, std::min<std::size_t>(info->NameLen, longest_name));
    return {function_name(text, trusted_), displacement};
  }

 private:
  [[nodiscard]] HANDLE name() noexcept { return this; }

  const DbgHelp& library_;
  bool open_ = false;
  bool trusted_ = false;
};

/// A path of the file system, and none to another machine or a device.
bool is_local(const std::string& path) {
  return path.size() > 3 && std::isalpha(static_cast<unsigned char>(path[0])) != 0 && path[1] == ':' &&
         path[2] == '\\';
}

}  // namespace

std::vector<Symbol> find_symbols(const CrashRecord::Image& image, std::span<const std::uint64_t> offsets) {
  std::vector<Symbol> symbols(offsets.size());
  win32::ImageStamp wanted;
  if (image.build_id.size() != sizeof wanted || !is_local(image.path)) return symbols;
  std::memcpy(&wanted, image.build_id.data(), sizeof wanted);
  if (win32::stamp_of_file(image.path) != wanted) return symbols;

  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const DbgHelp& library = DbgHelp::instance();
  if (!library.usable()) return symbols;
  const std::wstring path = win32::to_wide(image.path);
  Session session(library, path.substr(0, path.rfind(L'\\')));
  const DWORD64 base = session.load(path, wanted.size_of_image);
  if (base == 0) return symbols;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] < wanted.size_of_image) symbols[i] = session.symbol_at(base + offsets[i]);
  }
  return symbols;
}

}  // namespace procpool::detail
