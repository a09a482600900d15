#include "pool/common/runtime/timestamp.h"

#include <array>
#include <cstdlib>

namespace storagepool::runtime {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool literal(char expected) {
    if (rest_.empty() || rest_[0] != expected) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool digit(int& value) {
    if (rest_.empty() || rest_[0] < '0' || rest_[0] > '9') return false;
    value = rest_[0] - '0';
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly `count` digits whose value lies in [low, high].
  bool number(int count, int low, int high, int& value) {
    value = 0;
    for (int i = 0; i < count; ++i) {
      int one = 0;
      if (!digit(one)) return false;
      value = value * 10 + one;
    }
    return value >= low && value <= high;
  }

 private:
  std::string_view rest_;
};

std::optional<Date> read_date(Cursor& cursor) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!cursor.number(4, 1, 9999, year) || !cursor.literal('-') || !cursor.number(2, 1, 12, month) ||
      !cursor.literal('-') || !cursor.number(2, 1, 31, day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return Date{date};
}

std::optional<microseconds> read_fraction(Cursor& cursor) {
  if (!cursor.literal('.')) return microseconds{0};
  constexpr int kNanosecondDigits = 9;
  std::int64_t value = 0;
  int digits = 0;
  for (int one = 0; cursor.digit(one); ++digits) {
    if (digits == kNanosecondDigits) return std::nullopt;
    value = value * 10 + one;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < kNanosecondDigits; ++digits) value *= 10;
  return floor<microseconds>(std::chrono::nanoseconds{value});
}

std::optional<minutes> read_offset(Cursor& cursor) {
  if (cursor.literal('Z') || cursor.literal('z')) return minutes{0};
  const bool ahead = cursor.literal('+');
  if (!ahead && !cursor.literal('-')) return std::nullopt;
  int hour = 0;
  int minute = 0;
  if (!cursor.number(2, 0, 23, hour) || !cursor.literal(':') || !cursor.number(2, 0, 59, minute)) {
    return std::nullopt;
  }
  const minutes offset = hours{hour} + minutes{minute};
  return ahead ? offset : -offset;
}

// A text that is written from its beginning to its end, in its place.
class Text {
 public:
  void put(char character) { text_[size_++] = character; }
  // In decimal, with zeros in front up to `width` characters, of which there are 10 at most; as printf's
  // "%0*d".
  void put(int value, std::size_t width) {
    constexpr std::array kPowers = {1U,       10U,        100U,        1'000U,       10'000U,
                                    100'000U, 1'000'000U, 10'000'000U, 100'000'000U, 1'000'000'000U};
    auto rest = static_cast<unsigned>(std::abs(value));
    if (value < 0) {
      put('-');
      --width;
    }
    while (width < kPowers.size() && rest >= kPowers[width]) ++width;
    size_ += width;
    for (std::size_t at = size_; width > 0; --width, rest /= 10)
      text_[--at] = static_cast<char>('0' + rest % 10);
  }
  // "2026-02-28"
  void put(Date date) {
    const std::chrono::year_month_day parts{date};
    put(static_cast<int>(parts.year()), 4);
    put('-');
    put(static_cast<int>(static_cast<unsigned>(parts.month())), 2);
    put('-');
    put(static_cast<int>(static_cast<unsigned>(parts.day())), 2);
  }
  // "2026-02-28T11:22:33"
  void put(Timestamp time) {
    put(date_of(time));
    const std::chrono::hh_mm_ss clock{floor<seconds>(time - floor<days>(time))};
    put('T');
    put(static_cast<int>(clock.hours().count()), 2);
    put(':');
    put(static_cast<int>(clock.minutes().count()), 2);
    put(':');
    put(static_cast<int>(clock.seconds().count()), 2);
  }
  void put_fraction(Timestamp time) {
    put('.');
    put(static_cast<int>((time - floor<seconds>(time)).count()), 6);
  }
  void drop_zeros() {
    while (text_[size_ - 1] == '0') --size_;
  }
  std::string string() const { return {text_.data(), size_}; }

 private:
  std::array<char, 40> text_;
  std::size_t size_ = 0;
};

}  // namespace

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  Cursor cursor(text);
  const auto date = read_date(cursor);
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!date || !(cursor.literal('T') || cursor.literal('t')) || !cursor.number(2, 0, 23, hour) ||
      !cursor.literal(':') || !cursor.number(2, 0, 59, minute) || !cursor.literal(':') ||
      !cursor.number(2, 0, 60, second)) {
    return std::nullopt;
  }
  const auto fraction = read_fraction(cursor);
  if (!fraction) return std::nullopt;
  const auto offset = read_offset(cursor);
  if (!offset || !cursor.done()) return std::nullopt;
  const bool leap = second == 60;
  const Timestamp local =
      *date + hours{hour} + minutes{minute} + seconds{second} + (leap ? microseconds{0} : *fraction);
  const Timestamp utc = local - *offset;
  const int year = static_cast<int>(std::chrono::year_month_day{date_of(utc)}.year());
  if (year < 1 || year > 9999) return std::nullopt;
  return utc;
}

std::optional<Date> parse_date(std::string_view text) {
  Cursor cursor(text);
  const auto date = read_date(cursor);
  return cursor.done() ? date : std::nullopt;
}

std::string format_date(Date date) {
  Text text;
  text.put(date);
  return text.string();
}

std::string format_seconds(Timestamp time) {
  Text text;
  text.put(time);
  text.put('Z');
  return text.string();
}

std::string format_microseconds(Timestamp time) {
  Text text;
  text.put(time);
  text.put_fraction(time);
  text.put('Z');
  return text.string();
}

std::string format_timestamp(Timestamp time) {
  Text text;
  text.put(time);
  if (time != floor<seconds>(time)) {
    text.put_fraction(time);
    text.drop_zeros();
  }
  text.put('Z');
  return text.string();
}

}  // namespace storagepool::runtime
