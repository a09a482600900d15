// The page's files as they are in the program.
#pragma once

#include <string_view>

namespace storagepool::manager {

std::string_view page_html();
std::string_view page_css();
std::string_view page_js();

}  // namespace storagepool::manager
