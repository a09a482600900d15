#include "pool/evidence/feed/query.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/common/settings/duration.h"
#include "pool/event/text.h"

namespace storagepool::evidence {
namespace {

const std::string* find(reading::QueryParameters parameters, std::string_view name) {
  const auto found = std::ranges::find(parameters, name, &std::pair<std::string, std::string>::first);
  return found == parameters.end() ? nullptr : &found->second;
}

}  // namespace

tl::expected<FeedQuery, event::FieldErrors> parse_feed_query(reading::QueryParameters parameters,
                                                             runtime::Timestamp now) {
  FeedQuery query;
  event::FieldErrors errors;
  const std::string* from = find(parameters, "from");
  if (from == nullptr) {
    errors.push_back({"from", "is required; allowed: earliest, latest, or the next of the answer before"});
  } else if (*from == "earliest") {
    query.from.emplace();
  } else if (*from != "latest") {
    query.from = FeedCursor::read(*from);
    if (!query.from)
      errors.push_back(
          {"from", "got " + event::quoted(*from) +
                       "; allowed: earliest, latest, or the next of the answer before, unchanged"});
  }
  if (const std::string* wait = find(parameters, "wait")) {
    const auto time = settings::parse_duration(*wait);
    if (time) query.wait = *time;
    if (!time || *time > kLongestWait)
      errors.push_back({"wait", "got " + event::quoted(*wait) + "; allowed: a duration from 0s to 55s"});
  }
  const std::string* format = find(parameters, "format");
  if (format != nullptr && !format->empty()) {
    const auto known = read_feed_format(*format);
    if (known) query.format = *known;
    if (!known)
      errors.push_back(
          {"format", "got " + event::quoted(*format) + "; allowed: " + std::string(kFeedFormats)});
  }
  // The feed has an order and a cursor of its own.
  std::vector<std::pair<std::string, std::string>> of_lists;
  constexpr std::array<std::string_view, 4> kOfListsAlone = {"offset", "cursor", "order", "count"};
  std::ranges::copy_if(parameters, std::back_inserter(of_lists), [&](const auto& parameter) {
    return std::ranges::find(kOfListsAlone, parameter.first) == kOfListsAlone.end();
  });
  auto matching = reading::parse_list_query(of_lists, now);
  if (matching) query.matching = *std::move(matching);
  if (!matching) std::ranges::move(matching.error(), std::back_inserter(errors));
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return query;
}

}  // namespace storagepool::evidence
