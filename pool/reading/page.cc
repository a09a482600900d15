#include "pool/reading/page.h"

#include <cstddef>
#include <utility>

#include "pool/event/json_object_writer.h"
#include "pool/event/serialize.h"

namespace storagepool::reading {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} * 1024;

}  // namespace

std::vector<std::string> to_json(Page page) {
  std::vector<std::string> pieces = {"{\"data\":["};
  bool first = true;
  for (event::Event& each : page.events) {
    const event::Event event = std::move(each);
    if (!std::exchange(first, false)) pieces.back() += ',';
    if (pieces.back().size() >= kPieceBytes) pieces.emplace_back();
    pieces.back() += event::to_json(event);
  }
  const Pagination& pagination = page.pagination;
  event::JsonObjectWriter pages;
  pages.integer("limit", pagination.limit);
  if (pagination.offset) pages.integer("offset", *pagination.offset);
  if (pagination.total) pages.integer("total", *pagination.total);
  if (pagination.total_is_minimum) {
    pages.boolean("total_is_exact", false);
    pages.boolean("total_is_minimum", true);
  }
  pages.boolean("has_more", pagination.has_more);
  if (pagination.next) pages.text("next", *pagination.next);
  pieces.back() += "],\"pagination\":" + pages.take() + "}";
  return pieces;
}

}  // namespace storagepool::reading
