// Products as the lab's configuration has them, and their way to exact pixels.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/imaging/print_spec.h"

namespace proofline::lab {

// A sheet in micrometres, in the orientation it is fed.
struct PaperSize {
  std::int64_t width_um = 0;
  std::int64_t height_um = 0;

  friend bool operator==(const PaperSize&, const PaperSize&) = default;
};

// "4x6in", "3.5x5in", "10x15cm", "102x152mm": width first, 10 mm to 2 m each. InvalidArgument says
// what a paper looks like.
absl::StatusOr<PaperSize> ParsePaper(std::string_view text);

// "0mm", "5mm", "0.25in", "1cm" in micrometres, 0 to 2 m. InvalidArgument says what a length looks
// like.
absl::StatusOr<std::int64_t> ParseLength(std::string_view text);

// "4x6in" or "102x152mm": in inches where the size is one of whole quarters of an inch.
std::string DescribePaper(const PaperSize& paper);

// What happens to a picture with fewer pixels than the product wants.
enum class LowResolution { kWarn, kRefuse };

// Something the lab can make. Immutable after the configuration is read.
struct Product {
  std::string id;
  std::string name;
  PaperSize paper;
  std::int64_t border_um = 0;
  int pixels_per_inch = 300;
  imaging::Fit fit = imaging::Fit::kFill;
  int minimum_pixels_per_inch = 0;
  LowResolution low_resolution = LowResolution::kWarn;
  std::string surface;
  std::string price;
  // Ids of the printers that can make it.
  std::vector<std::string> printers;

  // The printed page in pixels, borders included.
  int width_px() const;
  int height_px() const;
  int border_px() const;
};

// Micrometres at a resolution, to the nearest pixel.
int ToPixels(std::int64_t micrometres, int pixels_per_inch);

// The page for this product, with the customer's crop if there is one.
imaging::PrintSpec ToPrintSpec(const Product& product, const std::optional<imaging::Crop>& crop);

// All products by id.
using Products = std::map<std::string, Product, std::less<>>;

// A short text that changes whenever any product changes.
std::string ProductsEtag(const Products& products);

}  // namespace proofline::lab
