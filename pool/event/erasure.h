// What stands in a stored event once its payload has been erased, in place of event_data: the digests that
// its entry of the log was made of, so that all that is left of the event can still be proven (RFC 9162's
// leaves commit to digests alone). It begins with a space, which no event_data does that a client has sent:
// that is kept from its first brace on. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pool/event/event.h"

namespace storagepool::event {

struct Erasure {
  std::string event_data_sha256{};                    // hexadecimal, of the text without white space
  std::optional<std::string> error_message_sha256{};  // no value: there was none
  friend bool operator==(const Erasure&, const Erasure&) = default;
};

// ` {"erased":true,"event_data_sha256":"…","error_message_sha256":"…"}`, the last if there was one.
std::string write_erasure(const Erasure& erasure);
// No value: this is event_data of a client, or none.
std::optional<Erasure> read_erasure(std::string_view event_data);

}  // namespace storagepool::event
