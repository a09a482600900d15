// The head of an event: what its entry commits to, as one text that is the same however the event was
// written, stored and read back. Pure.
#pragma once

#include <string>

#include "pool/common/encoding/sha256.h"
#include "pool/event/erasure.h"
#include "pool/event/event.h"
#include "pool/event/json_object_writer.h"
#include "pool/evidence/evidence.h"

namespace storagepool::evidence {

// Writes heads; keeps what it needs for that between calls. One thread at a time.
class HeadWriter {
 public:
  // A JSON object as RFC 8785 (JCS) writes it, but integers with all their digits: the members of the event's
  // item without event_date, none that is null, and `salt` of a sensitive one. Instead of
  // `event_data` there is `event_data_sha256`, of the JSON text without insignificant white space, numbers
  // and escapes as the client sent them; instead of `error_message` there is `error_message_sha256`, of its
  // text in UTF-8; both in hexadecimal: redaction and erasure keep the proof. Of an event whose payload was
  // erased they are those that it had. Valid until the next call.
  //
  // REQUIRES: `event` is as it is stored: validated, parent_event_date filled in.
  std::string_view write(const event::Event& event);

  // What is to stand for the payload of this event when it is erased; of one that was, what does.
  event::Erasure erasure_of(const event::Event& event);

  encoding::Digester& digester() { return digester_; }

 private:
  encoding::Digester digester_;
  event::JsonObjectWriter head_;
  std::string compact_;  // event_data without white space
};

}  // namespace storagepool::evidence
