#include "operator/cli/commands/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::cli {
namespace {

using ::testing::HasSubstr;

Json only(std::string_view text) {
  const auto found = storage_pools_in(text);
  EXPECT_TRUE(found) << found.error().message;
  if (!found || found->size() != 1) return nullptr;
  return found->front();
}

std::string error_of(std::string_view text) {
  const auto found = storage_pools_in(text);
  return found ? "" : found.error().message;
}

TEST(Manifest, WordsAreReadAsKubectlReadsThem) {
  const Json object = only(R"(
kind: StoragePool
spec:
  a: on
  b: "on"
  c: 12
  d: 1.5
  e: 010
  f: 5m
  g: null
  h: '12'
  i: -3
  j: [1, no, ~, ""]
)");
  EXPECT_EQ(object["spec"],
            Json::parse(R"({"a": true, "b": "on", "c": 12, "d": 1.5, "e": 10.0, "f": "5m", "g": null,
                                            "h": "12", "i": -3, "j": [1, false, null, ""]})"));
}

TEST(Manifest, OfSeveralDocumentsAndListsTheStoragePoolsAreTaken) {
  const auto found = storage_pools_in(
      "kind: Secret\n---\nkind: StoragePool\nmetadata: {name: a}\n---\n---\n"
      R"({"kind": "List", "items": [{"kind": "StoragePool", "metadata": {"name": "b"}}, {"kind": "Service"}]})");
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[1]["metadata"]["name"], "b");
}

TEST(Manifest, WhatCannotBeReadIsNamed) {
  EXPECT_THAT(error_of("kind: StoragePool\n---\nkind: [\n"), HasSubstr("document"));
  EXPECT_THAT(error_of("kind: StoragePool\nkind: Secret"), HasSubstr("\"kind\" stands twice"));
  EXPECT_THAT(error_of(std::string(100'000, '[')), HasSubstr("document 1"));
  EXPECT_THAT(error_of(std::string(kMostManifestBytes + 1, ' ')), HasSubstr("1 MiB"));
}

TEST(Manifest, AliasesThatExplodeAreRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int n = 0; n < 9; ++n) text += before + " , ";
    text += before + " ]\n";
  }
  EXPECT_THAT(error_of(text), HasSubstr("too large"));
}

}  // namespace
}  // namespace storagepool::cli
