// SPDX-License-Identifier: MIT
#include "loop/uv_error.hpp"

#include <uv.h>

namespace procpool::detail {

std::error_code uv_error(int status) noexcept {
  switch (status) {
    case UV_EACCES:
      return std::make_error_code(std::errc::permission_denied);
    case UV_EAGAIN:
      return std::make_error_code(std::errc::resource_unavailable_try_again);
    case UV_EBADF:
      return std::make_error_code(std::errc::bad_file_descriptor);
    case UV_EFTYPE:
      return std::make_error_code(std::errc::executable_format_error);
    case UV_EINVAL:
      return std::make_error_code(std::errc::invalid_argument);
    case UV_EMFILE:
      return std::make_error_code(std::errc::too_many_files_open);
    case UV_ENFILE:
      return std::make_error_code(std::errc::too_many_files_open_in_system);
    case UV_ENOENT:
      return std::make_error_code(std::errc::no_such_file_or_directory);
    case UV_ENOMEM:
      return std::make_error_code(std::errc::not_enough_memory);
    case UV_ENOSPC:
      return std::make_error_code(std::errc::no_space_on_device);
    case UV_ENOTDIR:
      return std::make_error_code(std::errc::not_a_directory);
    case UV_EPERM:
      return std::make_error_code(std::errc::operation_not_permitted);
    default:
      return {-status, std::generic_category()};
  }
}

}  // namespace procpool::detail
