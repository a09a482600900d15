#include "pool/service/routes/receipts.h"

#include <algorithm>
#include <future>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pool/common/encoding/encoding.h"
#include "pool/event/uuid.h"
#include "pool/evidence/entry.h"

namespace storagepool::service {
namespace {

using nlohmann::json;

const std::string kReceiptSeed(tlog::kSeedBytes, 's');

http::Request preferring(const std::string& value) {
  http::Request request;
  if (!value.empty()) request.headers.emplace_back("prefer", value);
  return request;
}

tlog::Hash hash_of(const json& base64) {
  const auto bytes = encoding::decode_base64(base64.get<std::string>());
  tlog::Hash hash{};
  if (bytes && bytes->size() == hash.size()) std::copy(bytes->begin(), bytes->end(), hash.begin());
  return hash;
}

class ReceiptsTest : public ::testing::Test {
 protected:
  using Events = std::vector<event::Event>;

  static event::Event an_event() {
    event::Event event;
    event.event_timestamp = *runtime::parse_timestamp("2026-11-30T19:45:00Z");
    event.event_id = event::new_event_id(event.event_timestamp);
    event.event_data = "{}";
    event.correlation_id = "rr-1";
    return event;
  }
  static recording::Recorded stored(const Events& events) {
    recording::Recorded recorded;
    for (const event::Event& event : events)
      recorded.stored.push_back({.event_timestamp = event.event_timestamp, .created = true});
    return recorded;
  }
  std::future<http::Response> ask(Events events, recording::Recorded recorded,
                                  const std::string& place = "_system") {
    auto asked = receipts_.asked(preferring("receipt"), events);
    EXPECT_TRUE(asked);
    http::Response response;
    response.body = R"({"message":"m"})";
    return boost::asio::co_spawn(
        loop_, receipts_.add(std::move(*asked), std::move(recorded), place, std::move(response)),
        boost::asio::use_future);
  }
  // Whether its entries lead to the root of its note.
  static bool leads_to_root(const json& receipt) {
    std::string entries;
    for (const json& entry : receipt.at("entries"))
      entries += encoding::decode_base64(entry.get<std::string>()).value();
    std::vector<std::string> lines;
    std::istringstream text(tlog::Note::read(receipt.at("note").get<std::string>()).value().text);
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    tlog::Proof path;
    for (const json& hash : receipt.at("path")) path.push_back(hash_of(hash));
    tlog::Hasher hasher;
    return tlog::verify_inclusion(hasher, hasher.leaf(entries), receipt.at("index").get<std::uint64_t>(),
                                  std::stoull(lines.at(5)), path, hash_of(lines.at(6)));
  }

  boost::asio::io_context loop_;
  Receipts::Key key_ = std::make_shared<const evidence::LogKey>(evidence::LogKey{
      *tlog::NoteKey::of_seed(tlog::KeyKind::kLog, "storagepool.dev/test/audit", kReceiptSeed),
      evidence::make_keys(kReceiptSeed)});
  Receipts receipts_{[this] { return key_; }};
};

TEST(PrefersReceipt, IsOneOfThePreferencesOfWhateverField) {
  for (const char* yes :
       {"receipt", "Receipt", " receipt ", "respond-async, receipt", "receipt; x=1", "wait=3,receipt=\"\""})
    EXPECT_TRUE(prefers_receipt(preferring(yes))) << yes;
  for (const char* no : {"", "receipts", "return=receipt", "respond-async", ",", "x; receipt"})
    EXPECT_FALSE(prefers_receipt(preferring(no))) << no;
  http::Request twice = preferring("respond-async");
  twice.headers.emplace_back("Prefer", "receipt");
  EXPECT_TRUE(prefers_receipt(twice));
}

TEST_F(ReceiptsTest, CallsThatAreAnsweredTogetherHaveOneSignature) {
  std::vector<std::future<http::Response>> answers;
  for (int i = 0; i < 20; ++i) {
    Events events{an_event()};
    if (i == 7) events.push_back(an_event());
    auto recorded = stored(events);
    answers.push_back(ask(std::move(events), std::move(recorded), i == 3 ? "team-a" : "_system"));
  }
  loop_.run();
  std::set<std::string> notes;
  for (auto& answer : answers) {
    const http::Response response = answer.get();
    ASSERT_EQ(response.headers.size(), 1U);
    EXPECT_EQ(response.headers[0], (std::pair<std::string, std::string>{"Preference-Applied", "receipt"}));
    const json body = json::parse(response.body);
    EXPECT_EQ(body.at("message"), "m");
    EXPECT_TRUE(leads_to_root(body.at("receipt"))) << body;
    json swapped = body.at("receipt");
    swapped["entries"][0] = encoding::encode_base64(std::string(evidence::kEntryBytes, 'x'));
    EXPECT_FALSE(leads_to_root(swapped));
    const auto note = tlog::Note::read(body.at("receipt").at("note").get<std::string>());
    ASSERT_TRUE(note);
    EXPECT_TRUE(key_->signer.verify(*note));
    notes.insert(note->text);
  }
  EXPECT_EQ(notes.size(), 2U) << "one for each place";

  Events later{an_event()};
  auto recorded = stored(later);
  auto answer = ask(std::move(later), std::move(recorded));
  loop_.restart();
  loop_.run();
  EXPECT_EQ(json::parse(answer.get().body).at("receipt").at("index"), 0) << "of a note of its own";
}

TEST_F(ReceiptsTest, OnlyWhatTheLogWillHaveIsPromised) {
  const Events events{an_event(), an_event()};
  auto half = stored(events);
  half.stored[0].created = false;
  auto none = half;
  none.stored[1].created = false;
  Events child{an_event()};
  child[0].parent_event_id = events[0].event_id;
  auto dated = stored(child);
  dated.stored[0].parent_event_date = runtime::parse_date("2026-11-29");
  auto of_half = ask(events, half);
  auto of_none = ask(events, none);
  auto of_child = ask(child, dated);
  auto of_queued = ask(events, {.journalled = true});
  auto of_orphan = ask(child, {.journalled = true});
  loop_.run();
  const auto entries = [](std::future<http::Response>& answer) {
    const http::Response response = answer.get();
    return response.headers.empty() ? json() : json::parse(response.body).at("receipt").at("entries");
  };
  const auto entry_of = [this](const event::Event& event) {
    std::string entry;
    evidence::EntryWriter(key_->keys).append(entry, event);
    return encoding::encode_base64(entry);
  };
  EXPECT_EQ(entries(of_half), json::array({entry_of(events[1])}));
  EXPECT_EQ(entries(of_none), json());
  child[0].parent_event_date = dated.stored[0].parent_event_date;
  EXPECT_EQ(entries(of_child), json::array({entry_of(child[0])}));
  EXPECT_EQ(entries(of_queued), json::array({entry_of(events[0]), entry_of(events[1])}));
  EXPECT_EQ(entries(of_orphan), json());
}

TEST_F(ReceiptsTest, WithoutAKeyOrAWishThereIsNothingToRemember) {
  const Events events{an_event()};
  EXPECT_FALSE(receipts_.asked(preferring(""), events));
  key_ = nullptr;
  EXPECT_FALSE(receipts_.asked(preferring("receipt"), events));
}

}  // namespace
}  // namespace storagepool::service
