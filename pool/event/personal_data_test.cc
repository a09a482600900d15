#include "pool/event/personal_data.h"

#include <string>

#include <gtest/gtest.h>

#include "pool/event/testing/smallest_event.h"

namespace storagepool::event {
namespace {

TEST(NamesPersonalData, ByTheWordsOfAName) {
  for (const char* name : {"email",
                           "user_email",
                           "emailAddress",
                           "EMAIL",
                           "phone",
                           "phoneNumber",
                           "home-phone",
                           "telephone",
                           "ip",
                           "IP",
                           "client_ip",
                           "clientIp",
                           "clientIP",
                           "ipAddress",
                           "IPAddress",
                           "source.ip",
                           "remote_ips",
                           "ipv6",
                           "ssn",
                           "SSN",
                           "employee_ssn",
                           "socialSecurityNumber",
                           "card",
                           "card_number",
                           "cardNumber",
                           "cardnumber",
                           "creditcard",
                           "credit_card_last4",
                           "cardholder_name"})
    EXPECT_TRUE(names_personal_data(name)) << name;
  for (const char* name : {"", "description", "recipe", "ship", "discard", "cardinality", "zip", "script",
                           "mess", "tip", "clip_id", "id", "name", "\xC3\xA4", "_"})
    EXPECT_FALSE(names_personal_data(name)) << name;
}

TEST(MaskPersonalData, LeavesAllElseByteForByte) {
  EXPECT_EQ(mask_personal_data(
                R"({ "a" : 1.50, "email":"a@b", "n":[ {"IP": [1, {"x":2}] ,"z":1e-20000}, "ip" ] })"),
            R"({ "a" : 1.50, "email":"***", "n":[ {"IP": "***" ,"z":1e-20000}, "ip" ] })");
  for (const char* same : {"{}", " {\"a\":{}} ", R"({"a":"email","b":["phone"],"c":"\"ssn\":1","d":[[],{}]})",
                           R"({"email":null})"})
    EXPECT_EQ(mask_personal_data(same), same);
}

TEST(MaskPersonalData, AtAnyDepthAndHoweverItIsWritten) {
  EXPECT_EQ(mask_personal_data(R"({"a":[{"b":{"\u0065mail":true,"phone":{"ssn":"1"},"card":-1}}]})"),
            R"({"a":[{"b":{"\u0065mail":"***","phone":"***","card":"***"}}]})");
  EXPECT_EQ(mask_personal_data(R"({"email":"a","email":"b"})"), R"({"email":"***","email":"***"})");
}

TEST(MaskPersonalData, OfAnEventTheAddressesToo) {
  Event event = testing::smallest_event("0190a6e2-9b7c-7def-8123-456789abcdef", "2026-02-28T11:22:33Z");
  Event expected = event;
  mask_personal_data(event);
  EXPECT_EQ(event, expected);
  event.event_data = R"({"ip":"10.0.0.1"})";
  event.actor_ip = "10.0.0.1";
  event.received_from = "2001:db8::1";
  expected.event_data = R"({"ip":"***"})";
  expected.actor_ip = expected.received_from = "***";
  mask_personal_data(event);
  EXPECT_EQ(event, expected);
}

}  // namespace
}  // namespace storagepool::event
