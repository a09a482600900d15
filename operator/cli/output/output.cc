#include "operator/cli/output/output.h"

#include <algorithm>

#include <yaml-cpp/yaml.h>

namespace storagepool::cli {
namespace {

void emit(YAML::Emitter& out, const Json& json) {
  if (json.is_object() && !json.empty()) {
    out << YAML::BeginMap;
    for (const auto& [key, value] : json.items()) {
      out << YAML::Key << key << YAML::Value;
      emit(out, value);
    }
    out << YAML::EndMap;
  } else if (json.is_array() && !json.empty()) {
    out << YAML::BeginSeq;
    for (const Json& value : json) emit(out, value);
    out << YAML::EndSeq;
  } else if (json.is_string()) {
    out << YAML::DoubleQuoted << json.get<std::string>();
  } else if (json.is_structured()) {
    out << YAML::Flow << (json.is_object() ? YAML::BeginMap : YAML::BeginSeq);
    out << (json.is_object() ? YAML::EndMap : YAML::EndSeq);
  } else if (json.is_null()) {
    out << YAML::Null;
  } else {
    out << json.dump();
  }
}

}  // namespace

std::string to_yaml(const Json& json) {
  YAML::Emitter out;
  out.SetOutputCharset(YAML::EscapeNonAscii);
  emit(out, json);
  return std::string(out.c_str()) + "\n";
}

std::string formatted(Format format, const Json& json, const std::string& table) {
  switch (format) {
    case Format::kTable:
      return table;
    case Format::kJson:
      return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    case Format::kYaml:
      return to_yaml(json);
  }
  return table;
}

std::string Paint::operator()(Color color, std::string_view text) const {
  if (!colors_ || color == Color::kPlain || text.empty()) return std::string(text);
  const char* code = color == Color::kGood ? "\033[32m" : color == Color::kBad ? "\033[31m" : "\033[36m";
  return code + std::string(text) + "\033[0m";
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

void Table::add_texts(const std::vector<std::string>& row) {
  std::vector<Cell> cells;
  cells.reserve(row.size());
  for (const std::string& text : row) cells.push_back({text});
  rows_.push_back(std::move(cells));
}

std::string Table::text(const Paint& paint) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i].text));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    std::size_t owed = 0;  // spaces, written only before more
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!row[i].text.empty()) {
        line.append(owed, ' ');
        line += paint(row[i].color, row[i].text);
        owed = 0;
      }
      owed += widths[i] - width_of(row[i].text) + 2;
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace storagepool::cli
