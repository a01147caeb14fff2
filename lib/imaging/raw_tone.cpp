#include "lib/imaging/raw_tone.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace proofline::imaging {
namespace {

using vips::VImage;

constexpr int kWhite = 65535;
// Of the pictures that are compared: enough for tones, and blind to sharpening and noise.
constexpr int kCompared = 128;
constexpr std::size_t kSteps = 24;

// Lightness from 0 to kWhite, row by row.
std::vector<double> Tones(const VImage& picture, double white) {
  const VImage grey = picture.bands() >= 3
                          ? picture.recomb(VImage::new_matrixv(3, 1, 0.299, 0.587, 0.114))
                          : picture.extract_band(0);
  const VImage small =
      grey.resize(static_cast<double>(kCompared) / grey.width(),
                  VImage::option()->set("vscale", static_cast<double>(kCompared) / grey.height()))
          .linear(kWhite / white, 0)
          .cast(VIPS_FORMAT_DOUBLE)
          .copy_memory();
  const auto* values = static_cast<const double*>(small.data());
  return {values, values + static_cast<std::size_t>(small.width()) * small.height()};
}

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Of ranks, for a camera's curve changes tones and keeps their order.
double Correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto ranks = [](const std::vector<double>& values) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
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

// From equal parts of one picture's tones to those of the other: points of the curve.
std::vector<std::pair<double, double>> Points(std::vector<double> from, std::vector<double> to) {
  std::sort(from.begin(), from.end());
  std::sort(to.begin(), to.end());
  std::vector<std::pair<double, double>> points = {{0, 0}};
  // Nearer than this two points say more about noise than about tones.
  constexpr double kApart = kWhite / 100.0;
  for (std::size_t step = 1; step < kSteps; ++step) {
    const std::size_t at = step * from.size() / kSteps;
    const double x = std::clamp(from[at], 0.0, 1.0 * kWhite);
    const double y = std::clamp(to[at], points.back().second, 1.0 * kWhite);
    if (x - points.back().first >= kApart && kWhite - x >= kApart) points.emplace_back(x, y);
  }
  points.emplace_back(kWhite, kWhite);
  return points;
}

VImage Curve(const std::vector<std::pair<double, double>>& points) {
  std::vector<std::uint16_t> curve(kWhite + 1);
  std::size_t next = 1;
  for (std::size_t level = 0; level < curve.size(); ++level) {
    const auto x = static_cast<double>(level);
    while (next + 1 < points.size() && x > points[next].first) ++next;
    const auto& [left, low] = points[next - 1];
    const auto& [right, high] = points[next];
    const double y = low + (high - low) * (x - left) / (right - left);
    curve[level] = static_cast<std::uint16_t>(std::lround(std::clamp(y, 0.0, 1.0 * kWhite)));
  }
  return VImage::new_from_memory(curve.data(), curve.size() * sizeof(curve[0]),
                                 static_cast<int>(curve.size()), 1, 1, VIPS_FORMAT_USHORT)
      .copy_memory();
}

}  // namespace

VImage WithTonesOf(const VImage& developed, const VImage& preview) {
  constexpr double kSamePicture = 0.9;
  const std::vector<double> from = Tones(developed, kWhite);
  const std::vector<double> to = Tones(preview, 255);
  if (Correlation(from, to) < kSamePicture) return developed;
  const VImage curve = Curve(Points(from, to));
  return developed.maplut(curve)
      .copy(VImage::option()->set("interpretation", developed.interpretation()))
      .copy_memory();
}

}  // namespace proofline::imaging
