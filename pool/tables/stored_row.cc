#include "pool/tables/stored_row.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include <arpa/inet.h>

#include "pool/event/fields.h"
#include "pool/event/uuid.h"
#include "pool/tables/read_fields.h"

namespace storagepool::tables {
namespace {

using runtime::Date;
using runtime::Timestamp;

// Beyond are the infinities, and what JSON has no text for.
constexpr Timestamp kFirst{std::chrono::sys_days{std::chrono::year{1} / 1 / 1}};
constexpr Timestamp kEnd{std::chrono::sys_days{std::chrono::year{10'000} / 1 / 1}};

std::optional<Timestamp> to_time(std::string_view bytes) {
  const auto since = postgres::read_integer(bytes);
  if (!since || *since < (kFirst - postgres::kEpoch).count() || *since >= (kEnd - postgres::kEpoch).count())
    return std::nullopt;
  return postgres::kEpoch + std::chrono::microseconds{*since};
}

std::optional<Date> to_date(std::string_view bytes) {
  constexpr Date kEpochDate = std::chrono::floor<std::chrono::days>(postgres::kEpoch);
  const auto days = postgres::read_integer(bytes);
  if (!days || *days < (kFirst - kEpochDate) / std::chrono::days{1} ||
      *days >= (kEnd - kEpochDate) / std::chrono::days{1})
    return std::nullopt;
  return kEpochDate + std::chrono::days{*days};
}

std::optional<std::string> to_uuid(std::string_view bytes) {
  constexpr std::size_t kBytes = 16;
  if (bytes.size() != kBytes) return std::nullopt;
  return event::format_uuid(std::span<const std::uint8_t, kBytes>(
      reinterpret_cast<const std::uint8_t*>(bytes.data()), kBytes));  // NOLINT: bytes they are
}

// The family, the length of the network, whether it is one, the length of the address, and the address, as
// host() shows it.
std::optional<std::string> to_address(std::string_view bytes) {
  constexpr std::size_t kHead = 4;
  constexpr char kV4 = 2;
  if (bytes.size() != kHead + sizeof(in_addr) && bytes.size() != kHead + sizeof(in6_addr))
    return std::nullopt;
  const int family = bytes[0] == kV4 ? AF_INET : AF_INET6;
  const bool fits = (family == AF_INET) == (bytes.size() == kHead + sizeof(in_addr));
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (!fits || inet_ntop(family, bytes.data() + kHead, text.data(), text.size()) == nullptr)
    return std::nullopt;
  return std::string(text.data());
}

// As the types of the columns are.
struct ParseStored {
  using Type = std::string_view;
  using Value = postgres::Rows::Value;
  bool operator()(Type type, Value bytes, std::string& member) const {
    if (type == "uuid") return take(to_uuid(*bytes), member);
    if (type == "inet") return take(to_address(*bytes), member);
    member = *bytes;
    return true;
  }
  bool operator()(Type, Value bytes, std::int64_t& member) const {
    return take(postgres::read_integer(*bytes), member);
  }
  bool operator()(Type, Value bytes, bool& member) const {
    member = *bytes != std::string_view("\0", 1);
    return bytes->size() == 1;
  }
  bool operator()(Type, Value bytes, Timestamp& member) const { return take(to_time(*bytes), member); }
  bool operator()(Type, Value bytes, Date& member) const { return take(to_date(*bytes), member); }
};

}  // namespace

const std::string kStoredColumns =
    event::comma_list([](const auto& field) { return std::string(field.column.empty() ? "" : field.name); });

std::string stored_columns_up_to(std::int64_t bytes) {
  const std::string fits = " <= " + std::to_string(bytes) + " THEN ";
  return event::comma_list([&](const auto& field) -> std::string {
    const std::string name(field.column.empty() ? "" : field.name);
    if (name == "event_data")
      return "CASE WHEN octet_length(event_data::text) + coalesce(octet_length(error_message), 0)" + fits +
             name + " END";
    if (name == "error_message") return "CASE WHEN octet_length(error_message)" + fits + name + " END";
    return name;
  });
}

const std::size_t kStoredData = [] {
  std::size_t column = 0;
  std::size_t data = 0;
  event::for_each_field([&](const auto& field) {
    if (field.name == "event_data") data = column;
    if (!field.column.empty()) ++column;
  });
  return data;
}();

std::optional<event::Event> read_stored(std::span<const postgres::Rows::Value> values) {
  return read_fields(values, 0, ParseStored{});
}

}  // namespace storagepool::tables
