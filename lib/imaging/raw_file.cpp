#include "lib/imaging/raw_file.h"

#include <libraw/libraw.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "lib/base/text.h"
#include "lib/imaging/image_format.h"
#include "lib/imaging/text.h"
#include "lib/imaging/tiff_directories.h"
#include "lib/imaging/want_of_memory.h"

namespace proofline::imaging {
namespace {

using namespace std::string_view_literals;
using vips::VImage;

// A rectangle of the developed picture at full size.
struct Frame {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

absl::Status TooLarge(std::string_view why) {
  return absl::ResourceExhaustedError(base::Concat("the camera RAW ", why));
}

absl::Status OutOfMemory() {
  return WantOfMemory("the camera RAW needs more memory than one picture may take");
}

absl::Status CutShort() {
  return absl::InvalidArgumentError("the camera RAW ends too early: the file was cut short");
}

absl::Status Explain(int error) {
  const std::string words = libraw_strerror(error);
  switch (error) {
    case LIBRAW_SUCCESS:
      return absl::OkStatus();
    case LIBRAW_UNSUFFICIENT_MEMORY:
      return OutOfMemory();
    case LIBRAW_TOO_BIG:
    case LIBRAW_MEMPOOL_OVERFLOW:
      return TooLarge("needs more memory than one picture may take");
    case LIBRAW_IO_ERROR:
    case LIBRAW_INPUT_CLOSED:
      return CutShort();
    case LIBRAW_FILE_UNSUPPORTED:
    case LIBRAW_NOT_IMPLEMENTED:
      return absl::FailedPreconditionError(
          "this kind of camera RAW cannot be developed; convert it to DNG, or deliver a JPEG");
    default:
      return absl::InvalidArgumentError(
          base::Concat("the camera RAW is damaged and cannot be decoded (", words, ")"));
  }
}

// LibRaw reports trouble with the data through a callback and goes on.
struct DataTrouble {
  bool any = false;
  bool at_end = false;
};

class Decoder {
 public:
  Decoder() : raw_(std::make_unique<LibRaw>(LIBRAW_OPTIONS_NONE)) {
    // The offset's type depends on the version.
    const data_callback note = [](void* trouble, const char*, auto offset) {
      auto* noted = static_cast<DataTrouble*>(trouble);
      noted->any = true;
      noted->at_end = noted->at_end || offset < 0;
    };
    raw_->set_dataerror_handler(note, &trouble_);
  }

  LibRaw& raw() { return *raw_; }
  libraw_data_t& data() { return raw_->imgdata; }

  absl::Status Open(std::string_view file, std::uint64_t max_pixels) {
    if (absl::Status status =
            Explain(raw_->open_buffer(const_cast<char*>(file.data()), file.size()));
        !status.ok()) {
      return status;
    }
    const libraw_image_sizes_t& sizes = data().sizes;
    if (sizes.width < 1 || sizes.height < 1) return Explain(LIBRAW_DATA_ERROR);
    const std::uint64_t pixels = std::uint64_t{std::max(sizes.raw_width, sizes.width)} *
                                 std::max(sizes.raw_height, sizes.height);
    if (pixels > max_pixels) {
      return TooLarge(base::Concat("has ", sizes.raw_width, " by ", sizes.raw_height,
                                   " pixels, above the limit of ", max_pixels / 1'000'000,
                                   " million pixels"));
    }
    return absl::OkStatus();
  }

  absl::Status Develop() {
    if (absl::Status status = Explain(raw_->unpack()); !status.ok()) return status;
    if (trouble_.any) return trouble_.at_end ? CutShort() : Explain(LIBRAW_DATA_ERROR);
    return Explain(raw_->dcraw_process());
  }

 private:
  std::unique_ptr<LibRaw> raw_;
  DataTrouble trouble_;
};

// LibRaw counts in bits: 1 mirrors left to right, 2 top to bottom, 4 swaps the axes.
int OrientationOf(int flip) {
  constexpr int kOrientations[] = {1, 2, 4, 3, 5, 8, 6, 7};
  return flip >= 0 && flip < 8 ? kOrientations[flip] : 1;
}

// The size LibRaw will deliver at full size, as dcraw_process computes it.
PixelSize DevelopedSize(const libraw_data_t& data, int fuji_width) {
  double width = data.sizes.width;
  double height = data.sizes.height;
  if (fuji_width > 0) {
    const int step = fuji_width - 1;
    width = step / std::sqrt(0.5);
    height = (data.sizes.height - step) / std::sqrt(0.5);
    return {static_cast<int>(width), static_cast<int>(height)};
  }
  const double aspect = data.sizes.pixel_aspect;
  if (aspect > 0 && aspect < 0.995) height = std::floor(height / aspect + 0.5);
  if (aspect > 1.005 && aspect < 10) width = std::floor(width * aspect + 0.5);
  return {static_cast<int>(width), static_cast<int>(height)};
}

bool Inside(const Frame& frame, PixelSize size) {
  // Less than this is not a margin but another picture, or nonsense.
  constexpr double kLeastPart = 0.7;
  return frame.left >= 0 && frame.top >= 0 && frame.width >= size.width * kLeastPart &&
         frame.height >= size.height * kLeastPart && frame.left + frame.width <= size.width &&
         frame.top + frame.height <= size.height;
}

// What a DNG says should be shown, in its active area; nothing if it does not say.
Frame DngFrame(std::string_view file) {
  constexpr std::uint64_t kDefaultCropOrigin = 50719;
  constexpr std::uint64_t kDefaultCropSize = 50720;
  const TiffDirectories tiff(file);
  Frame largest;
  for (std::uint64_t directory : tiff.offsets()) {
    const std::vector<double> origin = tiff.Values(directory, kDefaultCropOrigin);
    const std::vector<double> size = tiff.Values(directory, kDefaultCropSize);
    if (origin.size() != 2 || size.size() != 2 || size[0] > 65535 || size[1] > 65535) continue;
    const Frame frame{static_cast<int>(std::min(origin[0], 65535.0)),
                      static_cast<int>(std::min(origin[1], 65535.0)), static_cast<int>(size[0]),
                      static_cast<int>(size[1])};
    if (frame.width > largest.width) largest = frame;
  }
  return largest;
}

// What the camera itself would show: without the border that only interpolation needs.
Frame VisibleFrame(const libraw_data_t& data, std::string_view file, PixelSize size) {
  const Frame whole{0, 0, size.width, size.height};
  if (size.width != data.sizes.width || size.height != data.sizes.height) return whole;
  Frame frame;
  if (data.idata.dng_version != 0) {
    frame = DngFrame(file);
  } else {
#if LIBRAW_COMPILE_CHECK_VERSION_NOTLESS(0, 21)
    const auto& inset = data.sizes.raw_inset_crops[0];
#else
    const auto& inset = data.sizes.raw_inset_crop;
#endif
    constexpr int kNotSaid = 0xFFFF;
    if (inset.cleft == kNotSaid || inset.ctop == kNotSaid) return whole;
    frame = {inset.cleft - data.sizes.left_margin, inset.ctop - data.sizes.top_margin, inset.cwidth,
             inset.cheight};
  }
  return Inside(frame, size) ? frame : whole;
}

template <std::size_t N>
std::string Line(const char (&text)[N]) {
  constexpr std::size_t kMost = 200;
  return CleanLine(std::string_view(text, ::strnlen(text, N)), kMost);
}

std::optional<double> Positive(double number) {
  return std::isfinite(number) && number > 0 ? std::optional(number) : std::nullopt;
}

ImageFacts FactsOf(const libraw_data_t& data) {
  ImageFacts facts;
  facts.camera_make = Line(data.idata.make);
  facts.camera_model = Line(data.idata.model);
  facts.lens = Line(data.lens.Lens);
  if (facts.lens.empty()) facts.lens = Line(data.lens.makernotes.Lens);
  facts.exposure_time = Positive(data.other.shutter);
  facts.f_number = Positive(data.other.aperture);
  facts.focal_length_mm = Positive(data.other.focal_len);
  constexpr float kMostSensitive = 1e8F;
  if (data.other.iso_speed >= 1 && data.other.iso_speed <= kMostSensitive) {
    facts.iso = static_cast<int>(data.other.iso_speed);
  }
  // LibRaw takes the camera's time for local time here.
  std::tm local{};
  if (data.other.timestamp > 0 && ::localtime_r(&data.other.timestamp, &local) != nullptr) {
    facts.capture_time =
        absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d", local.tm_year + 1900, local.tm_mon + 1,
                        local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
  }
  return facts;
}

VImage Pixels(LibRaw& raw) {
  int width = 0;
  int height = 0;
  int colours = 0;
  int bits = 0;
  raw.get_mem_image_format(&width, &height, &colours, &bits);
  VipsImage* image = vips_image_new_memory();
  VImage pixels(image);
  vips_image_init_fields(image, width, height, colours, VIPS_FORMAT_USHORT, VIPS_CODING_NONE,
                         colours == 1 ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_RGB16, 1,
                         1);
  if ((colours != 1 && colours != 3) || bits != 16 || vips_image_write_prepare(image) != 0) {
    throw vips::VError();
  }
  raw.copy_mem_image(VIPS_IMAGE_ADDR(image, 0, 0), static_cast<int>(VIPS_IMAGE_SIZEOF_LINE(image)),
                     0);
  return pixels;
}

absl::StatusOr<VImage> Developed(Decoder& decoder, std::string_view file, const RawHeader& header) {
  const libraw_data_t& data = decoder.data();
  const PixelSize full = DevelopedSize(data, decoder.raw().is_fuji_rotated());
  const Frame frame = VisibleFrame(data, file, full);
  if (absl::Status status = decoder.Develop(); !status.ok()) return status;
  try {
    VImage pixels = Pixels(decoder.raw());
    // What has all colours in every pixel is never halved.
    const int shrink = pixels.width() * 3 < full.width * 2 ? 2 : 1;
    const int left = std::clamp(frame.left / shrink, 0, pixels.width() - 1);
    const int top = std::clamp(frame.top / shrink, 0, pixels.height() - 1);
    const int width = std::clamp(header.size.width / shrink, 1, pixels.width() - left);
    const int height = std::clamp(header.size.height / shrink, 1, pixels.height() - top);
    if (width == pixels.width() && height == pixels.height()) return pixels;
    return pixels.extract_area(left, top, width, height);
  } catch (const vips::VError&) {
    vips_error_clear();
    return OutOfMemory();
  }
}

EmbeddedJpeg PreviewOf(LibRaw& raw, std::string_view file) {
  const libraw_thumbnail_t& thumbnail = raw.imgdata.thumbnail;
  const auto offset =
      static_cast<std::uint64_t>(raw.get_internal_data_pointer()->internal_data.toffset);
  if (offset < file.size() && thumbnail.tlength <= file.size() - offset) {
    const std::string_view there = file.substr(offset, thumbnail.tlength);
    if (SniffFormat(there) == ImageFormat::kJpeg) return EmbeddedJpeg(there);
  }
  if (raw.unpack_thumb() != LIBRAW_SUCCESS || thumbnail.tformat != LIBRAW_THUMBNAIL_JPEG ||
      thumbnail.thumb == nullptr) {
    return {};
  }
  return EmbeddedJpeg(std::string(thumbnail.thumb, thumbnail.tlength));
}

}  // namespace

absl::StatusOr<RawHeader> ReadRawHeader(std::string_view file, std::uint64_t max_pixels) {
  Decoder decoder;
  if (absl::Status status = decoder.Open(file, max_pixels); !status.ok()) return status;
  const libraw_data_t& data = decoder.data();
  const Frame frame =
      VisibleFrame(data, file, DevelopedSize(data, decoder.raw().is_fuji_rotated()));
  RawHeader header;
  header.size = {frame.width, frame.height};
  header.orientation = OrientationOf(data.sizes.flip);
  header.facts = FactsOf(data);
  header.preview = PreviewOf(decoder.raw(), file);
  return header;
}

absl::StatusOr<VImage> DevelopRaw(std::string_view file, const RawHeader& header, RawScale scale,
                                  std::uint64_t max_pixels) {
  Decoder decoder;
  libraw_output_params_t& params = decoder.data().params;
  params.use_camera_wb = 1;
  params.output_color = 1;
  params.output_bps = 16;
  params.gamm[0] = 1 / 2.4;
  params.gamm[1] = 12.92;
  params.half_size = scale == RawScale::kHalf ? 1 : 0;
  params.user_flip = 0;
  params.no_auto_bright = 1;
  if (absl::Status status = decoder.Open(file, max_pixels); !status.ok()) return status;
  return Developed(decoder, file, header);
}

}  // namespace proofline::imaging
