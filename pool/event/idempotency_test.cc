#include "pool/event/idempotency.h"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>

#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/event/fields.h"
#include "pool/event/min_days.h"
#include "pool/event/testing/smallest_event.h"
#include "pool/event/uuid.h"

namespace storagepool::event {
namespace {

TEST(Idempotency, TakesPrintableAsciiOnly) {
  EXPECT_EQ(check_idempotency_key("8e03978e-40d5-43e8-bc93-6894a57f9324"), std::nullopt);
  EXPECT_EQ(check_idempotency_key("a b~!"), std::nullopt);
  EXPECT_EQ(check_idempotency_key(std::string(255, 'k')), std::nullopt);
  for (const std::string& bad : {std::string(), std::string(256, 'k'), std::string("a\tb"), std::string("é"),
                                 std::string("\x7f"), std::string("a\0b", 3)}) {
    const auto refused = check_idempotency_key(bad);
    ASSERT_TRUE(refused) << bad;
    EXPECT_EQ(refused->field, "Idempotency-Key");
    EXPECT_NE(refused->message.find("allowed: 1 to 255 printable ASCII characters"), std::string::npos);
  }
}

TEST(Idempotency, MakesTheSameIdOfTheSameCallOnly) {
  const std::string id = idempotent_event_id(Call::kSingle, "w", "alice", "key", 0);
  // SHA-256 of "1:w5:alice3:key1:0", cut to 16 bytes, with version 8 and the variant put in.
  EXPECT_EQ(id, "c45d3346-85bd-8d10-a8f5-26456a2d4948");
  EXPECT_EQ(parse_uuid(id), id);
  EXPECT_EQ(id[14], '8');
  EXPECT_EQ(idempotent_event_id(Call::kSingle, "w", "alice", "key", 0), id);
  const std::set<std::string> all{
      id,
      idempotent_event_id(Call::kSingle, "w", "alice", "key", 1),
      idempotent_event_id(Call::kSingle, "w", "alice", "key2", 0),
      idempotent_event_id(Call::kSingle, "w", "bob", "key", 0),
      idempotent_event_id(Call::kSingle, "", "alice", "key", 0),
      idempotent_event_id(Call::kSingle, "wa", "lice", "key", 0),
      idempotent_event_id(Call::kSingle, "w", "alicek", "ey", 0),
      idempotent_event_id(Call::kSingle, "w", "alice", "key:0", 0),
      idempotent_event_id(Call::kBatch, "w", "alice", "key", 0),
  };
  EXPECT_EQ(all.size(), 9U);
}

TEST(Idempotency, MakesTheSameIdOfTheSameTextOfOneSender) {
  const std::string id = text_event_id("alice", "order 4711");
  EXPECT_EQ(id, "5bc89628-8628-815d-b059-7f21027e47ab");
  EXPECT_EQ(parse_uuid(id), id);
  EXPECT_NE(text_event_id("bob", "order 4711"), id);
  EXPECT_NE(text_event_id("alice", "order 4712"), id);
  EXPECT_NE(text_event_id("aliceo", "rder 4711"), id);
}

Event some_event() {
  return event::testing::smallest_event("0190a6e2-9b7c-7def-8123-456789abcdef",
                                        "2026-02-28T11:22:33.123456Z");
}

TEST(ContentDigest, IsOfWhatAClientSaysWithoutTheId) {
  const Event event = some_event();
  const std::string digest = content_digest(event);
  EXPECT_EQ(digest.size(), kDigestBytes);
  Event same = event;
  same.event_id = "0190a6e2-9b7c-7def-8123-456789abcdee";
  same.id_from_client = true;
  same.parent_missing = true;
  same.client_event_id = "order 4711";
  same.parent_event_date = runtime::parse_date("2026-02-28");
  EXPECT_EQ(content_digest(same), digest);
}

TEST(ContentDigest, IsAnotherForEachOtherMember) {
  std::set<std::string> digests{content_digest(some_event())};
  std::size_t changed = 0;
  const auto change = [](auto& value) {
    using T = std::remove_reference_t<decltype(value)>;
    if constexpr (std::is_same_v<T, std::string>) {
      value += "x";
    } else if constexpr (std::is_same_v<T, bool>) {
      value = !value;
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      ++value;
    } else {
      value += typename T::duration(1);
    }
  };
  for_each_field([&](const auto& field) {
    if (field.places.checked == 0 || field.name == "event_id" || field.name == "parent_event_date") return;
    Event event = some_event();
    auto& value = event.*field.member;
    if constexpr (requires { value.emplace(); }) {
      digests.insert(content_digest((value.emplace(), event)));  // an empty value is not none
      ++changed;
      change(*value);
    } else {
      change(value);
    }
    digests.insert(content_digest(event));
    ++changed;
  });
  EXPECT_EQ(digests.size(), changed + 1);
}

TEST(ContentDigest, IsOfAnAddressHoweverItIsSpelt) {
  Event event = some_event();
  const auto digest_of = [&](const char* address) {
    event.actor_ip = address;
    return content_digest(event);
  };
  EXPECT_EQ(digest_of("2001:DB8:0::1"), digest_of("2001:db8::1"));
  EXPECT_EQ(digest_of("::ffff:192.0.2.7"), digest_of("::FFFF:c000:207"));
  EXPECT_NE(digest_of("::ffff:192.0.2.7"), digest_of("192.0.2.7"));
}

TEST(ContentDigest, OfAKeyedEventTellsTheNumberOfEventsOfItsCall) {
  const auto keyed = [](std::int64_t events) {
    Event event = some_event();
    event.keyed_events = events;
    return content_digest(event);
  };
  const std::string plain = keyed(0);
  EXPECT_EQ(keyed(1), plain + std::string("\0\1", 2));
  EXPECT_EQ(keyed(500), plain + "\x01\xF4");
  EXPECT_EQ(keyed(500).size(), kKeyedDigestBytes);
}

TEST(ContentDigest, IsComparedInNumberWhereBothTellIt) {
  const std::string event(2 * kDigestBytes, 'a');
  const std::string other(2 * kDigestBytes, 'b');
  EXPECT_EQ(compare_digests(event, event), Likeness::kSame);
  EXPECT_EQ(compare_digests("", event), Likeness::kSame);
  EXPECT_EQ(compare_digests(event + "0002", event + "0002"), Likeness::kSame);
  EXPECT_EQ(compare_digests(event + "0002", event), Likeness::kSame);
  EXPECT_EQ(compare_digests(event, event + "0002"), Likeness::kSame);
  EXPECT_EQ(compare_digests(event + "0002", event + "0003"), Likeness::kOtherNumber);
  EXPECT_EQ(compare_digests(event + "0002", other + "0002"), Likeness::kOther);
  EXPECT_EQ(compare_digests(event, other + "0002"), Likeness::kOther);
}

// The setting may be another one when the call is repeated.
TEST(ContentDigest, IsOfTheDaysThatWereAskedForHoweverLongTheEventIsKept) {
  Event asked = some_event();
  asked.retention_days = 30;
  const std::string digest = content_digest(asked);
  for (const std::int64_t days : {90, 2555}) {
    Event raised = asked;
    keep_for_at_least({{raised.event_category, days}}, raised);
    EXPECT_EQ(raised.retention_days, days);
    EXPECT_EQ(content_digest(raised), digest);
  }
}

TEST(ContentDigest, StaysAsItIsInDatabases) {
  EXPECT_EQ(encoding::encode_hex(content_digest(some_event())), "9a1c35b7815599916f4d3d5c9640edef");
}

}  // namespace
}  // namespace storagepool::event
