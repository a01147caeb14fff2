#include "test/line/reference.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <vips/vips8>

namespace proofline::test {
namespace {

namespace fs = std::filesystem;
using vips::VImage;

VImage Upright(const fs::path& file) {
  const VImage image =
      VImage::new_from_file(file.c_str(), VImage::option()->set("fail_on", VIPS_FAIL_ON_TRUNCATED));
  VImage upright = image.autorot();
  if (upright.get_typeof(VIPS_META_ICC_NAME) != 0) {
    upright = upright.icc_transform(
        "srgb", VImage::option()->set("embedded", true)->set("intent", VIPS_INTENT_RELATIVE));
  } else if (upright.interpretation() != VIPS_INTERPRETATION_sRGB) {
    upright = upright.colourspace(VIPS_INTERPRETATION_sRGB);
  }
  if (upright.has_alpha()) {
    upright =
        upright.flatten(VImage::option()->set("background", std::vector<double>{255, 255, 255}));
  }
  return upright.cast(VIPS_FORMAT_UCHAR);
}

std::string Png(const VImage& image) {
  VipsBlob* blob = image.pngsave_buffer(VImage::option()->set("compression", 1));
  size_t size = 0;
  const void* data = vips_blob_get(blob, &size);
  std::string bytes(static_cast<const char*>(data), size);
  vips_area_unref(VIPS_AREA(blob));
  return bytes;
}

VImage Decode(const std::string& picture) {
  return VImage::new_from_buffer(picture.data(), picture.size(), "").copy_memory();
}

VImage Luma(const std::string& picture) {
  return Decode(picture)
      .colourspace(VIPS_INTERPRETATION_B_W)
      .extract_band(0)
      .cast(VIPS_FORMAT_FLOAT);
}

// Pictures of our own: smooth noise, different for each seed, so that no two look alike.
VImage OwnPicture(int seed, int width, int height) {
  const auto noise = [&](int band) {
    return VImage::perlin(
               width, height,
               VImage::option()->set("cell_size", 64 + 8 * band)->set("seed", seed * 3 + band))
        .linear(127, 128);
  };
  return noise(0)
      .bandjoin({noise(1), noise(2)})
      .cast(VIPS_FORMAT_UCHAR)
      .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
}

}  // namespace

void StartVips(const char* program) {
  if (VIPS_INIT(program) != 0) throw std::runtime_error("libvips does not start");
}

std::optional<Size> UprightSize(const fs::path& file) {
  try {
    const VImage image = Upright(file);
    image.avg();  // decodes every pixel
    return Size{image.width(), image.height()};
  } catch (const vips::VError&) {
    return std::nullopt;
  }
}

std::string RenditionReference(const fs::path& file, int long_edge) {
  const VImage image = Upright(file);
  const double scale = static_cast<double>(long_edge) / std::max(image.width(), image.height());
  if (scale >= 1) return Png(image);
  return Png(image.resize(scale));
}

std::string PageReference(const fs::path& file, const Rectangle& part, Size page, int border) {
  VImage image = Upright(file);
  Rectangle area = part;
  const Size inner{page.width - 2 * border, page.height - 2 * border};
  if ((part.width * image.width() > part.height * image.height()) != (inner.width > inner.height)) {
    image = image.rot90();
    area = {1 - part.top - part.height, part.left, part.height, part.width};
  }
  // The whole picture at the page's scale, and then the part of it: so the part is right to half a
  // page pixel, however small the picture.
  const double scale = std::max(inner.width / (area.width * image.width()),
                                inner.height / (area.height * image.height()));
  const VImage scaled = image.resize(scale, VImage::option()->set("vscale", scale));
  const auto start = [](double begin, double length, int keep, int all) {
    const long middle = std::lround((begin + length / 2) * all - keep / 2.0);
    return static_cast<int>(std::clamp<long>(middle, 0, all - keep));
  };
  image = scaled.crop(start(area.left, area.width, inner.width, scaled.width()),
                      start(area.top, area.height, inner.height, scaled.height()), inner.width,
                      inner.height);
  if (border > 0) {
    image = image.embed(border, border, page.width, page.height,
                        VImage::option()
                            ->set("extend", VIPS_EXTEND_BACKGROUND)
                            ->set("background", std::vector<double>{255, 255, 255}));
  }
  return Png(image);
}

void WriteEdited(const fs::path& file, int rotation_degrees, const Rectangle& part,
                 const fs::path& out) {
  VImage image = Upright(file);
  for (int turned = 0; turned < rotation_degrees; turned += 90) image = image.rot90();
  const auto pixels = [](double fraction, int all) {
    return static_cast<int>(std::lround(fraction * all));
  };
  const int left = pixels(part.left, image.width());
  const int top = pixels(part.top, image.height());
  image = image.crop(left, top, std::min(pixels(part.width, image.width()), image.width() - left),
                     std::min(pixels(part.height, image.height()), image.height() - top));
  image.pngsave(out.c_str(), VImage::option()->set("compression", 1));
}

double ShareOfOthers(const std::string& a, const std::string& b, double levels) {
  const VImage x = Luma(a);
  const VImage y = Luma(b);
  if (x.width() != y.width() || x.height() != y.height()) return 1;
  return ((x - y).abs() > levels).avg() / 255;
}

Size SizeOf(const std::string& picture) {
  const VImage image = VImage::new_from_buffer(picture.data(), picture.size(), "");
  return {image.width(), image.height()};
}

double Similarity(const std::string& a, const std::string& b, int shrink) {
  const VImage large_x = Luma(a);
  const VImage large_y = Luma(b);
  if (large_x.width() != large_y.width() || large_x.height() != large_y.height()) return 0;
  const VImage x = large_x.shrink(shrink, shrink);
  const VImage y = large_y.shrink(shrink, shrink);
  // Wang et al., "Image quality assessment", 2004: a Gaussian window of sigma 1.5, K1 = 0.01, K2 =
  // 0.03.
  const auto blur = [](const VImage& image) { return image.gaussblur(1.5); };
  const VImage mean_x = blur(x);
  const VImage mean_y = blur(y);
  const VImage variance_x = blur(x * x) - mean_x * mean_x;
  const VImage variance_y = blur(y * y) - mean_y * mean_y;
  const VImage covariance = blur(x * y) - mean_x * mean_y;
  const double c1 = 0.01 * 255 * 0.01 * 255;
  const double c2 = 0.03 * 255 * 0.03 * 255;
  const VImage above = (mean_x * mean_y * 2 + c1) * (covariance * 2 + c2);
  const VImage below = (mean_x * mean_x + mean_y * mean_y + c1) * (variance_x + variance_y + c2);
  return (above / below).avg();
}

std::vector<fs::path> Photographs(const std::vector<std::string>& folders,
                                  const fs::path& scratch) {
  std::vector<fs::path> files;
  if (const char* photos = std::getenv("PROOFLINE_TEST_PHOTOS"); photos != nullptr) {
    for (const std::string& folder : folders) {
      for (const auto& entry : fs::directory_iterator(fs::path(photos) / folder)) {
        files.push_back(entry.path());
      }
    }
  } else {
    fs::create_directories(scratch);
    for (int i = 0; i < 32; ++i) {
      const fs::path file = scratch / ("own-" + std::to_string(100 + i) + ".jpg");
      const bool portrait = i % 3 == 0;
      OwnPicture(i, portrait ? 1400 : 2100, portrait ? 2100 : 1400)
          .jpegsave(file.c_str(), VImage::option()->set("Q", 90));
      files.push_back(file);
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> EightOrientations(const fs::path& scratch) {
  std::vector<fs::path> files;
  const char* photos = std::getenv("PROOFLINE_TEST_PHOTOS");
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string name = "Landscape_" + std::to_string(orientation) + ".jpg";
    if (photos != nullptr) {
      files.push_back(fs::path(photos) / "orientation" / name);
      continue;
    }
    fs::create_directories(scratch);
    VImage image = OwnPicture(7, 1800, 1200);
    // The stored picture is the upright one with the tag's transformation undone.
    switch (orientation) {
      case 2:
        image = image.fliphor();
        break;
      case 3:
        image = image.rot180();
        break;
      case 4:
        image = image.flipver();
        break;
      case 5:
        image = image.fliphor().rot270();
        break;
      case 6:
        image = image.rot270();
        break;
      case 7:
        image = image.fliphor().rot90();
        break;
      case 8:
        image = image.rot90();
        break;
      default:
        break;
    }
    image = image.copy();
    image.set(VIPS_META_ORIENTATION, orientation);
    files.push_back(scratch / name);
    image.jpegsave(files.back().c_str(), VImage::option()->set("Q", 90));
  }
  return files;
}

}  // namespace proofline::test
