// docs/reference/plugin.md names every command and every flag.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include <CLI/CLI.hpp>

#include "operator/cli/cli.h"

namespace storagepool::cli {
namespace {

std::string page() {
  std::ifstream file(STORAGEPOOL_SOURCE_DIR "/docs/reference/plugin.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

void expect_described(const CLI::App& app, const std::string& command, const std::string& text) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name == "help") continue;
      EXPECT_NE(text.find("`--" + name), std::string::npos) << "--" << name << " of " << command;
    }
  }
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string whole = command + (command.empty() ? "" : " ") + sub->get_name();
    EXPECT_NE(text.find("`" + whole), std::string::npos) << whole;
    expect_described(*sub, whole, text);
  }
}

TEST(Reference, NamesEveryCommandAndFlag) {
  Options options;
  Actions actions;
  const auto app = make_app(options, actions);
  const std::string text = page();
  ASSERT_FALSE(text.empty());
  expect_described(*app, "", text);
}

}  // namespace
}  // namespace storagepool::cli
