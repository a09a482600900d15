#include "e2e/load/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <sstream>
#include <string_view>

namespace storagepool::e2e {
namespace {

using nlohmann::json;

std::string escaped(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

std::string number(double value) {
  if (!std::isfinite(value)) return "never";
  std::array<char, 32> text{};
  const bool whole = value == std::floor(value) && std::abs(value) < 1e9;
  static_cast<void>(std::snprintf(text.data(), text.size(), whole ? "%.0f" : "%.2f", value));
  return text.data();
}

std::string with_unit(double value, const std::string& unit) {
  return number(value) + (unit.empty() || !std::isfinite(value) ? "" : " " + unit);
}

std::string limit_of(const Threshold& one) {
  return (one.at_least ? "≥ " : "≤ ") + with_unit(one.limit, one.unit);
}

// The highest value of each column of the picture, so that no peak is lost.
std::string diagram(const Line& line) {
  constexpr double kWidth = 860;
  constexpr double kHeight = 140;
  constexpr double kLeft = 70;
  constexpr double kTop = 22;
  double end = 1;
  double most = 0;
  for (const Sample& sample : line.samples) {
    end = std::max(end, sample.at);
    most = std::max(most, sample.value);
  }
  if (most <= 0) most = 1;
  std::map<int, double> columns;
  for (const Sample& sample : line.samples) {
    double& column = columns[static_cast<int>(kLeft + sample.at / end * kWidth)];
    column = std::max(column, sample.value);
  }
  std::ostringstream svg;
  svg << "<svg viewBox=\"0 0 " << kLeft + kWidth + 10 << " " << kTop + kHeight + 22
      << "\" role=\"img\"><title>" << escaped(line.title) << "</title><text x=\"" << kLeft << "\" y=\"14\">"
      << escaped(line.title) << "</text><text x=\"" << kLeft - 6 << "\" y=\"" << kTop + 8 << "\" class=\"y\">"
      << escaped(with_unit(most, line.unit)) << "</text><text x=\"" << kLeft - 6 << "\" y=\""
      << kTop + kHeight << "\" class=\"y\">0</text><text x=\"" << kLeft + kWidth << "\" y=\""
      << kTop + kHeight + 16 << "\" class=\"y\">" << number(end) << " s</text><path class=\"axis\" d=\"M"
      << kLeft << " " << kTop << "V" << kTop + kHeight << "H" << kLeft + kWidth << "\"/><polyline points=\"";
  for (const auto& [column, value] : columns)
    svg << column << "," << number(kTop + kHeight - value / most * kHeight) << " ";
  svg << "\"/></svg>\n";
  return svg.str();
}

std::string section(const Outcome& outcome) {
  std::string text =
      "<section><h2>" + escaped(outcome.title) + " <span class=\"" +
      (outcome.met() ? "met\">met" : "missed\">missed") + "</span></h2>\n<p>" + escaped(outcome.how) +
      "</p>\n<table><tr><th>threshold</th><th>measured</th><th>limit</th>" + "<th></th></tr>\n";
  for (const Threshold& one : outcome.thresholds) {
    text += "<tr><td>" + escaped(one.what) + "</td><td>" + escaped(with_unit(one.value, one.unit)) +
            "</td><td>" + escaped(limit_of(one)) + "</td><td class=\"" +
            (one.met() ? "met\">met" : "missed\">missed") + "</td></tr>\n";
  }
  for (const auto& [name, value] : outcome.figures)
    text += "<tr><td>" + escaped(name) + "</td><td>" + escaped(value) + "</td><td></td><td></td></tr>\n";
  text += "</table>\n";
  for (const Line& line : outcome.lines) text += diagram(line);
  return text + "</section>\n";
}

}  // namespace

bool Outcome::met() const {
  return !thresholds.empty() && std::ranges::all_of(thresholds, &Threshold::met);
}

json to_json(const Outcome& outcome) {
  // JSON has no infinity; null stands for it.
  const auto value = [](double given) { return std::isfinite(given) ? json(given) : json(nullptr); };
  json thresholds = json::array();
  for (const Threshold& one : outcome.thresholds) {
    thresholds.push_back({{"what", one.what},
                          {"value", value(one.value)},
                          {"limit", one.limit},
                          {"unit", one.unit},
                          {"at_least", one.at_least}});
  }
  json lines = json::array();
  for (const Line& line : outcome.lines) {
    json samples = json::array();
    for (const Sample& sample : line.samples) samples.push_back({sample.at, sample.value});
    lines.push_back({{"title", line.title}, {"unit", line.unit}, {"samples", samples}});
  }
  return {{"name", outcome.name},     {"title", outcome.title},     {"how", outcome.how},
          {"thresholds", thresholds}, {"figures", outcome.figures}, {"lines", lines},
          {"met", outcome.met()}};
}

Outcome outcome_from(const json& given) {
  Outcome outcome{.name = given.at("name"), .title = given.at("title"), .how = given.at("how")};
  for (const json& one : given.at("thresholds")) {
    const json& value = one.at("value");
    outcome.thresholds.push_back(
        {.what = one.at("what"),
         .value = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>(),
         .limit = one.at("limit"),
         .unit = one.at("unit"),
         .at_least = one.at("at_least")});
  }
  outcome.figures = given.at("figures").get<std::vector<std::pair<std::string, std::string>>>();
  for (const json& line : given.at("lines")) {
    Line& made =
        outcome.lines.emplace_back(Line{.title = line.at("title"), .unit = line.at("unit"), .samples = {}});
    for (const json& sample : line.at("samples")) made.samples.push_back({sample.at(0), sample.at(1)});
  }
  return outcome;
}

bool all_met(const std::vector<Outcome>& outcomes) {
  return !outcomes.empty() && std::ranges::all_of(outcomes, &Outcome::met);
}

std::string page(const std::vector<Outcome>& outcomes, const std::string& about) {
  constexpr std::string_view kStyle =
      "body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#24292f;"
      "background:#fff}table{border-collapse:collapse;margin:1em 0}td,th{text-align:left;padding:.2em 1em "
      ".2em "
      "0;border-bottom:1px solid #d8dee4}.met{color:#1a7f37}.missed{color:#cf222e;font-weight:bold}svg{width:"
      "100%;font-size:12px}.y{text-anchor:end}polyline{fill:none;stroke:#1f5fbf;stroke-width:1.5}.axis{fill:"
      "none;stroke:#8c959f}";
  std::string text =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Load</title><style>" +
      std::string(kStyle) + "</style></head><body>\n<h1>Under load <span class=\"" +
      (all_met(outcomes) ? "met\">met" : "missed\">missed") + "</span></h1>\n<p>" + escaped(about) + "</p>\n";
  for (const Outcome& outcome : outcomes) text += section(outcome);
  return text + "</body></html>\n";
}

std::string verdict(const std::vector<Outcome>& outcomes) {
  std::string text;
  for (const Outcome& outcome : outcomes) {
    text += outcome.title + "\n";
    for (const Threshold& one : outcome.thresholds) {
      text += std::string(one.met() ? "  met     " : "  MISSED  ") + one.what + ": " +
              with_unit(one.value, one.unit) + " (" + limit_of(one) + ")\n";
    }
    for (const auto& [name, value] : outcome.figures) text += "          " + name + ": " + value + "\n";
  }
  if (outcomes.empty()) return "no scenario has ended\n";
  return text + (all_met(outcomes) ? "load: all thresholds are met\n" : "load: thresholds are missed\n");
}

}  // namespace storagepool::e2e
