// Whether this is a build with a sanitizer, where limits of address space cannot be kept:
// sanitizers reserve terabytes of it.
#pragma once

// GCC names its sanitizers by macros (the build takes ThreadSanitizer's back for protobuf's sake
// and sets the last one instead), Clang by features.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(_GLIBCXX_TSAN)
#define PROOFLINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PROOFLINE_SANITIZED 1
#endif
#endif
