#include "operator/witness/live_witness.h"

#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/testing/fake_transport.h"
#include "operator/kube/transport/testing/loopback_server.h"
#include "operator/witness/testing/outside_witness.h"
#include "operator/witness/testing/told_log.h"
#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::witness {
namespace {

using kube::ApiError;
using kube::ApiRequest;
using kube::Json;
using kube::Method;
using ::testing::HasSubstr;
using namespace std::chrono_literals;
using testing::kPool;

constexpr auto kPatience = 60s;

// A pod that tells a log, and an API server that keeps ConfigMaps.
class LiveWitnessTest : public ::testing::Test {
 protected:
  LiveWitnessTest()
      : pod_([this](const kube::LoopbackConnection& peer, std::string request) {
          for (; !request.empty(); request = peer.receive()) {
            const std::lock_guard lock(mutex_);
            const auto floor = settings::parse_log_floor(request.substr(request.find("\r\n\r\n") + 4));
            asked_.push_back(floor.value_or(settings::LogFloor{}));
            const auto from = asked_.back().from;
            const std::string body = settings::to_json(
                from                 ? log_->told(static_cast<std::uint64_t>(*from))
                : asked_.back().grow ? log_->told(asked_.back().checkpoint.empty() ? 0 : proven_from_)
                                     : settings::LogReport{});
            if (!peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                           body))
              return;
          }
        }),
        transport_([this](const ApiRequest& request) { return answer(request); }) {
    start();
  }
  ~LiveWitnessTest() override { witness_.reset(); }

  tl::expected<std::string, ApiError> answer(const ApiRequest& request) {
    const std::lock_guard lock(mutex_);
    const std::string name = request.path.substr(request.path.rfind('/') + 1);
    if (request.method == Method::kGet) {
      Json items = Json::array();
      for (const auto& [key, object] : config_maps_) items.push_back(object);
      return Json{{"kind", "ConfigMapList"},
                  {"apiVersion", "v1"},
                  {"metadata", {{"resourceVersion", "1"}}},
                  {"items", items}}
          .dump();
    }
    if (request.method == Method::kDelete) {
      config_maps_.erase(name);
      return Json{{"kind", "Status"}}.dump();
    }
    if (request.path.ends_with("/storagepools/audit")) {
      restart_.clear();
      return Json{{"metadata", {{"name", "audit"}, {"namespace", "team"}}}}.dump();
    }
    if (fails_) return tl::unexpected(ApiError{.status = 500, .reason = "InternalError", .message = ""});
    ++writes_;
    config_maps_[name] = Json::parse(request.body);
    return request.body;
  }
  void start() {
    witness_.reset();
    metrics_ = std::make_unique<runtime::Metrics>();
    witness_ = std::make_unique<LiveWitness>(
        LiveWitness::Parts{.client = client_,
                           .name_space = "system",
                           .key = tlog::NoteKey::read(testing::witness_key().private_text()).value(),
                           .metrics = *metrics_,
                           .storage_pool = [this](const kube::ObjectKey&) -> kube::ObjectPtr {
                             const std::lock_guard lock(mutex_);
                             ++looks_;
                             if (uid_.empty()) return nullptr;
                             Json metadata{{"name", "audit"}, {"namespace", "team"}, {"uid", uid_}};
                             if (!restart_.empty()) metadata["annotations"][kRestartAnnotation] = restart_;
                             Json object{{"metadata", metadata}};
                             if (!witnesses_.empty()) object["spec"]["log"]["witnesses"] = witnesses_;
                             return std::make_shared<const Json>(object);
                           },
                           .record =
                               [this](const kube::Event& event) {
                                 const std::lock_guard lock(mutex_);
                                 events_.push_back(event.reason);
                               },
                           .retry = 10ms,
                           .sweep = 10ms});
    if (!witness_->load()) std::abort();
    witness_->start();
  }
  // What is kept of the answer of a pod that knows of this floor.
  settings::LogFacts visit(std::int64_t floor = 0, const std::string& alarm = {}) {
    boost::asio::io_context loop;
    pods::Client client(loop.get_executor(), "127.0.0.1", static_cast<std::uint16_t>(pod_.port()), "uid",
                        signer_);
    pods::Answer answer;
    answer.facts.emplace();
    answer.facts->log = settings::LogFacts{.size = static_cast<std::int64_t>(log_->size()),
                                           .floor = floor,
                                           .alarm = alarm,
                                           .detail = "",
                                           .epoch = 1,
                                           .signatures = signatures_};
    runtime::spawn(loop.get_executor(), "a visit", witness_->visit(client, kPool, answer));
    loop.run();
    return *answer.facts->log;
  }
  // Visits until it is so.
  bool visits_until(std::int64_t floor, const std::function<bool(const settings::LogFacts&)>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition(visit(floor))) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  // A log of 5 entries, kept for long.
  void keep_five() {
    log_->grow(5);
    const Record before{.pool = kPool,
                        .uid = "u1",
                        .floor = cosigned(log_->floor(), testing::witness_key(),
                                          runtime::wall_now() - std::chrono::hours{1})};
    config_maps_[record_name("u1")] = write_record(before, "system", "");
    start();
  }
  void name_witness(const testing::OutsideWitness& witness) {
    const std::lock_guard lock(mutex_);
    witnesses_.push_back({{"url", witness.url()}, {"vkey", witness.vkey()}});
  }
  // Visits once: until the answer is kept, the next visit would ask the witness again.
  bool keeps_what_it_cosigns(const testing::OutsideWitness& witness) {
    visit(5);
    if (!eventually([&] { return has_cosigned(witness); })) return false;
    int before = 0;
    {
      const std::lock_guard lock(mutex_);
      before = looks_;
    }
    return eventually([&] { return looks_ > before; });  // who writes has gone on
  }
  // With the lock.
  bool has_cosigned(const testing::OutsideWitness& witness) {
    const auto note = tlog::Note::read(kept_checkpoint());
    return note && witness.key().verify(*note);
  }
  bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (condition()) return true;
      }
      if (std::chrono::steady_clock::now() >= deadline) return false;
      std::this_thread::yield();
    }
  }
  // Visits until the pod has been told twice: what is kept may be told a moment after it is there.
  bool told_what_is_kept() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      visit();
      {
        const std::lock_guard lock(mutex_);
        if (asked_.size() == 2) return true;
      }
      if (std::chrono::steady_clock::now() >= deadline) return false;
      std::this_thread::yield();
    }
  }
  std::string checkpoint() {
    const std::lock_guard lock(mutex_);
    return kept_checkpoint();
  }
  std::string kept_checkpoint() const {
    return config_maps_.empty() ? "" : config_maps_.begin()->second["data"]["checkpoint"].get<std::string>();
  }
  void ask_for_restart(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    restart_ = reason;
  }

  std::mutex mutex_;
  std::unique_ptr<testing::ToldLog> log_ = std::make_unique<testing::ToldLog>();
  std::uint64_t proven_from_ = 0;
  std::vector<settings::LogFloor> asked_;
  std::map<std::string, Json> config_maps_;
  std::string uid_ = "u1";
  int looks_ = 0;        // at the StoragePool
  std::string restart_;  // the annotation
  Json witnesses_ = Json::array();
  std::optional<std::int64_t> signatures_;  // that the pod says it was told
  std::vector<std::string> events_;
  std::atomic<bool> fails_{false};
  int writes_ = 0;
  const pods::Signer signer_{std::string(pods::kSeedBytes, 'k')};
  kube::LoopbackServer pod_;
  kube::FakeTransport transport_;
  const kube::Client client_{transport_, "test"};
  std::unique_ptr<runtime::Metrics> metrics_;
  std::unique_ptr<LiveWitness> witness_;
};

TEST_F(LiveWitnessTest, KeepsCosignsAndTellsTheFirstCheckpoint) {
  log_->grow(5);
  visit();
  ASSERT_TRUE(eventually([&] { return !config_maps_.empty(); }));
  const auto note = tlog::Note::read(checkpoint());
  ASSERT_TRUE(note);
  EXPECT_TRUE(testing::witness_key().verify(*note));
  ASSERT_TRUE(told_what_is_kept());
  EXPECT_EQ(asked_.back().checkpoint, checkpoint());
  visit(5);
  EXPECT_EQ(asked_.size(), 2U) << "a pod that knows is told no more";
  EXPECT_THAT(metrics_->serialize(), HasSubstr("storagepool_log_witness_total{result=\"cosigned\"} 1"));
  EXPECT_EQ(writes_, 1);
}

TEST_F(LiveWitnessTest, GivesNoCosignatureAwayThatItCouldNotKeep) {
  fails_ = true;
  log_->grow(5);
  visit();
  visit();
  EXPECT_EQ(asked_.size(), 1U);
  fails_ = false;
  EXPECT_TRUE(eventually([&] { return !config_maps_.empty(); }));
}

TEST_F(LiveWitnessTest, GoesOnFromWhatAnotherHasKept) {
  log_->grow(5);
  visit();
  ASSERT_TRUE(eventually([&] { return !config_maps_.empty(); }));
  start();
  visit();
  EXPECT_EQ(asked_.back(), (settings::LogFloor{.checkpoint = checkpoint(), .grow = false, .restart = {}}));
  log_->grow(1);
  visit(5);
  EXPECT_EQ(asked_.size(), 2U) << "not ten minutes have passed since";
  EXPECT_EQ(writes_, 1);
}

// An operator that was away: it kept its floor an hour ago.
TEST_F(LiveWitnessTest, NeverCosignsAnotherHistoryAndSaysSo) {
  log_->grow(5);
  const Record before{
      .pool = kPool,
      .uid = "u1",
      .floor = cosigned(log_->floor(), testing::witness_key(), runtime::wall_now() - std::chrono::hours{1})};
  config_maps_[record_name("u1")] = write_record(before, "system", "");
  start();
  log_ = std::make_unique<testing::ToldLog>();
  log_->grow(9, "forged ");
  proven_from_ = 5;
  const settings::LogFacts known = visit(5);
  EXPECT_EQ(known.alarm, "LogInconsistent");
  EXPECT_THAT(known.detail, HasSubstr("of 9 entries is not proven to continue that of 5 entries"));
  EXPECT_EQ(visit(5).alarm, "LogInconsistent") << "until it is as it was";
  EXPECT_EQ(checkpoint(), before.floor.note.write());
  EXPECT_EQ(writes_, 0);
  EXPECT_THAT(metrics_->serialize(), HasSubstr("storagepool_log_witness_total{result=\"inconsistent\"} 1"));
}

TEST_F(LiveWitnessTest, AnotherEpochIsBegunWhereAPersonHasAskedForIt) {
  log_->grow(5);
  const Record before{
      .pool = kPool,
      .uid = "u1",
      .floor = cosigned(log_->floor(), testing::witness_key(), runtime::wall_now() - std::chrono::hours{1})};
  config_maps_[record_name("u1")] = write_record(before, "system", "");
  start();
  log_ = std::make_unique<testing::ToldLog>(std::string(testing::kOrigin) + "/e2");
  log_->grow(3);
  visit(5, "LogRolledBack");
  EXPECT_EQ(asked_.size(), 0U) << "nobody has";
  ask_for_restart("the backup of Monday");
  visit(5, "LogRolledBack");
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].restart, (settings::LogRestart{.epoch = 2, .reason = "the backup of Monday"}));
  ASSERT_TRUE(eventually([&] { return restart_.empty(); }));
  EXPECT_THAT(checkpoint(), ::testing::StartsWith(std::string(testing::kOrigin) + "/e2\n3\n"));
  EXPECT_EQ(config_maps_.begin()->second["data"]["before"], before.floor.note.write());
  EXPECT_THAT(events_, ::testing::ElementsAre("LogRestarted"));
}

TEST_F(LiveWitnessTest, ARestartThatNobodyNeedsIsNotKeptForLater) {
  ask_for_restart("by mistake");
  log_->grow(5);
  visit();
  ASSERT_TRUE(eventually([&] { return restart_.empty(); }));
  EXPECT_THAT(events_, ::testing::ElementsAre("LogNotRestarted"));
  EXPECT_THAT(checkpoint(), ::testing::StartsWith(std::string(testing::kOrigin) + "\n5\n"));
}

TEST_F(LiveWitnessTest, WhatAnOutsideWitnessCosignsIsKeptAndTold) {
  keep_five();
  testing::OutsideWitness witness(log_->told().vkey);
  name_witness(witness);
  ASSERT_TRUE(keeps_what_it_cosigns(witness));
  EXPECT_TRUE(testing::witness_key().verify(*tlog::Note::read(checkpoint()))) << "beside this one's";
  EXPECT_TRUE(asked_.empty()) << "a pod that is too old to say what it knows is not told";
  signatures_ = 2;
  ASSERT_TRUE(visits_until(5, [&](const auto&) { return !asked_.empty(); }));
  EXPECT_EQ(asked_.back(), (settings::LogFloor{.checkpoint = checkpoint(), .grow = false, .restart = {}}));
  signatures_ = 3;
  visit(5);
  EXPECT_EQ(asked_.size(), 1U);
  start();
  visit(5);
  EXPECT_THAT(witness.asked(), ::testing::SizeIs(1)) << "nor does the next operator ask again";
}

TEST_F(LiveWitnessTest, AnotherHistoryThatAWitnessOutsideHasSeenIsSaid) {
  keep_five();
  testing::OutsideWitness witness(log_->told().vkey);
  testing::ToldLog other;
  other.grow(5, "forged ");
  witness.keep(other.floor().checkpoint);
  name_witness(witness);
  ASSERT_TRUE(visits_until(5, [](const settings::LogFacts& known) {
    return known.alarm == "LogInconsistent" && known.detail.starts_with("of the witness outside.example: ");
  }));
  EXPECT_TRUE(eventually(
      [&] { return metrics_->serialize().find("storagepool_logs_inconsistent 1") != std::string::npos; }));
}

// As after a restore of the operator's namespace: the log has grown, and a witness outside knows.
TEST_F(LiveWitnessTest, OneThatHasSeenMoreThanIsKeptIsCaughtUpWithAtOnce) {
  log_->grow(5);
  const Record before{.pool = kPool,
                      .uid = "u1",
                      .floor = cosigned(log_->floor(), testing::witness_key(), runtime::wall_now())};
  config_maps_[record_name("u1")] = write_record(before, "system", "");
  start();
  testing::OutsideWitness witness(log_->told().vkey);
  name_witness(witness);
  log_->grow(4);
  witness.keep(log_->floor().checkpoint);
  proven_from_ = 5;
  ASSERT_TRUE(visits_until(5, [&](const settings::LogFacts& known) {
    EXPECT_EQ(known.alarm, "");
    return checkpoint().starts_with(std::string(testing::kOrigin) + "\n9\n");
  }));
}

TEST_F(LiveWitnessTest, ACosignatureTakesNoRestartAwayThatWasAskedFor) {
  keep_five();
  testing::OutsideWitness witness(log_->told().vkey);
  testing::OutsideWitness another(log_->told().vkey, "another.example", 'a');
  name_witness(witness);
  ask_for_restart("the backup of Monday");
  ASSERT_TRUE(keeps_what_it_cosigns(witness));
  name_witness(another);  // whose cosignature is written after all that came of the first
  ASSERT_TRUE(visits_until(5, [&](const auto&) {
    const std::lock_guard lock(mutex_);
    return has_cosigned(another);
  }));
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(restart_, "the backup of Monday");
  EXPECT_THAT(events_, ::testing::IsEmpty());
}

TEST_F(LiveWitnessTest, WhatIsKeptGoesWithItsStoragePool) {
  log_->grow(5);
  visit();
  ASSERT_TRUE(eventually([&] { return !config_maps_.empty(); }));
  int before = 0;
  {
    const std::lock_guard lock(mutex_);
    uid_ = "u2";
    before = looks_;
  }
  EXPECT_TRUE(eventually([&] { return config_maps_.empty() || looks_ > before + 50; }));
  const std::lock_guard lock(mutex_);
  EXPECT_TRUE(config_maps_.empty()) << "one of the same name is another";
}

}  // namespace
}  // namespace storagepool::witness
