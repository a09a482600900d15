// A log as its pods tell it, before a witness that is not ours: litewitness (hack/tools/witness).
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/transport/testing/loopback_server.h"
#include "operator/witness/submitter.h"
#include "operator/witness/testing/told_log.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::witness {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::uint16_t free_port() {
  return kube::LoopbackServer(kube::say("")).port();
}

class LiteWitness : public ::testing::Test {
 protected:
  LiteWitness() : port_(free_port()) {
    const std::string tools = STORAGEPOOL_SOURCE_DIR "/hack/tools";
    const std::string command = "tools=$(timeout 840 " + tools + "/build witness) && exec " + tools +
                                "/witness/serve $tools/bin " + folder_.path().string() + " " +
                                std::to_string(port_) + " lite.example '" + log_.told().vkey + "'";
    program_ = ::popen(command.c_str(), "w");
    const auto deadline = runtime::steady_now() + 880s;
    while (!std::filesystem::exists(folder_ / "vkey") && runtime::steady_now() < deadline)
      std::this_thread::sleep_for(100ms);
    std::ifstream file(folder_ / "vkey");
    std::string vkey;
    std::getline(file, vkey);
    auto key = tlog::NoteKey::read(vkey);
    if (!key) throw std::runtime_error("the witness has not begun to serve: " + vkey);
    key_ = std::make_unique<tlog::NoteKey>(*std::move(key));
  }
  ~LiteWitness() override { ::pclose(program_); }

  // What it says of the log as it is, if it is asked from this size.
  Heard ask(std::uint64_t old_size, testing::ToldLog& log) {
    const auto now = runtime::wall_now();
    Submission submission = submission_of(log.floor(), now);
    submission.old_size = old_size;
    if (old_size > 0 && old_size < submission.size) submission.proof = log.told(old_size).proof;
    const auto promise = std::make_shared<std::promise<tl::expected<WitnessAnswer, std::string>>>();
    auto future = promise->get_future();
    submitter_.submit({.url = render::parse_witness_url("http://127.0.0.1:" + std::to_string(port_)).value(),
                       .body = write_body(submission),
                       .done = [promise](auto answer) { promise->set_value(std::move(answer)); }});
    const auto answer = future.get();
    if (!answer) return {.worth = Worth::kFailed, .why = answer.error()};
    return read_answer(*answer, submission, *key_, runtime::wall_now());
  }
  Heard ask(std::uint64_t old_size) { return ask(old_size, log_); }

  testing::ToldLog log_;
  runtime::testing::TemporaryFolder folder_;
  const std::uint16_t port_;
  FILE* program_ = nullptr;
  std::unique_ptr<tlog::NoteKey> key_;
  Submitter submitter_{{.deadline = 60s}};
};

TEST_F(LiteWitness, CosignsTheLogAsItGrowsAndNoOther) {
  log_.grow(7);
  const Heard first = ask(0);
  ASSERT_EQ(first.worth, Worth::kCosigned) << first.why;
  EXPECT_EQ(ask(7).worth, Worth::kCosigned) << "once more";
  for (const int more : {1, 1, 300, 255}) {
    const std::uint64_t before = log_.size();
    log_.grow(more);
    const Heard next = ask(before);
    ASSERT_EQ(next.worth, Worth::kCosigned) << next.why;
  }
  // Who does not know where it stands is told.
  log_.grow(3);
  const Heard elsewhere = ask(0);
  ASSERT_EQ(elsewhere.worth, Worth::kElsewhere) << elsewhere.why;
  EXPECT_EQ(elsewhere.size, 564U);
  EXPECT_EQ(ask(elsewhere.size).worth, Worth::kCosigned);
  // Two histories of one log.
  testing::ToldLog other;
  other.grow(567, "forged ");
  EXPECT_EQ(ask(567, other).worth, Worth::kInconsistent);
  other.grow(1, "forged ");
  EXPECT_EQ(ask(567, other).worth, Worth::kInconsistent);
  // Another key.
  testing::ToldLog rekeyed(testing::kOrigin, 'x');
  rekeyed.grow(900);
  EXPECT_THAT(ask(567, rekeyed).why, HasSubstr("another key of the log (403)"));
  log_.grow(1);
  EXPECT_EQ(ask(567).worth, Worth::kCosigned) << "as if nothing had been";
}

}  // namespace
}  // namespace storagepool::witness
