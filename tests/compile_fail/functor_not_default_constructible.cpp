// expect: procpool: a function object with state must be default constructible
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

class Scale {
 public:
  explicit Scale(double factor) : factor_(factor) {}
  double operator()(double x) const { return x * factor_; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(factor_);
  }

 private:
  double factor_;
};

procpool::BoundTask bound() {
  return procpool::task(Scale(2.0), 3.0);
}
