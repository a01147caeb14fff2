// The pixels of an ordinary JPEG, at any eighth of its size.
//
// It does what libjpeg does for such files in little more than half the time, because it never
// looks at detail that the wanted size cannot show, and has no other kinds of JPEG to think of. It
// is as strict as a decoder can be: whatever is not as it should be makes it give up, and others,
// who know what to do about damage, decide.
//
// Source: ITU-T T.81 (JPEG), A.2 (order of blocks), F.2 (sequential decoding).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/imaging/huffman_table.h"
#include "lib/imaging/plane.h"

namespace proofline::imaging {

// One scan that holds all there is: sequential, Huffman coded, 8 bits.
struct BaselineScan {
  struct Component {
    // Blocks in each unit of the scan: 1 or 2 each way.
    int across = 1;
    int down = 1;
    // Row by row.
    std::array<std::uint16_t, 64> steps{};
    const HuffmanTable* first = nullptr;
    const HuffmanTable* others = nullptr;
    // Where its pixels go. Whole blocks are written: up to two of them beyond its sides.
    Plane* plane = nullptr;
  };
  std::vector<Component> components;
  int units_across = 0;
  int units_down = 0;
  // Units between restart markers; 0 for none.
  int restart_interval = 0;
  // Pixels of each block's side that are wanted, 1 to 8.
  int edge = 8;
  // From behind the scan's header to the end of the file.
  std::string_view data;
};

// False if anything in the data is not as it should be, to the marker that ends the picture; what
// the planes hold then means nothing. Throws std::bad_alloc.
bool DecodeBaseline(const BaselineScan& scan);

}  // namespace proofline::imaging
