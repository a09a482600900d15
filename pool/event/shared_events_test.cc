#include "pool/event/shared_events.h"

#include <gtest/gtest.h>

namespace storagepool::event {
namespace {

TEST(SharedEvents, StayAsTheyAreForOthersWhenOneChangesThem) {
  SharedEvents one(std::vector<Event>(2));
  const SharedEvents other = one;
  EXPECT_EQ(&*one, &*other) << "they are there once";
  one.own().front().event_id = "changed";
  EXPECT_EQ(one->front().event_id, "changed");
  EXPECT_EQ(other->front().event_id, "");
}

TEST(SharedEvents, AreChangedWhereTheyAreByWhoIsAlone) {
  SharedEvents one(std::vector<Event>(2));
  const std::vector<Event>* const before = &*one;
  EXPECT_EQ(&one.own(), before);
}

}  // namespace
}  // namespace storagepool::event
