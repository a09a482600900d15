// The room of the audit event, which does no I/O and knows no database: what an event is (here) and its one
// table of fields (fields.h), how a client's JSON becomes events (validate.h, and json_members.h below it)
// and how they are written back (serialize.h), how long they are kept (min_days.h), their ids (uuid.h,
// idempotency.h) and texts (text.h).
//
// An event here is as it is stored: every field of the wire contract, validated and with its defaults filled
// in. `event_data` is the client's JSON object, kept byte for byte; everything else is in canonical form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pool/common/runtime/timestamp.h"

namespace storagepool::event {

inline constexpr std::int64_t kDefaultRetentionDays = 2555;  // seven years

inline constexpr std::size_t kSaltBytes = 16;

// A member added here is a row in fields.h as well.
struct Event {
  std::string event_id{};       // canonical UUID; empty until one is made for an event whose client sent none
  bool id_from_client = false;  // the client made the id, so that its calls with it are idempotent
  runtime::Timestamp event_timestamp{};
  std::string version{};
  std::string event_type{};
  std::string event_category{};
  std::string event_action{};
  std::string event_outcome{};
  std::string correlation_id{};
  std::optional<std::string> parent_event_id{};
  std::optional<runtime::Date> parent_event_date{};
  std::string resource_type{};
  std::string resource_id{};
  std::string severity{};
  std::string actor_id{};
  std::string actor_type{};
  std::int64_t retention_days = kDefaultRetentionDays;
  bool is_sensitive = false;
  std::string event_data{};
  std::optional<std::string> namespace_name{};  // "namespace" on the wire
  std::optional<std::string> cluster_id{};
  std::optional<std::string> actor_ip{};
  std::optional<std::int64_t> duration_ms{};
  std::optional<std::string> error_code{};
  std::optional<std::string> error_message{};
  std::optional<std::string>
      client_event_id{};          // the client's text for an id, no UUID, that event_id is made of
  bool parent_missing = false;    // acknowledged, but stored without its parent, which never came
  std::int64_t keyed_events = 0;  // in its call, of whose Idempotency-Key its id was made; 0: it was not
  std::int64_t asked_days = 0;    // that its client asked for, of whom it is kept for longer; 0: it is not

  // How it came, which the pod knows, whatever the client says in it; nothing in events of earlier releases.
  std::optional<std::string> principal{};  // who sent it: the subject of a token
  std::optional<runtime::Timestamp> received_at{};
  std::optional<std::string> received_from{};  // canonical address
  std::optional<std::string> salt{};  // of a sensitive event: kSaltBytes random ones in base64, so that who
                                      // has its digest alone cannot guess it
  friend bool operator==(const Event&, const Event&) = default;
};

}  // namespace storagepool::event
