// What to do about what a condition says: the one table of it, which README.md shows too (remedies_test.cc
// compares them).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace storagepool::cli {

// As a row of the table in Markdown.
struct Remedy {
  std::string_view condition;  // "`Ready=False`"; empty: as in the row before
  std::string_view reasons;    // "`Progressing`, `Paused`"
  std::string_view what_to_do;
};

std::span<const Remedy> remedies();

// What to do about a condition that has this status and reason, in plain words; empty when there is nothing:
// the condition is as it should be. What `Ready` has taken over from another condition is found there.
std::string remedy_for(std::string_view type, std::string_view status, std::string_view reason);

}  // namespace storagepool::cli
