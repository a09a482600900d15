#include "pool/evidence/sealing/state.h"

#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/evidence/sealing/testing/batches.h"

namespace storagepool::evidence {
namespace {

using testing::entry;
using testing::kSeed;
using testing::state_of;

std::string text(const Mac& mac) {
  return {mac.begin(), mac.end()};
}

TEST(LogMacs, OfAStateIsOverEveryMember) {
  const std::vector<Keys> keys{make_keys(kSeed)};
  LogMacs macs(keys);
  std::set<std::string> seen;
  const auto add = [&](const std::function<void(LogState&)>& change) {
    LogState state = state_of({entry(1), entry(2), entry(3)});
    change(state);
    const std::string mac = text(macs.of_state(state));
    EXPECT_TRUE(macs.is_of_state(state, mac));
    EXPECT_TRUE(seen.insert(mac).second);
  };
  add([](LogState&) {});
  add([](LogState& state) { state.origin = "log.example/other"; });
  add([](LogState& state) { state.epoch = 2; });
  add([](LogState& state) { state.incarnation = 2; });
  add([](LogState& state) { state.last.tx = 1; });
  add([](LogState& state) { state.last.batch = 1; });
  add([](LogState& state) { state.frontier = state_of({entry(1), entry(2), entry(4)}).frontier; });
  add([](LogState& state) { state.frontier = state_of({entry(1), entry(2)}).frontier; });
  add([](LogState& state) { state.min_index = 1; });
  add([](LogState& state) { state.published = ""; });
  add([](LogState& state) { state.published = "0\n"; });
  add([](LogState& state) { state.written_by = 1; });
  EXPECT_FALSE(macs.is_of_state(state_of({}), ""));
}

TEST(LogMacs, TakeEveryKeyAndMakeWithTheNewest) {
  const std::vector<Keys> both{make_keys(testing::kOtherSeed), make_keys(kSeed)};
  LogMacs newer(both);
  LogMacs older(std::span<const Keys>(both).last(1));
  const LogState state = state_of({entry(1)});
  EXPECT_TRUE(newer.is_of_state(state, text(older.of_state(state))));
  EXPECT_FALSE(older.is_of_state(state, text(newer.of_state(state))));
  std::vector<Keys> one{make_keys(testing::kOtherSeed)};
  one[0].earlier.push_back(make_keys(kSeed));
  LogMacs with_earlier(one);
  EXPECT_TRUE(with_earlier.is_of_state(state, text(older.of_state(state))));
  EXPECT_TRUE(newer.is_of_state(state, text(with_earlier.of_state(state))));
}

// Whoever may write rows gets a pod to make a MAC of a state, and tries to have it taken for a batch's.
TEST(LogMacs, OfAStateIsNeverThatOfABatch) {
  const std::vector<Keys> keys{make_keys(kSeed)};
  LogMacs macs(keys);
  const std::string entries = testing::entry(1);
  for (const std::int64_t batch :
       {std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(), std::int64_t{0}}) {
    EXPECT_EQ(macs.is_of_batch(batch, entries, testing::mac_of(batch, entries)), batch >= 0);
  }
}

// Made apart from this code.
TEST(LogMacs, OfAStateIsOfTheFrozenVector) {
  const std::vector<Keys> keys{make_keys(kSeed)};
  LogState state = state_of({entry(1), entry(2), entry(3)});
  state.last = {18446744073709551615U, 795743999999999999};
  state.written_by = 4711;
  state.published = "a note\n";
  EXPECT_EQ(encoding::encode_hex(LogMacs(keys).of_state(state)), "ef15c385f4655b8982791406872f3fa8");
}

TEST(Checkpoint, IsSignedByTheLogsKey) {
  tlog::Hasher hasher;
  const LogState state = state_of({entry(1), entry(2)});
  const auto key = tlog::NoteKey::of_seed(tlog::KeyKind::kLog, testing::kOrigin, kSeed);
  const tlog::Note note = sign(checkpoint_of(state, hasher), key.value());
  const auto read = tlog::Checkpoint::read(note.text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->origin, testing::kOrigin);
  EXPECT_EQ(read->size, 2U);
  EXPECT_EQ(read->root, hasher.node(hasher.leaf(entry(1)), hasher.leaf(entry(2))));
  EXPECT_TRUE(tlog::NoteKey::read(key->public_text())->verify(note));
}

}  // namespace
}  // namespace storagepool::evidence
