// expect: procpool: a type that is passed to or from a task must be default constructible
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

class Port {
 public:
  explicit Port(int number) : number_(number) {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number_);
  }

 private:
  int number_;
};
Port listen(int backlog);

procpool::detail::TaskCall call() {
  return procpool::detail::make_task_call<decltype(listen), int>(listen);
}
