#include "pool/common/http/message/target.h"

#include <gmock/gmock.h>

namespace storagepool::http {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;
using ::testing::HasSubstr;

TEST(Target, SplitsAndDecodes) {
  const auto target =
      parse_target("/a%20b/%C3%A9+x?k=v&k=w&e=&f&%61=%3D%26&sp=a+b&since=2024-01-01T00%3A00%3A00%2B02:00");
  ASSERT_TRUE(target) << target.error();
  EXPECT_EQ(target->path, "/a b/\xC3\xA9+x");
  EXPECT_EQ(target->query, (Query{{"k", "v"},
                                  {"k", "w"},
                                  {"e", ""},
                                  {"f", ""},
                                  {"a", "=&"},
                                  {"sp", "a b"},
                                  {"since", "2024-01-01T00:00:00+02:00"}}));
}

TEST(Target, TakesTheFormsOfRfc9112) {
  const std::vector<std::pair<std::string, std::string>> forms = {{"/", "/"},
                                                                  {"/?", "/"},
                                                                  {"*", "*"},
                                                                  {"http://h:1/p?q", "/p"},
                                                                  {"HTTP://h/p", "/p"},
                                                                  {"https://h", "/"},
                                                                  {"http://h?q=1", "/"},
                                                                  {"//p//", "//p//"}};
  for (const auto& [given, path] : forms) {
    const auto target = parse_target(given);
    ASSERT_TRUE(target) << given << ": " << target.error();
    EXPECT_EQ(target->path, path) << given;
  }
  EXPECT_EQ(parse_target("http://h?q=1")->query, (Query{{"q", "1"}}));
}

TEST(Target, EmptyParametersDoNotCount) {
  EXPECT_EQ(parse_target("/?&&a=1&&")->query, (Query{{"a", "1"}}));
}

TEST(Target, MalformedOnesAreExplained) {
  const std::vector<std::pair<std::string, std::string>> faults = {{"/%", "\"%\" in the path"},
                                                                   {"/%1", "\"%1\" in the path"},
                                                                   {"/%zz", "\"%zz\" in the path"},
                                                                   {"/?a=%4", "\"%4\" in the query"},
                                                                   {"/?%g1=1", "in the query"},
                                                                   {"/?a=%-1", "in the query"},
                                                                   {"/%00", "%00"},
                                                                   {"/?a=%00", "%00"},
                                                                   {"/a#b", "fragment"},
                                                                   {"a", "start with"},
                                                                   {"", "start with"},
                                                                   {"?a", "start with"},
                                                                   {"host:443", "start with"}};
  for (const auto& [given, detail] : faults) {
    const auto target = parse_target(given);
    ASSERT_FALSE(target) << given;
    EXPECT_THAT(target.error(), HasSubstr(detail)) << given;
  }
}

}  // namespace
}  // namespace storagepool::http
