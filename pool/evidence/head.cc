#include "pool/evidence/head.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <simdjson.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/check.h"
#include "pool/event/address.h"
#include "pool/event/fields.h"

namespace storagepool::evidence {
namespace {

namespace kind = event::kind;

// A member of the head, and the place of its field in the table.
struct Member {
  std::string_view name{};
  std::size_t of = 0;
};

template <typename Kind, typename Value>
constexpr std::string_view name_of(const event::Field<Kind, Value>& field) {
  if constexpr (std::is_same_v<Kind, kind::Unsent>) return {};
  if constexpr (std::is_same_v<Kind, kind::Object>) return "event_data_sha256";
  return field.name == "error_message" ? "error_message_sha256" : field.name;
}

constexpr std::size_t kProvenFields = std::apply(
    [](const auto&... fields) { return (std::size_t{!name_of(fields).empty()} + ...); }, event::kFields);

// In the order of the head: by name, all of which are ASCII.
constexpr auto kMembers = [] {
  std::array<Member, kProvenFields> members{};
  std::size_t next = 0;
  std::size_t at = 0;
  event::for_each_field([&](const auto& field) {
    if (!name_of(field).empty()) members.at(next++) = {name_of(field), at};
    ++at;
  });
  std::ranges::sort(members, {}, &Member::name);
  return members;
}();

class MemberWriter {
 public:
  MemberWriter(event::JsonObjectWriter& object, const event::Erasure& payload)
      : object_(object), payload_(payload) {}

  template <typename Kind, typename Value>
  void write(std::string_view name, const Kind& kind, const std::optional<Value>& value) {
    if (value) write(name, kind, *value);
  }
  template <typename Kind>
  void write(std::string_view name, const Kind&, const std::string& value) {
    object_.text(name, value);
  }
  void write(std::string_view name, kind::Address, const std::string& value) {
    object_.text(name, event::canonical_address(value).value_or(value));
  }
  void write(std::string_view name, kind::Object, const std::string&) {
    object_.text(name, payload_.event_data_sha256);
  }
  void write(std::string_view name, kind::Time, runtime::Timestamp value) {
    object_.text(name, runtime::format_timestamp(value));
  }
  void write(std::string_view name, kind::Date, runtime::Date value) {
    object_.text(name, runtime::format_timestamp(value));
  }
  void write(std::string_view name, const kind::Integer&, std::int64_t value) {
    object_.integer(name, value);
  }
  void write(std::string_view name, kind::Boolean, bool value) { object_.boolean(name, value); }

  void error_message(std::string_view name) {
    if (payload_.error_message_sha256) object_.text(name, *payload_.error_message_sha256);
  }

 private:
  event::JsonObjectWriter& object_;
  const event::Erasure& payload_;
};

template <std::size_t at>
void write_member(MemberWriter& writer, const event::Event& event) {
  constexpr Member kMember = kMembers[at];
  if constexpr (kMember.name == "error_message_sha256") {
    writer.error_message(kMember.name);
  } else {
    constexpr auto& kField = std::get<kMember.of>(event::kFields);
    writer.write(kMember.name, kField.kind, event.*kField.member);
  }
}

}  // namespace

event::Erasure HeadWriter::erasure_of(const event::Event& event) {
  if (auto erased = event::read_erasure(event.event_data)) return *std::move(erased);
  event::Erasure payload;
  compact_.resize(event.event_data.size());
  std::size_t size = 0;
  const auto failed =
      simdjson::minify(event.event_data.data(), event.event_data.size(), compact_.data(), size);
  STORAGEPOOL_INVARIANT(!failed, "event_data is not JSON", {"error", failed});
  payload.event_data_sha256 = encoding::encode_hex(digester_.sha256({compact_.data(), size}));
  if (event.error_message)
    payload.error_message_sha256 = encoding::encode_hex(digester_.sha256(*event.error_message));
  return payload;
}

std::string_view HeadWriter::write(const event::Event& event) {
  head_.clear();
  const event::Erasure payload = erasure_of(event);
  MemberWriter writer(head_, payload);
  [&]<std::size_t... at>(std::index_sequence<at...>) {
    (write_member<at>(writer, event), ...);
  }(std::make_index_sequence<kMembers.size()>());
  return head_.close();
}

}  // namespace storagepool::evidence
