// What one fault, or two at once, came to, and whether the promise held: pure, for the report of the matrix.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace storagepool::e2e {

struct FaultResult {
  std::string title;
  std::size_t stored = 0;       // acknowledged by 201
  std::size_t journalled = 0;   // by 202
  std::size_t lost = 0;         // acknowledged and not in the table in the end
  std::size_t doubled = 0;      // there twice
  std::map<int, int> errors{};  // other answers by their status; 0: none came
  std::set<int> refusals{};     // of those, what the faults explain, besides "later" (429, 503) and none
  int most_backends = 0;        // at once, of what was usable then
  int usable = 0;
  bool within = false;                   // each sample of the backends was
  std::optional<double> stored_again{};  // seconds from the end of the fault until an event was stored
  std::optional<double> well_again{};    // and besides the StoragePool was Ready with all its pods
};

// Nothing was lost or doubled, the backends fit, something was acknowledged, what was not was told so
// clearly, and all was well again by itself.
bool held(const FaultResult& result);
// A line of the table that `fault_table` begins.
std::string fault_row(const FaultResult& result);
std::string fault_table();

}  // namespace storagepool::e2e
