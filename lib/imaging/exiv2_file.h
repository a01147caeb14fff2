// Opening files with Exiv2, whose interface changed between the versions in use.
#pragma once

#include <exiv2/exiv2.hpp>
#include <memory>
#include <string_view>

namespace proofline::imaging {

// The bytes must outlive the image. Throws what Exiv2 throws.
inline std::unique_ptr<Exiv2::Image> OpenForMetadata(std::string_view file) {
  const auto* bytes = reinterpret_cast<const Exiv2::byte*>(file.data());
#if EXIV2_TEST_VERSION(0, 28, 0)
  return Exiv2::ImageFactory::open(bytes, file.size());
#else
  auto image = Exiv2::ImageFactory::open(bytes, static_cast<long>(file.size()));
  return std::unique_ptr<Exiv2::Image>(image.release());
#endif
}

}  // namespace proofline::imaging
