// The replay of a journal whose disk fails.
#include <gtest/gtest.h>

#include "pool/journal/testing/faulty_vfs.h"
#include "pool/journal/testing/journal_fixture.h"
#include "pool/recording/replay.h"

namespace storagepool::recording {
namespace {

using namespace std::chrono_literals;
using journal::testing::numbered_unit;
using postgres::testing::in;
using postgres::testing::run;

// Takes everything; the disk of the journal works again at the third call.
struct PatientStore {
  journal::testing::FaultyVfs disk;
  int calls = 0;

  boost::asio::awaitable<tl::expected<void, tables::StoreError>> store() {
    if (++calls == 3) disk.fail_syncs(false);
    co_return tl::expected<void, tables::StoreError>();
  }
};

TEST(ReplayOfAFailingDisk, StoresAgainWhatCouldNotBeRemoved) {
  PatientStore patient;
  const runtime::testing::TemporaryFolder folder;
  boost::asio::io_context context;
  auto journal = journal::Journal::open(context.get_executor(), {.path = folder / "journal.db"}).value();
  ASSERT_TRUE(run(context, journal->append(journal::Origin(), numbered_unit(1, 1), in(20s))));
  patient.disk.fail_syncs(true);
  JournalBacklog backlog(*journal);
  Replay replay(context.get_executor(), backlog,
                [&](const journal::Origin&, const std::vector<event::Event>&, const Replay::GiveUpAt&) {
                  return patient.store();
                },
                runtime::system_clock(), {.limits = {.shortest_backoff = 1ms, .longest_backoff = 2ms}});
  replay.start();
  const auto give_up = in(30s);
  while (journal->statistics().waiting.units > 0 && std::chrono::steady_clock::now() < give_up) {
    context.run_one_for(20ms);
  }
  EXPECT_TRUE(run(context, replay.stop(in(20s))));
  EXPECT_EQ(patient.calls, 3);
  EXPECT_EQ(journal->statistics().waiting.units, 0);
  EXPECT_EQ(replay.statistics().events, 1);
  EXPECT_EQ(replay.statistics().failures, 2);
}

}  // namespace
}  // namespace storagepool::recording
