#include "pool/evidence/sealing/seal.h"

#include <map>
#include <random>
#include <set>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/tlog/testing/kept_tree.h"
#include "pool/evidence/sealing/testing/batches.h"

namespace storagepool::evidence {
namespace {

using Kind = Alarm::Kind;
using testing::batch_of;
using ::testing::ElementsAre;
using testing::entry;
using ::testing::IsEmpty;
using testing::mac_of;
using ::testing::SizeIs;
using testing::state_of;

class SealTest : public ::testing::Test {
 protected:
  Sealed seal_them(LogState state, const std::vector<Batch>& batches) {
    return seal_them(std::move(state), batches, macs_);
  }
  Sealed seal_them(LogState state, const std::vector<Batch>& batches, LogMacs& macs) {
    Sealing sealing(std::move(state), macs, hasher_);
    for (const Batch& batch : batches) {
      if (!sealing.take(batch)) break;
    }
    return sealing.take_result();
  }
  // The log after the entries of these events.
  tlog::Hash root_of(const std::vector<std::uint64_t>& numbers) {
    std::vector<std::string> entries;
    for (const std::uint64_t number : numbers) entries.push_back(entry(number));
    return state_of(entries).frontier.root(hasher_);
  }
  // What a batch that is left out does: alarm, place passed, nothing in the log.
  void expect_left_out(const Batch& batch, Kind kind) {
    const Sealed sealed = seal_them(state_of({}), {batch_of({1, 1}, 1), batch, batch_of({900, 1}, 2)});
    ASSERT_THAT(sealed.alarms, SizeIs(1));
    EXPECT_EQ(sealed.alarms[0].kind, kind) << sealed.alarms[0].detail;
    EXPECT_EQ(sealed.alarms[0].batch, batch.at.batch);
    EXPECT_EQ(sealed.state.last, (BatchPlace{900, 1}));
    EXPECT_EQ(sealed.state.frontier.root(hasher_), root_of({1, 2}));
    EXPECT_THAT(sealed.seal.value().counts, ElementsAre(1, 1));
  }

  std::vector<Keys> keys_{make_keys(testing::kSeed)};
  LogMacs macs_{keys_};
  tlog::Hasher hasher_;
};

TEST_F(SealTest, AppendsWhatBatchesKeepInTheirOrder) {
  Batch part = batch_of({7, 40}, 10, 4);
  part.kept = {{1, 3, 4}};
  part.events = 3;
  const Sealed sealed =
      seal_them(state_of({entry(1)}), {batch_of({6, 90}, 2, 2), part, batch_of({7, 41}, 20)});
  EXPECT_THAT(sealed.alarms, IsEmpty());
  EXPECT_EQ(sealed.state.frontier.root(hasher_), root_of({1, 2, 3, 10, 12, 13, 20}));
  EXPECT_EQ(sealed.state.last, (BatchPlace{7, 41}));
  ASSERT_TRUE(sealed.seal);
  EXPECT_EQ(sealed.seal->first_seq, 1U);
  EXPECT_EQ(sealed.seal->size, 6U);
  EXPECT_THAT(sealed.seal->batches, ElementsAre(90, 40, 41));
  EXPECT_THAT(sealed.seal->counts, ElementsAre(2, 3, 1));
  EXPECT_EQ(sealed.seal->lo, 40);
  EXPECT_EQ(sealed.seal->hi, 90);
  EXPECT_THAT(sealed.batches,
              ElementsAre(BatchEvents{90, 2}, BatchEvents{40, 3, "{1,3,4}"}, BatchEvents{41, 1}));
}

TEST_F(SealTest, CountsWhatExpiresByMonthAndDay) {
  Batch batch{.at = {1, 1}, .events = 5};
  batch.entries = entry(1, "2026-02-28T23:59:59.999999Z", 1) + entry(2, "2026-02-28T00:00:00Z", 1) +
                  entry(3, "2026-03-01T00:00:00Z", 0) + entry(4, "0001-01-01T00:00:00Z", 0) +
                  entry(5, "2026-02-01T00:00:00Z", 28);
  batch.mac = mac_of(1, batch.entries);
  const auto date = [](const char* text) { return *runtime::parse_date(text); };
  EXPECT_THAT(seal_them(state_of({entry(0)}), {batch}).expiry,
              ElementsAre(Expiry{date("0001-01-01"), date("0001-01-01"), 1, 4, 4},
                          Expiry{date("2026-02-01"), date("2026-03-01"), 3, 1, 5},
                          Expiry{date("2026-03-01"), date("2026-03-01"), 1, 3, 3}));
}

TEST_F(SealTest, TakesBatchesOfAnyKeyThatItIsGiven) {
  keys_.insert(keys_.begin(), make_keys(testing::kOtherSeed));
  LogMacs both(keys_);
  Batch newer = batch_of({2, 2}, 2);
  newer.mac = mac_of(2, newer.entries, testing::kOtherSeed);
  const std::vector<Batch> batches{batch_of({1, 1}, 1), newer};
  EXPECT_THAT(seal_them(state_of({}), batches, both).alarms, IsEmpty());
  EXPECT_THAT(seal_them(state_of({}), batches).alarms, SizeIs(1));
}

TEST_F(SealTest, LeavesOutWhatNoPodCanHaveWritten) {
  const Batch good = batch_of({5, 5}, 50, 3);
  Batch batch = good;
  batch.mac[15] ^= 1;
  expect_left_out(batch, Kind::kForgedBatch);
  batch = good;
  batch.mac.pop_back();
  expect_left_out(batch, Kind::kForgedBatch);
  batch = good;
  batch.entries[66] ^= 1;  // the last byte of a digest
  expect_left_out(batch, Kind::kForgedBatch);
  batch = good;
  batch.at.batch = 6;  // a copy under another id
  expect_left_out(batch, Kind::kForgedBatch);
  batch = good;
  batch.entries.resize(2 * kEntryBytes);
  batch.events = 2;
  expect_left_out(batch, Kind::kForgedBatch);
}

TEST_F(SealTest, LeavesOutWhatDoesNotAgreeWithItself) {
  const Batch good = batch_of({5, 5}, 50, 3);
  const auto changed = [&](auto change) {
    Batch batch = good;
    change(batch);
    batch.mac = mac_of(batch.at.batch, batch.entries);
    expect_left_out(batch, Kind::kMalformedBatch);
  };
  changed([](Batch& batch) { batch.fault = "it cannot be read"; });
  changed([](Batch& batch) { batch.at.batch = -1; });
  changed([](Batch& batch) { batch.entries.clear(); });
  changed([](Batch& batch) { batch.entries.pop_back(); });
  changed([](Batch& batch) { batch.events = 2; });
  changed([](Batch& batch) { batch.events = 4; });
  changed([](Batch& batch) { batch.events = -1; });
  changed([](Batch& batch) { batch.entries[kEntryBytes] = 2; });            // the form
  changed([](Batch& batch) { batch.entries[kEntryBytes + 17] = '\x7F'; });  // the year 292,000
  changed([](Batch& batch) { batch.entries[kEntryBytes + 17] = '\x80'; });
  changed([](Batch& batch) { batch.kept = {{1, 2}}; });
  changed([](Batch& batch) { batch.kept = {{0, 1, 2}}; });
  changed([](Batch& batch) { batch.kept = {{1, 1, 2}}; });
  changed([](Batch& batch) { batch.kept = {{3, 2, 1}}; });
  changed([](Batch& batch) { batch.kept = {{1, 2, 4}}; });
  changed([](Batch& batch) { batch.kept.emplace(), batch.events = 0; });
  changed([](Batch& batch) {
    batch.events = kMaxBatchEntries + 1;
    batch.entries.clear();
    for (std::int64_t i = 0; i < batch.events; ++i) batch.entries += entry(1);
  });
}

TEST_F(SealTest, LeavesOutWhatTheLogHas) {
  Batch batch = batch_of({5, 5}, 50);
  batch.sealed_before = true;
  expect_left_out(batch, Kind::kRepeatedBatch);
}

TEST_F(SealTest, AddsNothingWhenAllIsLeftOut) {
  Batch batch = batch_of({5, 5}, 50);
  batch.mac = "";
  const Sealed sealed = seal_them(state_of({entry(1)}), {batch});
  EXPECT_FALSE(sealed.seal);
  EXPECT_THAT(sealed.expiry, IsEmpty());
  EXPECT_EQ(sealed.state.last, (BatchPlace{5, 5}));
  EXPECT_EQ(sealed.state.size(), 1U);
}

TEST_F(SealTest, StopsWhereTheOrderIsBroken) {
  for (const BatchPlace second : {BatchPlace{5, 5}, BatchPlace{5, 4}, BatchPlace{4, 9}}) {
    const Sealed sealed =
        seal_them(state_of({}), {batch_of({5, 5}, 1), batch_of(second, 2), batch_of({9, 9}, 3)});
    ASSERT_THAT(sealed.alarms, SizeIs(1));
    EXPECT_EQ(sealed.alarms[0].kind, Kind::kOutOfOrder);
    EXPECT_EQ(sealed.state.last, (BatchPlace{5, 5}));
    EXPECT_EQ(sealed.state.frontier.root(hasher_), root_of({1}));
  }
  LogState state = state_of({});
  state.last = {5, 5};
  const Sealed sealed = seal_them(state, {batch_of({5, 5}, 1)});
  EXPECT_THAT(sealed.alarms, SizeIs(1));
  EXPECT_EQ(sealed.state.size(), 0U);
}

// A run of sealings over the same batches, and all that they wrote.
struct Whole {
  LogState state{};
  std::map<std::pair<unsigned, std::uint64_t>, tlog::Hash> nodes{};
  std::map<std::pair<runtime::Date, runtime::Date>, Expiry> expiry{};
  std::vector<std::int64_t> batches{};
  std::vector<std::int64_t> left_out{};
};

class SealProperty : public SealTest {
 protected:
  Whole run(const std::vector<Batch>& batches, std::mt19937_64& random, std::size_t most) {
    Whole run{.state = state_of({})};
    for (std::size_t begin = 0; begin < batches.size();) {
      const std::size_t end = std::min(batches.size(), begin + 1 + random() % most);
      const std::vector<Batch> part(batches.begin() + static_cast<std::ptrdiff_t>(begin),
                                    batches.begin() + static_cast<std::ptrdiff_t>(end));
      add(run, seal_them(run.state, part));
      begin = end;
    }
    return run;
  }
  static void add(Whole& run, const Sealed& sealed) {
    if (sealed.seal) {
      EXPECT_EQ(sealed.seal->first_seq, run.state.size());
      EXPECT_EQ(sealed.seal->first_seq + sealed.seal->size, sealed.state.size());
      run.batches.insert(run.batches.end(), sealed.seal->batches.begin(), sealed.seal->batches.end());
    }
    for (const tlog::LevelNode& node : sealed.nodes) {
      EXPECT_TRUE(run.nodes.try_emplace({node.level, node.index}, node.hash).second);
    }
    for (const Expiry& expiry : sealed.expiry) {
      const auto [found, is_new] = run.expiry.try_emplace({expiry.month, expiry.expires}, expiry);
      if (is_new) continue;
      found->second.events += expiry.events;
      EXPECT_LT(found->second.last_seq, expiry.first_seq);
      found->second.last_seq = expiry.last_seq;
    }
    for (const Alarm& alarm : sealed.alarms) run.left_out.push_back(alarm.batch.value());
    run.state = sealed.state;
  }
};

TEST_F(SealProperty, HoweverBatchesArePartedTheLogIsTheSame) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::vector<Batch> all;
    std::vector<Batch> good;
    std::vector<std::int64_t> bad;
    tlog::testing::KeptTree tree;
    BatchPlace at;
    std::uint64_t number = 0;
    while (number < 1200) {
      at = {at.tx + random() % 3, at.batch + 1};
      Batch batch = batch_of(at, number, static_cast<std::int64_t>(1 + random() % 20));
      number += static_cast<std::uint64_t>(batch.events);
      if (random() % 4 == 0) {
        batch.kept.emplace();
        for (std::int64_t ordinal = 1; ordinal <= batch.events; ++ordinal) {
          if (batch.kept->empty() || random() % 2 == 0) batch.kept->push_back(ordinal);
        }
        batch.events = static_cast<std::int64_t>(batch.kept->size());
      }
      const bool is_bad = random() % 8 == 0;
      if (is_bad) {
        const auto how = random() % 3;
        if (how == 0) batch.mac[random() % kMacBytes] ^= static_cast<char>(1 + random() % 255);
        if (how == 1) batch.events += 1;
        if (how == 2) batch.sealed_before = true;
        bad.push_back(at.batch);
      } else {
        good.push_back(batch);
        for (std::int64_t i = 0; i < batch.events; ++i) {
          const std::int64_t ordinal = batch.kept ? batch.kept->at(static_cast<std::size_t>(i)) - 1 : i;
          tree.append(batch.entries.substr(static_cast<std::size_t>(ordinal) * kEntryBytes, kEntryBytes));
        }
      }
      all.push_back(std::move(batch));
    }
    const Whole at_once = run(all, random, all.size());
    for (const auto& [batches, most] : {std::pair{&all, std::size_t{1}}, std::pair{&all, std::size_t{9}},
                                        std::pair{&good, std::size_t{5}}}) {
      const Whole parted = run(*batches, random, most);
      EXPECT_EQ(parted.state.frontier.root(hasher_), tree.root());
      EXPECT_EQ(parted.nodes, at_once.nodes);
      EXPECT_EQ(parted.expiry, at_once.expiry);
      EXPECT_EQ(parted.batches, at_once.batches);
      EXPECT_EQ(parted.left_out, batches == &all ? bad : std::vector<std::int64_t>());
    }
    EXPECT_EQ(at_once.state.frontier.root(hasher_), tree.root());
  }
}

TEST_F(SealProperty, TakesAnythingThatARowMayHold) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 3000; ++i) {
    Batch batch = batch_of({1, static_cast<std::int64_t>(random() % 3)}, 1,
                           static_cast<std::int64_t>(1 + random() % 3));
    for (auto changes = random() % 3; changes > 0; --changes) {
      if (random() % 2 == 0) batch.entries[random() % batch.entries.size()] ^= static_cast<char>(random());
      if (random() % 4 == 0) batch.entries.resize(1 + random() % batch.entries.size());
      if (random() % 2 == 0) batch.kept.emplace(random() % 4, static_cast<std::int64_t>(random()));
      if (random() % 2 == 0) batch.events = static_cast<std::int64_t>(random());
      if (random() % 4 == 0) batch.at = {random(), static_cast<std::int64_t>(random())};
    }
    if (random() % 2 == 0) batch.mac = mac_of(batch.at.batch, batch.entries);
    const Sealed sealed = seal_them(state_of({}), {batch});
    EXPECT_EQ(sealed.seal.has_value(), sealed.alarms.empty());
    EXPECT_EQ(sealed.state.size(), sealed.seal ? static_cast<std::uint64_t>(batch.events) : 0);
  }
}

}  // namespace
}  // namespace storagepool::evidence
