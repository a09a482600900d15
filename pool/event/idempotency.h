// Calls that are repeated. The `Idempotency-Key` request header: repeating a call with the same key stores
// its events once, although the client makes no ids; the key becomes the events' ids, which are client-made
// from then on. And the digest by which a repeated event is told from another one under the same id.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "pool/event/event.h"
#include "pool/event/field_error.h"

namespace storagepool::event {

// What is wrong with the header's value, if anything: it is 1 to 255 printable ASCII characters.
std::optional<FieldError> check_idempotency_key(std::string_view key);

// The kinds of calls that write events. A key is of one of them: a batch of one event is not its single
// event.
enum class Call { kSingle, kBatch };

// The id of the event at `index` of a call: a UUID of version 8 (RFC 9562, 5.8) from the SHA-256 of all
// arguments, so that the same key of another workspace or of another client (`subject`, empty when clients
// are not told apart) is another key.
std::string idempotent_event_id(Call call, std::string_view workspace, std::string_view subject,
                                std::string_view key, std::size_t index);

// Likewise of an event whose client gave another text than a UUID for its id: of the text and its sender.
std::string text_event_id(std::string_view subject, std::string_view text);

inline constexpr std::size_t kDigestBytes = 16;
inline constexpr std::size_t kKeyedDigestBytes = kDigestBytes + 2;
// Of what a client says in an event, without its id: the first half of a SHA-256, which nobody meets by
// chance and which keeps the table of ids small. `event_data` counts byte for byte; defaults count as if they
// had been sent, an address whatever its spelling; parent_event_date does not count, as it may come from the
// parent, and of retention_days what was asked. Of a keyed event the number of events of its call follows,
// the higher byte first.
std::string content_digest(const Event& event);

// How two digests in hexadecimal, as one is stored and as one comes, compare: in their numbers only if both
// are of keyed events, for an id that a key made may be sent as the client's own afterwards. What is not
// known, empty, is like any other.
enum class Likeness { kSame, kOtherNumber, kOther };
Likeness compare_digests(std::string_view stored, std::string_view given);

}  // namespace storagepool::event
