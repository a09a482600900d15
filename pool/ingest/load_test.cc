// What calls count against the limits of the queue.
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/event/fields.h"
#include "pool/ingest/queue.h"

namespace storagepool::ingest {
namespace {

void fill(std::string& text) {
  text.assign(100, 'x');
}
void fill(std::optional<std::string>& text) {
  text.emplace(100, 'x');
}
template <typename Value>
void fill(Value&) {}

TEST(Load, CountsEveryTextOfAnEvent) {
  std::vector<event::Event> events(2);
  const std::size_t empty = load_of(events).bytes;
  EXPECT_EQ(empty, 2 * sizeof(event::Event));
  event::for_each_field([&](const auto& field) { fill(events[1].*field.member); });
  const Load load = load_of(events);
  EXPECT_EQ(load.events, 2U);
  EXPECT_EQ(load.bytes, empty + 23 * 100);
}

}  // namespace
}  // namespace storagepool::ingest
