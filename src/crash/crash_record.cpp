// SPDX-License-Identifier: MIT
#include "crash/crash_record.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace procpool::detail {
namespace {

/// An area whose worker ended in another way (killed by the host, say, after a handler of the program's own
/// had turned the signal down) tells of something else.
bool fits(std::uint32_t cause, ExitStatus status) noexcept {
  if (status.signaled()) return cause == static_cast<std::uint32_t>(status.signal());
  return status.exited() && cause != 0 && cause == static_cast<std::uint32_t>(status.code());
}

/// No end, no path, or lengths that cannot be: nullopt.
std::optional<CrashRecord::Image> checked(const CrashImage& image) {
  if (image.begin >= image.end || image.path_length == 0 || image.path_length > longest_image_path ||
      image.build_id_length > longest_build_id) {
    return std::nullopt;
  }
  CrashRecord::Image made;
  made.path.assign(image.path, image.path_length);
  if (made.path.find('\0') != std::string::npos) return std::nullopt;
  made.build_id.assign(reinterpret_cast<const char*>(image.build_id), image.build_id_length);
  made.device = image.device;
  made.inode = image.inode;
  return made;
}

}  // namespace

std::optional<CrashRecord> read_crash(const CrashArea& area, ExitStatus status) {
  const std::size_t frame_count = area.frame_count.load(std::memory_order_acquire);
  const std::size_t image_count = area.image_count.load(std::memory_order_acquire);
  if (frame_count == 0 || frame_count > most_crash_frames || image_count > most_crash_images ||
      !fits(area.cause, status)) {
    return std::nullopt;
  }
  CrashRecord record;
  if (area.has_fault_address == 1) record.fault_address = area.fault_address;
  for (std::size_t i = 0; i < frame_count; ++i) {
    CrashRecord::Frame frame;
    frame.address = area.frames[i];
    record.frames.push_back(frame);
  }
  for (std::size_t i = 0; i < image_count; ++i) {
    CrashImage image;
    std::memcpy(&image, &area.images[i], sizeof image);
    auto made = checked(image);
    if (!made) continue;
    bool named = false;
    for (CrashRecord::Frame& frame : record.frames) {
      if (frame.address < image.begin || frame.address >= image.end || frame.address < image.base) continue;
      if (frame.image != CrashRecord::no_image) continue;
      frame.image = record.images.size();
      frame.offset = frame.address - image.base;
      named = true;
    }
    if (named) record.images.push_back(std::move(*made));
  }
  // Where the walk has left the stack, it has guessed.
  while (record.frames.size() > 1 && record.frames.back().image == CrashRecord::no_image) {
    record.frames.pop_back();
  }
  return record;
}

}  // namespace procpool::detail
