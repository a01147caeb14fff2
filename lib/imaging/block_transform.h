// The pixels of a JPEG's blocks, at any eighth of their size.
//
// A block is the 8 by 8 coefficients of its cosine transform. The `edge` by `edge` lowest of them,
// transformed back as a block of that size, are the block without the detail that so few pixels
// cannot show: what a good resampler would keep, at the cost of leaving work out.
//
// Source: ITU-T T.81 (JPEG), A.3.3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace proofline::imaging {

// Blocks that lie beside each other, coefficient by coefficient, so that each instruction does the
// same for many of them.
struct BlockRun {
  static constexpr int kBlocks = 8;
  using Lanes [[gnu::vector_size(kBlocks * sizeof(std::int32_t))]] = std::int32_t;

  // Coefficient (across, down) of all blocks at down * edge + across. The one behind the last takes
  // what nobody wants.
  alignas(64) std::array<Lanes, 65> coefficients;

  // A block's number in a Lanes.
  std::int32_t* lane(int block) {
    return reinterpret_cast<std::int32_t*>(coefficients.data()) + block;
  }
};

// How a component's coefficients become pixels. `edge` is 1 to 8.
class BlockTransform {
 public:
  // The instructions it is made of. Wide ones, where there are any, do the same in half the time.
  enum class Instructions : std::uint8_t { kOfEveryMachine, kWide };
  static Instructions BestHere();

  // `steps` is the component's quantization table, row by row.
  BlockTransform(int edge, const std::array<std::uint16_t, 64>& steps,
                 Instructions instructions = BestHere());

  int edge() const { return edge_; }

  // Writes `blocks` blocks of edge() pixels beside each other, edge() rows of them, and clears the
  // run for the next.
  void Write(BlockRun& run, int blocks, std::uint8_t* to, std::ptrdiff_t stride) const {
    write_(run, factors_, blocks, to, stride);
  }

  using Factors = std::array<float, 64>;

 private:
  using Function = void (*)(BlockRun&, const Factors&, int, std::uint8_t*, std::ptrdiff_t);

  int edge_;
  Function write_;
  Factors factors_;
};

}  // namespace proofline::imaging
