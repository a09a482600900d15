#include "operator/manager/faulty_api/journal.h"

#include <algorithm>
#include <cstdio>

namespace storagepool::manager::faulty_api {

void Journal::add(const std::string& line) {
  char time[32];
  std::snprintf(time, sizeof time, "%7.3f ", static_cast<double>(elapsed().count()) / 1000);
  const std::lock_guard lock(mutex_);
  lines_.push_back(time + line);
}

std::string Journal::tail(std::size_t lines) const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (std::size_t i = lines_.size() - std::min(lines, lines_.size()); i < lines_.size(); ++i)
    text += lines_[i] + "\n";
  return text;
}

}  // namespace storagepool::manager::faulty_api
