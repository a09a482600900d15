#include "pool/evidence/entry.h"

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/event/uuid.h"
#include "pool/evidence/testing/vectors.h"

namespace storagepool::evidence {
namespace {

using encoding::encode_hex;

const std::string kSeed = "abcdefghijklmnopqrstuvwxyz012345";

std::string entry_of(const event::Event& event) {
  EntryWriter writer(make_keys(kSeed));
  std::string entry;
  writer.append(entry, event);
  return entry;
}

TEST(Entry, IsOfTheFrozenVectors) {
  EXPECT_EQ(encode_hex(make_keys(kSeed).mac),
            "f088cad15d7505da87001275da2bf5d20385fee2af45c89801748c6c7b87677b");
  EXPECT_EQ(encode_hex(make_keys(kSeed).tag),
            "34e38b1c44c2c563027f68584cffa70236f541dba02d2e44da016ebbf568da33");
  EXPECT_EQ(encode_hex(entry_of(testing::smallest())),
            "010190a6e29b7c7def8123456789abcdef00064be091eb124809fb32f44c93efb15b32f8baeabe16"
            "58da99f77bd42954854360ef76ec24ec5a5d50d2cbc3d271553ae5");
  EXPECT_EQ(encode_hex(entry_of(testing::fullest())),
            "010190a6e29b7c7def8123456789abcdef00064be091eb1248001e29a3b4d5a59ff8cb74c7e78267"
            "fe9793ab631ad815272e8e80065f7aeff1306fd28f92c6cb161190");
  EntryWriter writer(make_keys(kSeed));
  EXPECT_EQ(encode_hex(writer.mac(795743999999999999, entry_of(testing::smallest()))),
            "69e847a301929293877226810c417a85");
}

TEST(Entry, IsAppendedToThoseBefore) {
  EntryWriter writer(make_keys(kSeed));
  std::string entries;
  writer.append(entries, testing::smallest());
  writer.append(entries, testing::fullest());
  writer.append(entries, testing::smallest());
  EXPECT_EQ(entries,
            entry_of(testing::smallest()) + entry_of(testing::fullest()) + entry_of(testing::smallest()));
  EXPECT_EQ(entries.size(), 3 * kEntryBytes);
}

TEST(Entry, IsReadBack) {
  const event::Event event = testing::fullest();
  const auto read = Entry::read(entry_of(event));
  ASSERT_TRUE(read);
  EXPECT_EQ(event::format_uuid(read->event_id), event.event_id);
  EXPECT_EQ(read->event_timestamp, event.event_timestamp);
  EXPECT_EQ(read->retention.count(), event.retention_days);
  EXPECT_EQ(read->tag, EntryWriter(make_keys(kSeed)).tag(event.correlation_id));
}

TEST(Entry, OfAnotherFormIsNotRead) {
  const std::string entry = entry_of(testing::fullest());
  EXPECT_FALSE(Entry::read(""));
  EXPECT_FALSE(Entry::read(entry.substr(1)));
  EXPECT_FALSE(Entry::read(entry + "x"));
  EXPECT_FALSE(Entry::read("\x02" + entry.substr(1)));
  std::string late = entry;
  late[17] = 0x7F;
  EXPECT_FALSE(Entry::read(late));
}

TEST(Entry, OfARowIsAsItWasUnlessNoPodCanHaveStoredIt) {
  EntryWriter writer(make_keys(kSeed));
  event::Event event = testing::fullest();
  EXPECT_EQ(writer.entry_of_row(event), entry_of(event));
  event.retention_days = 0xFFFF;
  EXPECT_TRUE(writer.entry_of_row(event));
  event.retention_days = 0x10000;
  EXPECT_FALSE(writer.entry_of_row(event));
  event.retention_days = -1;
  EXPECT_FALSE(writer.entry_of_row(event));
}

TEST(Entry, OfATimeBefore1970IsOfTwosComplement) {
  event::Event event = testing::smallest();
  event.event_timestamp = runtime::Timestamp{std::chrono::microseconds{-2}};
  EXPECT_EQ(encode_hex(entry_of(event).substr(17, 8)), "fffffffffffffffe");
}

TEST(Mac, IsOfTheBatchAndEveryEntry) {
  EntryWriter writer(make_keys(kSeed));
  const std::string entries = entry_of(testing::smallest()) + entry_of(testing::fullest());
  std::set<std::string> macs{encode_hex(writer.mac(1, entries)), encode_hex(writer.mac(2, entries)),
                             encode_hex(writer.mac(1, entries.substr(0, kEntryBytes))),
                             encode_hex(EntryWriter(make_keys(kSeed + "2")).mac(1, entries))};
  EXPECT_EQ(macs.size(), 4U);
  EXPECT_EQ(macs.count(encode_hex(writer.mac(1, entries))), 1U);
}

TEST(Tag, IsOfTheCorrelationAndTheKey) {
  EntryWriter writer(make_keys(kSeed));
  EntryWriter other(make_keys("another seed"));
  EXPECT_EQ(writer.tag("r"), writer.tag("r"));
  EXPECT_NE(writer.tag("r"), writer.tag("s"));
  EXPECT_NE(writer.tag("r"), other.tag("r"));
}

TEST(Keys, EarlierOnesAreKnownAndMakeNothing) {
  const event::Event event = testing::smallest();
  EntryWriter before(make_keys(kSeed));
  Keys keys = make_keys("another seed");
  keys.earlier.push_back(make_keys(kSeed));
  EntryWriter now(keys);
  const std::string old = *before.entry_of_row(event);
  const std::string made = *now.entry_of_row(event);
  EXPECT_NE(made, old);
  EXPECT_TRUE(now.is_entry_of(made, event));
  EXPECT_TRUE(now.is_entry_of(old, event));
  EXPECT_FALSE(before.is_entry_of(made, event));
  event::Event changed = event;
  changed.actor_id += "x";
  EXPECT_FALSE(now.is_entry_of(old, changed));
  EXPECT_FALSE(now.is_entry_of("", event));
  const auto text = [](const auto& mac) { return std::string(mac.begin(), mac.end()); };
  EXPECT_TRUE(now.is_mac_of(7, old, text(before.mac(7, old))));
  EXPECT_TRUE(now.is_mac_of(7, old, text(now.mac(7, old))));
  EXPECT_FALSE(before.is_mac_of(7, old, text(now.mac(7, old))));
  EXPECT_FALSE(now.is_mac_of(7, old, ""));
  EXPECT_EQ(now.tags("r"), (std::vector{now.tag("r"), before.tag("r")}));
}

TEST(BatchId, IsOrderedByTime) {
  const auto at = [](const char* time) { return *runtime::parse_timestamp(time); };
  EXPECT_EQ(batch_id(at("2020-01-01T00:00:00Z"), 0), 0);
  EXPECT_EQ(batch_id(at("2020-01-01T00:00:00.000001Z"), 0xFABC), 4096 + 0xABC);
  EXPECT_LT(batch_id(at("2026-02-28T11:22:33.000001Z"), 0xFFF),
            batch_id(at("2026-02-28T11:22:33.000002Z"), 0));
  EXPECT_EQ(batch_id(at("1970-01-01T00:00:00Z"), 7), 7);
  EXPECT_EQ(batch_id(at("9999-01-01T00:00:00Z"), 0xFFF), std::numeric_limits<std::int64_t>::max());
}

}  // namespace
}  // namespace storagepool::evidence
