#include "pool/common/runtime/command_line.h"

#include <string>

#include <CLI/CLI.hpp>

namespace storagepool::command_line {

void add_log_level(CLI::App& app, log::Level& level) {
  app.add_option_function<std::string>(
         "--log-level", [&level](const std::string& text) { level = log::parse_level(text).value_or(level); },
         "Lowest level written")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->default_str(std::string(log::to_string(level)));
}

}  // namespace storagepool::command_line
