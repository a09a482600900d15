// The room of what makes the store evidence, which does no I/O and depends on the event alone: each stored
// event has an entry in a log, 67 bytes that commit to all that its item shows without showing it, so that an
// entry outlives its event. This is form 1, which is frozen: the vectors of entry_test.cc may never change;
// another form has another first byte.
//
//   head   the members of the event's item as one canonical text (head.h)
//   entry  0x01, event_id (16), event_timestamp (int64, µs since 1970), retention_days (uint16),
//          correlation tag (8), SHA-256 of the head; numbers big-endian (entry.h)
//   batch  the entries that one commit offers, with an id and a MAC whose key no database has (entry.h)
#pragma once
