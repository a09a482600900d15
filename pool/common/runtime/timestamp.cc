#include "pool/common/runtime/timestamp.h"

#include <cstdio>

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

std::string clock_text(Timestamp time) {
  const std::chrono::hh_mm_ss clock{floor<seconds>(time - floor<days>(time))};
  char text[32];
  std::snprintf(text, sizeof text, "T%02d:%02d:%02d", static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  return text;
}

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
  const std::chrono::year_month_day parts{date};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(parts.year()),
                static_cast<unsigned>(parts.month()), static_cast<unsigned>(parts.day()));
  return text;
}

std::string format_seconds(Timestamp time) {
  return format_date(date_of(time)) + clock_text(time) + "Z";
}

std::string format_microseconds(Timestamp time) {
  const auto fraction = time - floor<seconds>(time);
  char digits[32];
  std::snprintf(digits, sizeof digits, ".%06dZ", static_cast<int>(fraction.count()));
  return format_date(date_of(time)) + clock_text(time) + digits;
}

std::string format_timestamp(Timestamp time) {
  std::string text = format_date(date_of(time)) + clock_text(time);
  const auto fraction = time - floor<seconds>(time);
  if (fraction != microseconds{0}) {
    char digits[32];
    std::snprintf(digits, sizeof digits, ".%06d", static_cast<int>(fraction.count()));
    text += digits;
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

}  // namespace storagepool::runtime
