#include "lib/imaging/huffman_table.h"

#include <algorithm>
#include <cstddef>

namespace proofline::imaging {
namespace {

constexpr HuffmanSymbol kNone{1, 0, HuffmanSymbol::kNoSymbol};

// The most that values of 8 bit pictures take.
constexpr unsigned kMostBitsOfFirst = 11;
constexpr unsigned kMostBitsOfOthers = 10;

HuffmanSymbol SymbolOf(HuffmanTable::Of kind, unsigned code_bits, unsigned value) {
  if (kind == HuffmanTable::Of::kFirst) {
    return value <= kMostBitsOfFirst ? HuffmanSymbol(code_bits + value, value, 0) : kNone;
  }
  const unsigned zeros = value >> 4;
  const unsigned value_bits = value & 15;
  if (value_bits > kMostBitsOfOthers) return kNone;
  if (value_bits > 0 || zeros == 15) return {code_bits + value_bits, value_bits, zeros + 1};
  return zeros == 0 ? HuffmanSymbol(code_bits, 0, HuffmanSymbol::kEndOfBlock) : kNone;
}

}  // namespace

std::optional<HuffmanTable> HuffmanTable::Make(Of kind, std::span<const std::uint8_t, 16> counts,
                                               std::span<const std::uint8_t> values) {
  HuffmanTable table;
  std::uint32_t code = 0;
  std::size_t begin = 0;
  for (unsigned bits = 1; bits <= kLongest; ++bits) {
    const std::uint32_t count = counts[bits - 1];
    if (code + count > std::uint32_t{1} << bits || begin + count > values.size()) {
      return std::nullopt;
    }
    table.first_[bits] = code;
    table.begin_[bits] = static_cast<std::uint32_t>(begin);
    for (std::uint32_t i = 0; i < count; ++i) {
      const HuffmanSymbol symbol = SymbolOf(kind, bits, values[begin + i]);
      table.symbols_.push_back(symbol);
      if (bits > kShort) continue;
      const unsigned room = kShort - bits;
      std::fill_n(table.short_.begin() + static_cast<std::ptrdiff_t>((code + i) << room),
                  std::size_t{1} << room, symbol);
    }
    code += count;
    begin += count;
    table.limit_[bits] = code << (kLongest - bits);
    code <<= 1;
  }
  return table;
}

HuffmanSymbol HuffmanTable::FindLong(std::uint64_t next) const {
  const auto code = static_cast<std::uint32_t>(next >> (64 - kLongest));
  for (int bits = kShort + 1; bits <= kLongest; ++bits) {
    if (code < limit_[bits]) {
      return symbols_[begin_[bits] + (code >> (kLongest - bits)) - first_[bits]];
    }
  }
  return kNone;
}

}  // namespace proofline::imaging
