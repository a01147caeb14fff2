// What is asked of an IPP printer for a product, and what the printer says of itself. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "labd/ipp_printer_client.h"
#include "labd/printer.h"
#include "labd/product.h"

namespace proofline::lab {

// Pages are sent as they were rendered.
inline constexpr std::string_view kIppPageFormat = "image/jpeg";

// A job for the product, without name and copies, of exactly its paper (within half a millimetre,
// in the printer's own numbers), with the smallest margins, unscaled, in the best quality.
// FailedPrecondition when the printer cannot make it, with a sentence that names the paper and what
// the printer has.
absl::StatusOr<IppJobRequest> RequestFor(const Product& product, const IppFacts& facts);

// What keeps the printer from printing, in words; empty if nothing does.
std::string Hindrance(const IppFacts& facts);

// How the printer is: what hinders it, or what it complains of, or what it says.
PrinterHealth HealthOf(const IppFacts& facts);

// "a, b, c".
std::string Join(const std::vector<std::string>& list);

}  // namespace proofline::lab
