#include "lib/imaging/raw_tone.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace proofline::imaging {
namespace {

using vips::VImage;

constexpr std::size_t kLevels = 65536;
constexpr double kWhite = 65535;
// Side of the pictures that are compared: enough for tones, and blind to sharpening and noise.
constexpr int kCompared = 128;

// 0 to 1, as sRGB stores light.
double Light(double stored) {
  return stored <= 0.04045 ? stored / 12.92 : std::pow((stored + 0.055) / 1.055, 2.4);
}
double Stored(double light) {
  return light <= 0.0031308 ? light * 12.92 : 1.055 * std::pow(light, 1 / 2.4) - 0.055;
}

using Colour = std::array<double, 3>;

double Lightness(const Colour& colour) {
  return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];
}

// From 0 to 1, row by row.
std::vector<Colour> Small(const VImage& picture, double white) {
  const VImage small = picture
                           .resize(static_cast<double>(kCompared) / picture.width(),
                                   VImage::option()->set(
                                       "vscale", static_cast<double>(kCompared) / picture.height()))
                           .cast(VIPS_FORMAT_DOUBLE)
                           .linear(1 / white, 0)
                           .copy_memory();
  const auto* values = static_cast<const double*>(small.data());
  const auto bands = static_cast<std::size_t>(small.bands());
  std::vector<Colour> colours(static_cast<std::size_t>(small.width()) * small.height());
  for (std::size_t i = 0; i < colours.size(); ++i) {
    for (std::size_t band = 0; band < 3; ++band) {
      colours[i][band] = values[i * bands + std::min(band, bands - 1)];
    }
  }
  return colours;
}

// Whether the camera was set to black and white.
bool IsGrey(const std::vector<Colour>& colours) {
  constexpr double kColourless = 0.012;
  constexpr double kStray = 0.002;
  const auto coloured = std::count_if(colours.begin(), colours.end(), [](const Colour& colour) {
    const auto [least, most] = std::minmax_element(colour.begin(), colour.end());
    return *most - *least > kColourless;
  });
  return static_cast<double>(coloured) <= kStray * static_cast<double>(colours.size());
}

std::vector<double> Tones(const std::vector<Colour>& colours) {
  std::vector<double> tones(colours.size());
  std::transform(colours.begin(), colours.end(), tones.begin(), Lightness);
  return tones;
}

std::vector<double> Band(const std::vector<Colour>& colours, std::size_t band) {
  std::vector<double> values(colours.size());
  std::transform(colours.begin(), colours.end(), values.begin(),
                 [band](const Colour& colour) { return colour[band]; });
  return values;
}

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Of ranks, for a camera's curve changes tones and keeps their order.
double Correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto ranks = [](const std::vector<double>& values) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t x, std::size_t y) { return values[x] < values[y]; });
    std::vector<double> rank(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = static_cast<double>(i);
    return rank;
  };
  const std::vector<double> x = ranks(a);
  const std::vector<double> y = ranks(b);
  const double mean = Mean(x);
  double product = 0;
  double square = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    product += (x[i] - mean) * (y[i] - mean);
    square += (x[i] - mean) * (x[i] - mean);
  }
  return square > 0 ? product / square : 0;
}

using Points = std::vector<std::pair<double, double>>;

// From equal parts of one picture's tones to those of the other, and closer at both ends, where few
// pixels are much of what is seen.
Points CurvePoints(std::vector<double> from, std::vector<double> to) {
  constexpr std::array kParts = {0.001, 0.005, 0.02, 0.05, 0.1,  0.15, 0.2,   0.25, 0.3, 0.35,
                                 0.4,   0.45,  0.5,  0.55, 0.6,  0.65, 0.7,   0.75, 0.8, 0.85,
                                 0.9,   0.93,  0.95, 0.97, 0.98, 0.99, 0.995, 0.999};
  // Nearer than this two points say more about noise than about tones.
  constexpr double kApart = 0.008;
  std::sort(from.begin(), from.end());
  std::sort(to.begin(), to.end());
  Points points = {{0, 0}};
  for (double part : kParts) {
    const auto at = static_cast<std::size_t>(part * static_cast<double>(from.size()));
    const double x = std::clamp(from[at], 0.0, 1.0);
    const double y = std::clamp(to[at], points.back().second, 1.0);
    if (x - points.back().first >= kApart && 1 - x >= kApart) points.emplace_back(x, y);
  }
  // What is lighter than all that was compared goes on as steeply at most: white stays white only
  // where there is room for it.
  const auto [x, y] = points.back();
  double end = 1;
  if (points.size() > 2) {
    const auto& [before_x, before_y] = points[points.size() - 2];
    end = std::min(1.0, y + (1 - x) * std::max(1.0, (y - before_y) / (x - before_x)));
  }
  points.emplace_back(1, end);
  return points;
}

// The light for each of all levels.
std::vector<float> Curve(const Points& points) {
  std::vector<float> curve(kLevels);
  std::size_t next = 1;
  for (std::size_t level = 0; level < kLevels; ++level) {
    const double x = static_cast<double>(level) / kWhite;
    while (next + 1 < points.size() && x > points[next].first) ++next;
    const auto& [left, low] = points[next - 1];
    const auto& [right, high] = points[next];
    const double y = low + (high - low) * (x - left) / (right - left);
    curve[level] = static_cast<float>(Light(std::clamp(y, 0.0, 1.0)));
  }
  return curve;
}

// Rows whose sums are 1, so that no grey changes.
using Matrix = std::array<std::array<double, 3>, 3>;
constexpr Matrix kNoChange = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};

Colour Through(const Matrix& matrix, const Colour& colour) {
  Colour result{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t band = 0; band < 3; ++band) result[row] += matrix[row][band] * colour[band];
  }
  return result;
}

// A pair of pixels in light, and how much it counts.
struct Pair {
  Colour from;
  Colour to;
  double weight = 0;
};

double Error(const std::vector<Pair>& pairs, const Matrix& matrix) {
  double error = 0;
  for (const Pair& pair : pairs) {
    const Colour made = Through(matrix, pair.from);
    for (std::size_t band = 0; band < 3; ++band) {
      error += pair.weight * (made[band] - pair.to[band]) * (made[band] - pair.to[band]);
    }
  }
  return error;
}

// One row: what is added for each difference to the other two colours, by least squares, held back
// where the picture has hardly any colour to learn from.
std::array<double, 3> FittedRow(const std::vector<Pair>& pairs, std::size_t row) {
  const std::size_t second = (row + 1) % 3;
  const std::size_t third = (row + 2) % 3;
  double weights = 0;
  double aa = 0;
  double ab = 0;
  double bb = 0;
  double at = 0;
  double bt = 0;
  for (const Pair& pair : pairs) {
    const double a = pair.from[second] - pair.from[row];
    const double b = pair.from[third] - pair.from[row];
    const double t = pair.to[row] - pair.from[row];
    weights += pair.weight;
    aa += pair.weight * a * a;
    ab += pair.weight * a * b;
    bb += pair.weight * b * b;
    at += pair.weight * a * t;
    bt += pair.weight * b * t;
  }
  constexpr double kHeldBack = 2e-4;
  aa += kHeldBack * weights;
  bb += kHeldBack * weights;
  const double determinant = aa * bb - ab * ab;
  std::array<double, 3> fitted{};
  fitted[second] = (at * bb - bt * ab) / determinant;
  fitted[third] = (bt * aa - at * ab) / determinant;
  fitted[row] = 1 - fitted[second] - fitted[third];
  return fitted;
}

Matrix ColourMatrix(const std::vector<Pair>& pairs, bool grey) {
  // Cameras change colours by less; what needs more is no camera's picture.
  constexpr double kLeast = -0.7;
  constexpr double kMost = 1.7;
  constexpr double kWorthIt = 0.97;
  if (pairs.empty()) return kNoChange;
  Matrix matrix = kNoChange;
  for (std::size_t row = 0; row < 3; ++row) {
    // One mixture of all colours for every colour is what makes a picture grey.
    matrix[row] = FittedRow(pairs, grey ? 1 : row);
    for (double part : matrix[row]) {
      if (!(part >= kLeast && part <= kMost)) return kNoChange;
    }
  }
  return Error(pairs, matrix) < kWorthIt * Error(pairs, kNoChange) ? matrix : kNoChange;
}

// What the curve has made of one picture beside the other, in light; nothing that is white or black
// in either.
std::vector<Pair> Pairs(const std::vector<Colour>& from, const std::vector<float>& curve,
                        const std::vector<Colour>& to) {
  constexpr double kLeast = 0.002;
  constexpr double kMost = 0.95;
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < from.size(); ++i) {
    Pair pair;
    bool usable = true;
    for (std::size_t band = 0; band < 3; ++band) {
      const double level = std::clamp(from[i][band], 0.0, 1.0) * kWhite;
      pair.from[band] = curve[static_cast<std::size_t>(level)];
      pair.to[band] = Light(std::clamp(to[i][band], 0.0, 1.0));
      usable = usable && std::min(pair.from[band], pair.to[band]) > kLeast &&
               std::max(pair.from[band], pair.to[band]) < kMost;
    }
    // As eyes see it, not as light adds up.
    const double light = Lightness(pair.to) + 0.1;
    pair.weight = 1 / (light * light);
    if (usable) pairs.push_back(pair);
  }
  return pairs;
}

// What sRGB stores for equal steps of light.
const std::vector<std::uint16_t>& StoredLevels() {
  static const std::vector<std::uint16_t> levels = [] {
    std::vector<std::uint16_t> made(kLevels);
    for (std::size_t i = 0; i < kLevels; ++i) {
      made[i] = static_cast<std::uint16_t>(
          std::lround(std::min(1.0, Stored(static_cast<double>(i) / kWhite)) * kWhite));
    }
    return made;
  }();
  return levels;
}

VImage Applied(const VImage& developed, const std::vector<float>& curve, const Matrix& matrix) {
  const std::vector<std::uint16_t>& stored = StoredLevels();
  const VImage from = developed.copy_memory();
  VipsImage* image = vips_image_new_memory();
  VImage to(image);
  vips_image_init_fields(image, from.width(), from.height(), from.bands(), VIPS_FORMAT_USHORT,
                         VIPS_CODING_NONE, from.interpretation(), 1, 1);
  if (vips_image_write_prepare(image) != 0) throw vips::VError();
  std::array<float, 9> m{};
  for (std::size_t i = 0; i < m.size(); ++i) m[i] = static_cast<float>(matrix[i / 3][i % 3]);
  const auto level = [&stored](float light) {
    return stored[static_cast<std::size_t>(std::clamp(light, 0.0F, 1.0F) * 65535.0F + 0.5F)];
  };
  const auto row_values = static_cast<std::size_t>(from.width()) * from.bands();
  for (int y = 0; y < from.height(); ++y) {
    const auto* in =
        reinterpret_cast<const std::uint16_t*>(VIPS_IMAGE_ADDR(from.get_image(), 0, y));
    auto* out = reinterpret_cast<std::uint16_t*>(VIPS_IMAGE_ADDR(image, 0, y));
    if (from.bands() != 3 || matrix == kNoChange) {
      for (std::size_t x = 0; x < row_values; ++x) out[x] = level(curve[in[x]]);
      continue;
    }
    for (std::size_t x = 0; x < row_values; x += 3) {
      const float r = curve[in[x]];
      const float g = curve[in[x + 1]];
      const float b = curve[in[x + 2]];
      out[x] = level(m[0] * r + m[1] * g + m[2] * b);
      out[x + 1] = level(m[3] * r + m[4] * g + m[5] * b);
      out[x + 2] = level(m[6] * r + m[7] * g + m[8] * b);
    }
  }
  return to;
}

// Of the colour that has most light: above it lies a hundredth of the pixels.
double BrightLevel(const VImage& developed) {
  constexpr double kWhitePart = 0.01;
  const VImage histogram = developed.hist_find().cast(VIPS_FORMAT_DOUBLE).copy_memory();
  const auto* counts = static_cast<const double*>(histogram.data());
  const auto bands = static_cast<std::size_t>(histogram.bands());
  const double part = kWhitePart * developed.width() * developed.height();
  std::size_t brightest = 0;
  for (std::size_t band = 0; band < bands; ++band) {
    double above = 0;
    auto level = static_cast<std::size_t>(histogram.width());
    while (level > 0 && above <= part) above += counts[--level * bands + band];
    brightest = std::max(brightest, level);
  }
  return static_cast<double>(brightest) / kWhite;
}

}  // namespace

VImage WithLookOf(const VImage& developed, const VImage& preview) {
  constexpr double kSamePicture = 0.9;
  const std::vector<Colour> from = Small(developed, kWhite);
  const std::vector<Colour> to = Small(preview, 255);
  const bool grey = IsGrey(to);
  const std::vector<double> to_tones = Tones(to);
  std::vector<double> from_tones = Tones(from);
  double alike = Correlation(from_tones, to_tones);
  // Black and white may be seen as behind a filter.
  for (std::size_t band = 0; grey && band < 3; ++band) {
    const std::vector<double> of_band = Band(from, band);
    const double as_alike = Correlation(of_band, to_tones);
    if (as_alike <= alike) continue;
    alike = as_alike;
    from_tones = of_band;
  }
  if (alike < kSamePicture) return Brightened(developed);
  const std::vector<float> curve = Curve(CurvePoints(from_tones, to_tones));
  return Applied(developed, curve, ColourMatrix(Pairs(from, curve, to), grey));
}

VImage Brightened(const VImage& developed) {
  // What is darker is noise: a frame that was never exposed stays black.
  constexpr double kDarkest = 0.004;
  const double white = std::max(Light(BrightLevel(developed)), kDarkest);
  std::vector<float> curve(kLevels);
  for (std::size_t level = 0; level < kLevels; ++level) {
    curve[level] =
        static_cast<float>(std::min(1.0, Light(static_cast<double>(level) / kWhite) / white));
  }
  return Applied(developed, curve, kNoChange);
}

}  // namespace proofline::imaging
