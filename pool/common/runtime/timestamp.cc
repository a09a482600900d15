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

// In decimal, with zeros in front up to `width` characters; as printf's "%0*d".
void append_padded(std::string& text, int value, std::size_t width) {
  std::array<char, 12> digits{};
  std::size_t first = digits.size();
  const std::size_t sign = value < 0 ? 1 : 0;
  for (unsigned rest = static_cast<unsigned>(std::abs(value));
       rest > 0 || digits.size() - first + sign < width; rest /= 10) {
    digits.at(--first) = static_cast<char>('0' + rest % 10);
  }
  if (sign > 0) text += '-';
  text.append(&digits.at(first), digits.size() - first);
}

// "2026-02-28T11:22:33"
std::string text_of(Timestamp time) {
  const std::chrono::hh_mm_ss clock{floor<seconds>(time - floor<days>(time))};
  std::string text = format_date(date_of(time));
  text += 'T';
  append_padded(text, static_cast<int>(clock.hours().count()), 2);
  text += ':';
  append_padded(text, static_cast<int>(clock.minutes().count()), 2);
  text += ':';
  append_padded(text, static_cast<int>(clock.seconds().count()), 2);
  return text;
}

void append_fraction(std::string& text, Timestamp time) {
  text += '.';
  append_padded(text, static_cast<int>((time - floor<seconds>(time)).count()), 6);
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
  std::string text;
  text.reserve(sizeof "2026-02-28T11:22:33.123456Z");
  append_padded(text, static_cast<int>(parts.year()), 4);
  text += '-';
  append_padded(text, static_cast<int>(static_cast<unsigned>(parts.month())), 2);
  text += '-';
  append_padded(text, static_cast<int>(static_cast<unsigned>(parts.day())), 2);
  return text;
}

std::string format_seconds(Timestamp time) {
  std::string text = text_of(time);
  text += 'Z';
  return text;
}

std::string format_microseconds(Timestamp time) {
  std::string text = text_of(time);
  append_fraction(text, time);
  text += 'Z';
  return text;
}

std::string format_timestamp(Timestamp time) {
  std::string text = text_of(time);
  if (time != floor<seconds>(time)) {
    append_fraction(text, time);
    text.erase(text.find_last_not_of('0') + 1);
  }
  text += 'Z';
  return text;
}

}  // namespace storagepool::runtime
