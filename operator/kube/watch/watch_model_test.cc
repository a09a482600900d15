#include <map>
#include <random>
#include <tuple>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/kube/watch/watch.h"

namespace storagepool::kube {
namespace {

// A server that keeps a history, compacts it, is restored from a backup, drops streams and fails at random:
// whatever the interleaving, after the trouble the consumer's copy is the server's, and no change was handed
// over twice or out of order.
class Server {
 public:
  explicit Server(unsigned seed) : random_(seed), machine_(seed) {}

  void run() {
    for (int step = 0; step < 400; ++step) {
      if (!restored_ && chance(3)) change();
      if (chance(12)) compacted_ = version_;
      if (chance(40)) backup_ = {version_, objects_};
      if (!restored_ && chance(80)) restore();
      turn(/*trouble=*/true);
    }
    for (int step = 0; step < 200; ++step) turn(/*trouble=*/false);
    EXPECT_EQ(copy_, objects_);
    EXPECT_TRUE(machine_.watching());
  }

 private:
  static Json object(const std::string& name, int version) {
    return {{"metadata", {{"name", name}, {"resourceVersion", std::to_string(version)}}}};
  }
  static WatchLine line(WatchLine::Kind kind, const std::string& name, int version) {
    return {kind, object(name, version)};
  }
  static ApiError error(int status) { return {.status = status, .reason = "r", .message = "m"}; }

  bool chance(unsigned one_in) { return random_() % one_in == 0; }

  void change() {
    const std::string name = std::to_string(random_() % 6);
    ++version_;
    if (objects_.contains(name) && chance(3)) {
      objects_.erase(name);
      history_[version_] = line(WatchLine::Kind::kDeleted, name, version_);
    } else {
      objects_[name] = version_;
      history_[version_] = line(WatchLine::Kind::kModified, name, version_);
    }
  }

  // As with etcd: the API server starts anew, and what came after the backup has never been.
  void restore() {
    if (version_ == backup_.first) return;
    std::tie(version_, objects_) = backup_;
    compacted_ = std::min(compacted_, version_);
    history_.erase(history_.upper_bound(version_), history_.end());
    restored_ = true;
    if (machine_.watching()) machine_.watch_ended(error(0), now_);
  }

  void turn(bool trouble) {
    now_ += std::chrono::milliseconds(random_() % 5000);
    if (machine_.watching()) {
      stream(trouble);
      return;
    }
    const auto action = machine_.next(now_);
    if (const auto* page = std::get_if<WatchMachine::FetchPage>(&action)) {
      list(*page, trouble);
    } else if (std::holds_alternative<WatchMachine::AskVersion>(action)) {
      if (trouble && chance(4)) return machine_.list_failed(error(0), now_);
      machine_.version_told(std::to_string(version_));
    } else if (const auto* open = std::get_if<WatchMachine::OpenWatch>(&action)) {
      machine_.watch_started(now_);
      cursor_ = std::stoi(open->resource_version);
      if (trouble && chance(6)) machine_.watch_ended(error(chance(2) ? 0 : 503), now_);
    } else {
      EXPECT_LE(std::get<WatchMachine::Wait>(action).until - now_, WatchMachine::kBackoffMax);
    }
  }

  void list(const WatchMachine::FetchPage& page, bool trouble) {
    if (trouble && chance(4)) return machine_.list_failed(error(chance(2) ? 410 : 0), now_);
    if (page.continue_token.empty()) snapshot_ = {version_, objects_};
    if (snapshot_.first > version_) return machine_.list_failed(error(410), now_);  // of before a restore
    ListPage answer{std::to_string(snapshot_.first), "", {}};
    const bool second = !page.continue_token.empty();
    int index = 0;
    for (const auto& [name, version] : snapshot_.second) {
      if ((index++ >= 3) == second) answer.items.push_back(object(name, version));
    }
    if (!second && snapshot_.second.size() > 3) answer.continue_token = "second";
    if (auto replaced = machine_.page(std::move(answer), now_)) {
      copy_.clear();
      for (const std::string& text : replaced->items) {
        const Json item = Json::parse(text);
        copy_[metadata_string(item, "name")] = std::stoi(metadata_string(item, "resourceVersion"));
      }
      seen_ = snapshot_.first;
      restored_ = false;
    }
  }

  void stream(bool trouble) {
    if (cursor_ < compacted_ && chance(2)) {
      EXPECT_FALSE(machine_.line({WatchLine::Kind::kError, {{"kind", "Status"}, {"code", 410}}}, now_));
      return;
    }
    if (trouble && chance(5))
      return machine_.watch_ended(chance(2) ? std::optional(error(0)) : std::nullopt, now_);
    const auto next = history_.upper_bound(cursor_);
    if (next == history_.end() && version_ <= cursor_) {
      // Nothing to tell.
      if (trouble || version_ < cursor_) machine_.watch_ended(std::nullopt, now_);
      return;
    }
    if (next == history_.end()) {
      machine_.line(line(WatchLine::Kind::kBookmark, "", version_), now_);
      cursor_ = version_;
      return;
    }
    cursor_ = next->first;
    EXPECT_GT(cursor_, seen_) << "handed over twice";
    seen_ = cursor_;
    const auto event = machine_.line(next->second, now_);
    if (const auto* upserted = std::get_if<Upserted>(&*event)) {
      copy_[metadata_string(upserted->object, "name")] = cursor_;
    } else {
      copy_.erase(metadata_string(std::get<Deleted>(*event).object, "name"));
    }
  }

  std::mt19937 random_;
  WatchMachine machine_;
  WatchMachine::TimePoint now_{std::chrono::hours{1}};
  int version_ = 1;
  int compacted_ = 0;
  int cursor_ = 0;
  int seen_ = 0;
  std::map<std::string, int> objects_;
  std::map<std::string, int> copy_;
  std::map<int, WatchLine> history_;
  std::pair<int, std::map<std::string, int>> snapshot_;
  std::pair<int, std::map<std::string, int>> backup_{1, {}};
  bool restored_ = false;  // and the machine has not listed since
};

TEST(WatchModelTest, TheCopyIsTheServersWhateverTheInterleaving) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Server(seed).run();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace storagepool::kube
