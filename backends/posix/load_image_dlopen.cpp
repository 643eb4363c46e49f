// SPDX-License-Identifier: MIT
// Loading and pinning shared libraries with dlopen(3). In a static program it fails, and says so.
#include "tasks/loaded_images.hpp"

#include <string>

#include <dlfcn.h>

namespace procpool::detail {

std::string load_image(const std::string& path) {
  if (::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) != nullptr) return {};
  const char* const reason = ::dlerror();
  return reason != nullptr ? reason : "cannot be loaded";
}

void keep_image_loaded(const void* address) noexcept {
  Dl_info info{};
  if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) return;
  // The handle is not closed: systems that do not heed RTLD_NODELETE here still count the reference.
  static_cast<void>(::dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE));
}

}  // namespace procpool::detail
