#include "pool/journal/record.h"

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <boost/algorithm/hex.hpp>
#include <boost/crc.hpp>
#include <gmock/gmock.h>

#include "pool/common/encoding/encoding.h"
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

std::string from_hex(std::string_view hex) {
  std::string bytes;
  boost::algorithm::unhex(hex.begin(), hex.end(), std::back_inserter(bytes));
  return bytes;
}

// `fullest` and `smallest` in form 1.
constexpr std::string_view kFirstForm =
    "01020000002400000030313932663063312d326333642d376534662d386135622d303132333435363738396162018012eb91"
    "e04b060003000000322e3004000000747970650800000063617465676f727906000000616374696f6e0700000070656e6469"
    "6e670b000000636f7272656c6174696f6e012400000030313932663063312d326333642d376534662d386135622d30313233"
    "343536373839616301c606f5ffffffffff0d0000007265736f7572636520747970650b0000007265736f7572636520696408"
    "000000637269746963616c050000006163746f720a0000006163746f722074797065010000000000000001240000007b225c"
    "7530303030223a2022f09d849e227d002061667465722061207a65726f2062797401000000000107000000636c7573746572"
    "010b000000323030313a6462383a3a3101010000000000008001020000004531010500000062726f6b652400000030313932"
    "663063312d326333642d376534662d386135622d303132333435363738396162008012eb91e04b060003000000312e300100"
    "000074010000006301000000610700000073756363657373010000007200000100000063010000007204000000696e666f09"
    "000000632d736572766963650700000073657276696365fb0900000000000000020000007b7d00000000000037b8ff9b";

// The same in form 2, which ends each event with parent_missing.
constexpr std::string_view kSecondForm =
    "02020000002400000030313932663063312d326333642d376534662d386135622d303132333435363738396162018012eb91"
    "e04b060003000000322e3004000000747970650800000063617465676f727906000000616374696f6e0700000070656e6469"
    "6e670b000000636f7272656c6174696f6e012400000030313932663063312d326333642d376534662d386135622d30313233"
    "343536373839616301c606f5ffffffffff0d0000007265736f7572636520747970650b0000007265736f7572636520696408"
    "000000637269746963616c050000006163746f720a0000006163746f722074797065010000000000000001240000007b225c"
    "7530303030223a2022f09d849e227d002061667465722061207a65726f2062797401000000000107000000636c7573746572"
    "010b000000323030313a6462383a3a3101010000000000008001020000004531010500000062726f6b650024000000303139"
    "32663063312d326333642d376534662d386135622d303132333435363738396162008012eb91e04b060003000000312e3001"
    "00000074010000006301000000610700000073756363657373010000007200000100000063010000007204000000696e666f"
    "09000000632d736572766963650700000073657276696365fb0900000000000000020000007b7d00000000000000ceeeaf8a";

// And in form 3, which ends each event with keyed_events.
constexpr std::string_view kThirdForm =
    "03020000002400000030313932663063312d326333642d376534662d386135622d303132333435363738396162018012eb91"
    "e04b060003000000322e3004000000747970650800000063617465676f727906000000616374696f6e0700000070656e6469"
    "6e670b000000636f7272656c6174696f6e012400000030313932663063312d326333642d376534662d386135622d30313233"
    "343536373839616301c606f5ffffffffff0d0000007265736f7572636520747970650b0000007265736f7572636520696408"
    "000000637269746963616c050000006163746f720a0000006163746f722074797065010000000000000001240000007b225c"
    "7530303030223a2022f09d849e227d002061667465722061207a65726f2062797401000000000107000000636c7573746572"
    "010b000000323030313a6462383a3a3101010000000000008001020000004531010500000062726f6b650000000000000000"
    "002400000030313932663063312d326333642d376534662d386135622d303132333435363738396162008012eb91e04b0600"
    "03000000312e3001000000740100000063010000006107000000737563636573730100000072000001000000630100000072"
    "04000000696e666f09000000632d736572766963650700000073657276696365fb0900000000000000020000007b7d000000"
    "00000000000000000000000034e59149";

// And in form 4, which has client_event_id behind that.
constexpr std::string_view kFourthForm =
    "04020000002400000030313932663063312d326333642d376534662d386135622d303132333435363738396162018012eb91"
    "e04b060003000000322e3004000000747970650800000063617465676f727906000000616374696f6e0700000070656e6469"
    "6e670b000000636f7272656c6174696f6e012400000030313932663063312d326333642d376534662d386135622d30313233"
    "343536373839616301c606f5ffffffffff0d0000007265736f7572636520747970650b0000007265736f7572636520696408"
    "000000637269746963616c050000006163746f720a0000006163746f722074797065010000000000000001240000007b225c"
    "7530303030223a2022f09d849e227d002061667465722061207a65726f2062797401000000000107000000636c7573746572"
    "010b000000323030313a6462383a3a3101010000000000008001020000004531010500000062726f6b650000000000000000"
    "00002400000030313932663063312d326333642d376534662d386135622d303132333435363738396162008012eb91e04b06"
    "0003000000312e30010000007401000000630100000061070000007375636365737301000000720000010000006301000000"
    "7204000000696e666f09000000632d736572766963650700000073657276696365fb0900000000000000020000007b7d0000"
    "00000000000000000000000000008bbba773";

// And in form 8, which has how the event came behind that.
constexpr std::string_view kEighthForm =
    "08020000002400000030313932663063312d326333642d376534662d386135622d303132333435363738396162018012eb91"
    "e04b060003000000322e3004000000747970650800000063617465676f727906000000616374696f6e0700000070656e6469"
    "6e670b000000636f7272656c6174696f6e012400000030313932663063312d326333642d376534662d386135622d30313233"
    "343536373839616301c606f5ffffffffff0d0000007265736f7572636520747970650b0000007265736f7572636520696408"
    "000000637269746963616c050000006163746f720a0000006163746f722074797065010000000000000001240000007b225c"
    "7530303030223a2022f09d849e227d002061667465722061207a65726f2062797401000000000107000000636c7573746572"
    "010b000000323030313a6462383a3a3101010000000000008001020000004531010500000062726f6b650000000000000000"
    "0000000000002400000030313932663063312d326333642d376534662d386135622d303132333435363738396162008012eb"
    "91e04b060003000000312e300100000074010000006301000000610700000073756363657373010000007200000100000063"
    "010000007204000000696e666f09000000632d736572766963650700000073657276696365fb090000000000000002000000"
    "7b7d000000000000000000000000000000000000000042e29a12";

// And in form 9, which ends each event with asked_days.
constexpr std::string_view kNinthForm =
    "09020000002400000030313932663063312d326333642d376534662d386135622d303132333435363738396162018012eb91"
    "e04b060003000000322e3004000000747970650800000063617465676f727906000000616374696f6e0700000070656e6469"
    "6e670b000000636f7272656c6174696f6e012400000030313932663063312d326333642d376534662d386135622d30313233"
    "343536373839616301c606f5ffffffffff0d0000007265736f7572636520747970650b0000007265736f7572636520696408"
    "000000637269746963616c050000006163746f720a0000006163746f722074797065010000000000000001240000007b225c"
    "7530303030223a2022f09d849e227d002061667465722061207a65726f2062797401000000000107000000636c7573746572"
    "010b000000323030313a6462383a3a3101010000000000008001020000004531010500000062726f6b650000000000000000"
    "00000000000000000000000000002400000030313932663063312d326333642d376534662d386135622d3031323334353637"
    "38396162008012eb91e04b060003000000312e30010000007401000000630100000061070000007375636365737301000000"
    "7200000100000063010000007204000000696e666f09000000632d736572766963650700000073657276696365fb09000000"
    "00000000020000007b7d00000000000000000000000000000000000000000000000000000000db71ebd1";

std::string with_checksum(std::string body) {
  boost::crc_32_type crc;
  crc.process_bytes(body.data(), body.size());
  const std::uint32_t sum = crc.checksum();
  for (int byte = 0; byte < 4; ++byte) body.push_back(static_cast<char>((sum >> (8 * byte)) & 0xFFU));
  return body;
}

TEST(EventRecord, GivesBackEveryMemberAsItWas) {
  const std::vector<event::Event> unit{fullest(), smallest(), fullest()};
  const auto read = decode_unit(encode_unit(unit));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(*read, unit);
}

// What journals on disk hold: it is read by every later release, whatever members an event has got since.
TEST(EventRecord, ReadsEarlierForms) {
  const std::vector<event::Event> unit{fullest(), smallest()};
  EXPECT_EQ(decode_unit(from_hex(kFirstForm)), unit);
  EXPECT_EQ(decode_unit(from_hex(kSecondForm)), unit);
  EXPECT_EQ(decode_unit(from_hex(kThirdForm)), unit);
  EXPECT_EQ(decode_unit(from_hex(kFourthForm)), unit);
  EXPECT_EQ(decode_unit(from_hex(kEighthForm)), unit);
}

TEST(EventRecord, WritesTheNinthForm) {
  const std::vector<event::Event> unit{fullest(), smallest()};
  EXPECT_EQ(encoding::encode_hex(encode_unit(unit)), kNinthForm);
  EXPECT_EQ(decode_unit(from_hex(kNinthForm)), unit);
}

TEST(EventRecord, KeepsThatAParentIsMissing) {
  std::vector<event::Event> unit{smallest()};
  unit[0].parent_missing = true;
  EXPECT_EQ(decode_unit(encode_unit(unit)), unit);
}

// Replayed, it has the same entry in the log.
TEST(EventRecord, KeepsHowTheEventCame) {
  std::vector<event::Event> unit{smallest()};
  unit[0].principal = "system:serviceaccount:payments:gateway";
  unit[0].received_at = runtime::parse_timestamp("2026-02-28T11:22:34.5Z");
  unit[0].received_from = "192.0.2.7";
  unit[0].salt = "MDEyMzQ1Njc4OWFiY2RlZg==";
  EXPECT_EQ(decode_unit(encode_unit(unit)), unit);
}

TEST(EventRecord, KeepsWhatAnIdIsMadeOf) {
  std::vector<event::Event> unit{smallest(), smallest()};
  unit[0].keyed_events = 500;
  unit[1].client_event_id = "order 4711";
  unit[1].asked_days = 30;
  EXPECT_EQ(decode_unit(encode_unit(unit)), unit);
}

TEST(EventRecord, HoldsNoEventAtAll) {
  const auto read = decode_unit(encode_unit({}));
  ASSERT_TRUE(read) << read.error();
  EXPECT_TRUE(read->empty());
}

TEST(EventRecord, EndsWithTheChecksumOfWhatIsBefore) {
  for (std::size_t bytes = 0; bytes < 20; ++bytes) {
    event::Event event = smallest();
    event.event_data = std::string(bytes, '\xFF');
    const std::string record = encode_unit({&event, 1});
    boost::crc_32_type crc;
    crc.process_bytes(record.data(), record.size() - 4);
    std::string expected;
    for (unsigned shift = 0; shift < 32; shift += 8) {
      expected.push_back(static_cast<char>(crc.checksum() >> shift & 0xFFU));
    }
    EXPECT_EQ(encoding::encode_hex(record.substr(record.size() - 4)), encoding::encode_hex(expected))
        << bytes;
  }
}

TEST(EventRecord, NoticesEveryChangedByte) {
  const std::vector<event::Event> unit{fullest()};
  const std::string record = encode_unit(unit);
  for (std::size_t at = 0; at < record.size(); ++at) {
    std::string damaged = record;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    EXPECT_FALSE(decode_unit(damaged)) << "byte " << at;
  }
}

TEST(EventRecord, NoticesARecordCutShortEvenWithARightChecksum) {
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

TEST(EventRecord, RefusesCountsAndLengthsBeyondTheRecord) {
  const std::string many("\x01\xFF\xFF\xFF\xFF", 5);
  EXPECT_THAT(decode_unit(with_checksum(many)).error(), HasSubstr("does not hold the events"));
  const std::string long_text("\x01\x01\x00\x00\x00\xFF\xFF\xFF\xFFtext", 13);
  EXPECT_THAT(decode_unit(with_checksum(long_text)).error(), HasSubstr("does not hold the events"));
}

TEST(EventRecord, SaysThatANewerFormIsNotKnown) {
  std::string body = encode_unit({});
  body.resize(body.size() - 4);
  body[0] = 10;
  EXPECT_EQ(decode_unit(with_checksum(body)).error(), "the record has form 10, this program reads form 9");
}

}  // namespace
}  // namespace storagepool::journal
