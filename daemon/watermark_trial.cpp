#include "daemon/watermark_trial.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace proofline::studio {
namespace {

// A PNG of 400 by 400 pixels, one bit each, in fine stripes.
constexpr std::array<unsigned char, 144> kPicture = {
    0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0x00, 0x00, 0x00, 0x0D, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x01, 0x90, 0x00, 0x00, 0x01, 0x90, 0x01, 0x00, 0x00, 0x00, 0x00, 0xA8, 0xC4, 0x0B,
    0x61, 0x00, 0x00, 0x00, 0x57, 0x49, 0x44, 0x41, 0x54, 0x78, 0xDA, 0xED, 0xCB, 0x31, 0x0D, 0x00,
    0x00, 0x0C, 0x03, 0xA0, 0x9A, 0xAC, 0x7F, 0x2B, 0xD5, 0xB0, 0x77, 0x81, 0x9F, 0xF4, 0x2C, 0x8A,
    0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2,
    0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28,
    0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A,
    0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xA2, 0x28, 0x8A, 0xF2, 0xBD, 0x0C, 0x49, 0x68, 0xF2, 0x18,
    0x93, 0xF5, 0xB9, 0xA8, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82};

// The picture as workers take originals: opened for reading only.
absl::StatusOr<base::UniqueFd> PictureFile() {
  const base::UniqueFd file(::memfd_create("proofline-trial", MFD_CLOEXEC));
  if (!file) return base::ErrnoStatus(errno, "cannot make a memory file");
  std::string bytes(kPicture.begin(), kPicture.end());
  if (absl::Status status = base::WriteAll(file.get(), bytes, "a memory file"); !status.ok()) {
    return status;
  }
  base::UniqueFd original(
      ::open(base::Concat("/proc/self/fd/", file.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!original) return base::ErrnoStatus(errno, "cannot open a memory file");
  return original;
}

}  // namespace

absl::Status TryWatermark(const Preferences& preferences, imaging::WorkerPool& pool,
                          const std::stop_token& stop) {
  if (!preferences.watermark.has_value()) return absl::OkStatus();
  const absl::StatusOr<base::UniqueFd> original = PictureFile();
  if (!original.ok()) return absl::OkStatus();
  imaging::RenditionRequest request;
  request.specs = {imaging::ProofSpec()};
  request.specs.front().watermarked = true;
  request.watermark = preferences.watermark;
  const absl::Status status = pool.MakeRenditions(original->get(), request, stop).status();
  if (status.ok() || absl::IsUnavailable(status)) return absl::OkStatus();
  if (absl::IsCancelled(status)) return status;
  return absl::InvalidArgumentError(
      base::Concat("\"watermark.", preferences.watermark->text.empty() ? "image" : "text",
                   "\" can be laid over no picture: ", status.message()));
}

}  // namespace proofline::studio
