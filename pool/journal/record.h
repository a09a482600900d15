// The form in which the journal keeps the events of one call: a byte for the version of the form, the events
// with every member in the order that pool/event/fields.h fixes (integers little-endian, strings with their
// length before them), and a CRC-32 over all of it, so that a damaged record is noticed rather than stored. A
// record of an earlier form is read as well: the members that came later are as in a new `Event`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/event/event.h"

namespace storagepool::journal {

std::string encode_unit(std::span<const event::Event> unit);

// Over what the journal keeps beside a record, and the record's own checksum.
std::uint32_t unit_checksum(std::string_view workspace, std::string_view incarnation,
                            runtime::Timestamp appended_at, std::string_view record);

// The error says what is wrong with the record and never what is in it.
tl::expected<std::vector<event::Event>, std::string> decode_unit(std::string_view record);

}  // namespace storagepool::journal
