// What the tests of the journal share: a folder for its file, a loop of one thread, and units of
// events that can be told apart.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/event/testing/smallest_event.h"
#include "pool/journal/journal.h"
#include "pool/postgres/testing/run.h"

namespace storagepool::journal::testing {

using namespace std::chrono_literals;
using postgres::testing::in;
using postgres::testing::run;
using runtime::testing::TemporaryFolder;

// A unit whose first event tells who made it and which one it is, with `bytes` of event_data.
inline std::vector<event::Event> numbered_unit(int maker, int number, std::size_t events = 1,
                                               std::size_t bytes = 2) {
  std::vector<event::Event> unit;
  for (std::size_t i = 0; i < events; ++i) {
    char id[37];
    std::snprintf(id, sizeof id, "00000000-0000-7000-%04x-%04x%08x", maker, static_cast<unsigned>(i), number);
    unit.push_back(event::testing::smallest_event(id, "2026-02-28T11:22:33.123456Z"));
    unit.back().event_data = std::string(bytes, 'x');
  }
  return unit;
}

class JournalTest : public ::testing::Test {
 protected:
  std::string path() const { return folder_ / "journal.db"; }
  // Does not look by itself whether a disk that failed works again.
  Options options() const {
    return {.path = path(), .max_bytes = kMinBytes, .first_retry = 1h, .longest_retry = 1h};
  }

  void open() { open(options()); }
  void open(const Options& options) {
    journal_.reset();
    auto opened = Journal::open(context_.get_executor(), options);
    if (!opened) throw std::runtime_error(opened.error());
    journal_ = std::move(*opened);
  }
  void reopen() {
    close();
    open();
  }
  void close() {
    const auto closed = run(context_, journal_->close(in(20s)));
    ASSERT_TRUE(closed) << closed.error().detail;
    journal_.reset();
  }

  tl::expected<void, Error> append(std::vector<event::Event> unit, const std::string& workspace = "",
                                   const std::string& incarnation = "") {
    return run(context_, journal_->append(Origin(workspace, incarnation), std::move(unit), in(20s)));
  }
  void must_append(std::vector<event::Event> unit, const std::string& workspace = "",
                   const std::string& incarnation = "") {
    const auto kept = append(std::move(unit), workspace, incarnation);
    ASSERT_TRUE(kept) << kept.error().detail;
  }
  std::vector<WaitingWorkspace> waiting() { return must(run(context_, journal_->waiting())); }
  std::vector<Unit> next(const Take& take) { return must(run(context_, journal_->next(take))); }
  // Of the system database.
  std::vector<Unit> next(std::size_t max_events, std::size_t max_bytes) {
    return next(Take{.max_events = max_events, .max_bytes = max_bytes});
  }
  // All that wait, of whatever workspace, by sequence.
  std::vector<Unit> next() {
    std::vector<Unit> all;
    for (const WaitingWorkspace& workspace : waiting()) {
      auto units = next(Take{.workspace = workspace.workspace, .max_events = 1000000, .max_bytes = 1 << 30});
      std::ranges::move(units, std::back_inserter(all));
    }
    std::ranges::sort(all, {}, &Unit::sequence);
    return all;
  }
  Amount remove(std::vector<std::int64_t> sequences) {
    return must(run(context_, journal_->remove(std::move(sequences))));
  }
  Amount set_aside(std::vector<std::int64_t> sequences, const std::string& reason) {
    return must(run(context_, journal_->set_aside(std::move(sequences), reason)));
  }
  std::vector<KeptUnit> read(const Page& page) { return must(run(context_, journal_->read(page))); }
  std::vector<KeptUnit> set_aside_units() {
    return read({.part = Part::kSetAside, .max_units = 1000000, .max_bytes = 1 << 30});
  }
  // The first event's id of each unit.
  std::vector<std::string> ids() {
    std::vector<std::string> result;
    for (const Unit& unit : next()) result.push_back(unit.events.at(0).event_id);
    return result;
  }
  static std::string id(int maker, int number) { return numbered_unit(maker, number).at(0).event_id; }
  template <typename T>
  static T must(tl::expected<T, Error> outcome) {
    if (!outcome) throw std::runtime_error(outcome.error().detail);
    return std::move(*outcome);
  }
  // Runs the loop until `reached`; false after half a minute.
  template <typename Condition>
  bool run_until(Condition reached) {
    const auto give_up = in(30s);
    context_.restart();
    while (!reached()) {
      if (std::chrono::steady_clock::now() >= give_up) return false;
      context_.run_one_for(20ms);
      if (context_.stopped()) context_.restart();
    }
    return true;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  TemporaryFolder folder_;
  boost::asio::io_context context_;
  std::unique_ptr<Journal> journal_;
};

}  // namespace storagepool::journal::testing
