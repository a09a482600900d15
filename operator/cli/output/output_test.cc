#include "operator/cli/output/output.h"

#include <gtest/gtest.h>

#include <yaml-cpp/yaml.h>

#include "operator/cli/output/samples.h"

namespace storagepool::cli {
namespace {

TEST(Output, YamlKeepsTextsTexts) {
  const Json json = Json::parse(R"({"a": "no", "b": "012", "c": [1, 2.5, true, null], "d": {}, "e": [],
                                    "f": "two\nlines: \"x\"", "g": {"h": [{"i": "ä"}]}})");
  const YAML::Node read = YAML::Load(to_yaml(json));
  EXPECT_EQ(read["a"].Scalar(), "no");
  EXPECT_EQ(read["a"].Tag(), "!");  // quoted
  EXPECT_EQ(read["b"].Tag(), "!");
  EXPECT_EQ(read["c"].size(), 4U);
  EXPECT_EQ(read["c"][1].as<double>(), 2.5);
  EXPECT_TRUE(read["c"][3].IsNull());
  EXPECT_TRUE(read["d"].IsMap());
  EXPECT_TRUE(read["e"].IsSequence());
  EXPECT_EQ(read["f"].Scalar(), "two\nlines: \"x\"");
  EXPECT_EQ(read["g"]["h"][0]["i"].Scalar(), "ä");
}

TEST(Output, ColumnsAreAlignedWithoutSpacesAtTheEnd) {
  Table table;
  table.add_texts({"A", "LONG", "C"});
  table.add({{"└─ x"}, {"1", Color::kBad}, {""}});
  EXPECT_EQ(table.text(Paint(false)), "A     LONG  C\n└─ x  1\n");
  EXPECT_EQ(table.text(Paint(true)), "A     LONG  C\n└─ x  \033[31m1\033[0m\n");
}

TEST(Samples, AreReadByNameWithLabels) {
  const Samples samples = parse_samples(
      "# TYPE a gauge\na 3\nb{x=\"1 2\",y=\"}\"} 4.5 1700000000\nc NaN\nd +Inf\nbroken\n 7\ne text\n\nf 1e3");
  EXPECT_EQ(count_of(samples, "a"), 3);
  EXPECT_EQ(value_of(samples, "b{x=\"1 2\",y=\"}\"}"), 4.5);
  EXPECT_FALSE(count_of(samples, "c"));
  EXPECT_FALSE(count_of(samples, "d"));
  EXPECT_FALSE(value_of(samples, "e"));
  EXPECT_FALSE(value_of(samples, "missing"));
  EXPECT_EQ(count_of(samples, "f"), 1000);
}

}  // namespace
}  // namespace storagepool::cli
