// SPDX-License-Identifier: MIT
// What goes in comes out: every type that a user may pass.
#include "helpers/node_list.hpp"

#include <procpool/codec.hpp>
#include <procpool/errors.hpp>

#include <algorithm>
#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include <cereal/types/polymorphic.hpp>
#include <gtest/gtest.h>

namespace shop {

enum class Goods { none, bread, salt };
// Names that mean something else here, and nothing to the library.
[[maybe_unused]] void store(std::byte*, Goods) {}
[[maybe_unused]] void fetch(const std::byte*, Goods&) {}
template <class Out>
void write_direct(Out&, Goods) {}
template <class In>
void read_direct(In&, Goods&) {}

}  // namespace shop

namespace {

using procpool::SerializationError;
using procpool::detail::ByteBuffer;
using procpool::detail::decode;
using procpool::detail::encode;
using procpool::test::make_list;
using procpool::test::Node;

template <class T>
T round_trip(const T& value) {
  ByteBuffer bytes;
  encode(bytes, value);
  return decode<T>(bytes.view());
}

template <class T>
void expect_same(const T& value) {
  EXPECT_EQ(round_trip(value), value);
}

/// The bytes of a buffer, as if they were on their way.
class BytesOnTheirWay final : public procpool::detail::ArgumentStream {
 public:
  explicit BytesOnTheirWay(std::span<const std::byte> bytes) : bytes_(bytes) {}
  [[nodiscard]] std::size_t left() const noexcept override { return bytes_.size(); }
  void read(void* to, std::size_t count) override {
    if (count > bytes_.size()) procpool::archives::fail_truncated();
    std::copy_n(bytes_.begin(), count, static_cast<std::byte*>(to));
    bytes_ = bytes_.subspan(count);
  }
  std::span<const std::byte> read_all() override { return std::exchange(bytes_, {}); }

 private:
  std::span<const std::byte> bytes_;
};

class BufferAsStream final : public procpool::detail::ResultStream {
 public:
  void begin(std::size_t) noexcept override {}
  void write(const void* bytes, std::size_t count) noexcept override { written.append(bytes, count); }
  ByteBuffer written;
};

template <class T>
void expect_same_by_streams(const T& value) {
  ByteBuffer bytes;
  encode(bytes, value);
  EXPECT_EQ(procpool::detail::direct_size(value), bytes.size());
  BufferAsStream out;
  procpool::detail::write_direct(out, value);
  EXPECT_TRUE(std::ranges::equal(out.written.view(), bytes.view()));
  T read{};
  BytesOnTheirWay in(bytes.view());
  procpool::detail::read_direct(in, read);
  EXPECT_EQ(read, value);
  EXPECT_EQ(in.left(), 0U);
  BytesOnTheirWay cut(bytes.view().first(bytes.size() - 1));
  EXPECT_THROW(procpool::detail::read_direct(cut, read), std::exception);
}

enum class Colour : std::uint8_t { red, green, blue };

struct Order {
  int id = 0;
  std::string name;
  std::vector<double> prices;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(CEREAL_NVP(id), name, prices);
  }
  friend bool operator==(const Order&, const Order&) = default;
};

struct Split {
  int value = 0;
  template <class Archive>
  void save(Archive& archive) const {
    archive(value + 1);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(value);
    --value;
  }
};

struct MoveOnly {
  std::unique_ptr<std::string> text;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(text);
  }
};

struct Nothing {
  friend bool operator==(const Nothing&, const Nothing&) = default;
};

class Point : public std::enable_shared_from_this<Point> {
 public:
  Point(int x, int y) : x_(x), y_(y) { ++alive; }
  Point(const Point&) = delete;
  Point& operator=(const Point&) = delete;
  ~Point() { --alive; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x_, y_);
  }
  template <class Archive>
  static void load_and_construct(Archive& archive, cereal::construct<Point>& construct) {
    int x = 0;
    int y = 0;
    archive(x);
    construct(x, 0);
    archive(y);
    construct->y_ = y;
  }
  [[nodiscard]] int x() const { return x_; }
  [[nodiscard]] int y() const { return y_; }
  static inline int alive = 0;

 private:
  int x_;
  int y_;
};

struct Versioned {
  int value = 0;
  std::uint32_t version = 0;
  template <class Archive>
  void serialize(Archive& archive, std::uint32_t seen) {
    archive(value);
    version = seen;
  }
};

struct Shape {
  virtual ~Shape() = default;
  [[nodiscard]] virtual double area() const = 0;
};
struct Square : Shape {
  double side = 0;
  [[nodiscard]] double area() const override { return side * side; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(side);
  }
};

struct ThrowsWhenMade {
  ThrowsWhenMade() = default;
  explicit ThrowsWhenMade(int number) { throw number; }
  std::string text;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(text);
  }
};

TEST(Codec, NumbersKeepTheirValue) {
  expect_same(true);
  expect_same('x');
  expect_same(std::numeric_limits<std::int64_t>::min());
  expect_same(std::numeric_limits<std::uint64_t>::max());
  expect_same(1.25F);
  expect_same(std::numeric_limits<double>::denorm_min());
  expect_same(Colour::blue);
  expect_same(std::byte{200});
}

TEST(Codec, FunctionsOfTheTypesOwnNamespaceAreNotMeant) {
  expect_same(shop::Goods::salt);
  expect_same(std::pair(shop::Goods::salt, 2.5));
  expect_same(std::tuple(std::string("two"), shop::Goods::bread));
  expect_same(std::array{shop::Goods::bread, shop::Goods::none});
}

TEST(Codec, TextMayHoldAnything) {
  expect_same(std::string());
  expect_same(std::string("with a \0 inside", 15));
  expect_same(std::string(1'000'000, 'x'));
  expect_same(std::u16string(u"wide"));
  expect_same(std::filesystem::path("/a dir/file.txt"));
}

TEST(Codec, ContainersKeepTheirElements) {
  expect_same(std::vector<int>{1, 2, 3});
  expect_same(std::vector<std::string>{"a", "", "c"});
  expect_same(std::vector<bool>{true, false, true});
  expect_same(std::vector<std::byte>{std::byte{1}, std::byte{255}});
  expect_same(std::vector<std::vector<std::vector<int>>>{{{1}, {}}, {}});
  expect_same(std::deque<int>{1, 2});
  expect_same(std::list<std::string>{"x", "y"});
  expect_same(std::forward_list<int>{3, 2, 1});
  expect_same(std::array<bool, 3>{true, false, true});
  expect_same(std::array<int, 0>{});
  expect_same(std::array<std::string, 2>{"p", "q"});
  expect_same(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  expect_same(std::multimap<int, int>{{1, 2}, {1, 1}, {0, 5}, {1, 3}});
  expect_same(std::multiset<int>{3, 1, 3});
  expect_same(std::set<int>{5, 6});
  expect_same(std::unordered_map<std::string, int>{{"k", 1}, {"l", 2}});
  expect_same(std::unordered_set<int>{1, 2, 3});
  expect_same(std::unordered_multiset<int>{1, 1});
  std::priority_queue<int> queue;
  queue.push(4);
  EXPECT_EQ(round_trip(queue).top(), 4);
}

TEST(Codec, VocabularyTypesKeepTheirValue) {
  expect_same(std::tuple<int, std::string, double>{1, "two", 3.0});
  expect_same(std::tuple<>());
  expect_same(std::pair<std::string, int>{"one", 1});
  expect_same(std::optional<std::string>());
  expect_same(std::optional<std::string>("there"));
  expect_same(std::variant<int, std::string, std::monostate>("text"));
  expect_same(std::complex<double>(1, -1));
  expect_same(std::bitset<70>("1011"));
  expect_same(std::chrono::milliseconds(1500));
  expect_same(std::chrono::system_clock::time_point(std::chrono::seconds(7)));
}

TEST(Codec, ClassesTravelByTheirCerealFunctions) {
  expect_same(Order{7, "seven", {0.5, 1.5}});
  expect_same(std::vector<Order>{{1, "a", {}}, {2, "b", {2.0}}});
  EXPECT_EQ(round_trip(Split{5}).value, 5);
  EXPECT_EQ(round_trip(Versioned{3, 0}).value, 3);
}

TEST(Codec, AnEmptyClassNeedsNoCerealFunction) {
  expect_same(Nothing());
  expect_same(std::vector<Nothing>(1000));
}

TEST(Codec, TypesThatCanOnlyBeMovedTravel) {
  MoveOnly value{std::make_unique<std::string>("moved")};
  EXPECT_EQ(*round_trip(value).text, "moved");
  std::vector<MoveOnly> values(2);
  values[1].text = std::make_unique<std::string>("second");
  const auto back = round_trip(values);
  EXPECT_EQ(back[0].text, nullptr);
  EXPECT_EQ(*back[1].text, "second");
}

TEST(Codec, PointersToOneObjectStayPointersToOneObject) {
  const auto shared = std::make_shared<Order>(Order{1, "shared", {}});
  const auto back = round_trip(std::vector<std::shared_ptr<Order>>{shared, nullptr, shared});
  EXPECT_EQ(back[0], back[2]);
  EXPECT_EQ(back[1], nullptr);
  EXPECT_EQ(back[0]->name, "shared");
  EXPECT_EQ(back[0].use_count(), 2);
}

TEST(Codec, ClassesWithoutADefaultConstructorTravelBehindPointers) {
  const auto point = std::make_shared<Point>(3, 4);
  const auto back = round_trip(std::vector<std::shared_ptr<Point>>{point, point});
  EXPECT_EQ(back[0]->x(), 3);
  EXPECT_EQ(back[0]->y(), 4);
  EXPECT_EQ(back[0], back[1]);
  EXPECT_EQ(back[0]->shared_from_this(), back[0]);
  const auto unique = round_trip(std::make_unique<Point>(5, 6));
  EXPECT_EQ(unique->y(), 6);
}

TEST(Codec, AClassWithoutADefaultConstructorIsDestroyedWhenItsBytesEndEarly) {
  ByteBuffer bytes;
  encode(bytes, std::make_unique<Point>(5, 6));
  const int before = Point::alive;
  EXPECT_THROW(static_cast<void>(decode<std::unique_ptr<Point>>(bytes.view().first(bytes.size() - 1))),
               SerializationError);
  EXPECT_EQ(Point::alive, before);
}

TEST(Codec, RegisteredPolymorphicTypesTravelBehindPointersToTheirBase) {
  auto square = std::make_unique<Square>();
  square->side = 3;
  const std::unique_ptr<Shape> shape = std::move(square);
  EXPECT_EQ(round_trip(shape)->area(), 9);
}

TEST(Codec, SeveralValuesAreTheBytesOfATupleOfThem) {
  ByteBuffer bytes;
  encode(bytes, 1, std::string("two"), Order{3, "three", {}});
  const auto [one, two, three] = decode<std::tuple<int, std::string, Order>>(bytes.view());
  EXPECT_EQ(one, 1);
  EXPECT_EQ(two, "two");
  EXPECT_EQ(three.id, 3);
}

TEST(Codec, StreamsHaveTheBytesOfBuffers) {
  expect_same_by_streams(std::string("text"));
  expect_same_by_streams(std::string(100'000, 'x'));
  expect_same_by_streams(std::vector<double>(10'007, 0.5));
  expect_same_by_streams(std::array<std::array<double, 30>, 30>{{{1.5}}});
  expect_same_by_streams(std::array<std::pair<bool, int>, 50>{{{true, 7}}});
  expect_same_by_streams(std::tuple{true, Colour::blue,
                                    std::pair{std::wstring(9000, L'w'), std::array{1, 2, 3}},
                                    std::vector<std::byte>(40'000, std::byte{7}), std::string(), 1.5});
}

TEST(Codec, AShortTupleOfNumbersNeedsNoAllocation) {
  ByteBuffer bytes;
  encode(bytes, std::tuple<int, double, Colour>{1, 2.0, Colour::red});
  EXPECT_EQ(bytes.size(), sizeof(int) + sizeof(double) + 1);
}

TEST(Codec, ALongListOfPointersIsRefusedBeforeItOverflowsTheStack) {
  EXPECT_EQ(round_trip(make_list(400)).length(), 400U);
  ByteBuffer bytes;
  const Node deep = make_list(10'000);
  try {
    encode(bytes, deep);
    FAIL() << "10,000 levels were accepted";
  } catch (const SerializationError& error) {
    EXPECT_NE(std::string(error.what()).find("deeper than 1000 levels"), std::string::npos) << error.what();
  }
}

TEST(Codec, AFailedEncodeLeavesTheBufferAsItWas) {
  ByteBuffer bytes;
  encode(bytes, 42);
  EXPECT_THROW(encode(bytes, make_list(10'000)), SerializationError);
  EXPECT_EQ(decode<int>(bytes.view()), 42);
}

TEST(Codec, TheLimitOfTheBufferIsTheLimitOfTheValue) {
  ByteBuffer bytes(100);
  EXPECT_NO_THROW(encode(bytes, std::string(50, 'x')));
  EXPECT_THROW(encode(bytes, std::string(50, 'x')), SerializationError);
  EXPECT_THROW(encode(bytes, std::vector<std::string>(50, "x")), SerializationError);
  EXPECT_EQ(bytes.size(), 58U);
}

TEST(Codec, AnErrorNamesTheType) {
  const std::array<std::byte, 3> few{};
  try {
    static_cast<void>(decode<Order>(few));
    FAIL() << "three bytes were an Order";
  } catch (const SerializationError& error) {
    EXPECT_NE(std::string(error.what()).find("Order"), std::string::npos) << error.what();
  }
}

TEST(Codec, AVariantWithoutAValueIsRefused) {
  std::variant<int, ThrowsWhenMade> value(1);
  EXPECT_THROW(value.emplace<1>(2), int);
  ASSERT_TRUE(value.valueless_by_exception());
  ByteBuffer bytes;
  EXPECT_THROW(encode(bytes, value), SerializationError);
}

TEST(Codec, MoreEmptyElementsThanCanBeDecodedAreNotEncoded) {
  ByteBuffer bytes;
  const std::vector<Nothing> values(procpool::archives::max_empty_elements + 100);
  EXPECT_THROW(encode(bytes, values), SerializationError);
}

}  // namespace

CEREAL_CLASS_VERSION(Versioned, 4)
CEREAL_REGISTER_TYPE(Square)
CEREAL_REGISTER_POLYMORPHIC_RELATION(Shape, Square)
