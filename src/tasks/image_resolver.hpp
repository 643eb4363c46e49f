// SPDX-License-Identifier: MIT
/// \file
/// ImageResolver: finds in a worker the code that a host names by a TaskRef.
#pragma once

#include "loaded_images.hpp"

#include <procpool/detail/task_ref.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace procpool::detail {

/// One for each host that a worker works for. Used by one thread.
class ImageResolver {
 public:
  /// Adds the host's next image, from image_record(). Looks for it only when a task needs it. Throws
  /// SerializationError.
  void add(std::string_view record);
  [[nodiscard]] std::size_t count() const noexcept { return images_.size(); }

  /// The code's address in this process. A shared library that is not loaded yet is loaded. Throws
  /// TaskNotFoundError that names the image, the two builds where they differ, and what to do.
  [[nodiscard]] void* resolve(TaskRef ref);

 private:
  struct Image {
    LoadedImage wanted;
    std::optional<std::uintptr_t> base;  ///< in this process, once it is known
  };

  std::vector<Image> images_;
};

/// Makes `resolver` (null: none) the one that resolve_task() uses on this thread. It must outlive its use.
void set_current_resolver(ImageResolver* resolver) noexcept;

}  // namespace procpool::detail
