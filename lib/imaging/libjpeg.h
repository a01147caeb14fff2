// libjpeg, with the way out that it needs: it reports failures by never returning.
//
// A function that calls into libjpeg sets `escape` itself, by setjmp, and from there to its return
// holds nothing that would need a destructor.
#pragma once

#include <csetjmp>
#include <cstdio>

// Needs cstdio and does not include it.
#include <jpeglib.h>

namespace proofline::imaging {

struct JpegErrors {
  jpeg_error_mgr base;
  std::jmp_buf escape;
};

[[noreturn]] inline void GiveUp(j_common_ptr codec) {
  std::longjmp(reinterpret_cast<JpegErrors*>(codec->err)->escape, 1);
}

// To be set as `err` of a codec. Warnings, which tell of data that is missing or damaged, count as
// failures; everything else is chatter.
inline jpeg_error_mgr* StrictErrors(JpegErrors& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = GiveUp;
  errors.base.emit_message = [](j_common_ptr codec, int level) {
    if (level < 0) GiveUp(codec);
  };
  return &errors.base;
}

}  // namespace proofline::imaging
