// The official test vectors of PASETO version 4, as far as they concern v4.public.
#pragma once

#include <string>
#include <vector>

namespace storagepool::encoding::testing {

inline constexpr const char* kVectorSeed = "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774";
inline constexpr const char* kVectorPublicKey =
    "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2";
inline constexpr const char* kVectorMessage =
    R"({"data":"this is a signed message","exp":"2022-01-01T00:00:00+00:00"})";
inline constexpr const char* kVectorFooter = R"({"kid":"zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN"})";

struct PasetoVector {
  const char* name;
  std::string footer;
  std::string implicit_assertion;
  std::string token;
};
inline const std::vector<PasetoVector>& paseto_vectors() {
  static const std::vector<PasetoVector> all = {
      {"4-S-1", "", "",
       "v4.public."
       "eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDowMCJ9"
       "bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQEDA"},
      {"4-S-2", kVectorFooter, "",
       "v4.public."
       "eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDowMCJ9"
       "v3Jt8mx_TdM2ceTGoqwrh4yDFn0XsHvvV_D0DtwQxVrJEBMl0F2caAdgnpKlt4p7xBnx1HcO-SPo8FPp214HDw."
       "eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9"},
      {"4-S-3", kVectorFooter, R"({"test-vector":"4-S-3"})",
       "v4.public."
       "eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDowMCJ9"
       "NPWciuD3d0o5eXJXG5pJy-DiVEoyPYWs1YSTwWHNJq6DZD3je5gf-0M4JR9ipdUSJbIovzmBECeaWmaqcaP0DQ."
       "eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9"},
  };
  return all;
}

}  // namespace storagepool::encoding::testing
