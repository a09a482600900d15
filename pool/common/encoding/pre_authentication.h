// The pre-authentication encoding of PASETO ("Common implementation details"): what is signed of a token. No
// two lists of pieces are encoded alike. Pure.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace storagepool::encoding {

std::string pre_authentication_encoding(std::initializer_list<std::string_view> pieces);

}  // namespace storagepool::encoding
