#pragma once

#include <string>

#include "operator/render/storage_pool.h"

namespace storagepool::reconcile {

inline std::string join(const render::FieldProblems& problems) {
  std::string text;
  for (const std::string& problem : problems) text += (text.empty() ? "" : "; ") + problem;
  return text;
}

}  // namespace storagepool::reconcile
