// SPDX-License-Identifier: MIT
// Functions in shared libraries as tasks, in a worker that was forked before the library was loaded.
#include "helpers/task_runner.hpp"
#include "posix/surroundings.hpp"

#include <procpool/errors.hpp>
#include <procpool/exception.hpp>
#include <procpool/task.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using procpool::detail::ByteBuffer;
using procpool::detail::decode;
using procpool::detail::encode;

/// The host's images, and one job.
using Request = std::tuple<std::vector<std::string>, std::uint64_t, std::string, std::string>;
/// Whether it threw, and the result or the exception.
using Answer = std::tuple<bool, std::string>;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

void send(int socket, const ByteBuffer& message) {
  EXPECT_EQ(::send(socket, message.data(), message.size(), 0), static_cast<ssize_t>(message.size()));
}
std::vector<std::byte> receive(int socket) {
  std::vector<std::byte> message(65536);
  const ssize_t size = ::recv(socket, message.data(), message.size(), 0);
  message.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return message;
}

/// A forked process that runs one job.
class OneJobWorker {
 public:
  OneJobWorker() {
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets_.data()) != 0) return;
    child_ = ::fork();
    if (child_ == 0) serve();
    ::close(sockets_[1]);
  }
  OneJobWorker(const OneJobWorker&) = delete;
  OneJobWorker& operator=(const OneJobWorker&) = delete;
  ~OneJobWorker() {
    // Not close() alone: workers that were forked later have a copy of this end.
    ::shutdown(sockets_[0], SHUT_RDWR);
    ::close(sockets_[0]);
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
  }

  template <class F, class... A>
  procpool::detail::TaskResult<F, A...> run(const F& f, const A&... arguments) {
    const auto call = procpool::detail::make_task_call<F, A...>(f);
    ByteBuffer encoded;
    procpool::detail::encode_arguments<F>(encoded, arguments...);
    std::vector<std::string> records;
    for (std::size_t i = 0; i < procpool::detail::image_count(); ++i) {
      records.push_back(procpool::detail::image_record(i));
    }
    ByteBuffer request;
    encode(request, records, call.ref.value, text_of(call.prefix.view()), text_of(encoded.view()));
    send(sockets_[0], request);
    const auto [threw, bytes] = decode<Answer>(receive(sockets_[0]));
    if (threw) std::rethrow_exception(procpool::detail::decode_exception(bytes_of(bytes), {child_, 1}));
    return decode<procpool::detail::TaskResult<F, A...>>(bytes_of(bytes));
  }

 private:
  [[noreturn]] void serve() {
    ::close(sockets_[0]);
    ByteBuffer answer;
    ByteBuffer result;
    bool threw = false;
    try {
      const auto [records, ref, prefix_text, arguments] = decode<Request>(receive(sockets_[1]));
      procpool::detail::ImageResolver resolver;
      for (const std::string& record : records) resolver.add(record);
      procpool::detail::set_current_resolver(&resolver);
      std::span<const std::byte> prefix = bytes_of(prefix_text);
      const auto invoker = procpool::detail::find_invoker({ref}, prefix);
      invoker(prefix, bytes_of(arguments), result);
    } catch (...) {
      threw = true;
      result.clear();
      procpool::detail::encode_current_exception(result);
    }
    encode(answer, threw, text_of(result.view()));
    send(sockets_[1], answer);
    ::_exit(0);
  }

  std::array<int, 2> sockets_{-1, -1};
  pid_t child_ = -1;
};

using Function = int (*)(int);

Function load(const std::filesystem::path& library) {
  void* const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    ADD_FAILURE() << ::dlerror();
    return nullptr;
  }
  return reinterpret_cast<Function>(::dlsym(handle, "library_task"));
}

/// A copy of the library for each test, and workers that were forked before any copy was loaded.
class TaskLibrary : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!procpool::testing::no_shared_libraries().empty()) return;
    for (auto& worker : early_workers) worker = std::make_unique<OneJobWorker>();
  }
  static void TearDownTestSuite() {
    for (auto& worker : early_workers) worker.reset();
  }
  static std::unique_ptr<OneJobWorker> take_early_worker() {
    for (auto& worker : early_workers) {
      if (worker) return std::move(worker);
    }
    return nullptr;
  }

  void SetUp() override {
    const std::string reason = procpool::testing::no_shared_libraries();
    if (!reason.empty()) GTEST_SKIP() << reason;
    std::string pattern = (std::filesystem::temp_directory_path() / "procpool-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    library_ = folder_ / "library.so";
    std::filesystem::copy_file(PROCPOOL_TASK_LIBRARY, library_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] const std::filesystem::path& library() const { return library_; }
  void replace_by_another_build() const {
    std::filesystem::copy_file(PROCPOOL_TASK_LIBRARY_OTHER, folder_ / "new.so");
    std::filesystem::rename(folder_ / "new.so", library_);
  }

 private:
  static inline std::array<std::unique_ptr<OneJobWorker>, 3> early_workers;
  std::filesystem::path folder_;
  std::filesystem::path library_;
};

TEST_F(TaskLibrary, ItsFunctionsRunInAWorkerThatWasForkedAfterItWasLoaded) {
  const Function function = load(library());
  ASSERT_NE(function, nullptr);
  OneJobWorker worker;
  EXPECT_EQ(worker.run(function, 14), 42);
}

TEST_F(TaskLibrary, ItsFunctionsRunInAWorkerThatWasForkedBeforeItWasLoaded) {
  const auto worker = take_early_worker();
  ASSERT_NE(worker, nullptr);
  const Function function = load(library());
  ASSERT_NE(function, nullptr);
  EXPECT_EQ(worker->run(function, 14), 42);
}

TEST_F(TaskLibrary, AnotherBuildOfItInTheWorkerIsRefusedByName) {
  const auto worker = take_early_worker();
  ASSERT_NE(worker, nullptr);
  const Function function = load(library());
  ASSERT_NE(function, nullptr);
  replace_by_another_build();
  try {
    worker->run(function, 14);
    FAIL() << "the other build was called";
  } catch (const procpool::TaskNotFoundError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("another build of " + library().string()), std::string::npos) << text;
  }
}

TEST_F(TaskLibrary, ItsAbsenceInTheWorkerIsNamed) {
  const auto worker = take_early_worker();
  ASSERT_NE(worker, nullptr);
  const Function function = load(library());
  ASSERT_NE(function, nullptr);
  std::filesystem::remove(library());
  try {
    worker->run(function, 14);
    FAIL() << "a library that is not there was called";
  } catch (const procpool::TaskNotFoundError& error) {
    EXPECT_NE(std::string(error.what()).find(library().string()), std::string::npos) << error.what();
  }
}

TEST_F(TaskLibrary, ItStaysLoadedOnceATaskIsInIt) {
  void* const handle = ::dlopen(library().c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << ::dlerror();
  const auto function = reinterpret_cast<Function>(::dlsym(handle, "library_task"));
  ASSERT_NE(function, nullptr);
  static_cast<void>(procpool::detail::make_task_call<Function, int>(function));
  ::dlclose(handle);
  EXPECT_EQ(function(2), 6);
}

}  // namespace
