// SPDX-License-Identifier: MIT
#include "image_resolver.hpp"

#include "image_record.hpp"
#include "image_table.hpp"

#include <procpool/errors.hpp>

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace procpool::detail {

namespace {

constinit thread_local ImageResolver* current_resolver = nullptr;

std::uintptr_t locate_main(const LoadedImage& wanted) {
  const LoadedImage own = main_image();
  if (own.build_id == wanted.build_id) return own.base;
  throw TaskNotFoundError("the worker runs another program or another build of it: " + own.path +
                          " with build id " + own.build_id + ", and the host is " + wanted.path +
                          " with build id " + wanted.build_id +
                          ". Such a worker runs tasks named with PROCPOOL_TASK only");
}

std::uintptr_t locate_library(const LoadedImage& wanted) {
  if (const auto loaded = find_image(wanted.path, wanted.build_id)) return loaded->base;
  if (const std::string reason = load_image(wanted.path); !reason.empty()) {
    throw TaskNotFoundError("the worker cannot load " + wanted.path + ": " + reason);
  }
  if (const auto loaded = find_image(wanted.path, wanted.build_id)) return loaded->base;
  throw TaskNotFoundError("the worker has another build of " + wanted.path +
                          " than the host, whose build id is " + wanted.build_id);
}

}  // namespace

void ImageResolver::add(std::string_view record) {
  images_.push_back({from_record(record), std::nullopt});
}

void* ImageResolver::resolve(TaskRef ref) {
  if (ref.image() >= images_.size()) {
    throw TaskNotFoundError("the worker was not told of image " + std::to_string(ref.image()));
  }
  Image& image = images_[static_cast<std::size_t>(ref.image())];
  if (!image.base)
    image.base = image.wanted.is_main ? locate_main(image.wanted) : locate_library(image.wanted);
  return std::bit_cast<void*>(*image.base + static_cast<std::uintptr_t>(ref.offset()));
}

void set_current_resolver(ImageResolver* resolver) noexcept {
  current_resolver = resolver;
}

void* resolve_task(TaskRef ref) {
  return current_resolver != nullptr ? current_resolver->resolve(ref) : resolve_in_table(ref);
}

}  // namespace procpool::detail
