// docs/reference/settings.md says what the settings table says.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "pool/common/settings/settings.h"

namespace storagepool::settings {
namespace {

std::string default_text(const Setting& setting) {
  const Given defaults = to_given(Settings{});
  return format_value(setting, defaults.at(std::string(setting.key)));
}

std::string environment_text(const Setting& setting) {
  std::string text;
  for (const EnvironmentName& name : setting.environment) {
    if (!text.empty()) text += ", ";
    text += "`" + std::string(name.name) + "`" + (name.in_seconds ? " (seconds)" : "");
  }
  return text;
}

std::string row(const Setting& setting) {
  std::string range = allowed_range(setting);
  range = range.substr(0, range.find(" (a duration"));
  return "| `" + std::string(setting.key) + "` | " + default_text(setting) + " | " + range + " | " +
         environment_text(setting) + " | " + std::string(setting.doc) + " |\n";
}

TEST(Reference, HasTheSettingsTable) {
  std::ifstream file(STORAGEPOOL_SOURCE_DIR "/docs/reference/settings.md");
  ASSERT_TRUE(file.is_open());
  std::stringstream page;
  page << file.rdbuf();
  std::string expected =
      "| setting | default | allowed | also from the environment | meaning |\n|---|---|---|---|---|\n";
  for (const Setting& setting : table()) expected += row(setting);
  EXPECT_NE(page.str().find(expected), std::string::npos)
      << "the table of docs/reference/settings.md should read:\n\n"
      << expected;
}

}  // namespace
}  // namespace storagepool::settings
