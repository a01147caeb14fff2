// What a photograph should look like, made with nothing of ours.
#pragma once

#include <filesystem>
#include <vips/vips8>

namespace proofline::test {

// All pixels decoded by libvips, upright, in sRGB, on white, and only then made smaller.
vips::VImage ReferenceOf(const std::filesystem::path& path, int width, int height);

}  // namespace proofline::test
