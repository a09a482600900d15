#include "operator/kube/lease.h"

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::kube {
namespace {

using namespace std::chrono_literals;

const runtime::TimePoint kStart{std::chrono::hours{1}};
const runtime::Timestamp kWall = *runtime::parse_timestamp("2026-11-29T00:00:00Z");

// The Lease as an API server keeps it.
class Stored {
 public:
  const Json& read() const { return lease_; }
  // False: it has changed since, or was made meanwhile.
  bool write(Json lease) {
    if (lease["metadata"]["resourceVersion"] != version()) return false;
    lease["metadata"]["resourceVersion"] = std::to_string(++writes_);
    lease_ = std::move(lease);
    return true;
  }
  void remove() { lease_ = nullptr; }

 private:
  std::string version() const {
    return lease_.is_null() ? "" : lease_["metadata"]["resourceVersion"].get<std::string>();
  }
  Json lease_;
  int writes_ = 0;
};

bool tries(Election& election, Stored& stored, runtime::TimePoint now, runtime::Timestamp wall = kWall) {
  auto next = election.next(stored.read(), now, wall);
  if (!next || !stored.write(*next)) return false;
  election.written(now);
  return true;
}

Election candidate(const std::string& identity) {
  return {{"system", "operator"}, identity};
}

TEST(Election, TheFirstMakesTheLease) {
  Stored stored;
  Election a = candidate("a");
  EXPECT_EQ(a.leads_until(), runtime::TimePoint::min());
  ASSERT_TRUE(tries(a, stored, kStart));
  EXPECT_EQ(a.leads_until(), kStart + 10s);
  const Json& spec = stored.read()["spec"];
  EXPECT_EQ(spec["holderIdentity"], "a");
  EXPECT_EQ(spec["leaseDurationSeconds"], 15);
  EXPECT_EQ(spec["leaseTransitions"], 0);
  EXPECT_EQ(spec["acquireTime"], "2026-11-29T00:00:00.000000Z");
}

TEST(Election, AnotherWaitsAsLongAsTheLeaseChanges) {
  Stored stored;
  Election a = candidate("a");
  Election b = candidate("b");
  for (auto now = kStart; now < kStart + 60s; now += 2s) {
    ASSERT_TRUE(tries(a, stored, now));
    ASSERT_FALSE(tries(b, stored, now + 1s));
    EXPECT_EQ(b.holder(), "a");
  }
}

TEST(Election, AnotherTakesOverWhatHasNotChangedForItsWholeDuration) {
  Stored stored;
  Election a = candidate("a");
  Election b = candidate("b");
  ASSERT_TRUE(tries(a, stored, kStart));
  EXPECT_FALSE(tries(b, stored, kStart + 1s));
  EXPECT_FALSE(tries(b, stored, kStart + 15s)) << "seen for 14 s";
  EXPECT_TRUE(tries(b, stored, kStart + 16s));
  EXPECT_EQ(stored.read()["spec"]["leaseTransitions"], 1);
  EXPECT_FALSE(tries(a, stored, kStart + 17s));
  EXPECT_EQ(a.leads_until(), runtime::TimePoint::min());
}

TEST(Election, WallClocksThatStepDecideNothing) {
  Stored stored;
  Election a = candidate("a");
  Election b = candidate("b");
  auto step = 1h;
  for (auto now = kStart; now < kStart + 60s; now += 2s) {
    step = -step;
    ASSERT_TRUE(tries(a, stored, now, kWall + step));
    ASSERT_FALSE(tries(b, stored, now + 1s, kWall - step));
  }
  EXPECT_FALSE(tries(b, stored, kStart + 73s, kWall + 1h)) << "seen for 14 s";
  EXPECT_TRUE(tries(b, stored, kStart + 74s, kWall - 1h));
}

TEST(Election, WhoHasSeenNothingBeforeWaitsAWholeDuration) {
  Stored stored;
  Election a = candidate("a");
  ASSERT_TRUE(tries(a, stored, kStart));
  Election b = candidate("b");
  EXPECT_FALSE(tries(b, stored, kStart + 1000s));
  EXPECT_TRUE(tries(b, stored, kStart + 1015s));
}

TEST(Election, AReleasedLeaseIsTakenAtOnce) {
  Stored stored;
  Election a = candidate("a");
  ASSERT_TRUE(tries(a, stored, kStart));
  ASSERT_TRUE(stored.write(a.released(stored.read(), kWall)));
  Election b = candidate("b");
  EXPECT_TRUE(tries(b, stored, kStart + 1s));
}

TEST(Election, ASuccessorOfTheSameNameGoesOn) {
  Stored stored;
  Election a = candidate("a");
  ASSERT_TRUE(tries(a, stored, kStart));
  Election again = candidate("a");
  EXPECT_TRUE(tries(again, stored, kStart + 1s));
  EXPECT_EQ(stored.read()["spec"]["leaseTransitions"], 0);
}

TEST(Election, ADeletedLeaseIsItsHoldersForAWholeDuration) {
  Stored stored;
  Election a = candidate("a");
  Election b = candidate("b");
  ASSERT_TRUE(tries(a, stored, kStart));
  EXPECT_FALSE(tries(b, stored, kStart));
  stored.remove();
  EXPECT_FALSE(tries(b, stored, kStart + 1s));
  EXPECT_TRUE(tries(a, stored, kStart + 2s));
  EXPECT_FALSE(tries(b, stored, kStart + 3s));
  stored.remove();
  for (auto now = kStart + 5s; now < kStart + 20s; now += 2s) EXPECT_FALSE(tries(b, stored, now));
  EXPECT_TRUE(tries(b, stored, kStart + 21s));
}

TEST(Election, ALeaseWithoutShapeIsTaken) {
  for (const Json& odd : {Json::object(), Json{{"spec", 5}}, Json{{"spec", {{"holderIdentity", 7}}}}}) {
    Election a = candidate("a");
    EXPECT_TRUE(a.next(odd, kStart, kWall)) << odd;
  }
}

// Candidates whose clocks differ and whose writes are delayed, lost, answered late or not at all, whose
// Lease is deleted, and that stop for a while: never do two lead at the same moment.
TEST(Election, NeverDoTwoLead) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto chance = [&](unsigned of) { return random() % of == 0; };
    Stored stored;
    struct Process {
      Election election;
      std::chrono::milliseconds ahead;  // of its clock
      runtime::TimePoint wakes = kStart;
    };
    std::vector<Process> processes;
    for (const char* name : {"a", "b", "c"})
      processes.push_back({candidate(name), std::chrono::milliseconds(random() % 3'600'000),
                           kStart + std::chrono::milliseconds(random() % 2000)});
    int led = 0;
    auto removed = kStart;
    for (auto now = kStart; now < kStart + 300s; now += 100ms) {
      if (now > removed + Election::kDuration && chance(500)) {
        stored.remove();
        removed = now;
      }
      for (Process& process : processes) {
        if (now < process.wakes) continue;
        process.wakes = now + 2s;
        if (chance(40)) process.wakes = now + 30s;  // stopped
        const auto own = now + process.ahead;
        const auto next = process.election.next(stored.read(), own, kWall);
        if (!next || chance(8)) continue;  // lost on its way
        const bool stored_it = stored.write(*next);
        if (!stored_it || chance(8)) continue;  // refused, or the answer was lost
        process.election.written(own);
      }
      int leaders = 0;
      for (const Process& process : processes)
        leaders += process.election.leads_until() > now + process.ahead;
      ASSERT_LE(leaders, 1) << "after " << (now - kStart) / 1ms << " ms";
      led += leaders;
    }
    EXPECT_GT(led, 1500) << "somebody leads half of the time";
  }
}

}  // namespace
}  // namespace storagepool::kube
