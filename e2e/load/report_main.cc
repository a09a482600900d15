// load_report: makes the page of what the load scenarios have written; see hack/load, which runs it.
#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "e2e/load/report.h"

namespace storagepool::e2e {
namespace {

int main_(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3) {
    std::cerr
        << "usage: load_report FOLDER ABOUT PAGE\n\nMakes PAGE of FOLDER/*.json and prints the verdict. "
           "ABOUT: a line on the machine.\nExit status: 0 all thresholds are met, 1 not all, or an "
           "error, 2 wrong usage.\n";
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[0])) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Outcome> outcomes;
  for (const auto& file : files) outcomes.push_back(outcome_from(nlohmann::json::parse(std::ifstream(file))));
  std::ofstream out(arguments[2]);
  out << page(outcomes, arguments[1]);
  out.close();
  if (!out) throw std::runtime_error("cannot write " + arguments[2]);
  std::cout << verdict(outcomes);
  return all_met(outcomes) ? 0 : 1;
}

}  // namespace
}  // namespace storagepool::e2e

int main(int argc, char** argv) {
  try {
    return storagepool::e2e::main_({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "load_report: " << error.what() << "\n";
    return 1;
  }
}
