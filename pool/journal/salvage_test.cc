// Journals whose file is damaged: a bad page costs the units on it and nothing else.
#include "pool/journal/salvage.h"

#include <fstream>
#include <set>
#include <vector>

#include <gmock/gmock.h>

#include "pool/common/runtime/files.h"
#include "pool/journal/pages.h"
#include "pool/journal/testing/faulty_vfs.h"
#include "pool/journal/testing/journal_fixture.h"

namespace storagepool::journal {
namespace {

using ::testing::HasSubstr;
using testing::numbered_unit;

constexpr std::size_t kPage = RawDatabase::kPageBytes;

// Says which one it is all through its record, so that each page tells whose parts are on it.
std::vector<event::Event> marked_unit(int number, std::size_t bytes) {
  auto unit = numbered_unit(1, number);
  const std::string mark = "<" + std::to_string(1000 + number) + ">";
  unit[0].event_data.clear();
  while (unit[0].event_data.size() < bytes) unit[0].event_data += mark;
  return unit;
}

class JournalSalvageTest : public testing::JournalTest {
 protected:
  static constexpr int kUnits = 60;
  static constexpr int kLong = 9;
  static constexpr std::size_t kLongBytes = std::size_t{4} * 1024 * 1024;

  // Units of a part of a page and of several, in two workspaces and both parts of the journal.
  void fill() {
    open();
    for (int i = 0; i < kUnits; ++i) {
      must_append(marked_unit(i, i % 5 == 0 ? 14000 : 700), i % 2 == 0 ? "even" : "odd", "incarnation");
    }
    std::vector<std::int64_t> refused;
    for (const Unit& unit : next()) {
      if (number_of(unit) % 7 == 0) refused.push_back(unit.sequence);
    }
    set_aside(refused, "refused");
    close();
    whole_ = contents(path());
  }
  // More than is checked when the journal is opened.
  void fill_a_long_journal() {
    fill();
    open(long_options());
    for (int i = 0; i < kLong; ++i) must_append(numbered_unit(8, i, 1, kLongBytes), "long");
    close();
    whole_ = contents(path());
  }
  Options long_options() const {
    Options options = JournalTest::options();
    options.max_bytes = std::int64_t{256} * 1024 * 1024;
    return options;
  }
  static int number_of(const Unit& unit) {
    return std::stoi(unit.events.at(0).event_id.substr(28), nullptr, 16);
  }
  static std::string contents(const std::string& file) {
    return runtime::read_file(file, std::size_t{64} * 1024 * 1024).value_or("");
  }
  void put(const std::string& file, const std::string& bytes) const {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  }
  void forget_files() const {
    for (const std::string& name : files()) std::filesystem::remove(folder_ / name);
  }
  // Whose parts are on a page.
  std::set<int> units_on(std::size_t page) const {
    std::set<int> numbers;
    const std::string_view bytes = std::string_view(whole_).substr(page * kPage, kPage);
    for (int i = 0; i < kUnits; ++i) {
      const std::string mark = std::to_string(1000 + i);
      if (bytes.find(mark + "><") != std::string_view::npos ||
          bytes.find(id(1, i)) != std::string_view::npos) {
        numbers.insert(i);
      }
    }
    return numbers;
  }
  // What can be read of the units, each as it was.
  std::set<int> found() {
    std::set<int> numbers;
    const auto look_at = [&](const Unit& unit) {
      if (unit.workspace == "long") return;
      const int number = number_of(unit);
      EXPECT_TRUE(numbers.insert(number).second) << number << " is there twice";
      EXPECT_EQ(unit.events, marked_unit(number, number % 5 == 0 ? 14000 : 700));
      EXPECT_EQ(unit.workspace, number % 2 == 0 ? "even" : "odd");
      EXPECT_EQ(unit.incarnation, "incarnation");
    };
    for (const Unit& unit : next()) look_at(unit);
    for (const KeptUnit& unit : set_aside_units()) {
      if (unit.events.empty()) continue;
      look_at(unit);
      EXPECT_TRUE(number_of(unit) % 7 == 0) << "set aside";
      EXPECT_EQ(unit.reason, "refused");
    }
    return numbers;
  }
  void expect_all_but(const std::set<int>& lost) {
    const std::set<int> numbers = found();
    for (int i = 0; i < kUnits; ++i) {
      EXPECT_TRUE(numbers.contains(i) || lost.contains(i)) << i << " is lost";
    }
  }
  // The journal finds by itself what was done to its file, and works on.
  void expect_it_works_on() {
    ASSERT_TRUE(run_until([&] { return journal_->statistics().durable; }));
    must_append(numbered_unit(9, 9), "new");
    reopen();
    const auto units = next(Take{.workspace = "new", .max_events = 9, .max_bytes = 1 << 20});
    ASSERT_EQ(units.size(), 1U);
    EXPECT_EQ(units[0].events, numbered_unit(9, 9));
  }

  std::string whole_;
};

TEST_F(JournalSalvageTest, ABadPageCostsTheUnitsOnItAndNoOthers) {
  fill();
  const std::vector<std::string> damages = {std::string(kPage, '\0'), std::string(kPage, '\xA5'),
                                            std::string(kPage / 2, '\x5A')};
  for (std::size_t page = 0; page * kPage < whole_.size(); ++page) {
    for (const std::string& damage : {damages[page % 3], damages[(page + 1) % 3]}) {
      SCOPED_TRACE("page " + std::to_string(page + 1) + " of " + std::to_string(whole_.size() / kPage) +
                   ", damaged: " + std::to_string(damage.size()));
      forget_files();
      std::string bytes = whole_;
      bytes.replace(page * kPage, damage.size(), damage);
      put(path(), bytes);
      open();
      expect_all_but(units_on(page));
      journal_.reset();
      if (HasFailure()) return;
    }
  }
}

// A list of free pages after its first trunk page, as SQLite's format has it: a page that is in use among
// them.
TEST_F(JournalSalvageTest, AFreeListThatNamesAPageInUseIsFoundBeforeItIsUsed) {
  fill();
  open();
  std::vector<std::int64_t> removed;
  for (const Unit& unit : next()) {
    if (number_of(unit) % 10 == 0) removed.push_back(unit.sequence);
  }
  remove(removed);
  close();
  const std::set<int> kept = [&] {
    open();
    auto numbers = found();
    close();
    return numbers;
  }();
  std::string bytes = contents(path());
  const auto word = [&](std::size_t at) {
    return std::size_t{static_cast<unsigned char>(bytes[at + 2])} << 8U |
           static_cast<unsigned char>(bytes[at + 3]);
  };
  const std::size_t trunk = word(32);
  ASSERT_GT(trunk, 0U);
  ASSERT_GT(word((trunk - 1) * kPage + 4), 0U);
  std::size_t in_use = 1;
  while (bytes[in_use * kPage] != '\x0D') ++in_use;  // a leaf of a table
  bytes[(trunk - 1) * kPage + 8 + 2] = static_cast<char>((in_use + 1) >> 8U);
  bytes[(trunk - 1) * kPage + 8 + 3] = static_cast<char>(in_use + 1);
  put(path(), bytes);
  open();
  EXPECT_EQ(journal_->statistics().salvages, 1);
  for (int i = 0; i < 30; ++i) must_append(numbered_unit(7, i, 1, 4000), "long");
  EXPECT_EQ(found(), kept);
  expect_it_works_on();
}

// A page of a tree that leads to another page than it did: each of them is sound.
TEST_F(JournalSalvageTest, ATreeThatLeadsTwiceToAPageIsFound) {
  fill();
  std::size_t inner = 1;
  while (whole_[inner * kPage] != '\x05') ++inner;
  const std::size_t first_cell = static_cast<unsigned char>(whole_[inner * kPage + 12]) << 8U |
                                 static_cast<unsigned char>(whole_[inner * kPage + 13]);
  whole_.replace(inner * kPage + 8, 4, whole_, inner * kPage + first_cell,
                 4);  // the last child is the first one
  put(path(), whole_);
  open();
  EXPECT_EQ(journal_->statistics().salvages, 1);
  EXPECT_EQ(found().size(), static_cast<std::size_t>(kUnits));
  expect_it_works_on();
}

TEST_F(JournalSalvageTest, DamageOfALongJournalIsFoundInTheBackground) {
  fill_a_long_journal();
  // A part of a large record that waits: nothing that is read to open the journal.
  std::size_t page = 0;
  while (whole_[page * kPage] != '\0' || units_on(page) != std::set<int>{5}) ++page;
  whole_.replace(page * kPage, kPage, std::string(kPage, '\0'));
  put(path(), whole_);
  open(long_options());
  EXPECT_TRUE(run_until([&] { return journal_->statistics().salvages == 1; }));
  const Statistics statistics = journal_->statistics();
  EXPECT_EQ(statistics.damaged, 1);
  EXPECT_EQ(statistics.salvaged.units, kUnits + kLong);  // the damaged one is listed among those set aside
  EXPECT_TRUE(contents(statistics.kept_as).substr(page * kPage, kPage) == std::string(kPage, '\0'));
  EXPECT_EQ(found().size(), kUnits - 1U);
  int damaged = 0;
  for (const KeptUnit& unit : set_aside_units()) {
    if (!unit.events.empty()) continue;
    ++damaged;
    EXPECT_THAT(unit.reason, HasSubstr("damaged on the journal's disk: "));
  }
  EXPECT_EQ(damaged, 1);
  expect_it_works_on();
}

TEST_F(JournalSalvageTest, AFileThatWasCutShortIsSavedUpToThere) {
  fill();
  for (const std::size_t pages : {1UL, 2UL, 11UL, 25UL}) {
    SCOPED_TRACE(pages);
    forget_files();
    put(path(), whole_.substr(0, whole_.size() - pages * kPage + 100));
    open();
    std::set<int> lost;
    for (std::size_t page = whole_.size() / kPage - pages; page * kPage < whole_.size(); ++page) {
      lost.merge(units_on(page));
    }
    expect_all_but(lost);
    expect_it_works_on();
    journal_.reset();
  }
}

TEST_F(JournalSalvageTest, ALostTableIsFoundAgain) {
  fill();
  // The first page holds the schema: without it no table has a name.
  whole_.replace(0, kPage, std::string(kPage, '#'));
  put(path(), whole_);
  open();
  EXPECT_EQ(journal_->statistics().salvages, 1);
  EXPECT_EQ(found().size(), static_cast<std::size_t>(kUnits));
  expect_it_works_on();
}

TEST_F(JournalSalvageTest, NoSequenceIsGivenAgain) {
  fill();
  whole_.replace(0, kPage, std::string(kPage, '#'));
  put(path(), whole_);
  open();
  must_append(numbered_unit(9, 9), "new");
  EXPECT_GT(next().back().sequence, kUnits + 1000);
}

TEST_F(JournalSalvageTest, RemovedUnitsDoNotComeBack) {
  fill();
  open();
  std::vector<std::int64_t> removed;
  std::set<int> kept;
  for (const Unit& unit : next()) {
    if (number_of(unit) < 40) {
      removed.push_back(unit.sequence);
    } else {
      kept.insert(number_of(unit));
    }
  }
  remove(removed);
  const auto aside = set_aside_units().size();
  close();
  std::string bytes = contents(path());
  // An index is as good as any page to be found damaged, and holds no unit.
  for (std::size_t page = 1; page * kPage < bytes.size(); ++page) {
    if (bytes[page * kPage] != '\x0A') continue;
    bytes.replace(page * kPage, kPage, std::string(kPage, '\0'));
  }
  put(path(), bytes);
  open();
  EXPECT_EQ(journal_->statistics().salvages, 1);
  std::set<int> waiting;
  for (const Unit& unit : next()) waiting.insert(number_of(unit));
  EXPECT_EQ(waiting, kept);
  EXPECT_EQ(set_aside_units().size(), aside);
}

TEST_F(JournalSalvageTest, ATornLogIsNotTakenForItsEnd) {
  open();
  for (int i = 0; i < 30; ++i) must_append(marked_unit(i, 700));
  journal_.reset();  // as a crash leaves it
  const std::string log = contents(path() + "-wal");
  ASSERT_GT(log.size(), 30 * kPage);
  const std::string database = contents(path());
  constexpr std::size_t kFrame = kPage + 24;
  const std::size_t frames = (log.size() - 32) / kFrame;
  for (std::size_t frame = 0; frame + 3 < frames; frame += 3) {
    SCOPED_TRACE("frame " + std::to_string(frame) + " of " + std::to_string(frames));
    forget_files();
    put(path(), database);
    std::string torn = log;
    torn.replace(32 + frame * kFrame + 24 + 2000, 600, std::string(600, '\xA5'));
    put(path() + "-wal", torn);
    open();
    EXPECT_EQ(journal_->statistics().salvages, 1);
    EXPECT_GE(next().size(), 24U);  // later versions of the page hold its units too
    journal_.reset();
    if (HasFailure()) return;
  }
}

// A killed process leaves a part of a transaction, over which the next one has begun to write.
TEST_F(JournalSalvageTest, WhatNoCommitFollowsInTheLogIsItsEnd) {
  open();
  for (int i = 0; i < 10; ++i) must_append(marked_unit(i, 700));
  const auto before = contents(path() + "-wal").size();
  must_append(marked_unit(10, 14000));
  journal_.reset();
  std::string log = contents(path() + "-wal");
  constexpr std::size_t kFrame = kPage + 24;
  ASSERT_GT(log.size(), before + 3 * kFrame);
  log.resize(log.size() - kFrame);                                 // its commit
  log.replace(before + 24 + 2000, 600, std::string(600, '\xA5'));  // and its first page
  put(path() + "-wal", log);
  open();
  EXPECT_EQ(journal_->statistics().salvages, 0);
  EXPECT_EQ(next().size(), 10U);
}

TEST_F(JournalSalvageTest, AnAppendThatMeetsDamageIsKept) {
  fill_a_long_journal();
  std::string bytes = whole_;
  for (std::size_t page = 1; page * kPage < bytes.size(); ++page) {
    if (bytes[page * kPage] == '\x05') bytes.replace(page * kPage, kPage, std::string(kPage, '\0'));
  }
  put(path(), bytes);
  open(long_options());
  must_append(numbered_unit(9, 8), "met");
  EXPECT_EQ(journal_->statistics().salvages, 1);
  EXPECT_EQ(next(Take{.workspace = "met", .max_events = 9, .max_bytes = 1 << 20}).size(), 1U);
  expect_it_works_on();
}

// At each step of putting the new file in the place of the old one.
TEST_F(JournalSalvageTest, FinishesASwitchThatWasCutOff) {
  fill();
  const std::string damaged(kPage, '#');
  for (int done = 0; done <= 3; ++done) {
    SCOPED_TRACE(done);
    forget_files();
    const std::string kept = path() + ".corrupt-20261128T000000Z";
    put(done > 0 ? kept : path(), damaged);
    put(done > 1 ? kept + "-wal" : path() + "-wal", "log");
    put(done > 2 ? path() : path() + ".salvaged-20261128T000000Z", whole_);
    open();
    EXPECT_EQ(journal_->statistics().salvages, 0);
    EXPECT_EQ(found().size(), static_cast<std::size_t>(kUnits));
    close();
    EXPECT_EQ(contents(kept), damaged);
    EXPECT_EQ(contents(kept + "-wal"), "log");
    EXPECT_EQ(files().size(), 3U);
  }
}

TEST_F(JournalSalvageTest, WithoutRoomForASecondFileNothingIsTouched) {
  fill();
  std::string bytes = whole_;
  bytes.replace(0, kPage, std::string(kPage, '#'));
  put(path(), bytes);
  testing::FaultyVfs disk;
  disk.leave_space(100000);
  const auto opened = Journal::open(context_.get_executor(), options());
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error(), HasSubstr("the new database cannot be written: "));
  EXPECT_THAT(opened.error(), HasSubstr("full"));
  EXPECT_TRUE(contents(path()) == bytes);
  disk.unlimited_space();
  open();
  EXPECT_EQ(found().size(), static_cast<std::size_t>(kUnits));
  journal_.reset();
}

}  // namespace
}  // namespace storagepool::journal
