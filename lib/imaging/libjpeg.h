// libjpeg, with the way out that it needs: it reports failures by never returning.
//
// A function that calls into libjpeg sets `escape` itself, by setjmp, and from there to its return
// holds nothing that would need a destructor.
#pragma once

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <limits>

// The first needs cstdio and does not include it; the second needs the first.
#include <jpeglib.h>

#include <jerror.h>

namespace proofline::imaging {

struct JpegErrors {
  jpeg_error_mgr base;
  std::jmp_buf escape;
  // Bytes between the parts of a file that mean nothing and yet no damage.
  int most_skipped;
};

[[noreturn]] inline void GiveUp(j_common_ptr codec) {
  std::longjmp(reinterpret_cast<JpegErrors*>(codec->err)->escape, 1);
}

// Cameras write all of these into good pictures: fill bytes, segments of newer standards.
inline bool IsHarmless(const jpeg_error_mgr& errors, int most_skipped) {
  switch (errors.msg_code) {
    case JWRN_EXTRANEOUS_DATA:
      return errors.msg_parm.i[0] <= most_skipped;
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
      return true;
    default:
      return false;
  }
}

// To be set as `err` of a codec. Warnings that tell of data that is missing or damaged count as
// failures; everything else is chatter. `bytes` is the size of what is read: a hole of a twentieth
// of it is damage.
inline jpeg_error_mgr* StrictErrors(JpegErrors& errors, std::size_t bytes = 0) {
  jpeg_std_error(&errors.base);
  errors.most_skipped =
      static_cast<int>(std::min<std::size_t>(bytes / 20, std::numeric_limits<int>::max()));
  errors.base.error_exit = GiveUp;
  errors.base.emit_message = [](j_common_ptr codec, int level) {
    const auto* now = reinterpret_cast<const JpegErrors*>(codec->err);
    if (level < 0 && !IsHarmless(now->base, now->most_skipped)) GiveUp(codec);
  };
  return &errors.base;
}

}  // namespace proofline::imaging
