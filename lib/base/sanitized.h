// Whether this is a build with a sanitizer.
#pragma once

namespace proofline::base {

// Such a build reserves terabytes of address space, so that no limit on it can be kept, and is
// several times slower. (GCC names its sanitizers by macros; the build takes ThreadSanitizer's back
// for protobuf's sake and sets the third one instead. Clang names them by features.)
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(_GLIBCXX_TSAN)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace proofline::base
