// SPDX-License-Identifier: MIT
#include "image_table.hpp"

#include "image_record.hpp"
#include "loaded_images.hpp"

#include <procpool/codec.hpp>
#include <procpool/errors.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace procpool::detail {

namespace {

struct Entry {
  std::uintptr_t base = 0;
  std::string record;
};

constexpr std::size_t max_images = 1024;

/// Filled from the front, and never emptied: entries live as long as the process.
constinit std::array<std::atomic<const Entry*>, max_images> table{};

std::unique_ptr<const Entry> make_entry(const LoadedImage& image) {
  return std::make_unique<const Entry>(Entry{image.base, to_record(image)});
}

/// Puts the entry into the first free place, unless an entry with its base is there already. Returns its
/// number.
std::size_t add(std::unique_ptr<const Entry> entry) {
  for (std::size_t number = 0; number < max_images; ++number) {
    const Entry* present = nullptr;
    if (table[number].compare_exchange_strong(present, entry.get(), std::memory_order_acq_rel)) {
      static_cast<void>(entry.release());
      return number;
    }
    if (present->base == entry->base) return number;
  }
  throw TaskNotFoundError("tasks from more than " + std::to_string(max_images) + " shared libraries");
}

/// The program is always number 0.
void ensure_main() {
  if (table[0].load(std::memory_order_acquire) != nullptr) return;
  auto entry = make_entry(main_image());
  const Entry* present = nullptr;
  if (table[0].compare_exchange_strong(present, entry.get(), std::memory_order_acq_rel)) {
    static_cast<void>(entry.release());
  }
}

std::size_t number_of(const void* code, const ImagePlace& place) {
  ensure_main();
  for (std::size_t number = 0; number < max_images; ++number) {
    const Entry* const entry = table[number].load(std::memory_order_acquire);
    if (entry == nullptr) break;
    if (entry->base == place.base) return number;
  }
  keep_image_loaded(code);
  const auto image = image_containing(code);
  if (!image) throw TaskNotFoundError("a task's shared library has been unloaded");
  return add(make_entry(*image));
}

}  // namespace

std::size_t image_count() {
  ensure_main();
  std::size_t count = 1;
  while (count < max_images && table[count].load(std::memory_order_acquire) != nullptr) ++count;
  return count;
}

const std::string& image_record(std::size_t number) {
  ensure_main();
  const Entry* const entry = number < max_images ? table[number].load(std::memory_order_acquire) : nullptr;
  if (entry == nullptr) throw std::out_of_range("image_record: no image " + std::to_string(number));
  return entry->record;
}

void* resolve_in_table(TaskRef ref) {
  const auto number = static_cast<std::size_t>(ref.image());  // 16 bits
  const Entry* const entry = number < max_images ? table[number].load(std::memory_order_acquire) : nullptr;
  if (entry == nullptr) throw TaskNotFoundError("no image " + std::to_string(number));
  return std::bit_cast<void*>(entry->base + static_cast<std::uintptr_t>(ref.offset()));
}

TaskRef task_ref(const void* code) {
  if (code == nullptr) throw std::invalid_argument("a null function pointer cannot be a task");
  const auto place = image_place(code);
  if (!place) throw TaskNotFoundError("a task's code lies in no program or shared library");
  return TaskRef::at(number_of(code, *place), std::bit_cast<std::uintptr_t>(code) - place->base);
}

TaskRef cached_task_ref(const void* code) {
  struct Cached {
    const void* code = nullptr;
    TaskRef ref;
  };
  // Images stay loaded once they are in the table, so what was true of an address stays true.
  static thread_local constinit std::array<Cached, 8> cache{};
  const std::uintptr_t address = std::bit_cast<std::uintptr_t>(code);
  Cached& cached = cache[((address >> 4U) ^ (address >> 9U)) % cache.size()];
  if (code == nullptr || cached.code != code) cached = {code, task_ref(code)};
  return cached.ref;
}

}  // namespace procpool::detail
