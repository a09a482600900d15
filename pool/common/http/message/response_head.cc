#include "pool/common/http/message/response_head.h"

#include <algorithm>
#include <array>

#include <boost/beast/http/status.hpp>

#include "pool/common/http/message/fields.h"

namespace storagepool::http {
namespace {

constexpr std::string_view kTokenSymbols = "!#$%&'*+-.^_`|~";

bool is_token(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alphanumeric(c) || kTokenSymbols.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= ' ' && byte != 0x7F);
  });
}

bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 7> kOurs = {"Content-Length", "Content-Type", "Connection",
                                                     "Date",           "X-Request-Id", "Transfer-Encoding",
                                                     "Keep-Alive"};
  return std::any_of(kOurs.begin(), kOurs.end(),
                     [&](std::string_view ours) { return equals_ignoring_case(name, ours); });
}

void append_digits(std::string& text, unsigned value, unsigned places) {
  std::array<char, 10> digits{};
  for (unsigned i = places; i > 0; --i, value /= 10) digits.at(i - 1) = static_cast<char>('0' + value % 10);
  text.append(digits.data(), places);
}

// IMF-fixdate (RFC 9110 §5.6.7), whose English names must not depend on the locale.
std::string format_date(std::chrono::system_clock::time_point now) {
  constexpr std::array<const char*, 7> kDays = {"Sun, ", "Mon, ", "Tue, ", "Wed, ",
                                                "Thu, ", "Fri, ", "Sat, "};
  constexpr std::array<const char*, 12> kMonths = {" Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ",
                                                   " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec "};
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(now - day));
  std::string text = kDays.at(std::chrono::weekday(day).c_encoding());
  append_digits(text, static_cast<unsigned>(date.day()), 2);
  text += kMonths.at(static_cast<unsigned>(date.month()) - 1);
  append_digits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  text += ' ';
  append_digits(text, static_cast<unsigned>(clock.hours().count()), 2);
  text += ':';
  append_digits(text, static_cast<unsigned>(clock.minutes().count()), 2);
  text += ':';
  append_digits(text, static_cast<unsigned>(clock.seconds().count()), 2);
  return text += " GMT";
}

void append_field(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

bool sendable(const Response& response) {
  return is_field_value(response.content_type) &&
         std::all_of(response.headers.begin(), response.headers.end(),
                     [](const auto& field) { return is_token(field.first) && is_field_value(field.second); });
}

bool may_have_body(unsigned status) {
  return status >= 200 && status != 204 && status != 304;
}

std::string format_head(const Response& response, std::string_view request_id,
                        std::optional<std::chrono::milliseconds> keep_alive,
                        std::chrono::system_clock::time_point now, bool takes_chunks) {
  std::string head;
  head.reserve(512);
  const auto reason =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(response.status));
  head.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  head.append(reason.data(), reason.size()).append("\r\n");
  append_field(head, "Date", format_date(now));
  append_field(head, "X-Request-Id", request_id);
  if (may_have_body(response.status)) {
    if (!response.content_type.empty()) append_field(head, "Content-Type", response.content_type);
    if (!response.more) append_field(head, "Content-Length", std::to_string(body_size(response)));
    if (response.more && takes_chunks) append_field(head, "Transfer-Encoding", "chunked");
  }
  append_field(head, "Connection", keep_alive ? "keep-alive" : "close");
  if (keep_alive) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*keep_alive);
    append_field(head, "Keep-Alive", "timeout=" + std::to_string(seconds.count()));
  }
  for (const auto& [name, value] : response.headers) {
    if (!is_ours(name)) append_field(head, name, value);
  }
  head += "\r\n";
  return head;
}

}  // namespace storagepool::http
