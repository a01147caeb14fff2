// The Huffman codes of a JPEG, laid out for decoding them fast.
//
// Source: ITU-T T.81 (JPEG), C.2 (codes from their lengths), F.1.2 (what the symbols say).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace proofline::imaging {

// What a code says of a coefficient of a block, packed so that each part takes one instruction.
class HuffmanSymbol {
 public:
  constexpr HuffmanSymbol() = default;
  constexpr HuffmanSymbol(unsigned bits, unsigned value_bits, unsigned advance)
      : packed_(bits | value_bits << 8 | advance << 16) {}

  // Of the code and of the value that follows it; 1 to 27.
  unsigned bits() const { return packed_ & 63; }
  // Of the value; 0 to 11.
  unsigned value_bits() const { return packed_ >> 8 & 0xFF; }
  // How many coefficients the block has come further. kEndOfBlock where no more follow, kNoSymbol
  // for what is no code of an ordinary JPEG. Nothing for the first coefficient.
  unsigned advance() const { return packed_ >> 16; }
  // False for a code that is longer than what is looked up at once.
  bool is_known() const { return packed_ != 0; }

  // Neither can be mistaken for the other, or for coefficients that were too many, when it is added
  // to the number of a coefficient.
  static constexpr unsigned kEndOfBlock = 80;
  static constexpr unsigned kNoSymbol = 160;
  static constexpr unsigned kBeyondAll = 64 + kNoSymbol;

 private:
  std::uint32_t packed_ = 0;
};

class HuffmanTable {
 public:
  // Of the first coefficients of blocks, or of all others.
  enum class Of : std::uint8_t { kFirst, kOthers };

  // `counts` says how many codes have 1, 2 … 16 bits; `values` what they stand for, in that order.
  // Nothing if such codes cannot be.
  static std::optional<HuffmanTable> Make(Of kind, std::span<const std::uint8_t, 16> counts,
                                          std::span<const std::uint8_t> values);

  // The symbol that `next` begins with, from its highest bit.
  HuffmanSymbol Find(std::uint64_t next) const {
    const HuffmanSymbol symbol = short_[next >> (64 - kShort)];
    return symbol.is_known() ? symbol : FindLong(next);
  }

 private:
  static constexpr int kLongest = 16;
  static constexpr int kShort = 11;

  HuffmanTable() = default;
  HuffmanSymbol FindLong(std::uint64_t next) const;

  std::array<HuffmanSymbol, 1 << kShort> short_;
  // For each length, what codes of that length, and all shorter ones, are less than; as 16 bits.
  std::array<std::uint32_t, kLongest + 1> limit_{};
  // For each length, its first code, and where its symbols begin.
  std::array<std::uint32_t, kLongest + 1> first_{};
  std::array<std::uint32_t, kLongest + 1> begin_{};
  std::vector<HuffmanSymbol> symbols_;
};

}  // namespace proofline::imaging
