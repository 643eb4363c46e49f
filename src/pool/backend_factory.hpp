// SPDX-License-Identifier: MIT
/// \file
/// How the Pool gets the backends that come with procpool. Defined by the backend of the platform.
#pragma once

#include <procpool/options.hpp>
#include <procpool/process_backend.hpp>

#include <memory>

namespace procpool::detail {

/// Throws std::invalid_argument for one that this platform does not have.
[[nodiscard]] std::shared_ptr<ProcessBackend> make_backend(Backend backend);
/// What a pool uses if it was not told.
[[nodiscard]] Backend default_backend() noexcept;

}  // namespace procpool::detail
