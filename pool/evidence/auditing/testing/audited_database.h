// A database with a log, what stores and seals, and what audits it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pool/evidence/auditing/auditor.h"
#include "pool/evidence/sealing/testing/log_database.h"
#include "pool/reading/testing/reading_fixture.h"

namespace storagepool::evidence::testing {

using namespace std::chrono_literals;

class AuditedDatabaseTest : public reading::testing::ReadingFixture {
 protected:
  using Kind = Alarm::Kind;
  using Phase = AuditProgress::Phase;
  static constexpr const char* kTime = "2020-03-01T12:00:00Z";

  void SetUp() override {
    ReadingFixture::SetUp();
    ingest_.set_log_keys(make_keys(kSeed));
    const std::vector<Keys> keys{make_keys(kSeed)};
    sealer_.emplace(kOrigin, keys, note_key());
    auditor_ = make_auditor(1);
  }
  std::unique_ptr<Auditor> make_auditor(std::int64_t pod, const std::string& seed = kSeed) {
    return std::make_unique<Auditor>(pod, "audit", make_keys(seed), 1h, AuditPace{}, clock_);
  }

  static event::Event event(const std::string& time = kTime) { return smallest(time); }
  static std::vector<event::Event> events(int count, const std::string& time = kTime) {
    std::vector<event::Event> made;
    for (int i = 0; i < count; ++i) made.push_back(event(time));
    return made;
  }
  // In one commit.
  std::vector<event::Event> store(std::vector<event::Event> some) {
    std::vector<event::Event> stored = some;
    const auto done = postgres::testing::run(context_, ingest_.store("audit", std::move(some), deadline()));
    if (!done) throw std::runtime_error(done.error().detail);
    return stored;
  }
  void seal() {
    bool again = true;
    while (again) again = must(postgres::testing::run(context_, sealer_->seal(*session_, deadline()))).again;
  }
  tlog::Checkpoint checkpoint() { return tlog::Checkpoint::read(sealer_->checkpoint()->text).value(); }

  std::chrono::milliseconds step() {
    return must(postgres::testing::run(context_, auditor_->step(*session_, checkpoint(), deadline())));
  }
  const AuditProgress& progress() const { return auditor_->progress().value(); }
  void pass_time(std::chrono::microseconds time) {
    clock_.stand_at(runtime::format_timestamp(clock_.wall() + time));
  }
  // A whole pass: what alarms it raises.
  std::vector<Kind> pass() {
    if (auditor_->progress() && progress().phase == Phase::kEnded) pass_time(7 * 24h);
    do step();
    while (progress().phase != Phase::kEnded);
    return taken();
  }
  std::vector<Kind> taken() {
    std::vector<Kind> kinds;
    for (const Alarm& alarm : auditor_->take_alarms()) {
      kinds.push_back(alarm.kind);
      details_ += alarm.detail + "\n";
    }
    return kinds;
  }
  FullAudit last() const { return progress().last.value(); }
  static std::string where(const event::Event& event) { return " WHERE event_id = '" + event.event_id + "'"; }

  std::optional<Sealer> sealer_;
  std::unique_ptr<Auditor> auditor_;
  std::string details_;
};

}  // namespace storagepool::evidence::testing
