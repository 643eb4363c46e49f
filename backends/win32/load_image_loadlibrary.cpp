// SPDX-License-Identifier: MIT
// Loading and pinning DLLs.
#include "tasks/loaded_images.hpp"
#include "win32/text.hpp"

#include <string>
#include <system_error>

#include <windows.h>

namespace procpool::detail {

std::string load_image(const std::string& path) {
  // So that the DLLs which it needs are also looked for beside it.
  if (::LoadLibraryExW(win32::to_wide(path).c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH) != nullptr)
    return {};
  const auto error = static_cast<int>(::GetLastError());
  const std::string reason = std::system_category().message(error);
  return reason.empty() ? "error " + std::to_string(error) : reason;
}

void keep_image_loaded(const void* address) noexcept {
  HMODULE module = nullptr;
  ::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                       static_cast<LPCWSTR>(address), &module);
}

}  // namespace procpool::detail
