#include "pool/reading/page.h"

#include "pool/event/json_object_writer.h"
#include "pool/event/serialize.h"

namespace storagepool::reading {

std::string to_json(std::span<const event::Event> events, const Pagination& pagination) {
  std::string data = "[";
  for (const event::Event& event : events) {
    if (data.size() > 1) data += ',';
    data += event::to_json(event);
  }
  data += ']';
  event::JsonObjectWriter pages;
  pages.integer("limit", pagination.limit);
  if (pagination.offset) pages.integer("offset", *pagination.offset);
  if (pagination.total) pages.integer("total", *pagination.total);
  if (pagination.total_is_minimum) pages.boolean("total_is_minimum", true);
  pages.boolean("has_more", pagination.has_more);
  if (pagination.next) pages.text("next", *pagination.next);
  event::JsonObjectWriter writer;
  writer.raw("data", data);
  writer.raw("pagination", pages.take());
  return writer.take();
}

}  // namespace storagepool::reading
