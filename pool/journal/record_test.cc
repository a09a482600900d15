#include "pool/journal/record.h"

#include <gmock/gmock.h>
#include <boost/crc.hpp>

#include "pool/event/testing/smallest_event.h"

namespace storagepool::journal {
namespace {

using ::testing::HasSubstr;

constexpr const char* kId = "0192f0c1-2c3d-7e4f-8a5b-0123456789ab";

event::Event smallest() {
  return event::testing::smallest_event(kId, "2026-02-28T11:22:33.123456Z");
}

event::Event fullest() {
  event::Event event = smallest();
  event.id_from_client = true;
  event.version = "2.0";
  event.event_type = "type";
  event.event_category = "category";
  event.event_action = "action";
  event.event_outcome = "pending";
  event.correlation_id = "correlation";
  event.parent_event_id = "0192f0c1-2c3d-7e4f-8a5b-0123456789ac";
  event.parent_event_date = runtime::parse_date("0001-01-01");
  event.resource_type = "resource type";
  event.resource_id = "resource id";
  event.severity = "critical";
  event.actor_id = "actor";
  event.actor_type = "actor type";
  event.retention_days = 1;
  event.is_sensitive = true;
  event.event_data = std::string("{\"\\u0000\": \"\xF0\x9D\x84\x9E\"}\0 after a zero byte", 36);
  event.namespace_name = "";
  event.cluster_id = "cluster";
  event.actor_ip = "2001:db8::1";
  event.duration_ms = -9223372036854775807;
  event.error_code = "E1";
  event.error_message = "broke";
  return event;
}

std::string with_checksum(std::string body) {
  boost::crc_32_type crc;
  crc.process_bytes(body.data(), body.size());
  const std::uint32_t sum = crc.checksum();
  for (int byte = 0; byte < 4; ++byte) body.push_back(static_cast<char>((sum >> (8 * byte)) & 0xFFU));
  return body;
}

TEST(EventRecord, gives_back_every_member_as_it_was) {
  const std::vector<event::Event> unit{fullest(), smallest(), fullest()};
  const auto read = decode_unit(encode_unit(unit));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(*read, unit);
}

TEST(EventRecord, holds_no_event_at_all) {
  const auto read = decode_unit(encode_unit({}));
  ASSERT_TRUE(read) << read.error();
  EXPECT_TRUE(read->empty());
}

TEST(EventRecord, notices_every_changed_byte) {
  const std::vector<event::Event> unit{fullest()};
  const std::string record = encode_unit(unit);
  for (std::size_t at = 0; at < record.size(); ++at) {
    std::string damaged = record;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    EXPECT_FALSE(decode_unit(damaged)) << "byte " << at;
  }
}

TEST(EventRecord, notices_a_record_cut_short_even_with_a_right_checksum) {
  const std::vector<event::Event> unit{fullest(), smallest()};
  const std::string record = encode_unit(unit);
  const std::string body = record.substr(0, record.size() - 4);
  ASSERT_TRUE(decode_unit(with_checksum(body)));
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(decode_unit(body.substr(0, size))) << size << " bytes";
    EXPECT_FALSE(decode_unit(with_checksum(body.substr(0, size)))) << size << " bytes and a checksum";
  }
  EXPECT_FALSE(decode_unit(with_checksum(body + "x")));
}

TEST(EventRecord, refuses_counts_and_lengths_beyond_the_record) {
  const std::string many("\x01\xFF\xFF\xFF\xFF", 5);
  EXPECT_THAT(decode_unit(with_checksum(many)).error(), HasSubstr("does not hold the events"));
  const std::string long_text("\x01\x01\x00\x00\x00\xFF\xFF\xFF\xFFtext", 13);
  EXPECT_THAT(decode_unit(with_checksum(long_text)).error(), HasSubstr("does not hold the events"));
}

TEST(EventRecord, says_that_a_newer_form_is_not_known) {
  std::string body = encode_unit({});
  body.resize(body.size() - 4);
  body[0] = 2;
  EXPECT_EQ(decode_unit(with_checksum(body)).error(), "the record has form 2, this program reads form 1");
}

}  // namespace
}  // namespace storagepool::journal
