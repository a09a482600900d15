#include <algorithm>
#include <ostream>
#include <set>
#include <utility>

#include "operator/cli/commands/log/events_api.h"
#include "operator/cli/commands/log/proofs.h"

namespace storagepool::cli {
namespace {

// The events in the order of their log.
class Following {
 public:
  Following(Context& context, Api& api, const EventQuery& query)
      : context_(context), api_(api), query_(query) {}

  // The last ones as lists have them. What comes between the two requests is in both.
  std::optional<Failure> begin() {
    const auto end = read("latest");
    if (!end) return end.error();
    from_ = end->next;
    const auto body = api_.read(path_of(query_));
    if (!body) return body.error();
    auto page = read_page(*body);
    if (!page) return Failure{FailureKind::kUnreadable, page.error()};
    std::ranges::reverse(page->items);
    shown_.insert(page->event_ids.begin(), page->event_ids.end());
    print(page->items);
    return std::nullopt;
  }
  // Until it fails; then the cursor is told that goes on.
  Failure go_on(std::string from) {
    if (!from.empty()) from_ = std::move(from);
    query_.limit = kMostAtOnce;
    while (context_.out().good()) {
      auto page = read(from_);
      if (!page) {
        Failure failure = page.error();
        failure.message += "; go on with --from " + from_;
        return failure;
      }
      from_ = page->next;
      std::vector<std::string> fresh;
      for (std::size_t i = 0; i < page->items.size(); ++i)
        if (shown_.erase(page->event_ids[i]) == 0) fresh.push_back(std::move(page->items[i]));
      print(fresh);
    }
    return {FailureKind::kOther, "the events cannot be written; go on with --from " + from_};
  }

 private:
  Result<RawPage> read(const std::string& from) {
    const auto answer = api_.get(feed_path_of(query_, from));
    if (!answer) return tl::unexpected(answer.error());
    // A workspace may not be there either.
    const bool is_old =
        query_.workspace.empty() || answer->body.find("there is no resource") != std::string::npos;
    if (answer->status == kNotFound && is_old)
      return tl::unexpected(Failure{FailureKind::kOther,
                                    "its pods have no such feed of events: they are of an earlier release"});
    if (answer->status != kOk)
      return tl::unexpected(Failure{FailureKind::kOther, "the feed: " + words_of(*answer)});
    auto page = read_page(answer->body);
    if (!page || page->next.empty())
      return tl::unexpected(Failure{FailureKind::kUnreadable, "the answer is no page of the feed"});
    return *std::move(page);
  }

  // As a table; or lines, and behind them the cursor that goes on.
  void print(const std::vector<std::string>& items) {
    if (items.empty()) return;
    if (context_.options.format == Format::kTable) {
      std::vector<Json> events;
      for (const std::string& item : items) events.push_back(Json::parse(item, nullptr, false));
      context_.out() << event_table(events, context_.paint(), std::exchange(first_, false)) << std::flush;
      return;
    }
    for (const std::string& item : items) context_.out() << item << "\n";
    context_.out() << Json{{"bookmark", from_}}.dump() << std::endl;
  }

  Context& context_;
  Api& api_;
  EventQuery query_;
  std::string from_;
  std::set<std::string> shown_;  // of the list, that the feed has not given yet
  bool first_ = true;
};

}  // namespace

int follow(Context& context, const Given& given) {
  auto api = Api::open(context, given);
  if (!api) return context.fail(api.error());
  Following following(context, *api, given.query);
  if (given.from.empty()) {
    if (const auto failure = following.begin()) return context.fail(*failure);
  }
  return context.fail(following.go_on(given.from));
}

}  // namespace storagepool::cli
