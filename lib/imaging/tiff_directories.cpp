#include "lib/imaging/tiff_directories.h"

#include <algorithm>

namespace proofline::imaging {
namespace {

constexpr std::size_t kMostDirectories = 64;
constexpr int kDeepest = 4;
constexpr std::uint64_t kMostEntries = 1000;
constexpr std::uint64_t kMostValues = 100'000;
constexpr std::uint64_t kEntrySize = 12;
constexpr std::uint64_t kSubDirectories = 330;

// Bytes of one value of a field's type; 0 for what is not a number.
std::uint64_t Width(std::uint64_t type) {
  switch (type) {
    case 1:
      return 1;
    case 3:
      return 2;
    case 4:
    case 13:
      return 4;
    case 5:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

TiffDirectories::TiffDirectories(std::string_view file)
    : file_(file), little_endian_(file.starts_with("II")) {
  std::uint64_t at = Number(4, 4);
  while (at != 0 && offsets_.size() < kMostDirectories) {
    if (std::find(offsets_.begin(), offsets_.end(), at) != offsets_.end()) return;
    Visit(at, 1);
    if (incomplete_) return;
    at = Number(at + 2 + Number(at, 2) * kEntrySize, 4);
  }
}

// Beyond the end everything is 0.
std::uint64_t TiffDirectories::Number(std::uint64_t at, std::uint64_t size) const {
  if (at > file_.size() || file_.size() - at < size) return 0;
  std::uint64_t value = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    const std::uint64_t from = little_endian_ ? at + size - 1 - i : at + i;
    value = value << 8 | static_cast<std::uint8_t>(file_[from]);
  }
  return value;
}

void TiffDirectories::Visit(std::uint64_t at, int depth) {
  if (at + 2 > file_.size()) {
    incomplete_ = true;
    return;
  }
  if (offsets_.size() >= kMostDirectories) return;
  offsets_.push_back(at);
  if (depth == kDeepest) return;
  for (double below : Values(at, kSubDirectories)) {
    if (offsets_.size() >= kMostDirectories) return;
    Visit(static_cast<std::uint64_t>(below), depth + 1);
  }
}

std::vector<double> TiffDirectories::Values(std::uint64_t directory, std::uint64_t tag) const {
  std::vector<double> values;
  const std::uint64_t entries = std::min(Number(directory, 2), kMostEntries);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const std::uint64_t entry = directory + 2 + i * kEntrySize;
    if (Number(entry, 2) != tag) continue;
    const std::uint64_t width = Width(Number(entry + 2, 2));
    const std::uint64_t count = Number(entry + 4, 4);
    if (width == 0 || count > kMostValues) return values;
    const std::uint64_t at = width * count <= 4 ? entry + 8 : Number(entry + 8, 4);
    for (std::uint64_t value = 0; value < count; ++value) {
      const std::uint64_t place = at + value * width;
      if (width < 8) {
        values.push_back(static_cast<double>(Number(place, width)));
      } else {
        const auto below = static_cast<double>(Number(place + 4, 4));
        values.push_back(below == 0 ? 0 : static_cast<double>(Number(place, 4)) / below);
      }
    }
    return values;
  }
  return values;
}

}  // namespace proofline::imaging
