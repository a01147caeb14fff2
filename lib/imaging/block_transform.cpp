#include "lib/imaging/block_transform.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "lib/base/check.h"

namespace proofline::imaging {
namespace {

using Pixels [[gnu::vector_size(BlockRun::kBlocks * sizeof(float))]] = float;
using Words [[gnu::vector_size(BlockRun::kBlocks * sizeof(std::uint32_t))]] = std::uint32_t;

// Its series, which is exact enough for the few turns that are asked for here.
constexpr double Cosine(double angle) {
  double term = 1;
  double sum = 0;
  for (int i = 1; i < 60; i += 2) {
    sum += term;
    term *= -angle * angle / (i * (i + 1));
  }
  return sum;
}

// Half of the waves of a transform of this length, as [wave][place]: the other half mirrors them.
template <int kEdge>
using Waves = std::array<std::array<float, (kEdge + 1) / 2>, kEdge>;

template <int kEdge>
constexpr Waves<kEdge> MakeWaves() {
  Waves<kEdge> waves{};
  for (int wave = 0; wave < kEdge; ++wave) {
    for (int place = 0; place < (kEdge + 1) / 2; ++place) {
      waves[wave][place] =
          static_cast<float>(Cosine((2 * place + 1) * wave * std::numbers::pi / (2 * kEdge)));
    }
  }
  return waves;
}

template <int kEdge>
constexpr Waves<kEdge> kWaves = MakeWaves<kEdge>();

// In one direction: from the weight of each wave to the values at each place. Even waves are the
// same on both sides of the middle, odd ones the opposite.
template <int kEdge>
[[gnu::always_inline]] inline void Sum(const Pixels* weights, std::ptrdiff_t weight_step,
                                       Pixels* values, std::ptrdiff_t value_step) {
  for (int place = 0; place < (kEdge + 1) / 2; ++place) {
    Pixels even = weights[0];
    Pixels odd{};
    for (int wave = 1; wave < kEdge; ++wave) {
      (wave % 2 == 0 ? even : odd) += kWaves<kEdge>[wave][place] * weights[wave * weight_step];
    }
    values[place * value_step] = even + odd;
    values[(kEdge - 1 - place) * value_step] = even - odd;
  }
}

// Adds a value of every block to the bytes that are to be written, `place` bytes from the first.
[[gnu::always_inline]] inline void AddRounded(const Pixels& values, int place, Words& bytes) {
  // Coefficients are those of values around zero.
  const Pixels shifted = values + 128.5F;
  const Pixels lowest = shifted < 0.F ? Pixels{} : shifted;
  const Pixels highest = lowest > 255.F ? Pixels{} + 255.F : lowest;
  const BlockRun::Lanes rounded = __builtin_convertvector(highest, BlockRun::Lanes);
  bytes |= reinterpret_cast<const Words&>(rounded) << (8 * place);
}

// A row of every block: `values` are its pixels from the left.
template <int kEdge>
[[gnu::always_inline]] inline void WriteRow(const Pixels* values, int blocks, std::uint8_t* to) {
  Words left{};
  Words right{};
  for (int x = 0; x < kEdge; ++x) AddRounded(values[x], x % 4, x < 4 ? left : right);
  std::array<std::uint8_t, 8 * BlockRun::kBlocks> bytes;
  static_assert(std::endian::native == std::endian::little);
  if constexpr (kEdge == 4) {
    std::memcpy(bytes.data(), &left, sizeof(left));
  } else {
    std::uint8_t* byte = bytes.data();
    for (int block = 0; block < BlockRun::kBlocks; ++block, byte += kEdge) {
      const std::uint32_t halves[2] = {left[block], right[block]};
      std::memcpy(byte, halves, kEdge);
    }
  }
  if (blocks == BlockRun::kBlocks) {
    std::memcpy(to, bytes.data(), std::size_t{kEdge} * BlockRun::kBlocks);
  } else {
    std::memcpy(to, bytes.data(), std::size_t{kEdge} * static_cast<std::size_t>(blocks));
  }
}

template <int kEdge>
[[gnu::always_inline]] inline void WriteRun(BlockRun& run, const BlockTransform::Factors& factors,
                                            int blocks, std::uint8_t* to, std::ptrdiff_t stride) {
  Pixels weights[kEdge * kEdge];
  for (int i = 0; i < kEdge * kEdge; ++i) {
    weights[i] = __builtin_convertvector(run.coefficients[i], Pixels) * factors[i];
    run.coefficients[i] = BlockRun::Lanes{};
  }
  Pixels columns[kEdge * kEdge];
  for (int x = 0; x < kEdge; ++x) Sum<kEdge>(weights + x, kEdge, columns + x, kEdge);
  for (int y = 0; y < kEdge; ++y) {
    Pixels row[kEdge];
    Sum<kEdge>(columns + y * kEdge, 1, row, 1);
    WriteRow<kEdge>(row, blocks, to + y * stride);
  }
}

using Write = void (*)(BlockRun&, const BlockTransform::Factors&, int, std::uint8_t*,
                       std::ptrdiff_t);

struct ForEveryMachine {
  template <int kEdge>
  static void Run(BlockRun& run, const BlockTransform::Factors& factors, int blocks,
                  std::uint8_t* to, std::ptrdiff_t stride) {
    WriteRun<kEdge>(run, factors, blocks, to, stride);
  }
};

#if defined(__x86_64__)
// A run of blocks fills one register.
struct ForWideRegisters {
  template <int kEdge>
  [[gnu::target("avx2,fma")]] static void Run(BlockRun& run, const BlockTransform::Factors& factors,
                                              int blocks, std::uint8_t* to, std::ptrdiff_t stride) {
    WriteRun<kEdge>(run, factors, blocks, to, stride);
  }
};
#endif

template <typename Machine>
Write WriteFor(int edge) {
  constexpr std::array<Write, 8> kWrites = {&Machine::template Run<1>, &Machine::template Run<2>,
                                            &Machine::template Run<3>, &Machine::template Run<4>,
                                            &Machine::template Run<5>, &Machine::template Run<6>,
                                            &Machine::template Run<7>, &Machine::template Run<8>};
  return kWrites[static_cast<std::size_t>(edge) - 1];
}

}  // namespace

BlockTransform::Instructions BlockTransform::BestHere() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Instructions::kWide;
#endif
  return Instructions::kOfEveryMachine;
}

BlockTransform::BlockTransform(int edge, const std::array<std::uint16_t, 64>& steps,
                               Instructions instructions)
    : edge_(edge) {
  PROOFLINE_CHECK(edge >= 1 && edge <= 8, "a block of no or more than 8 pixels");
#if defined(__x86_64__)
  const bool wide = instructions == Instructions::kWide;
  write_ = wide ? WriteFor<ForWideRegisters>(edge) : WriteFor<ForEveryMachine>(edge);
#else
  PROOFLINE_CHECK(instructions != Instructions::kWide, "instructions this machine does not have");
  write_ = WriteFor<ForEveryMachine>(edge);
#endif
  const auto norm = [](int wave) { return wave == 0 ? std::sqrt(0.125) : 0.5; };
  for (int down = 0; down < edge; ++down) {
    for (int across = 0; across < edge; ++across) {
      factors_[down * edge + across] =
          static_cast<float>(steps[down * 8 + across] * norm(across) * norm(down));
    }
  }
}

}  // namespace proofline::imaging
