#include "labd/product.h"

#include <charconv>
#include <cmath>

#include "lib/base/digest.h"
#include "lib/base/text.h"

namespace proofline::lab {
namespace {

constexpr std::int64_t kLongest = 2'000'000;
constexpr std::int64_t kShortestPaper = 10'000;

// Takes the unit off the end; micrometres in one unit, or 0.
double TakeUnit(std::string_view& text) {
  struct Unit {
    std::string_view name;
    double micrometres;
  };
  for (const Unit& unit : {Unit{"in", 25'400}, Unit{"mm", 1'000}, Unit{"cm", 10'000}}) {
    if (text.ends_with(unit.name)) {
      text.remove_suffix(unit.name.size());
      while (text.ends_with(' ')) text.remove_suffix(1);
      return unit.micrometres;
    }
  }
  return 0;
}

std::optional<std::int64_t> Micrometres(std::string_view number, double unit) {
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value,
                                            std::chars_format::fixed);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  if (!(value >= 0) || value * unit > static_cast<double>(kLongest)) return std::nullopt;
  return std::llround(value * unit);
}

std::string Quarters(std::int64_t micrometres) {
  const std::int64_t quarters = micrometres / 6'350;
  std::string text = std::to_string(quarters / 4);
  static constexpr std::string_view kFractions[] = {"", ".25", ".5", ".75"};
  return text.append(kFractions[quarters % 4]);
}

}  // namespace

absl::StatusOr<PaperSize> ParsePaper(std::string_view text) {
  const absl::Status wrong = absl::InvalidArgumentError(base::Concat(
      "\"", text,
      "\" is no paper size; write width and height as they are fed, from 10 mm to 2 m, ",
      "e.g. \"4x6in\", \"10x15cm\" or \"102x152mm\""));
  std::string_view rest = text;
  const double unit = TakeUnit(rest);
  const std::size_t cross = rest.find('x');
  if (unit == 0 || cross == std::string_view::npos) return wrong;
  const auto width = Micrometres(rest.substr(0, cross), unit);
  const auto height = Micrometres(rest.substr(cross + 1), unit);
  if (!width.has_value() || !height.has_value()) return wrong;
  if (*width < kShortestPaper || *height < kShortestPaper) return wrong;
  return PaperSize{*width, *height};
}

absl::StatusOr<std::int64_t> ParseLength(std::string_view text) {
  std::string_view rest = text;
  const double unit = TakeUnit(rest);
  const auto length = unit == 0 ? std::nullopt : Micrometres(rest, unit);
  if (!length.has_value()) {
    return absl::InvalidArgumentError(base::Concat(
        "\"", text,
        "\" is no length; write a number and a unit, e.g. \"0mm\", \"5mm\" or \"0.25in\""));
  }
  return *length;
}

std::string DescribePaper(const PaperSize& paper) {
  if (paper.width_um % 6'350 == 0 && paper.height_um % 6'350 == 0) {
    return base::Concat(Quarters(paper.width_um), "x", Quarters(paper.height_um), "in");
  }
  return base::Concat((paper.width_um + 500) / 1'000, "x", (paper.height_um + 500) / 1'000, "mm");
}

int ToPixels(std::int64_t micrometres, int pixels_per_inch) {
  return static_cast<int>((micrometres * pixels_per_inch + 12'700) / 25'400);
}

int Product::width_px() const { return ToPixels(paper.width_um, pixels_per_inch); }
int Product::height_px() const { return ToPixels(paper.height_um, pixels_per_inch); }
int Product::border_px() const { return ToPixels(border_um, pixels_per_inch); }

imaging::PrintSpec ToPrintSpec(const Product& product, const std::optional<imaging::Crop>& crop) {
  imaging::PrintSpec spec;
  spec.width_px = product.width_px();
  spec.height_px = product.height_px();
  spec.fit = product.fit;
  spec.crop = crop;
  spec.pixels_per_inch = product.pixels_per_inch;
  spec.border_px = product.border_px();
  return spec;
}

std::string ProductsEtag(const Products& products) {
  base::Sha256 hash;
  for (const auto& [id, product] : products) {
    const auto fit = static_cast<int>(product.fit);
    const auto low = static_cast<int>(product.low_resolution);
    hash.Update(base::Concat(id, "\n", product.name, "\n", product.paper.width_um, "\n",
                             product.paper.height_um, "\n", product.border_um, "\n",
                             product.pixels_per_inch, "\n", fit, "\n",
                             product.minimum_pixels_per_inch, "\n", low, "\n", product.surface,
                             "\n", product.price, "\n"));
  }
  return hash.Finish().hex().substr(0, 16);
}

}  // namespace proofline::lab
