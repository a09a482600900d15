#include "pool/event/json_object_writer.h"

#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace storagepool::event {
namespace {

std::string written(std::string_view text) {
  JsonObjectWriter writer;
  writer.text("t", text);
  return writer.take();
}

TEST(JsonObjectWriter, EscapesEveryCharacterAsAJsonLibraryDoes) {
  for (int c = 0; c < 0x80; ++c) {
    for (std::size_t before = 0; before < 18; ++before) {
      const std::string text = std::string(before, 'a') + static_cast<char>(c) + "é" + static_cast<char>(c);
      EXPECT_EQ(written(text), (nlohmann::json{{"t", text}}.dump())) << c << " after " << before;
    }
  }
  EXPECT_EQ(written(""), R"({"t":""})");
}

TEST(JsonObjectWriter, WritesAnyTextSoThatItReadsBack) {
  std::mt19937 random(20261129);
  const std::vector<std::string> parts = {"\"",         "\\", "\n", std::string(1, '\0'),
                                          "plain text", "é",  "😀", "\x7f"};
  for (int i = 0; i < 1000; ++i) {
    std::string text;
    for (auto left = random() % 8; left > 0; --left) text += parts[random() % parts.size()];
    EXPECT_EQ(nlohmann::json::parse(written(text)).at("t"), text);
  }
}

TEST(JsonObjectWriter, WritesMembersInTheirOrder) {
  JsonObjectWriter writer;
  writer.integer("i", -5);
  writer.boolean("b", true);
  writer.raw("r", "[1, 2]");
  EXPECT_EQ(writer.take(), R"({"i":-5,"b":true,"r":[1, 2]})");
}

}  // namespace
}  // namespace storagepool::event
