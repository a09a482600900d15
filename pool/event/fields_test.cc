#include "pool/event/fields.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::event {
namespace {

using ::testing::ElementsAre;

using Names = std::vector<std::string_view>;

template <typename Kind, typename Value>
constexpr bool is_shown(const Field<Kind, Value>&) {
  return !std::is_same_v<Kind, kind::Unsent> && !std::is_same_v<Kind, kind::Kept>;
}

template <typename Kind, typename Value>
constexpr bool is_sent(const Field<Kind, Value>& field) {
  return is_shown(field) && !std::is_same_v<Kind, kind::Shown> && field.name != "received_at";
}

template <typename Kind, typename Value>
constexpr bool may_lack_a_value(const Field<Kind, Value>&) {
  return false;
}
template <typename Kind, typename Value>
constexpr bool may_lack_a_value(const Field<Kind, std::optional<Value>>&) {
  return true;
}

template <std::size_t Places::*place>
Names names_by() {
  Names names;
  all_fields_by<place>([&](const auto& field) {
    names.push_back(field.name);
    return true;
  });
  return names;
}

// The binding names every member: one added to Event does not compile until it is named here, and then has to
// be in the table.
TEST(Fields, HoldEveryMemberOnce) {
  Event event;
  auto& [event_id, id_from_client, event_timestamp, version, event_type, event_category, event_action,
         event_outcome, correlation_id, parent_event_id, parent_event_date, resource_type, resource_id,
         severity, actor_id, actor_type, retention_days, is_sensitive, event_data, namespace_name, cluster_id,
         actor_ip, duration_ms, error_code, error_message, client_event_id, parent_missing, keyed_events,
         asked_days, principal, received_at, received_from, salt] = event;
  std::vector<const void*> held;
  for_each_field([&](const auto& field) { held.push_back(&(event.*field.member)); });
  EXPECT_THAT(held, ::testing::UnorderedElementsAre(
                        &event_id, &id_from_client, &event_timestamp, &version, &event_type, &event_category,
                        &event_action, &event_outcome, &correlation_id, &parent_event_id, &parent_event_date,
                        &resource_type, &resource_id, &severity, &actor_id, &actor_type, &retention_days,
                        &is_sensitive, &event_data, &namespace_name, &cluster_id, &actor_ip, &duration_ms,
                        &error_code, &error_message, &client_event_id, &parent_missing, &keyed_events,
                        &asked_days, &principal, &received_at, &received_from, &salt));
}

TEST(Fields, AreInTheOrderInWhichTheyAreShown) {
  Names shown;
  for_each_field([&](const auto& field) {
    if (is_shown(field)) shown.push_back(field.name);
  });
  EXPECT_THAT(shown, ElementsAre("event_id", "event_timestamp", "event_type", "version", "event_category",
                                 "event_action", "event_outcome", "correlation_id", "parent_event_id",
                                 "parent_event_date", "resource_type", "resource_id", "severity", "actor_id",
                                 "actor_type", "retention_days", "is_sensitive", "event_data", "namespace",
                                 "cluster_id", "actor_ip", "duration_ms", "error_code", "error_message",
                                 "client_event_id", "principal", "received_at", "received_from"));
}

TEST(Fields, AreCheckedInTheOrderThatClientsKnow) {
  EXPECT_THAT(names_by<&Places::checked>(),
              ElementsAre("version", "event_type", "event_timestamp", "event_category", "event_action",
                          "event_outcome", "correlation_id", "event_data", "actor_type", "actor_id",
                          "actor_ip", "resource_type", "resource_id", "namespace", "cluster_id",
                          "parent_event_id", "parent_event_date", "severity", "error_code", "error_message",
                          "duration_ms", "retention_days", "is_sensitive", "event_id"));
}

// A record that lies on a disk is read by place.
TEST(Fields, KeepTheirPlacesInTheRecord) {
  EXPECT_THAT(
      names_by<&Places::recorded>(),
      ElementsAre("event_id", "id_from_client", "event_timestamp", "version", "event_type", "event_category",
                  "event_action", "event_outcome", "correlation_id", "parent_event_id", "parent_event_date",
                  "resource_type", "resource_id", "severity", "actor_id", "actor_type", "retention_days",
                  "is_sensitive", "event_data", "namespace", "cluster_id", "actor_ip", "duration_ms",
                  "error_code", "error_message", "parent_missing", "keyed_events", "client_event_id",
                  "principal", "received_at", "received_from", "salt", "asked_days"));
}

TEST(Fields, TakeEachPlaceOnce) {
  std::set<std::size_t> checked;
  std::set<std::size_t> recorded;
  std::size_t sent = 0;
  for_each_field([&](const auto& field) {
    recorded.insert(field.places.recorded);
    EXPECT_EQ(field.places.checked != 0, is_sent(field)) << field.name;
    if (!is_sent(field)) return;
    checked.insert(field.places.checked);
    ++sent;
  });
  EXPECT_EQ(checked.size(), sent);
  EXPECT_EQ(*checked.begin(), 1U);
  EXPECT_EQ(*checked.rbegin(), sent);
  EXPECT_EQ(recorded.size(), kFieldCount);
  EXPECT_EQ(*recorded.begin(), 1U);
  EXPECT_EQ(*recorded.rbegin(), kFieldCount);
}

TEST(Fields, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for_each_field([&](const auto& field) { names.insert(field.name); });
  EXPECT_EQ(names.size(), kFieldCount);
}

TEST(Fields, AreStoredButForHowARepeatedCallIsKnown) {
  for_each_field([](const auto& field) {
    const bool of_the_call =
        field.name == "id_from_client" || field.name == "keyed_events" || field.name == "asked_days";
    EXPECT_EQ(field.column.empty(), of_the_call) << field.name;
  });
}

TEST(Fields, LackAValueOnlyWhereTheMemberCan) {
  for_each_field([](const auto& field) {
    const bool lacks =
        field.absence.rule == Absence::Rule::kShownAsNull || field.absence.rule == Absence::Rule::kLeftOut;
    EXPECT_EQ(lacks, may_lack_a_value(field)) << field.name;
  });
}

TEST(Fields, TakeTheirDefaultsFromFieldsCheckedBefore) {
  for_each_field([](const auto& field) {
    if (field.absence.of == nullptr) return;
    bool known = false;
    for_each_field([&](const auto& other) {
      if constexpr (std::is_same_v<decltype(other.member), std::string Event::*>) {
        known |= other.member == field.absence.of && other.places.checked < field.places.checked;
      }
    });
    EXPECT_TRUE(known) << field.name;
  });
}

TEST(Absence, MakesADefaultOfAMemberAndAText) {
  const Event event{.event_category = "gateway"};
  EXPECT_EQ(otherwise("info").default_text(event), "info");
  EXPECT_EQ(otherwise(&Event::event_category).default_text(event), "gateway");
  EXPECT_EQ(otherwise(&Event::event_category, "-service").default_text(event), "gateway-service");
}

TEST(Choice, KnowsAndListsItsValues) {
  EXPECT_TRUE(kOutcome.has("success"));
  EXPECT_FALSE(kOutcome.has(""));
  EXPECT_FALSE(kOutcome.has("successes"));
  EXPECT_EQ(kOutcome.allowed(), "success, failure, pending");
}

}  // namespace
}  // namespace storagepool::event
