// SPDX-License-Identifier: MIT
// Which code a reference means in a process that may run another build.
#include "tasks/image_resolver.hpp"

#include "tasks/image_record.hpp"
#include "tasks/image_table.hpp"
#include "tasks/loaded_images.hpp"

#include <procpool/errors.hpp>

#include <atomic>
#include <cstddef>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using procpool::TaskNotFoundError;
using procpool::detail::ImageResolver;
using procpool::detail::LoadedImage;
using procpool::detail::TaskRef;

int answer() {
  return 42;
}

std::string refusal(ImageResolver& resolver, TaskRef ref) {
  try {
    static_cast<void>(resolver.resolve(ref));
  } catch (const TaskNotFoundError& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(LoadedImages, TheProgramHasABuildId) {
  const LoadedImage program = procpool::detail::main_image();
  EXPECT_TRUE(program.is_main);
  EXPECT_FALSE(program.build_id.empty());
  EXPECT_FALSE(program.path.empty());
  EXPECT_EQ(program.build_id, procpool::detail::main_image().build_id);
}

TEST(LoadedImages, AFunctionIsInTheProgram) {
  const auto image = procpool::detail::image_containing(reinterpret_cast<const void*>(&answer));
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->base, procpool::detail::main_image().base);
  const auto place = procpool::detail::image_place(reinterpret_cast<const void*>(&answer));
  ASSERT_TRUE(place.has_value());
  EXPECT_TRUE(place->is_main);
}

TEST(LoadedImages, ALocalVariableIsInNone) {
  const int local = 0;
  EXPECT_FALSE(procpool::detail::image_place(&local).has_value());
}

TEST(ImageTable, TheProgramIsTheFirst) {
  ASSERT_GE(procpool::detail::image_count(), 1U);
  const LoadedImage image = procpool::detail::from_record(procpool::detail::image_record(0));
  EXPECT_TRUE(image.is_main);
  EXPECT_EQ(image.build_id, procpool::detail::main_image().build_id);
}

TEST(ImageTable, ThreadsAgreeOnTheNumbers) {
  // &std::string's functions and this one: two images in a program that is not static, one in one that is.
  const void* const codes[] = {reinterpret_cast<const void*>(&answer),
                               reinterpret_cast<const void*>(&std::atoi)};
  std::atomic<bool> differs = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (const void* code : codes) {
        const TaskRef ref = procpool::detail::task_ref(code);
        if (procpool::detail::resolve_in_table(ref) != code) differs = true;
        if (ref != procpool::detail::task_ref(code)) differs = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(differs);
  std::set<std::string> records;
  for (std::size_t i = 0; i < procpool::detail::image_count(); ++i)
    records.insert(procpool::detail::image_record(i));
  EXPECT_EQ(records.size(), procpool::detail::image_count());
}

TEST(ImageResolver, FindsTheFunctionInTheSameBuild) {
  ImageResolver resolver;
  resolver.add(procpool::detail::image_record(0));
  const auto code = reinterpret_cast<const void*>(&answer);
  EXPECT_EQ(resolver.resolve(procpool::detail::task_ref(code)), code);
}

TEST(ImageResolver, RefusesAnotherBuildOfTheProgramAndSaysWhatToDo) {
  LoadedImage other = procpool::detail::main_image();
  other.build_id = "0123456789abcdef";
  ImageResolver resolver;
  resolver.add(procpool::detail::to_record(other));
  const std::string text = refusal(resolver, TaskRef::at(0, 0));
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "another build", text);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "0123456789abcdef", text);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, procpool::detail::main_image().build_id, text);
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "PROCPOOL_TASK", text);
}

TEST(ImageResolver, NamesALibraryThatCannotBeLoaded) {
  ImageResolver resolver;
  resolver.add(procpool::detail::image_record(0));
  resolver.add(procpool::detail::to_record({0, "/nonexistent/library.so", "1234", false}));
  const std::string text = refusal(resolver, TaskRef::at(1, 64));
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, "/nonexistent/library.so", text);
}

TEST(ImageResolver, RefusesAnImageThatItWasNotToldOf) {
  ImageResolver resolver;
  resolver.add(procpool::detail::image_record(0));
  EXPECT_THROW(static_cast<void>(resolver.resolve(TaskRef::at(5, 0))), TaskNotFoundError);
}

TEST(ImageResolver, RefusesARecordThatIsNone) {
  ImageResolver resolver;
  EXPECT_THROW(resolver.add("nonsense"), procpool::SerializationError);
  EXPECT_EQ(resolver.count(), 0U);
}

}  // namespace
