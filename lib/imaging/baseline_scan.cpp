#include "lib/imaging/baseline_scan.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>

#include "lib/imaging/block_transform.h"
#include "lib/imaging/scan_bytes.h"

namespace proofline::imaging {
namespace {

constexpr std::uint8_t kFirstRestart = 0xD0;
constexpr std::uint8_t kEndOfImage = 0xD9;

// What part of the data may mean nothing.
constexpr std::size_t kMostUnused = 20;

// The most that the blocks of a unit can take: 6 of 27 and 63 times 26 bits.
constexpr std::ptrdiff_t kMostBytesOfUnit = 1264;
static_assert(ScanBytes::kMargin >= 2 * kMostBytesOfUnit);

// Where the coefficients of a block come in the file, in rows of the block, from its low waves to
// its high ones: T.81, figure A.6.
constexpr std::array<std::uint8_t, 64> kZigzag = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// Which of a block's coefficients are wanted, in the file's order.
struct Wanted {
  // Where each goes in a run of blocks. What is not wanted, or beyond all, goes behind the last.
  std::array<std::uint16_t, HuffmanSymbol::kBeyondAll> place;
  // The first after which there are none.
  unsigned end = 1;

  explicit Wanted(int edge) {
    place.fill(64 * BlockRun::kBlocks);
    for (unsigned i = 0; i < 64; ++i) {
      const int across = kZigzag[i] % 8;
      const int down = kZigzag[i] / 8;
      if (across >= edge || down >= edge) continue;
      place[i] = static_cast<std::uint16_t>((down * edge + across) * BlockRun::kBlocks);
      end = i + 1;
    }
  }
};

// The bits that come next. Reads up to 8 bytes ahead.
struct Bits {
  const std::uint8_t* ahead = nullptr;
  // The next bits, from the highest. Those behind `count` may be there already, or not.
  std::uint64_t next = 0;
  unsigned count = 0;

  // At least 56 after it: enough for two symbols.
  void Refill() {
    std::uint64_t bytes;
    std::memcpy(&bytes, ahead, sizeof(bytes));
    if constexpr (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
    next |= bytes >> count;
    ahead += (63 - count) >> 3;
    count |= 56;
  }

  void Skip(unsigned bits) {
    next <<= bits;
    count -= bits;
  }

  // The first byte that nothing has been used of.
  const std::uint8_t* place() const { return ahead - count / 8; }
};

// What the bits behind a symbol's code say: F.2.2.1, without a branch.
int ValueOf(HuffmanSymbol symbol, std::uint64_t next) {
  const auto coded = static_cast<std::uint32_t>(next >> (64 - symbol.bits()));
  const std::uint32_t above = std::uint32_t{1} << symbol.value_bits();
  const std::uint32_t value = coded & (above - 1);
  return static_cast<int>(value) - (value < above / 2 ? static_cast<int>(above - 1) : 0);
}

// What blocks of one component at one row of a unit are decoded with, and where they go.
struct BlockRow {
  const HuffmanTable* first;
  const HuffmanTable* others;
  int* last_first;
  const BlockTransform* transform;
  std::ptrdiff_t stride;
  std::uint8_t* to = nullptr;
  int filled = 0;
  BlockRun run{};

  void Write() {
    transform->Write(run, filled, to, stride);
    to += std::ptrdiff_t{filled} * transform->edge();
    filled = 0;
  }
};

// A block into its place in the run. False if it is none.
bool DecodeBlock(Bits& bits, BlockRow& row, const Wanted& wanted) {
  std::int32_t* const coefficients = row.run.lane(row.filled);
  bits.Refill();
  const HuffmanSymbol first = row.first->Find(bits.next);
  *row.last_first += ValueOf(first, bits.next);
  coefficients[0] = *row.last_first;
  bits.Skip(first.bits());
  if (first.advance() != 0 || *row.last_first != static_cast<std::int16_t>(*row.last_first)) {
    return false;
  }
  const HuffmanTable& others = *row.others;
  unsigned k = 1;
  while (k < wanted.end) {
    bits.Refill();
    for (int twice = 0; twice < 2 && k < wanted.end; ++twice) {
      const HuffmanSymbol symbol = others.Find(bits.next);
      k += symbol.advance();
      coefficients[wanted.place[k - 1]] = ValueOf(symbol, bits.next);
      bits.Skip(symbol.bits());
    }
  }
  while (k < 64) {
    bits.Refill();
    for (int twice = 0; twice < 2 && k < 64; ++twice) {
      const HuffmanSymbol symbol = others.Find(bits.next);
      k += symbol.advance();
      bits.Skip(symbol.bits());
    }
  }
  return k == 64 || (k > HuffmanSymbol::kEndOfBlock && k < HuffmanSymbol::kEndOfBlock + 64);
}

class Decoder {
 public:
  explicit Decoder(const BaselineScan& scan)
      : scan_(scan), wanted_(scan.edge), bytes_(scan.data), last_first_(scan.components.size()) {
    transforms_.reserve(scan.components.size());
    for (std::size_t i = 0; i < scan.components.size(); ++i) {
      const BaselineScan::Component& component = scan.components[i];
      transforms_.emplace_back(scan.edge, component.steps);
      for (int y = 0; y < component.down; ++y) {
        rows_.push_back({.first = component.first,
                         .others = component.others,
                         .last_first = &last_first_[i],
                         .transform = &transforms_[i],
                         .stride = component.plane->stride()});
        unit_.insert(unit_.end(), static_cast<std::size_t>(component.across), rows_.size() - 1);
      }
    }
    BeginPiece();
  }

  bool Run() {
    for (int y = 0; y < scan_.units_down; ++y) {
      BeginRow(y);
      if (!DecodeRow()) return false;
    }
    return EndsThere();
  }

 private:
  void BeginRow(int y) {
    std::size_t row = 0;
    for (const BaselineScan::Component& component : scan_.components) {
      for (int i = 0; i < component.down; ++i) {
        rows_[row++].to = component.plane->row((y * component.down + i) * scan_.edge);
      }
    }
  }

  void BeginPiece() {
    bits_ = {.ahead = bytes_.begin()};
    left_ = scan_.restart_interval > 0 ? scan_.restart_interval : std::numeric_limits<int>::max();
    std::fill(last_first_.begin(), last_first_.end(), 0);
    FindEnough();
  }

  void FindEnough() { enough_ = bytes_.end() - kMostBytesOfUnit; }

  // Before a unit for which there may not be enough bytes, or that follows a restart.
  bool Prepare() {
    if (left_ == 0) {
      if (!HasEnded() || bytes_.marker() != kFirstRestart + restarts_ % 8) return false;
      ++restarts_;
      bytes_.NextPiece();
      BeginPiece();
    }
    if (!bytes_.is_complete() && bits_.ahead > enough_) {
      bits_.ahead = bytes_.MoveTo(bits_.ahead);
      FindEnough();
    }
    return bits_.place() <= bytes_.end();
  }

  // Whether all of the piece has been used, and no more.
  bool HasEnded() {
    if (!bytes_.is_complete()) bits_.ahead = bytes_.MoveTo(bits_.ahead);
    return bytes_.is_complete() && bits_.place() == bytes_.end();
  }

  // Whether the picture's end is where it was used up. Cameras leave bytes before it that mean
  // nothing; more than a few of them are a hole that was filled up.
  bool EndsThere() {
    const std::uint8_t* place = bits_.place();
    if (place > bytes_.end()) return false;
    std::ptrdiff_t unused = bytes_.end() - place;
    while (!bytes_.is_complete()) {
      const std::uint8_t* begin = bytes_.MoveTo(bytes_.end());
      unused += bytes_.end() - begin;
    }
    return bytes_.marker() == kEndOfImage &&
           static_cast<std::size_t>(unused) <= scan_.data.size() / kMostUnused;
  }

  bool DecodeRow() {
    Bits bits = bits_;
    for (int x = 0; x < scan_.units_across; ++x) {
      if (bits.ahead > enough_ || left_ == 0) {
        bits_ = bits;
        if (!Prepare()) return false;
        bits = bits_;
      }
      --left_;
      for (std::size_t index : unit_) {
        BlockRow& row = rows_[index];
        if (!DecodeBlock(bits, row, wanted_)) return false;
        if (++row.filled == BlockRun::kBlocks) row.Write();
      }
    }
    for (BlockRow& row : rows_) row.Write();
    bits_ = bits;
    return true;
  }

  const BaselineScan& scan_;
  const Wanted wanted_;
  ScanBytes bytes_;
  std::vector<int> last_first_;
  std::vector<BlockTransform> transforms_;
  std::vector<BlockRow> rows_;
  // The row of each block of a unit, in their order.
  std::vector<std::size_t> unit_;
  Bits bits_;
  // Beyond it there may be too few bytes for a unit.
  const std::uint8_t* enough_ = nullptr;
  // Units up to the next restart.
  int left_ = 0;
  int restarts_ = 0;
};

}  // namespace

bool DecodeBaseline(const BaselineScan& scan) { return Decoder(scan).Run(); }

}  // namespace proofline::imaging
