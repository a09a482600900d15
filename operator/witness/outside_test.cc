// A log as its pods tell it, and witnesses outside that answer over HTTP.
#include "operator/witness/outside.h"

#include <functional>
#include <map>
#include <memory>

#include <boost/asio/io_context.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/witness/testing/outside_witness.h"
#include "operator/witness/testing/told_log.h"
#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::witness {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kPool;
using testing::OutsideWitness;
using ::testing::SizeIs;
using ::testing::StartsWith;

class OutsideTest : public ::testing::Test {
 protected:
  OutsideTest()
      : pod_([this](const kube::LoopbackConnection& peer, std::string request) {
          for (; !request.empty(); request = peer.receive()) {
            const std::size_t body = request.find("\r\n\r\n") + 4;
            while (!settings::parse_log_floor(request.substr(body))) request += peer.receive_some();
            const auto asked = settings::parse_log_floor(request.substr(body)).value();
            ++proofs_;
            const std::string told =
                settings::to_json(settings::LogReport{.checkpoint = {}, .vkey = {}, .proof = prove(asked)});
            if (!peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(told.size()) + "\r\n\r\n" +
                           told))
              return;
          }
        }) {
    log_.grow(7);
  }
  ~OutsideTest() override { outside_.reset(); }

  std::vector<std::string> prove(const settings::LogFloor& asked) {
    const std::lock_guard lock(mutex_);
    return proves_ && asked.from ? log_.told(static_cast<std::uint64_t>(*asked.from)).proof
                                 : std::vector<std::string>();
  }
  static render::LogWitness named(const OutsideWitness& witness) {
    return {.url = witness.url(), .vkey = witness.vkey()};
  }
  void visit(const std::vector<render::LogWitness>& witnesses) {
    const auto now = runtime::wall_now();
    Floor floor = cosigned(log_.floor(), testing::witness_key(), now);
    // To the end, or a signature that comes after this look would be asked for once more.
    const std::lock_guard lock(cosigned_mutex_);
    for (const auto& [text, by] : cosigned_)
      if (text == floor.note.text) floor.note.signatures.push_back(by);
    boost::asio::io_context loop;
    pods::Client client(loop.get_executor(), "127.0.0.1", pod_.port(), "uid", signer_);
    runtime::spawn(loop.get_executor(), "a visit", outside_->visit(client, kPool, floor, now, witnesses));
    loop.run();
  }
  // Visits until it is so.
  bool visits_until(const std::vector<render::LogWitness>& witnesses,
                    const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    for (;;) {
      visit(witnesses);
      if (condition()) return true;
      if (std::chrono::steady_clock::now() >= deadline) return false;
      std::this_thread::yield();
    }
  }
  std::size_t signatures() {
    const std::lock_guard lock(cosigned_mutex_);
    return cosigned_.size();
  }
  std::string state(const std::string& name = "outside.example") const {
    for (const pods::WitnessWord& word : outside_->words(kPool))
      if (word.name == name) return word.state + (word.failing.empty() ? "" : ": " + word.failing);
    return "";
  }
  double count(const std::string& result) {
    const std::string line = "storagepool_log_outside_witness_total{result=\"" + result + "\"} ";
    const std::string all = metrics_.serialize();
    const std::size_t at = all.find(line);
    return at == all.npos ? -1 : std::stod(all.substr(at + line.size()));
  }

  std::mutex mutex_;  // of what the pod proves
  testing::ToldLog log_;
  bool proves_ = true;
  std::atomic<int> proofs_{0};
  std::mutex cosigned_mutex_;
  std::vector<std::pair<std::string, tlog::NoteSignature>> cosigned_;
  const pods::Signer signer_{std::string(pods::kSeedBytes, 'k')};
  kube::LoopbackServer pod_;
  runtime::Metrics metrics_;
  std::unique_ptr<Outside> outside_ = std::make_unique<Outside>(Outside::Parts{
      .metrics = metrics_,
      .cosigned =
          [this](const kube::ObjectKey& pool, const std::string& text, const tlog::NoteSignature& by) {
            EXPECT_EQ(pool, kPool);
            const std::lock_guard lock(cosigned_mutex_);
            cosigned_.emplace_back(text, by);
          },
      .limits = {.deadline = 60s}});
};

TEST_F(OutsideTest, EveryWitnessCosignsWhatTheLogHasGrownTo) {
  const std::string vkey = log_.told().vkey;
  OutsideWitness a(vkey, "a.example", 'a');
  OutsideWitness b(vkey, "b.example", 'b');
  const std::vector<render::LogWitness> both{named(a), named(b)};
  ASSERT_TRUE(visits_until(both, [&] { return signatures() == 2; }));
  EXPECT_EQ(proofs_, 0) << "a first checkpoint needs none";
  EXPECT_TRUE(a.key().verify({.text = cosigned_[0].first, .signatures = {cosigned_[0].second}}) ||
              b.key().verify({.text = cosigned_[0].first, .signatures = {cosigned_[0].second}}));
  log_.grow(5);
  ASSERT_TRUE(visits_until(both, [&] { return signatures() == 4; }));
  EXPECT_EQ(a.size(), 12U);
  EXPECT_EQ(b.size(), 12U);
  visit(both);
  EXPECT_THAT(a.asked(), SizeIs(2)) << "what has been cosigned is not brought again";
  EXPECT_EQ(state("a.example"), "Cosigning");
  EXPECT_EQ(count("cosigned"), 4);
}

TEST_F(OutsideTest, OneThatWasAskedBeforeSaysFromWhereToGoOn) {
  OutsideWitness witness(log_.told().vkey);
  witness.keep(tlog::Checkpoint::read(log_.floor().note.text).value());
  log_.grow(300);
  ASSERT_TRUE(visits_until({named(witness)}, [&] { return signatures() == 1; }));
  EXPECT_THAT(witness.asked(), SizeIs(2));
  EXPECT_THAT(witness.asked()[1], StartsWith("old 7\n"));
  EXPECT_EQ(count("elsewhere"), 1);
}

TEST_F(OutsideTest, TwoHistoriesForOneWitnessAreNoticed) {
  OutsideWitness witness(log_.told().vkey);
  testing::ToldLog other;
  other.grow(7, "forged ");
  witness.keep(other.floor().checkpoint);
  ASSERT_TRUE(visits_until({named(witness)}, [&] { return !outside_->inconsistency(kPool).empty(); }));
  EXPECT_EQ(outside_->inconsistency(kPool),
            "of the witness outside.example: it has cosigned another root hash at the log's size of 7");
  OutsideWitness behind(log_.told().vkey, "behind.example", 'b');
  behind.keep(other.floor().checkpoint);
  log_.grow(3);
  ASSERT_TRUE(visits_until({named(behind)}, [&] { return !outside_->inconsistency(kPool).empty(); }));
  EXPECT_EQ(
      outside_->inconsistency(kPool),
      "of the witness behind.example: it does not find that the log's 10 entries continue the 7 that it "
      "has cosigned");
  EXPECT_EQ(signatures(), 0U);
}

TEST_F(OutsideTest, AWitnessThatDoesNotKnowTheLogSaysSoAtOnce) {
  OutsideWitness none("");
  OutsideWitness other_key(testing::ToldLog(testing::kOrigin, 'x').told().vkey, "other.example");
  const std::vector<render::LogWitness> both{named(none), named(other_key)};
  ASSERT_TRUE(visits_until(both, [&] { return count("refused") == 2; }));
  EXPECT_EQ(state(), "Failing: it does not know a log storagepool.dev/team/audit (404)");
  EXPECT_EQ(state("other.example"), "Failing: it knows another key of the log (403)");
}

TEST_F(OutsideTest, ASlowWitnessDelaysOnlyItsSignature) {
  OutsideWitness slow(log_.told().vkey, "slow.example", 's');
  slow.say([](const kube::LoopbackConnection& peer) { peer.wait_for_close(); });
  OutsideWitness good(log_.told().vkey);
  ASSERT_TRUE(
      visits_until({named(slow), named(good)}, [&] { return signatures() == 1 && state() == "Cosigning"; }));
  EXPECT_EQ(state("slow.example"), "Waiting");
  outside_.reset();  // in time, whatever is asked
}

TEST_F(OutsideTest, NothingThatAWitnessMakesUpIsTaken) {
  OutsideWitness liar(log_.told().vkey);
  OutsideWitness other(log_.told().vkey, "outside.example", 'x');
  for (const std::string& answer :
       {OutsideWitness::http(200, "text/plain", "yes\n"),
        OutsideWitness::http(200, "text/html", std::string(9000, '<')),
        OutsideWitness::http(409, "text/plain", "x"), OutsideWitness::http(100, "text/plain", ""),
        std::string("garbage\r\n\r\n"), OutsideWitness::http(200, "text/plain", std::string(1 << 20, 'x'))}) {
    liar.say([answer](const kube::LoopbackConnection& peer) { peer.send(answer); });
    const std::size_t before = liar.asked().size();
    outside_->sweep([](const auto&) { return false; });  // so that it has no pause
    ASSERT_TRUE(visits_until({named(liar)}, [&] { return liar.asked().size() > before; }));
  }
  outside_->sweep([](const auto&) { return false; });
  // A good witness, but not that whose key is named.
  ASSERT_TRUE(visits_until({{.url = other.url(), .vkey = liar.vkey()}}, [&] {
    return state() == "Failing: none of the cosignatures in its answer is of its key, and good";
  }));
  EXPECT_EQ(signatures(), 0U);
}

TEST_F(OutsideTest, OneWhoseKeyHasAnotherIdIsNotAsked) {
  OutsideWitness witness(log_.told().vkey);
  render::LogWitness odd = named(witness);
  odd.vkey.replace(odd.vkey.find('+') + 1, 8, "00000000");
  visit({odd});
  EXPECT_EQ(state(), "Failing: its vkey is not that of a witness, or has another id");
  EXPECT_THAT(witness.asked(), IsEmpty());
}

TEST_F(OutsideTest, WhatPodsDoNotProveIsNotBroughtToAnybody) {
  OutsideWitness witness(log_.told().vkey);
  ASSERT_TRUE(visits_until({named(witness)}, [&] { return signatures() == 1 && state() == "Cosigning"; }));
  log_.grow(3);
  {
    const std::lock_guard lock(mutex_);
    proves_ = false;
  }
  visit({named(witness)});
  EXPECT_THAT(witness.asked(), SizeIs(1));
  EXPECT_EQ(count("failed"), 1);
}

TEST_F(OutsideTest, MetricsTellWhenEachHasCosignedAndForgetWhoIsGone) {
  OutsideWitness witness(log_.told().vkey);
  ASSERT_TRUE(visits_until({named(witness)}, [&] { return signatures() == 1 && state() == "Cosigning"; }));
  outside_->sweep([](const auto&) { return true; });
  EXPECT_THAT(
      metrics_.serialize(),
      HasSubstr("storagepool_log_cosigned_timestamp_seconds{name=\"audit\",namespace=\"team\",witness="
                "\"outside.example\"}"));
  outside_->sweep([](const auto&) { return false; });
  EXPECT_EQ(metrics_.serialize().find("storagepool_log_cosigned_timestamp_seconds{"), std::string::npos);
  EXPECT_THAT(outside_->words(kPool), IsEmpty());
}

}  // namespace
}  // namespace storagepool::witness
