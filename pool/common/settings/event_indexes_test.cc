#include "pool/common/settings/event_indexes.h"

#include <gtest/gtest.h>

namespace storagepool::settings {
namespace {

TEST(EventIndexesSetting, AreNamedOnceEach) {
  EXPECT_EQ(parse_event_indexes("Actor"), EventIndexes{"Actor"});
  EXPECT_EQ(parse_event_indexes("Resource,Actor"), (EventIndexes{"Actor", "Resource"}));
  for (const char* bad :
       {"", ",", "actor", "Actor,", ",Actor", "Actor,Actor", "Actor, Resource", "All", "Actor "})
    EXPECT_FALSE(parse_event_indexes(bad)) << bad;
}

TEST(EventIndexesSetting, AreWrittenAsTheyAreRead) {
  for (const EventIndexes& indexes : {EventIndexes{"Resource"}, EventIndexes{"Actor", "Resource"}})
    EXPECT_EQ(parse_event_indexes(format_event_indexes(indexes)), indexes);
  EXPECT_EQ(format_event_indexes({"Resource", "Actor"}), "Actor,Resource");
}

}  // namespace
}  // namespace storagepool::settings
