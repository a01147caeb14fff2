#include "test/imaging/raw_pictures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "test/imaging/test_pictures.h"

namespace proofline::test {
namespace {

using vips::VImage;

// What the sensor makes of neutral light.
constexpr std::array<double, 3> kNeutral = {0.5, 1, 0.7};
// From XYZ to linear sRGB.
constexpr double kMatrix[3][3] = {{3.2404542, -1.5371385, -0.4985314},
                                  {-0.9692660, 1.8760108, 0.0415560},
                                  {0.0556434, -0.2040259, 1.0572252}};

enum Type : std::uint16_t {
  kByte = 1,
  kAscii = 2,
  kShort = 3,
  kLong = 4,
  kRational = 5,
  kSigned = 10
};

std::string Number(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

std::string Numbers(std::initializer_list<std::uint32_t> values, int bytes) {
  std::string text;
  for (std::uint32_t value : values) text += Number(value, bytes);
  return text;
}

// A directory of a little-endian TIFF.
class Directory {
 public:
  void Add(std::uint16_t tag, Type type, std::uint32_t count, std::string value) {
    entries_.push_back({tag, type, count, std::move(value)});
  }
  void Long(std::uint16_t tag, std::uint32_t value) { Add(tag, kLong, 1, Number(value, 4)); }
  void Short(std::uint16_t tag, std::uint32_t value) { Add(tag, kShort, 1, Number(value, 2)); }
  void Text(std::uint16_t tag, const std::string& text) {
    Add(tag, kAscii, static_cast<std::uint32_t>(text.size() + 1), text + '\0');
  }

  // As it stands at offset `at`, with what is too large for its entries behind it.
  std::string Bytes(std::uint32_t at) const {
    std::vector<Entry> sorted = entries_;
    std::sort(sorted.begin(), sorted.end(),
              [](const Entry& a, const Entry& b) { return a.tag < b.tag; });
    const auto end = at + 6 + 12 * static_cast<std::uint32_t>(sorted.size());
    std::string directory = Number(static_cast<std::uint32_t>(sorted.size()), 2);
    std::string behind;
    for (const Entry& entry : sorted) {
      directory += Number(entry.tag, 2) + Number(entry.type, 2) + Number(entry.count, 4);
      if (entry.value.size() <= 4) {
        directory += entry.value + std::string(4 - entry.value.size(), '\0');
      } else {
        directory += Number(end + static_cast<std::uint32_t>(behind.size()), 4);
        behind += entry.value;
        if (behind.size() % 2 == 1) behind += '\0';
      }
    }
    return directory + Number(0, 4) + behind;
  }

 private:
  struct Entry {
    std::uint16_t tag;
    Type type;
    std::uint32_t count;
    std::string value;
  };
  std::vector<Entry> entries_;
};

std::string SensorData(const VImage& scene) {
  std::array<std::array<std::uint16_t, 256>, 3> levels;
  for (std::size_t band = 0; band < 3; ++band) {
    for (std::size_t value = 0; value < 256; ++value) {
      const double level = static_cast<double>(value) / 255;
      const double light =
          level <= 0.04045 ? level / 12.92 : std::pow((level + 0.055) / 1.055, 2.4);
      levels[band][value] = static_cast<std::uint16_t>(std::lround(light * kNeutral[band] * 65535));
    }
  }
  const VImage pixels = scene.copy_memory();
  const auto* data = static_cast<const std::uint8_t*>(pixels.data());
  std::string sensor;
  sensor.reserve(static_cast<std::size_t>(scene.width()) * scene.height() * 2);
  for (int y = 0; y < scene.height(); ++y) {
    for (int x = 0; x < scene.width(); ++x) {
      const std::size_t band = static_cast<std::size_t>(x % 2 + y % 2);
      const std::size_t at = (static_cast<std::size_t>(y) * scene.width() + x) * 3 + band;
      sensor += Number(levels[band][data[at]], 2);
    }
  }
  return sensor;
}

void AddCamera(Directory& directory, int orientation) {
  directory.Text(271, "Proofline");
  directory.Text(272, "Test Camera");
  directory.Short(274, static_cast<std::uint32_t>(orientation));
  directory.Add(50706, kByte, 4, std::string("\x01\x04\0\0", 4));
  directory.Text(50708, "Proofline Test Camera");
  std::string matrix;
  for (std::size_t row = 0; row < 3; ++row) {
    for (double value : kMatrix[row]) {
      matrix += Numbers(
          {static_cast<std::uint32_t>(std::lround(value * kNeutral[row] * 10000)), 10000}, 4);
    }
  }
  directory.Add(50721, kSigned, 9, matrix);
  directory.Add(50728, kRational, 3, Numbers({50, 100, 100, 100, 70, 100}, 4));
  directory.Short(50778, 21);
}

void AddSensor(Directory& directory, const RawSpec& spec, std::uint32_t data_at) {
  const auto width = static_cast<std::uint32_t>(spec.scene.width());
  const auto height = static_cast<std::uint32_t>(spec.scene.height());
  const auto margin = static_cast<std::uint32_t>(spec.margin);
  directory.Long(254, 0);
  directory.Long(256, width);
  directory.Long(257, height);
  directory.Short(258, 16);
  directory.Short(259, 1);
  directory.Short(262, 32803);
  directory.Long(273, data_at);
  directory.Short(277, 1);
  directory.Long(278, height);
  directory.Long(279, width * height * 2);
  directory.Add(33421, kShort, 2, Numbers({2, 2}, 2));
  directory.Add(33422, kByte, 4, std::string("\0\1\1\2", 4));
  directory.Long(50717, 65535);
  if (margin == 0) return;
  directory.Add(50719, kLong, 2, Numbers({margin, margin}, 4));
  directory.Add(50720, kLong, 2, Numbers({width - 2 * margin, height - 2 * margin}, 4));
}

void AddPreview(Directory& directory, const std::string& jpeg, std::uint32_t jpeg_at,
                std::uint32_t sensor_directory_at) {
  const VImage pixels = Decoded(jpeg);
  directory.Long(254, 1);
  directory.Long(256, static_cast<std::uint32_t>(pixels.width()));
  directory.Long(257, static_cast<std::uint32_t>(pixels.height()));
  directory.Add(258, kShort, 3, Numbers({8, 8, 8}, 2));
  directory.Short(259, 7);
  directory.Short(262, 6);
  directory.Long(273, jpeg_at);
  directory.Short(277, 3);
  directory.Long(278, static_cast<std::uint32_t>(pixels.height()));
  directory.Long(279, static_cast<std::uint32_t>(jpeg.size()));
  directory.Long(330, sensor_directory_at);
}

}  // namespace

std::string RawFile(const RawSpec& spec) {
  const std::string header("II*\0\x08\0\0\0", 8);
  // Directories first, at places with room to spare; then the preview; the sensor's data last.
  constexpr std::uint32_t kFirstAt = 8;
  constexpr std::uint32_t kSecondAt = 2048;
  constexpr std::uint32_t kPreviewAt = 4096;
  const auto data_at = kPreviewAt + static_cast<std::uint32_t>((spec.preview.size() + 1) / 2 * 2);
  Directory first;
  Directory second;
  AddCamera(first, spec.orientation);
  if (spec.preview.empty()) {
    AddSensor(first, spec, data_at);
  } else {
    AddPreview(first, spec.preview, kPreviewAt, kSecondAt);
    AddSensor(second, spec, data_at);
  }
  std::string file = header + first.Bytes(kFirstAt);
  file.resize(kSecondAt, '\0');
  if (!spec.preview.empty()) file += second.Bytes(kSecondAt);
  file.resize(kPreviewAt, '\0');
  file += spec.preview;
  file.resize(data_at, '\0');
  return file + SensorData(spec.scene);
}

VImage RawScene(int width, int height) {
  return Scene(width - 16, height - 16)
      .embed(8, 8, width, height, VImage::option()->set("extend", VIPS_EXTEND_WHITE))
      .copy_memory();
}

}  // namespace proofline::test
