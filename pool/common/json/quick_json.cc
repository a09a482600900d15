// JSON's own code once, optimized, for the tests: linked before their files it is taken instead of the copies
// that those hold without optimization. GCC and the linkers take the first of several.
#include <string>

#include <nlohmann/json.hpp>

template class nlohmann::basic_json<>;
template class nlohmann::json_pointer<std::string>;
template class nlohmann::detail::serializer<nlohmann::json>;
