// Points in time as events and tokens carry them: RFC 3339 on the wire with any offset and up to nanoseconds,
// UTC at microseconds inside and in PostgreSQL.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::runtime {

using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;
using Date = std::chrono::sys_days;

// RFC 3339 date-time. Digits below a microsecond are cut off; a leap second reads as the first of the next
// minute. No value for anything else, including more than nine fractional digits and years outside 0001 to
// 9999.
std::optional<Timestamp> parse_timestamp(std::string_view text);

// RFC 3339 full-date, "2026-02-28".
std::optional<Date> parse_date(std::string_view text);

// "2026-02-28T11:22:33.1234Z": microseconds with trailing zeros trimmed, none when the second is whole.
std::string format_timestamp(Timestamp time);
// "2026-02-28T11:22:33.123400Z": all six digits, as Kubernetes' MicroTime wants them.
std::string format_microseconds(Timestamp time);
// "2026-02-28T11:22:33Z".
std::string format_seconds(Timestamp time);
std::string format_date(Date date);

// The UTC date of a point in time.
inline Date date_of(Timestamp time) {
  return std::chrono::floor<std::chrono::days>(time);
}

}  // namespace storagepool::runtime
