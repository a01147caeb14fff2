// Content for tests that is different everywhere.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace proofline::transfer {

inline std::string RandomBytes(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace proofline::transfer
