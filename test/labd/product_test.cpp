#include "labd/product.h"

#include "labd/lab_config.h"
#include "lib/base/text.h"
#include "test/catch.h"

namespace proofline::lab {
namespace {

constexpr char kTop[] = "state = \"/tmp/x\"\ninsecure = true\nlab.id = \"photo-lab\"\n";
constexpr char kPrinter[] = "[[printer]]\nid = \"a\"\nkind = \"file\"\nfolder = \"out\"\n";

std::string Product4x6(const std::string& more) {
  return base::Concat(kTop, kPrinter,
                      "[[product]]\nid = \"p\"\nname = \"P\"\npaper = \"4x6in\"\n"
                      "printers = [\"a\"]\n",
                      more);
}

std::string ErrorOf(const std::string& text) {
  const auto config = ParseLabConfig(text, "/etc/lab.toml");
  REQUIRE_FALSE(config.ok());
  return std::string(base::ToStd(config.status().message()));
}

TEST_CASE("a paper is written in inches, centimetres or millimetres") {
  CHECK(*ParsePaper("4x6in") == PaperSize{101'600, 152'400});
  CHECK(*ParsePaper("3.5x5in") == PaperSize{88'900, 127'000});
  CHECK(*ParsePaper("10x15cm") == PaperSize{100'000, 150'000});
  CHECK(*ParsePaper("102x152 mm") == PaperSize{102'000, 152'000});
  CHECK(*ParsePaper("6x4in") == PaperSize{152'400, 101'600});
}

TEST_CASE("what is no paper is refused with an example") {
  for (const char* text :
       {"", "4x6", "4in", "x6in", "4xin", "-4x6in", "4x6x8in", "0x6in", "nanxinfin", "4e1x6in",
        "0.1x6in", "100x100in", "1e400x6in", "4x6ft", " 4x6in"}) {
    INFO(text);
    const auto paper = ParsePaper(text);
    REQUIRE(paper.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(base::ToStd(paper.status().message()).find("4x6in") != std::string_view::npos);
  }
}

TEST_CASE("a border is a length") {
  CHECK(*ParseLength("0mm") == 0);
  CHECK(*ParseLength("5mm") == 5'000);
  CHECK(*ParseLength("0.25in") == 6'350);
  CHECK_FALSE(ParseLength("5").ok());
  CHECK_FALSE(ParseLength("-1mm").ok());
}

TEST_CASE("papers are called as people write them") {
  CHECK(DescribePaper({101'600, 152'400}) == "4x6in");
  CHECK(DescribePaper({88'900, 127'000}) == "3.5x5in");
  CHECK(DescribePaper({102'000, 152'000}) == "102x152mm");
}

TEST_CASE("pixels follow from paper and resolution") {
  const auto config =
      ParseLabConfig(Product4x6("border = \"5mm\"\nppi = 300\nfit = \"fit\"\n"), "/etc/lab.toml");
  REQUIRE(config.ok());
  const Product& product = config->products.at("p");
  CHECK(product.width_px() == 1200);
  CHECK(product.height_px() == 1800);
  CHECK(product.border_px() == 59);
  const imaging::PrintSpec spec = ToPrintSpec(product, imaging::Crop{0.1, 0.2, 0.5, 0.5});
  CHECK(spec.width_px == 1200);
  CHECK(spec.height_px == 1800);
  CHECK(spec.border_px == 59);
  CHECK(spec.fit == imaging::Fit::kFit);
  CHECK(spec.crop == imaging::Crop{0.1, 0.2, 0.5, 0.5});
}

TEST_CASE("the products' etag changes with any of them") {
  const auto one = ParseLabConfig(Product4x6(""), "/etc/lab.toml");
  const auto same = ParseLabConfig(Product4x6(""), "/etc/lab.toml");
  const auto other = ParseLabConfig(Product4x6("price = \"0.49 EUR\"\n"), "/etc/lab.toml");
  CHECK(ProductsEtag(one->products) == ProductsEtag(same->products));
  CHECK(ProductsEtag(one->products) != ProductsEtag(other->products));
}

TEST_CASE("a configuration that cannot work names its place and what to do") {
  CHECK(ErrorOf(Product4x6("border = \"60mm\"\n")).find("leaves nothing") != std::string::npos);
  CHECK(ErrorOf(base::Concat(kTop, kPrinter, "[[product]]\nid = \"p\"\nname = \"P\"\n",
                             "paper = \"4 by 6\"\nprinters = [\"a\"]\n"))
            .find("no paper size") != std::string::npos);
  CHECK(ErrorOf(base::Concat(kTop, kPrinter, "[[product]]\nid = \"p\"\nname = \"P\"\n",
                             "paper = \"4x6in\"\nprinters = [\"b\"]\n"))
            .find("\"b\", which is not there") != std::string::npos);
  CHECK(ErrorOf(base::Concat(kTop, kPrinter, "[[product]]\nid = \"p\"\nname = \"P\"\n",
                             "paper = \"4x6in\"\n"))
            .find("needs at least one printer") != std::string::npos);
  CHECK(ErrorOf(base::Concat(kTop, kPrinter, kPrinter)).find("two printers") != std::string::npos);
  CHECK(
      ErrorOf(base::Concat(kTop, "[[printer]]\nid = \"a\"\nuri = \"http://x\"\n")).find("ipp://") !=
      std::string::npos);
  CHECK(ErrorOf(base::Concat(kTop, "[[printer]]\nid = \"a\"\nkind = \"file\"\n")).find("folder") !=
        std::string::npos);
  CHECK(ErrorOf(base::Concat(kTop, "[[printer]]\nid = \"A B\"\nkind = \"file\"\nfolder = \"x\"\n"))
            .find("identifier") != std::string::npos);
}

TEST_CASE("the sample configuration is one of ours") {
  std::string sample = base::SampleConfig(LabConfigTable());
  CHECK(sample.find("[[product]]") != std::string::npos);
  CHECK(sample.find("max_original") != std::string::npos);
}

}  // namespace
}  // namespace proofline::lab
