// How reports are written: as a table for people, as JSON or YAML for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "operator/cli/cluster/cluster.h"

namespace storagepool::cli {

enum class Format { kTable, kJson, kYaml };

std::string to_yaml(const Json& json);
// With a newline at the end; `table` is returned for kTable.
std::string formatted(Format format, const Json& json, const std::string& table);

enum class Color { kPlain, kGood, kBad, kHint };

// Text as a terminal shows it. Without colours the text itself.
class Paint {
 public:
  explicit Paint(bool colors) : colors_(colors) {}
  std::string operator()(Color color, std::string_view text) const;

 private:
  bool colors_;
};

// Columns of a width of their own, two spaces apart. A cell's color does not count.
class Table {
 public:
  struct Cell {
    std::string text;
    Color color = Color::kPlain;
  };
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  void add_texts(const std::vector<std::string>& row);
  std::string text(const Paint& paint) const;

 private:
  std::vector<std::vector<Cell>> rows_;
};

// Code points, which for what is shown here are columns.
std::size_t width_of(std::string_view text);

}  // namespace storagepool::cli
