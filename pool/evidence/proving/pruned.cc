#include "pool/evidence/proving/proving.h"

namespace storagepool::evidence {

LogReader::Answer<std::uint64_t> LogReader::min_index() {
  std::vector<postgres::Parameter> nothing;
  const auto found = co_await query("SELECT min_index FROM audit_log", std::move(nothing));
  if (!found) co_return tl::unexpected(found.error());
  std::uint64_t least = 0;
  if (!found->rows.empty() && !read_number(found->rows[0].at(0), least))
    co_return tl::unexpected(LogError{.detail = "where the log begins cannot be read"});
  co_return least;
}

LogReader::Answer<std::string> LogReader::entries(std::uint64_t first, std::uint64_t count) {
  auto some = co_await stored_entries(first, count);
  if (some || some.error().kind != LogError::Kind::kBroken) co_return some;
  // By now: what was read in vain may have gone meanwhile.
  const auto least = co_await min_index();
  if (!least) co_return tl::unexpected(least.error());
  if (first < *least) co_return tl::unexpected(pruned(*least));
  co_return some;
}

LogReader::Answer<tlog::Frontier> LogReader::frontier(std::uint64_t size) {
  tlog::Plan plan;
  std::uint64_t begin = 0;
  for (unsigned height = 64; height-- > 0;) {
    const std::uint64_t leaves = std::uint64_t{1} << height;
    if ((size & leaves) == 0) continue;
    plan.push_back({tlog::Subtree{.height = height, .index = begin >> height}});
    begin += leaves;
  }
  const auto roots = co_await make(std::move(plan));
  if (!roots) co_return tl::unexpected(roots.error());
  std::string bytes;
  for (const tlog::Hash& root : *roots) bytes.append(root.begin(), root.end());
  auto frontier = tlog::Frontier::read(size, bytes);
  if (!frontier) co_return tl::unexpected(LogError{.detail = frontier.error()});
  co_return *std::move(frontier);
}

LogError LogReader::pruned(std::uint64_t min_index) {
  return {.kind = LogError::Kind::kPruned,
          .detail = "the log has only entries from " + std::to_string(min_index) +
                    " on: those before are of events that have expired"};
}

}  // namespace storagepool::evidence
